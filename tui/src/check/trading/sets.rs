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

/// Set amounts that are followed: what fits into 64 MiB together with everything else.
const SETS_MAX: usize = 450_000;

/// A set of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub user: UserId,
    pub symbol: SymbolId,
    pub buys: bool,
}

impl Key {
    fn of(user: UserId, open: &Open, buys: bool) -> Option<Self> {
        open.symbol.map(|symbol| Self { user, symbol, buys })
    }

    /// Symbol and side in one number.
    const fn within_user(self) -> u32 {
        self.symbol.0 << 1 | self.buys as u32
    }

    const fn packed(self) -> u64 {
        (self.user.0 as u64) << 32 | self.within_user() as u64
    }
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

/// A set in as few bytes as possible; there are hundreds of thousands. An amount of
/// [`Amount::NONE`] and a number of 0 stand for None.
#[derive(Clone, Copy, Debug)]
struct Stored {
    amount: Amount,
    reserve: Amount,
    number: u64,
    price: Amount,
}

impl From<Set> for Stored {
    fn from(set: Set) -> Self {
        let (number, price) = set.trigger.unwrap_or_default();
        let amount = set.amount.unwrap_or(Amount::NONE);
        Self { amount, reserve: set.reserve, number, price }
    }
}

impl From<Stored> for Set {
    fn from(stored: Stored) -> Self {
        Self {
            amount: Some(stored.amount).filter(|amount| *amount != Amount::NONE),
            reserve: stored.reserve,
            trigger: Some((stored.number, stored.price)).filter(|(number, _)| *number > 0),
        }
    }
}

/// All sets of the log.
#[derive(Debug)]
pub(super) struct Sets {
    /// Made at its full size, of which only what is used takes memory: growing would take half as
    /// much again.
    stored: HashMap<u64, Stored>,
    /// The sets of each user: symbol and side.
    of_user: Vec<Vec<u32>>,
    /// Sets for which there was no room.
    forgotten: u64,
}

impl Default for Sets {
    fn default() -> Self {
        Self { stored: HashMap::with_capacity(SETS_MAX), of_user: Vec::new(), forgotten: 0 }
    }
}

impl Sets {
    /// Returns the set of a user whose trigger has a number.
    pub(super) fn armed(&self, user: UserId, number: u64) -> Option<Key> {
        let keys = self.of_user.get(user.0 as usize)?.iter().map(|within| Key {
            user,
            symbol: SymbolId(within >> 1),
            buys: within & 1 == 1,
        });
        keys.into_iter().find(|key| {
            self.stored.get(&key.packed()).is_some_and(|stored| stored.number == number)
        })
    }

    pub(super) fn get(&self, key: Key) -> Option<Set> {
        self.stored.get(&key.packed()).map(|stored| (*stored).into())
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Set> {
        let set = self.stored.remove(&key.packed())?;
        if let Some(of_user) = self.of_user.get_mut(key.user.0 as usize)
            && let Some(at) = of_user.iter().position(|within| *within == key.within_user())
        {
            of_user.swap_remove(at);
        }
        Some(set.into())
    }

    fn put(&mut self, key: Key, set: Set) {
        if let Some(stored) = self.stored.get_mut(&key.packed()) {
            *stored = set.into();
            return;
        }
        if self.stored.len() >= SETS_MAX {
            self.forgotten += 1;
            return;
        }
        self.stored.insert(key.packed(), set.into());
        let user = key.user.0 as usize;
        if self.of_user.len() <= user {
            self.of_user.resize_with(user + 1, Vec::new);
        }
        self.of_user[user].push(key.within_user());
    }

    /// Returns true if some sets are not known.
    pub(super) const fn has_forgotten(&self) -> bool {
        self.forgotten > 0
    }
}

impl Trading {
    /// Returns a set, or an empty one; None if it may have been forgotten.
    fn known(&self, key: Key) -> Option<Set> {
        let set = self.sets.get(key);
        if set.is_none() && self.sets.has_forgotten() {
            None
        } else {
            Some(set.unwrap_or_default())
        }
    }

    pub(super) fn set_buy_amount(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let (Some(key), Some(amount)) = (Key::of(user, open, true), open.funds()) else { return };
        let Some(mut set) = self.known(key) else { return };
        let at_once = Readings::AT_AMOUNT.and(Readings::DOLLARS);
        let in_shares = Readings::DOLLARS.not();
        let mut due = CashDue::new().or(at_once, set.reserve - amount);
        let value = |price| amount.of_written_shares(price).map(|cost| set.reserve - cost);
        let used = self.used(open, true, |price| value(price) == Some(open.net));
        if let Some(moved) = used.price().and_then(value) {
            due = due.or(in_shares.and(Readings::AT_AMOUNT), moved);
        }
        let at_trigger = Readings::AT_AMOUNT.not();
        due = match set.trigger {
            None => due.or(at_trigger, Amount::ZERO),
            Some((_, price)) => {
                let cost = amount.of_written_shares(price).unwrap_or_default();
                due.or(Readings::DOLLARS.and(at_trigger), set.reserve - amount)
                    .or(in_shares.and(at_trigger), set.reserve - cost)
            }
        };
        cash(open, due, sink);
        set.reserve = set.reserve - open.net;
        set.amount = Some(amount);
        self.sets.put(key, set);
    }

    pub(super) fn set_buy_trigger(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let (Some(key), Some(price)) = (Key::of(user, open, true), open.funds()) else { return };
        let Some(mut set) = self.known(key) else { return };
        let amount = set.amount.unwrap_or_default();
        let in_shares = amount.of_written_shares(price).unwrap_or_default();
        let at_trigger = Readings::AT_AMOUNT.not();
        let due = CashDue::new()
            .or(Readings::AT_AMOUNT, Amount::ZERO)
            .or(Readings::DOLLARS.and(at_trigger), set.reserve - amount)
            .or(Readings::DOLLARS.not().and(at_trigger), set.reserve - in_shares);
        set.trigger = Some((open.number, price));
        if fires(open, due.explains(open.net)) {
            self.sets.put(key, set);
            return self.fire(key, open, sink);
        }
        cash(open, due, sink);
        set.reserve = set.reserve - open.net;
        self.sets.put(key, set);
    }

    pub(super) fn set_sell_amount(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        cash(open, CashDue::exactly(Amount::ZERO), sink);
        let (Some(key), Some(amount)) = (Key::of(user, open, false), open.funds()) else { return };
        let before = self.sets.get(key).unwrap_or_default();
        self.sets.put(key, Set { amount: Some(amount), ..before });
    }

    pub(super) fn set_sell_trigger(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let (Some(key), Some(price)) = (Key::of(user, open, false), open.funds()) else { return };
        let Some(mut set) = self.known(key) else { return };
        set.trigger = Some((open.number, price));
        let due = CashDue::exactly(Amount::ZERO);
        if fires(open, due.explains(open.net)) {
            self.sets.put(key, set);
            return self.fire(key, open, sink);
        }
        cash(open, due, sink);
        self.sets.put(key, set);
    }

    pub(super) fn cancel_set(&mut self, user: UserId, open: &Open, buys: bool, sink: Sink<'_>) {
        let Some(key) = Key::of(user, open, buys) else { return };
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
            if buys.return_overdue(open.net, open.at_ms) {
                return;
            }
        }
        if let (Some(CancelSetBuy | CancelSetSell), Some(symbol)) = (open.command, open.symbol) {
            let key = Key { user, symbol, buys: open.command == Some(CancelSetBuy) };
            let set = self.sets.get(key);
            if set.is_none() && self.sets.has_forgotten() {
                return;
            }
            if set.is_none_or(|set| set.amount.is_none()) {
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
            sink(&Step::Fired { at: open.place(), fire: Fire::NotArmed });
            return;
        };
        let told = open.told();
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
        let needs_price = !key.buys || open.net != set.reserve - amount;
        let used = self.used(open, needs_price, explains);
        self.tell_price(used, open, open.last_ms, sink);
        let fire = match used {
            Used::Hit(seen) => Fire::At { trigger, price: seen.price, buys: key.buys },
            Used::File(price) => Fire::At { trigger, price, buys: key.buys },
            Used::InFile | Used::None => Fire::Unseen,
        };
        sink(&Step::Fired { at: open.place(), fire });
        let due = if key.buys {
            bought(&set, amount, used.price())
        } else {
            sold(amount, trigger, used.price())
        };
        cash(open, due, sink);
        let total = if key.buys { set.reserve - open.net } else { -open.net };
        let count = shares(if key.buys { total } else { open.net }, used.price());
        let by = if key.buys { count } else { count.map(i64::saturating_neg) };
        self.hold(key.user, open, key.symbol, (by, !key.buys), sink);
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
        // Nothing bounds the price of a sale from above.
        return due.or_up_to(whole.or(Readings::DOLLARS.not()), Amount::MOST);
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
        1 if open.told() == open.funds() || open.told().is_none() => {
            open.own_hit && open.told().is_some() || unfired.is_empty() && open.moves > 0
        }
        _ => true,
    }
}
