//! The records of one account as the lines of REPORT.

use crate::engine::{Event, Outcome, Record};
use daytrade_protocol::{
    CommandFields, CommandName, Entry, EntryOutcome, Money, Side, Symbol, UserName,
};
use hashbrown::HashMap;
use std::collections::BTreeMap;

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

/// The last price of each symbol that the records show, and the shares that the account holds.
#[derive(Debug, Default)]
pub(super) struct LastPrices {
    prices: HashMap<Symbol, (Money, u64)>,
    held: BTreeMap<Symbol, u64>,
}

impl LastPrices {
    /// Takes note of the price in a record, whoever used it.
    pub(super) fn take(&mut self, record: &Record, time_ms: u64) {
        let seen = match record {
            Record::Hit(hit) | Record::WatchedHit(hit) => Some((hit.symbol, hit.price)),
            Record::Filled { event, .. } => event.terms().map(|terms| (terms.symbol, terms.price)),
            Record::Transaction { command, price: Some(used), .. } => {
                command.symbol().map(|symbol| (symbol, used.price))
            }
            _ => None,
        };
        if let Some((symbol, price)) = seen {
            self.prices.insert(symbol, (price, time_ms));
        }
    }

    /// Takes note of the shares that an entry brings or takes.
    pub(super) fn note(&mut self, entry: &Entry) {
        let Some(symbol) = entry.symbol else { return };
        let held = self.held.entry(symbol).or_default();
        match (entry.command, entry.outcome) {
            (CommandName::CommitBuy, EntryOutcome::Done)
            | (CommandName::SetBuyTrigger, EntryOutcome::Filled) => *held += entry.shares,
            (CommandName::CommitSell, EntryOutcome::Done)
            | (CommandName::SetSellTrigger, EntryOutcome::Filled) => {
                *held = held.saturating_sub(entry.shares);
            }
            _ => {}
        }
        if *held == 0 {
            self.held.remove(&symbol);
        }
    }

    /// Passes the last price of each symbol that is held to a function.
    pub(super) fn of_holdings(&self, mut take: impl FnMut(Symbol, Money, u64)) {
        for symbol in self.held.keys() {
            if let Some((price, at_ms)) = self.prices.get(symbol) {
                take(*symbol, *price, *at_ms);
            }
        }
    }
}
