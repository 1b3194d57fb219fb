//! Finds a user's account, and keeps what is known of it from one step of a command to the next.

use super::Book;
use crate::engine::account::UserId;
use crate::engine::user_index::Vacancy;
use daytrade_protocol::UserName;

/// What is known of a user's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: nobody has looked it up.
    Nothing,
    /// The account.
    Account(UserId),
    /// There was none. Opening it takes no second search.
    Absent(Vacancy),
}

impl Known {
    /// Returns the account, if it is known.
    #[inline]
    pub const fn account(self) -> Option<UserId> {
        match self {
            Self::Account(id) => Some(id),
            Self::Nothing | Self::Absent(_) => None,
        }
    }
}

impl Book {
    /// Returns the user's index, if there is an account.
    pub fn id(&self, user: &UserName) -> Option<UserId> {
        self.look_up(user).account()
    }

    /// Looks a user's account up.
    pub fn look_up(&self, user: &UserName) -> Known {
        let found = self.index.find(user, |id| self.name(id) == user);
        found.map_or_else(Known::Absent, Known::Account)
    }

    /// Returns what is known of the user's account now, if that was known before. An account is
    /// never closed; one that was absent may have been opened.
    #[inline]
    pub fn known_now(&self, user: &UserName, before: Known) -> Known {
        match before {
            Known::Account(_) => before,
            Known::Absent(vacancy) if self.index.is_vacant(vacancy) => before,
            Known::Absent(_) | Known::Nothing => self.look_up(user),
        }
    }

    /// The same for a record, which may have no user.
    #[inline]
    pub(super) fn known_of(&self, user: Option<&UserName>, before: Known) -> Known {
        user.map_or(Known::Nothing, |user| self.known_now(user, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Outcome, Price, Record, Stamp, decide};
    use crate::limits::PREFETCH_JOBS;
    use daytrade_protocol::{Command, Money};

    fn user(number: u64) -> UserName {
        UserName::parse(format!("user{number}").as_bytes()).unwrap()
    }

    /// Carries out an ADD of one cent with what was known of the account before.
    fn add(book: &mut Book, record: u64, user: &UserName, before: Known) {
        let command = Command::Add { user: user.clone(), amount: Money::from_cents(1) };
        let known = book.known_now(user, before);
        let account = known.account().map(|id| book.account(id));
        let events = decide(account, &command, |_| Price::Unasked, 1, record).unwrap();
        let outcome = Outcome::Done(events);
        let (number, assigned, price) = (record, false, None);
        let record = Record::Transaction { number, assigned, command, price, outcome };
        book.commit(&record, Stamp { record: number, at_ms: 1 }, before, |_, _, _| {});
    }

    /// Users are looked up together, then opened one after the other: some of them twice, some in
    /// the bucket that another one was to have, and with an index that grows meanwhile.
    #[test]
    fn an_account_is_opened_once_however_old_the_knowledge_is() {
        let mut book = Book::default();
        let (mut record, mut next) = (0, 0);
        while next < 3_000 {
            let new = (next..).take(PREFETCH_JOBS / 2 - 2);
            let users: Vec<_> = new.clone().chain(new).chain([0, next / 2]).map(user).collect();
            next += PREFETCH_JOBS as u64 / 2 - 2;
            let known = book.find_together(users.iter().map(Some));
            for (user, known) in users.iter().zip(known) {
                record += 1;
                add(&mut book, record, user, known);
            }
            assert_eq!(book.len() as u64, next);
        }
        let cents: i64 = book.accounts().map(|(_, account)| account.cash().cents()).sum();
        assert_eq!(cents as u64, record, "every ADD is in an account");
        for number in 0..next {
            let id = book.id(&user(number)).unwrap();
            assert!(*book.name(id) == user(number) && book.account(id).cash().cents() >= 2);
        }
    }
}
