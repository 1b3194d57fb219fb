//! Whether an event of a journal fits the account that it changes.
//!
//! [`super::apply()`] trusts its events, because `decide` has checked them. Recovery cannot know
//! which program wrote a journal, so it asks here first: an event that fits is applied without an
//! overflow. The limits are wider than those of the rules, so that no journal that any version has
//! written is refused.

use super::account::Account;
use super::apply::apply;
use super::book::Book;
use super::event::Event;
use super::record::{Outcome, Record};
use daytrade_protocol::{Money, SHARES_MAX, Side, Symbol};

/// Limit of every amount of an account and an event, cents.
const CENTS_MAX: i128 = 4 * Money::BALANCE_MAX.cents() as i128;
/// Limit of every number of shares.
const SHARES_LIMIT: i128 = 4 * SHARES_MAX as i128;

/// What an event adds to an account.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    cash: i128,
    reserved: i128,
    realised: i128,
    free: i128,
    set_aside: i128,
    basis: i128,
    /// The holding that `free`, `set_aside` and `basis` are about.
    symbol: Option<Symbol>,
}

impl Book {
    /// Returns true if [`Book::commit`] can commit a record that a journal holds: its events fit
    /// the account.
    pub fn fits(&self, record: &Record) -> bool {
        let (user, events) = match record {
            Record::Transaction { command, outcome: Outcome::Done(events), .. } => {
                (command.user(), &events[..])
            }
            Record::Expired { user, event } | Record::Filled { user, event } => {
                (Some(user), std::slice::from_ref(event))
            }
            _ => return true,
        };
        let account = user.and_then(|user| self.id(user)).map(|id| self.account(id));
        match (account, events) {
            (_, []) => true,
            (Some(account), [event]) => fits(account, event),
            // Each event is about the account as the ones before it have left it.
            (account, events) => {
                let mut account = account.cloned().unwrap_or_default();
                events.iter().all(|event| {
                    let fits = fits(&account, event);
                    if fits {
                        apply(&mut account, event, 0);
                    }
                    fits
                })
            }
        }
    }
}

/// Returns true if the event can be applied to the account.
fn fits(account: &Account, event: &Event) -> bool {
    let Some(change) = change_of(event) else { return false };
    let cents = |before: Money, change: i128| is_amount(i128::from(before.cents()) + change);
    let is_count = |shares: i128| (0..=SHARES_LIMIT).contains(&shares);
    let holding_fits = change.symbol.is_none_or(|symbol| {
        let holding = account.holding(symbol);
        let free = i128::from(holding.free) + change.free;
        let reserved = i128::from(holding.reserved) + change.set_aside;
        is_count(free) && is_count(reserved) && cents(holding.basis, change.basis)
    });
    cents(account.cash(), change.cash)
        && cents(account.reserved(), change.reserved)
        && cents(account.realised(), change.realised)
        && holding_fits
}

fn is_amount(cents: i128) -> bool {
    (-CENTS_MAX..=CENTS_MAX).contains(&cents)
}

/// Returns the change, or None if a number of the event is beyond every limit.
fn change_of(event: &Event) -> Option<Change> {
    let cents = |money: Money| Some(i128::from(money.cents())).filter(|cents| is_amount(*cents));
    let count = |shares: u64| Some(i128::from(shares)).filter(|shares| *shares <= SHARES_LIMIT);
    Some(match *event {
        Event::CashAdded { amount } => Change { cash: cents(amount)?, ..Change::default() },
        Event::Reserved { side: Side::Buy, total, .. } => cash_set_aside(cents(total)?),
        Event::Reserved { side: Side::Sell, symbol, shares, .. } => {
            shares_set_aside(symbol, count(shares)?)
        }
        Event::Cancelled { side: Side::Buy, total, .. }
        | Event::Expired { side: Side::Buy, total, .. } => cash_set_aside(-cents(total)?),
        Event::Cancelled { side: Side::Sell, symbol, shares, .. }
        | Event::Expired { side: Side::Sell, symbol, shares, .. }
        | Event::Unset { side: Side::Sell, symbol, shares, .. } => {
            shares_set_aside(symbol, -count(shares)?)
        }
        Event::AmountSet { side: Side::Buy, amount, amount_before, .. } => {
            cash_set_aside(cents(amount)? - cents(amount_before)?)
        }
        Event::AmountSet { side: Side::Sell, symbol, amount, shares, shares_before, .. } => {
            cents(amount)?;
            shares_set_aside(symbol, count(shares)? - count(shares_before)?)
        }
        Event::Armed { symbol, shares, shares_before, .. } => {
            shares_set_aside(symbol, count(shares)? - count(shares_before)?)
        }
        Event::Unset { side: Side::Buy, amount, .. } => cash_set_aside(-cents(amount)?),
        Event::Committed { side: Side::Buy, symbol, shares, total, .. } => {
            bought(symbol, count(shares)?, cents(total)?, cents(total)?)
        }
        Event::Filled { side: Side::Buy, symbol, shares, total, amount, .. } => {
            bought(symbol, count(shares)?, cents(total)?, cents(amount)?)
        }
        Event::Committed { side: Side::Sell, symbol, shares, total, basis, .. }
        | Event::Filled { side: Side::Sell, symbol, shares, total, basis, .. } => {
            let (shares, total, basis) = (count(shares)?, cents(total)?, cents(basis)?);
            Change {
                cash: total,
                realised: total - basis,
                set_aside: -shares,
                basis: -basis,
                symbol: Some(symbol),
                ..Change::default()
            }
        }
    })
}

fn cash_set_aside(cents: i128) -> Change {
    Change { cash: -cents, reserved: cents, ..Change::default() }
}

fn shares_set_aside(symbol: Symbol, shares: i128) -> Change {
    Change { free: -shares, set_aside: shares, symbol: Some(symbol), ..Change::default() }
}

/// A purchase out of a reserve of `reserved`; what it does not cost becomes free.
fn bought(symbol: Symbol, shares: i128, total: i128, reserved: i128) -> Change {
    Change {
        cash: reserved - total,
        reserved: -reserved,
        free: shares,
        basis: total,
        symbol: Some(symbol),
        ..Change::default()
    }
}
