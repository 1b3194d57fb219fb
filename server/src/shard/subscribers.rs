//! Connections that receive the events of an account.

use crate::engine::{Book, Event, Outcome, Record, UserId};
use crate::limits::SUBSCRIBERS_MAX;
use crate::message::ReplyTarget;
use bytes::Bytes;
use daytrade_protocol::{Push, Refusal, UserName};
use hashbrown::HashMap;

/// Subscribed connections by user, and the lines for them once the round is durable.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    by_user: HashMap<UserName, Vec<ReplyTarget>>,
    /// Counts the changes of `by_user`.
    changes: u64,
    /// The lines of the round. Each is written once, however many connections receive it.
    lines: Vec<u8>,
    pending: Vec<Pending>,
}

/// Lines of one account that follow each other, and who receives them.
#[derive(Debug)]
struct Pending {
    user: UserName,
    /// Value of `changes` when the receivers were listed.
    changes: u64,
    targets: Vec<ReplyTarget>,
    /// Where the lines begin and end.
    begin: usize,
    end: usize,
}

impl Subscribers {
    /// Adds a connection; a second time changes nothing.
    ///
    /// # Errors
    /// Returns a refusal if the account has too many subscribers. Each of them costs the shard time
    /// at every event of the account.
    pub(super) fn add(&mut self, user: &UserName, target: &ReplyTarget) -> Result<(), Refusal> {
        let targets = self.by_user.entry(user.clone()).or_default();
        if targets.iter().any(|known| known.is_same(target)) {
            return Ok(());
        }
        if targets.len() >= SUBSCRIBERS_MAX {
            return Err(Refusal::TooManySubscribers(SUBSCRIBERS_MAX as u32));
        }
        targets.push(target.clone());
        self.changes += 1;
        Ok(())
    }

    /// Removes a connection.
    pub(super) fn remove(&mut self, user: &UserName, target: &ReplyTarget) {
        self.changes += 1;
        if let Some(targets) = self.by_user.get_mut(user) {
            targets.retain(|known| !known.is_same(target));
            if targets.is_empty() {
                self.by_user.remove(user);
            }
        }
    }

    /// Notes a command about an account and its outcome, before the events that it causes. Commands
    /// that only read are none of the subscribers' business.
    pub(super) fn note_order(&mut self, record: &Record, at_ms: u64) {
        if self.by_user.is_empty() {
            return;
        }
        let (number, command, fields, refusal) = match record {
            Record::Transaction { number, command, outcome, .. } => {
                let refusal = match outcome {
                    Outcome::Done(_) => None,
                    Outcome::Refused(refusal) => Some(refusal),
                };
                (*number, command.name(), command.fields(), refusal)
            }
            Record::Rejected { number, attempt, refusal, .. } => {
                (*number, attempt.name, attempt.fields(), Some(refusal))
            }
            _ => return,
        };
        let Some(user) = fields.user.filter(|_| !command.only_reads()) else { return };
        let Some(targets) = self.by_user.get(user) else { return };
        let (symbol, amount) = (fields.symbol, fields.funds);
        let refused = refusal.map(Refusal::code);
        let begin = self.lines.len();
        let order =
            Push::Order { user: user.clone(), at_ms, number, command, symbol, amount, refused };
        order.write_to(&mut self.lines);
        let end = self.lines.len();
        add(&mut self.pending, self.changes, user, targets, (begin, end));
    }

    /// Notes an event of an account and the account after it, for its subscribers.
    pub(super) fn note(&mut self, book: &Book, id: UserId, event: &Event) {
        if self.by_user.is_empty() {
            return;
        }
        let Some(targets) = self.by_user.get(book.name(id)) else { return };
        let (user, account) = (book.name(id).clone(), book.account(id));
        let push = event.terms().and_then(|terms| match *event {
            Event::Expired { side, .. } => Some(Push::Expired { user: user.clone(), side, terms }),
            Event::Filled { side, .. } => Some(Push::Filled { user: user.clone(), side, terms }),
            _ => None,
        });
        let (available, reserved, realised) =
            (account.cash(), account.reserved(), account.realised());
        let after = Push::Account { user, available, reserved, realised };
        let begin = self.lines.len();
        for push in push.into_iter().chain([after]) {
            push.write_to(&mut self.lines);
        }
        let (user, end) = (book.name(id), self.lines.len());
        add(&mut self.pending, self.changes, user, targets, (begin, end));
    }

    /// Sends the lines that were noted: they are durable.
    pub(super) fn send(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        // All receivers share them: a copy for each would keep the shard from other users.
        let lines = Bytes::from(std::mem::take(&mut self.lines));
        for Pending { targets, begin, end, .. } in self.pending.drain(..) {
            let lines = lines.slice(begin..end);
            for target in &targets {
                target.sink().push_events(&lines);
            }
        }
    }

    /// Drops the lines that were noted: they are not known to be durable.
    pub(super) fn clear_pending(&mut self) {
        self.pending.clear();
        self.lines.clear();
    }
}

/// Adds lines of an account, to those before them if they are for the same receivers.
fn add(
    pending: &mut Vec<Pending>,
    changes: u64,
    user: &UserName,
    targets: &[ReplyTarget],
    (begin, end): (usize, usize),
) {
    match pending.last_mut() {
        Some(last) if last.user == *user && last.changes == changes => last.end = end,
        _ => {
            let (user, targets) = (user.clone(), targets.to_vec());
            pending.push(Pending { user, changes, targets, begin, end });
        }
    }
}
