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
    pub fn look_up_again(&self, user: &UserName, before: Known) -> Known {
        match before {
            Known::Account(_) => before,
            Known::Absent(vacancy) if self.index.is_vacant(vacancy) => before,
            Known::Absent(_) | Known::Nothing => self.look_up(user),
        }
    }

    #[inline]
    pub(super) fn known_of(&self, user: Option<&UserName>, before: Known) -> Known {
        user.map_or(Known::Nothing, |user| self.look_up_again(user, before))
    }
}
