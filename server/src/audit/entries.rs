//! The records of one account as the lines of REPORT.

use crate::engine::{Event, Outcome, Record};
use daytrade_protocol::{CommandFields, CommandName, Entry, EntryOutcome, Money, Side, UserName};

/// Passes the entries of a record to a function, if it is about the user and more than a look at
/// the account.
pub(super) fn entries(
    record: &Record,
    time_ms: u64,
    user: &UserName,
    mut take: impl FnMut(&Entry),
) {
    match record {
        Record::Transaction { number, command, outcome, .. }
            if command.user() == Some(user) && !command.name().only_reads() =>
        {
            let base = entry(time_ms, *number, command.name(), &command.fields());
            match outcome {
                Outcome::Refused(refusal) => {
                    take(&Entry { outcome: EntryOutcome::Refused(refusal.code()), ..base });
                }
                Outcome::Done(events) => {
                    for event in events {
                        take(&with_event(base, event));
                    }
                }
            }
        }
        Record::Rejected { number, attempt, refusal, .. }
            if attempt.user.as_ref() == Some(user) && !attempt.name.only_reads() =>
        {
            let base = entry(time_ms, *number, attempt.name, &attempt.fields());
            take(&Entry { outcome: EntryOutcome::Refused(refusal.code()), ..base });
        }
        Record::Expired { user: owner, event } | Record::Filled { user: owner, event }
            if owner == user =>
        {
            let none = CommandFields::default();
            take(&with_event(entry(time_ms, 0, CommandName::Buy, &none), event));
        }
        _ => {}
    }
}

fn entry(at_ms: u64, number: u64, command: CommandName, fields: &CommandFields<'_>) -> Entry {
    Entry {
        at_ms,
        number,
        command,
        outcome: EntryOutcome::Done,
        symbol: fields.symbol,
        amount: fields.funds,
        shares: 0,
        price: Money::ZERO,
        total: Money::ZERO,
        basis: Money::ZERO,
        cash: Money::ZERO,
    }
}

/// Adds what an event says. An expiry and a fill are entries of the command that made them.
fn with_event(base: Entry, event: &Event) -> Entry {
    let mut entry = Entry { cash: event.cash_change(), ..base };
    if let Some(terms) = event.terms() {
        entry.symbol = Some(terms.symbol);
        (entry.shares, entry.price, entry.total) = (terms.shares, terms.price, terms.total);
    }
    match *event {
        Event::Committed { basis, .. } => entry.basis = basis,
        Event::Expired { side, number, .. } => {
            let command = if side == Side::Buy { CommandName::Buy } else { CommandName::Sell };
            (entry.command, entry.number) = (command, number);
            entry.outcome = EntryOutcome::Expired;
        }
        Event::Filled { side, amount, basis, number, .. } => {
            let buys = side == Side::Buy;
            entry.command =
                if buys { CommandName::SetBuyTrigger } else { CommandName::SetSellTrigger };
            (entry.number, entry.basis, entry.amount) = (number, basis, Some(amount));
            entry.outcome = EntryOutcome::Filled;
        }
        _ => {}
    }
    entry
}
