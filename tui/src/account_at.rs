//! An account at an instant: cash, shares, pending orders and triggers after one of its records.
//!
//! A [`Timeline`] holds the records of one account and, for each 512th record, a copy of the
//! account before it. Any instant is reached from the nearest copy by applying the few records
//! after it.
//! It must never ask a server or guess: the records are all it knows.

use daytrade_protocol::CommandName as C;
use daytrade_protocol::{Entry, EntryOutcome, Money, Side, Symbol, TradeTerms};
use std::collections::{BTreeMap, HashMap};

/// Records between two states that are kept.
const STATE_EVERY: usize = 512;

/// A pending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Side of the order.
    pub side: Side,
    /// Stock, shares, price and total.
    pub terms: TradeTerms,
}

/// An amount that is set aside for a trigger, and the trigger's price once it is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Dollars to trade for.
    pub amount: Money,
    /// Price at which it fires.
    pub price: Option<Money>,
    /// Shares that a sell trigger has reserved.
    shares: u64,
}

/// An account after a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountAt {
    /// Available cash.
    pub cash: Money,
    /// Cash reserved by orders and triggers.
    pub reserved: Money,
    /// Free shares by stock.
    pub free: BTreeMap<Symbol, u64>,
    /// Pending orders, oldest first.
    pub pending: Vec<Order>,
    /// Triggers by side and stock.
    pub triggers: BTreeMap<(Side, Symbol), Trigger>,
}

impl AccountAt {
    /// Takes the next record, in the order of time.
    pub fn take(&mut self, entry: &Entry) {
        if matches!(entry.outcome, EntryOutcome::Refused(_)) {
            return;
        }
        // A server may report any amounts.
        self.cash = self.cash.saturating_add(entry.cash);
        self.reserved = self.reserved.saturating_sub(entry.released());
        let Some(symbol) = entry.symbol else { return };
        let (shares, price, total) = (entry.shares, entry.price, entry.total);
        let terms = TradeTerms { symbol, shares, price, total };
        match (entry.command, entry.outcome) {
            (C::Buy, EntryOutcome::Expired) => self.end_oldest(Side::Buy, terms),
            (C::Sell, EntryOutcome::Expired) => {
                self.end_oldest(Side::Sell, terms);
                self.add(symbol, shares);
            }
            (C::Buy, _) => self.pending.push(Order { side: Side::Buy, terms }),
            (C::Sell, _) => {
                self.remove(symbol, shares);
                self.pending.push(Order { side: Side::Sell, terms });
            }
            (C::CommitBuy, _) => {
                self.end_newest(Side::Buy);
                self.add(symbol, shares);
            }
            (C::CancelBuy, _) => self.end_newest(Side::Buy),
            (C::CommitSell, _) => self.end_newest(Side::Sell),
            (C::CancelSell, _) => {
                self.end_newest(Side::Sell);
                self.add(symbol, shares);
            }
            _ => self.take_trigger(entry, symbol),
        }
    }

    fn take_trigger(&mut self, entry: &Entry, symbol: Symbol) {
        let amount = entry.amount.unwrap_or(Money::ZERO);
        let side = match entry.command {
            C::SetBuyAmount | C::SetBuyTrigger | C::CancelSetBuy => Side::Buy,
            C::SetSellAmount | C::SetSellTrigger | C::CancelSetSell => Side::Sell,
            _ => return,
        };
        match (entry.command, entry.outcome) {
            (C::SetBuyTrigger, EntryOutcome::Filled) => {
                self.triggers.remove(&(side, symbol));
                self.add(symbol, entry.shares);
            }
            (C::SetSellTrigger, EntryOutcome::Filled) => {
                let reserved = self.triggers.remove(&(side, symbol));
                let reserved = reserved.map_or(0, |trigger| trigger.shares);
                self.add(symbol, reserved.saturating_sub(entry.shares));
            }
            (C::SetBuyAmount | C::SetSellAmount, _) => {
                self.release(side, symbol);
                self.triggers.insert((side, symbol), Trigger { amount, price: None, shares: 0 });
            }
            (C::SetBuyTrigger | C::SetSellTrigger, _) => {
                let before = self.release(side, symbol);
                let set = before.map_or(Money::ZERO, |trigger| trigger.amount);
                let shares = if side == Side::Sell { entry.shares } else { 0 };
                self.remove(symbol, shares);
                let trigger = Trigger { amount: set, price: Some(amount), shares };
                self.triggers.insert((side, symbol), trigger);
            }
            _ => drop(self.release(side, symbol)),
        }
    }

    /// Removes a trigger; its shares are free again.
    fn release(&mut self, side: Side, symbol: Symbol) -> Option<Trigger> {
        let trigger = self.triggers.remove(&(side, symbol))?;
        self.add(symbol, trigger.shares);
        Some(trigger)
    }

    fn end_newest(&mut self, side: Side) {
        if let Some(at) = self.pending.iter().rposition(|order| order.side == side) {
            self.pending.remove(at);
        }
    }

    fn end_oldest(&mut self, side: Side, terms: TradeTerms) {
        let order = Order { side, terms };
        if let Some(at) = self.pending.iter().position(|known| *known == order) {
            self.pending.remove(at);
        }
    }

    fn add(&mut self, symbol: Symbol, shares: u64) {
        if shares > 0 {
            let free = self.free.entry(symbol).or_default();
            *free = free.saturating_add(shares);
        }
    }

    fn remove(&mut self, symbol: Symbol, shares: u64) {
        if let Some(free) = self.free.get_mut(&symbol) {
            *free = free.saturating_sub(shares);
            if *free == 0 {
                self.free.remove(&symbol);
            }
        }
    }
}

/// The records of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    entries: Vec<Entry>,
    /// Copies of the account before the records 0, 512, 1,024 and so on.
    states: Vec<AccountAt>,
    now: AccountAt,
    /// The last record of each command, by its transaction number.
    commands: HashMap<u64, usize>,
}

impl Timeline {
    /// Takes the next record, in the order of time.
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len().is_multiple_of(STATE_EVERY) {
            self.states.push(self.now.clone());
        }
        self.now.take(&entry);
        if is_command(&entry) {
            self.commands.insert(entry.number, self.entries.len());
        }
        self.entries.push(entry);
    }

    /// Returns the number of records.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the account after a command, and after all that happened by itself until the next
    /// one. None if there is no record of the command.
    pub(crate) fn after(&self, number: u64) -> Option<AccountAt> {
        let at = *self.commands.get(&number)?;
        let later = self.entries.iter().skip(at + 1);
        let by_itself = later.take_while(|entry| !is_command(entry)).count();
        Some(self.at(at + 1 + by_itself))
    }

    /// Returns the account after a number of records.
    fn at(&self, end: usize) -> AccountAt {
        let from = end / STATE_EVERY;
        let mut account = self.states.get(from).cloned().unwrap_or_else(|| self.now.clone());
        let again = self.entries.get(from * STATE_EVERY..end).unwrap_or_default();
        for entry in again {
            account.take(entry);
        }
        account
    }
}

/// Returns true for the record of a command; anything else happened by itself.
const fn is_command(entry: &Entry) -> bool {
    matches!(entry.outcome, EntryOutcome::Done | EntryOutcome::Refused(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use EntryOutcome::{Done, Expired, Filled};

    fn entry(number: u64, command: C, outcome: EntryOutcome) -> Entry {
        Entry {
            at_ms: number,
            number,
            command,
            outcome,
            symbol: Symbol::parse(b"XYZ"),
            amount: None,
            shares: 0,
            price: Money::ZERO,
            total: Money::ZERO,
            basis: Money::ZERO,
            cash: Money::ZERO,
        }
    }

    #[test]
    fn any_instant_is_the_account_after_the_records_before_it() {
        let cents = Money::from_cents;
        let order = |shares, cash| Entry {
            shares,
            price: cents(100),
            total: cents(100 * shares as i64),
            cash: cents(cash),
            ..entry(0, C::Buy, Done)
        };
        let records = [
            Entry { cash: cents(10_000), symbol: None, ..entry(1, C::Add, Done) },
            Entry { number: 2, ..order(10, -1_000) },
            Entry { number: 3, cash: Money::ZERO, command: C::CommitBuy, ..order(10, 0) },
            Entry { number: 4, ..order(5, -500) },
            Entry { number: 4, outcome: Expired, ..order(5, 500) },
            Entry { amount: Some(cents(400)), ..entry(6, C::SetSellAmount, Done) },
            Entry { amount: Some(cents(200)), shares: 2, ..entry(7, C::SetSellTrigger, Done) },
            Entry {
                shares: 1,
                total: cents(200),
                cash: cents(200),
                ..entry(7, C::SetSellTrigger, Filled)
            },
        ];
        let mut timeline = Timeline::default();
        // A long history before, so that a kept state is used.
        for _ in 0..1_000 {
            timeline.push(entry(0, C::CancelBuy, Done));
        }
        for record in records {
            timeline.push(record);
        }
        let at = |number: u64| timeline.after(number).unwrap();
        let held = |account: &AccountAt| account.free.values().copied().next().unwrap_or(0);
        let two = at(2);
        assert_eq!((two.cash.cents(), two.reserved.cents(), two.pending.len()), (9_000, 1_000, 1));
        let three = at(3);
        assert_eq!((three.reserved, held(&three), three.pending.len()), (Money::ZERO, 10, 0));
        assert_eq!((at(4).cash.cents(), at(4).pending.len()), (9_000, 0));
        assert_eq!((at(6).triggers.len(), held(&at(6))), (1, 10));
        let seven = at(7);
        assert_eq!((seven.cash.cents(), held(&seven), seven.triggers.len()), (9_200, 9, 0));
        assert_eq!((timeline.len(), timeline.after(99)), (1_008, None));
    }
}
