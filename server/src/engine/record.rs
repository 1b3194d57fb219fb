//! What the journal keeps: one record for whatever was decided. Accounts and the audit log are both
//! views of these.

use super::event::{Event, Events};
use daytrade_protocol::{Attempt, Command, FileName, Money, Refusal, Symbol, UserName};
use serde::{Deserialize, Serialize};

/// One line of the journal. Its layout is the journal format: add variants at the end, never change
/// one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A well-formed command and what became of it.
    Transaction {
        /// The transaction number.
        number: u64,
        /// Whether the server gave the number (the request had no tag).
        assigned: bool,
        /// What was asked.
        command: Command,
        /// The price it was decided at.
        price: Option<PriceUsed>,
        /// What happened.
        outcome: Outcome,
    },
    /// A line that named one of the sixteen commands and could not be read as one.
    Rejected {
        /// The transaction number.
        number: u64,
        /// Whether the server gave the number.
        assigned: bool,
        /// Its readable parts.
        attempt: Attempt,
        /// What was wrong.
        refusal: Refusal,
    },
    /// A quote the source was paid for.
    Hit(Hit),
    /// A pending order ran out.
    Expired {
        /// Whose.
        user: UserName,
        /// [`Event::Expired`].
        event: Event,
    },
    /// A trigger fired by a price that arrived after it was armed.
    Filled {
        /// Whose.
        user: UserName,
        /// [`Event::Filled`].
        event: Event,
    },
    /// A DUMPLOG that was begun (its Transaction says so) and whose file could not be written.
    DumpFailed {
        /// The transaction number.
        number: u64,
        /// The user it named.
        user: Option<UserName>,
        /// The file it named.
        filename: FileName,
        /// Why.
        refusal: Refusal,
    },
}

/// A record whose parts stay where they are while it is written, encoded as the [`Record`] of the
/// same name.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields of the record of the same name")]
pub enum RecordRef<'a> {
    Transaction {
        number: u64,
        assigned: bool,
        command: &'a Command,
        price: Option<PriceUsed>,
        outcome: OutcomeRef<'a>,
    },
    Rejected {
        number: u64,
        assigned: bool,
        attempt: &'a Attempt,
        refusal: &'a Refusal,
    },
}

/// An [`Outcome`] that stays where it is.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "as in the outcome")]
pub enum OutcomeRef<'a> {
    Done(&'a [Event]),
    Refused(&'a Refusal),
}

/// The price a command was decided at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceUsed {
    /// Dollars a share.
    pub price: Money,
    /// Whether it came from the cache rather than from a fetch for this very transaction.
    pub cached: bool,
}

/// What became of a well-formed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was carried out.
    Done(Events),
    /// It was refused and changed nothing.
    Refused(Refusal),
}

/// An answer of the quote source, as it gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The transaction it was fetched for.
    pub number: u64,
    /// The user it was fetched for.
    pub user: UserName,
    /// The stock.
    pub symbol: Symbol,
    /// Dollars a share.
    pub price: Money,
    /// The source's own time, Unix milliseconds: only ever logged.
    pub source_time_ms: u64,
    /// The source's signature.
    pub key: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{CommandName, Side};
    use smallvec::smallvec;

    #[test]
    fn the_parts_of_a_record_are_written_as_the_record_is() {
        let user = UserName::parse(b"alice").unwrap();
        let symbol = Symbol::parse(b"ABC").unwrap();
        let money = Money::from_cents(4_217);
        let command = Command::Buy { user: user.clone(), symbol, amount: money };
        let events: Events = smallvec![
            Event::CashAdded { amount: money },
            Event::Unset { side: Side::Sell, symbol, amount: money, shares: 3 }
        ];
        let refusal = Refusal::InsufficientFunds { needed: money, available: Money::ZERO };
        let price = Some(PriceUsed { price: money, cached: true });
        let attempt = Attempt {
            name: CommandName::Add,
            user: Some(user),
            symbol: None,
            funds: None,
            filename: None,
        };
        let (number, assigned) = (300, true);
        let same = |record: Record, parts: RecordRef<'_>| {
            let (mut whole, mut in_parts) = (Vec::new(), Vec::new());
            crate::encoding::append(&record, &mut whole);
            crate::encoding::append(&parts, &mut in_parts);
            assert_eq!(whole, in_parts);
        };
        for outcome in [Outcome::Done(events.clone()), Outcome::Refused(refusal.clone())] {
            let parts = match &outcome {
                Outcome::Done(events) => OutcomeRef::Done(events),
                Outcome::Refused(refusal) => OutcomeRef::Refused(refusal),
            };
            let parts = RecordRef::Transaction {
                number,
                assigned,
                command: &command,
                price,
                outcome: parts,
            };
            let command = command.clone();
            same(
                Record::Transaction { number, assigned, command, price, outcome: outcome.clone() },
                parts,
            );
        }
        let parts = RecordRef::Rejected { number, assigned, attempt: &attempt, refusal: &refusal };
        let (attempt, refusal) = (attempt.clone(), refusal.clone());
        same(Record::Rejected { number, assigned, attempt, refusal }, parts);
    }
}
