//! Set amounts and triggers.

use super::open::Open;
use super::orders::shares;
use super::prices::SymbolId;
use super::used::Used;
use super::{Due, Fire, Sink, Step, Trading, UserId, cash};
use crate::check::amount::Amount;
use crate::check::findings::CashDue;
use crate::check::reading::Readings;
use hashbrown::HashMap;

/// Set amounts that are followed.
const SETS_MAX: usize = 1 << 17;

/// A set of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub user: UserId,
    pub symbol: SymbolId,
    pub buys: bool,
}

/// An amount, and the trigger for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Set {
    /// Funds of the SET_…_AMOUNT; None if it has not been set.
    pub amount: Option<Amount>,
    /// Cash that left the account for it.
    pub reserve: Amount,
    /// Number and price of the trigger.
    pub trigger: Option<(u64, Amount)>,
}

/// All sets of the log.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sets: HashMap<Key, Set>,
    /// Armed triggers by number.
    armed: HashMap<u64, Key>,
}

impl Sets {
    /// Returns the set whose trigger has a number.
    pub(super) fn armed(&self, number: u64) -> Option<Key> {
        self.armed.get(&number).copied()
    }

    pub(super) fn get(&self, key: Key) -> Option<Set> {
        self.sets.get(&key).copied()
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Set> {
        let set = self.sets.remove(&key)?;
        if let Some((number, _)) = set.trigger {
            self.armed.remove(&number);
        }
        Some(set)
    }

    fn put(&mut self, key: Key, set: Set) {
        if let Some((number, _)) = self.sets.get(&key).and_then(|before| before.trigger) {
            self.armed.remove(&number);
        }
        if let Some((number, _)) = set.trigger {
            self.armed.insert(number, key);
        }
        self.sets.insert(key, set);
    }

    fn is_full(&self) -> bool {
        self.sets.len() >= SETS_MAX
    }
}

impl Trading {
    fn key(&self, user: UserId, open: &Open, buys: bool) -> Option<Key> {
        open.symbol.map(|symbol| Key { user, symbol, buys })
    }

    fn put(&mut self, key: Key, set: Set) {
        if self.sets.is_full() {
            self.lost = Some("the log has too many triggers to follow");
            return;
        }
        self.sets.put(key, set);
    }

    pub(super) fn set_buy_amount(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let (Some(key), Some(amount)) = (self.key(user, open, true), open.funds) else { return };
        let mut set = self.sets.get(key).unwrap_or_default();
        let at_once = Readings::AT_AMOUNT.and(Readings::DOLLARS);
        let mut due = CashDue::new().or(at_once, set.reserve - amount);
        due = match set.trigger {
            None => due.or(at_once.not(), Amount::ZERO),
            Some((_, price)) => {
                let cost = amount.of_written_shares(price).unwrap_or_default();
                due.or(Readings::DOLLARS.and(at_once.not()), set.reserve - amount)
                    .or(Readings::DOLLARS.not(), set.reserve - cost)
            }
        };
        cash(open, due, sink);
        set.reserve = set.reserve - open.net;
        set.amount = Some(amount);
        self.put(key, set);
    }

    pub(super) fn set_buy_trigger(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let (Some(key), Some(price)) = (self.key(user, open, true), open.funds) else { return };
        let mut set = self.sets.get(key).unwrap_or_default();
        let amount = set.amount.unwrap_or_default();
        let at_once = Readings::AT_AMOUNT.and(Readings::DOLLARS);
        let in_shares = amount.of_written_shares(price).unwrap_or_default();
        let due = CashDue::new()
            .or(at_once, Amount::ZERO)
            .or(Readings::DOLLARS.and(at_once.not()), set.reserve - amount)
            .or(Readings::DOLLARS.not(), set.reserve - in_shares);
        set.trigger = Some((open.number, price));
        if fires(open, due.explains(open.net)) {
            self.sets.put(key, set);
            return self.fire(key, open, sink);
        }
        cash(open, due, sink);
        set.reserve = set.reserve - open.net;
        self.put(key, set);
    }

    pub(super) fn set_sell_amount(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        cash(open, CashDue::exactly(Amount::ZERO), sink);
        let (Some(key), Some(amount)) = (self.key(user, open, false), open.funds) else { return };
        let before = self.sets.get(key).unwrap_or_default();
        self.put(key, Set { amount: Some(amount), ..before });
    }

    pub(super) fn set_sell_trigger(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let (Some(key), Some(price)) = (self.key(user, open, false), open.funds) else { return };
        let mut set = self.sets.get(key).unwrap_or_default();
        set.trigger = Some((open.number, price));
        let due = CashDue::exactly(Amount::ZERO);
        if fires(open, due.explains(open.net)) {
            self.sets.put(key, set);
            return self.fire(key, open, sink);
        }
        cash(open, due, sink);
        self.put(key, set);
    }

    pub(super) fn cancel_set(&mut self, user: UserId, open: &Open, buys: bool, sink: Sink<'_>) {
        let Some(key) = self.key(user, open, buys) else { return };
        match self.sets.remove(key) {
            Some(set) if set.amount.is_some() => {
                cash(open, CashDue::exactly(set.reserve), sink);
            }
            _ => {
                let explained = Readings::CANCEL_IS_ERROR.not().when(open.net == Amount::ZERO);
                let due = Due::Text("an errorEvent: there is nothing set");
                sink(&Step::Cash { at: open.cash_place(), explained, net: open.net, due });
            }
        }
    }

    /// Handles a command that was refused: it must not have moved cash.
    pub(super) fn refused(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        use daytrade_protocol::CommandName::{CancelSetBuy, CancelSetSell};
        if open.net != Amount::ZERO {
            // Some servers return an expired reserve only when the user asks for it.
            let buys = &mut self.users[user.0 as usize].buys;
            if let Some(number) = buys.overdue(open.net, open.at_ms) {
                buys.expire(number);
                buys.give_back(number);
                return;
            }
        }
        if let (Some(CancelSetBuy | CancelSetSell), Some(symbol)) = (open.command, open.symbol) {
            let key = Key { user, symbol, buys: open.command == Some(CancelSetBuy) };
            if self.sets.get(key).is_none_or(|set| set.amount.is_none()) {
                let explained = Readings::CANCEL_IS_ERROR.when(open.net == Amount::ZERO);
                let due = Due::Text("no errorEvent: in this reading it is no error");
                sink(&Step::Cash { at: open.cash_place(), explained, net: open.net, due });
                return;
            }
        }
        cash(open, CashDue::exactly(Amount::ZERO), sink);
    }

    /// Handles a trigger that fired.
    pub(super) fn fire(&mut self, key: Key, open: &Open, sink: Sink<'_>) {
        let Some(set) = self.sets.remove(key) else { return };
        let (Some((_, trigger)), Some(amount)) = (set.trigger, set.amount) else {
            sink(&Step::Fired { at: open.place, fire: Fire::NotArmed });
            return;
        };
        let told = open.systems[1].filter(|_| open.system_count > 0);
        let explains = |price: Amount| {
            let total = if key.buys {
                amount.cost_of_whole_shares(price)
            } else {
                amount.whole_shares(trigger).and_then(|count| price.times(count))
            };
            let moved = total.map(|total| if key.buys { set.reserve - total } else { total });
            total.is_some_and(|total| Some(total) == told && total.is_positive())
                || moved == Some(open.net) && open.moves > 0
        };
        let used = self.used(open, explains);
        self.tell_price(used, open, open.last_ms, sink);
        let fire = match used {
            Used::Hit(seen) => Fire::At { trigger, price: seen.price, buys: key.buys },
            Used::File(price) => Fire::At { trigger, price, buys: key.buys },
            Used::None => Fire::Unseen,
        };
        sink(&Step::Fired { at: open.place, fire });
        let due = if key.buys {
            bought(&set, amount, used.price())
        } else {
            sold(amount, trigger, used.price())
        };
        cash(open, due, sink);
        let total = if key.buys { set.reserve - open.net } else { -open.net };
        let count = shares(if key.buys { total } else { open.net }, used.price());
        let by = if key.buys { count } else { count.map(i64::saturating_neg) };
        self.hold(key.user, open, key.symbol, by, sink);
    }
}

/// Returns the cash that is due when a buy trigger fires: what is left of the reserve.
fn bought(set: &Set, amount: Amount, price: Option<Amount>) -> CashDue {
    let whole = Readings::DOLLARS.and(Readings::WHOLE);
    let due = CashDue::new().or(Readings::DOLLARS.and(Readings::WHOLE.not()), set.reserve - amount);
    match price {
        None => due
            .or_up_to(whole.or(Readings::DOLLARS.not()), set.reserve)
            .or(whole.or(Readings::DOLLARS.not()), Amount::ZERO),
        Some(price) => {
            let cost = amount.cost_of_whole_shares(price).unwrap_or_default();
            let shares = amount.of_written_shares(price).unwrap_or_default();
            due.or(whole, set.reserve - cost).or(Readings::DOLLARS.not(), set.reserve - shares)
        }
    }
}

/// Returns the cash that is due when a sell trigger fires.
fn sold(amount: Amount, trigger: Amount, price: Option<Amount>) -> CashDue {
    let whole = Readings::DOLLARS.and(Readings::WHOLE);
    let due = CashDue::new().or(Readings::DOLLARS.and(Readings::WHOLE.not()), amount);
    let Some(price) = price else {
        let most = amount + amount + amount + amount;
        return due.or_up_to(whole.or(Readings::DOLLARS.not()), most);
    };
    let reserved = amount.whole_shares(trigger).and_then(|count| price.times(count));
    let at_price = amount.cost_of_whole_shares(price).unwrap_or_default();
    due.or(whole, reserved.unwrap_or_default())
        .or(whole, at_price)
        .or(Readings::DOLLARS.not(), amount.of_written_shares(price).unwrap_or_default())
}

/// Returns true if a SET_…_TRIGGER fired at once. A systemEvent that repeats the command says that
/// its price came from a cache; one that does not, or a second one, says that it fired.
fn fires(open: &Open, unfired: Readings) -> bool {
    match open.system_count {
        0 => unfired.is_empty() && open.moves > 0,
        1 if open.systems[1] == open.funds || open.systems[1].is_none() => {
            open.own_hit && open.systems[1].is_some() || unfired.is_empty() && open.moves > 0
        }
        _ => true,
    }
}
