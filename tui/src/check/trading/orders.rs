//! The pending orders of a user: BUY or SELL, COMMIT and CANCEL.

use super::open::Open;
use super::prices::SymbolId;
use super::used::Used;
use super::{Due, EXPIRY_MS, Sink, Step, Trading, UserId, cash};
use crate::check::amount::Amount;
use crate::check::findings::{CashDue, Place};
use crate::check::reading::Readings;
use daytrade_protocol::CommandName;

/// Live orders of a user and side that are followed.
const ORDERS_MAX: usize = 128;
/// Expired orders of a user and side that wait for their reserve.
const EXPIRED_MAX: usize = 16;

/// An order that waits for its commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub place: Place,
    pub at_ms: u64,
    pub symbol: Option<SymbolId>,
    /// The funds of the command.
    pub amount: Option<Amount>,
    /// The cash that left the account.
    pub reserve: Amount,
    /// The price that was used, as far as the log shows it.
    pub price: Option<Amount>,
}

/// The pending orders of one user and side, newest last.
#[derive(Debug, Default)]
pub(super) struct Orders {
    live: Vec<Order>,
    /// Orders whose expiry was logged and whose reserve has not come back.
    expired: Vec<Order>,
    /// The last one that expired.
    last_expired: Option<Box<Order>>,
    /// True once an order was forgotten.
    forgotten: bool,
}

impl Orders {
    fn push(&mut self, order: Order) {
        if self.live.len() == ORDERS_MAX {
            self.live.remove(0);
            self.forgotten = true;
        }
        self.live.push(order);
    }

    /// Returns true if an order is not followed any more.
    pub(super) const fn has_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Moves an order to the expired ones. Returns None if there is none of that number.
    pub(super) fn expire(&mut self, number: u64) -> Option<Order> {
        let is_it = |order: &Order| order.place.number == Some(number);
        if let Some(at) = self.live.iter().rposition(is_it) {
            let order = self.live.remove(at);
            if self.expired.len() == EXPIRED_MAX {
                self.expired.remove(0);
            }
            self.expired.push(order);
            self.last_expired = Some(Box::new(order));
            return Some(order);
        }
        let mut known = self.expired.iter().chain(self.last_expired.as_deref());
        known.find(|order| is_it(order)).copied()
    }

    /// Notes that the reserve of an expired order came back.
    pub(super) fn give_back(&mut self, number: u64) {
        self.expired.retain(|order| order.place.number != Some(number));
    }

    /// Returns an order that had run out by a time, with a reserve of this size that has not come
    /// back.
    fn overdue(&self, reserve: Amount, at_ms: u64) -> Option<u64> {
        self.expired
            .iter()
            .chain(self.live.iter().filter(|order| order.at_ms + EXPIRY_MS <= at_ms))
            .find(|order| order.reserve == reserve)
            .and_then(|order| order.place.number)
    }

    /// Takes back the reserves of orders that had run out by a time: of one of this size, or of all
    /// together. Returns false if they do not come to that.
    pub(super) fn return_overdue(&mut self, amount: Amount, at_ms: u64) -> bool {
        let one = self.overdue(amount, at_ms);
        let all: Vec<Order> = self.unreturned(at_ms).collect();
        let sum: Amount = all.iter().map(|order| order.reserve).sum();
        let numbers: Vec<u64> = match one {
            Some(number) => vec![number],
            None if sum == amount => all.iter().filter_map(|order| order.place.number).collect(),
            None => return false,
        };
        for number in numbers {
            self.expire(number);
            self.give_back(number);
        }
        true
    }

    /// Returns the orders that had run out by a time and whose reserve did not come back.
    pub(super) fn unreturned(&self, at_ms: u64) -> impl Iterator<Item = Order> {
        let live = self.live.iter().filter(move |order| order.at_ms + EXPIRY_MS < at_ms);
        self.expired.iter().chain(live).copied().filter(|order| order.reserve.is_positive())
    }

    /// Takes the newest order that had not run out before; returns its age.
    fn settle(&mut self, at_ms: u64) -> Settled {
        if let Some(order) = self.live.pop() {
            return Settled::Order(order, at_ms.saturating_sub(order.at_ms));
        }
        match self.last_expired.as_deref() {
            Some(order) => {
                Settled::Expired(*order, at_ms.saturating_sub(order.at_ms).max(EXPIRY_MS + 1))
            }
            None if self.forgotten => Settled::Forgotten,
            None => Settled::Nothing,
        }
    }
}

/// What a COMMIT or CANCEL finds.
enum Settled {
    Order(Order, u64),
    Expired(Order, u64),
    Forgotten,
    Nothing,
}

impl Trading {
    pub(super) fn buy(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let Some(amount) = open.funds() else { return };
        let cost = |price| amount.cost_of_whole_shares(price).filter(|cost| cost.is_positive());
        let needs_price = open.net != -amount;
        let used = self.used(open, needs_price, |price| cost(price) == Some(-open.net));
        let mut due = CashDue::new()
            .or(Readings::AT_BUY.not(), Amount::ZERO)
            .or(Readings::AT_BUY.and(Readings::WHOLE.not()), -amount);
        let whole = Readings::AT_BUY.and(Readings::WHOLE);
        due = match used.price().and_then(cost) {
            Some(cost) => due.or(whole, -cost),
            // No price of the file comes to what was paid.
            None if used == Used::InFile => due,
            None => due.or_up_to(whole, -amount),
        };
        cash(open, due, sink);
        self.tell_price(used, open, open.at_ms, sink);
        let reserve = if open.net.is_negative() { -open.net } else { Amount::ZERO };
        self.users[user.0 as usize].buys.push(Order {
            place: open.place(),
            at_ms: open.at_ms,
            symbol: open.symbol,
            amount: Some(amount),
            reserve,
            price: used.price(),
        });
    }

    pub(super) fn sell(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        cash(open, CashDue::exactly(Amount::ZERO), sink);
        let used = self.used(open, false, |_| false);
        self.tell_price(used, open, open.at_ms, sink);
        self.users[user.0 as usize].sells.push(Order {
            place: open.place(),
            at_ms: open.at_ms,
            symbol: open.symbol,
            amount: open.funds(),
            reserve: Amount::ZERO,
            price: used.price(),
        });
    }

    pub(super) fn commit_buy(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let shows = |order: &Order| !order.reserve.is_positive();
        let Some(order) = self.settle(user, open, CommandName::CommitBuy, shows, sink) else {
            return;
        };
        let at_commit = Readings::AT_BUY.not();
        let mut due = CashDue::new().or(Readings::AT_BUY, Amount::ZERO);
        if let Some(amount) = order.amount {
            due = due.or(at_commit.and(Readings::WHOLE.not()), -amount);
            let whole = at_commit.and(Readings::WHOLE);
            due = match order.price.and_then(|price| amount.cost_of_whole_shares(price)) {
                Some(cost) => due.or(whole, -cost),
                None => due.or_up_to(whole, -amount),
            };
        }
        cash(open, due, sink);
        if let Some(symbol) = order.symbol {
            let paid = if open.moves > 0 { -open.net } else { order.reserve };
            self.hold(user, open, symbol, (shares(paid, order.price), false), sink);
        }
    }

    pub(super) fn cancel_buy(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let shows = |order: &Order| order.reserve.is_positive();
        let Some(order) = self.settle(user, open, CommandName::CancelBuy, shows, sink) else {
            return;
        };
        let mut due = CashDue::new().or(Readings::AT_BUY, order.reserve);
        due = due.or(Readings::AT_BUY.not(), Amount::ZERO);
        cash(open, due, sink);
    }

    pub(super) fn commit_sell(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let Some(order) = self.settle(user, open, CommandName::CommitSell, |_| true, sink) else {
            return;
        };
        let Some(amount) = order.amount else { return };
        let mut due = CashDue::new().or(Readings::WHOLE.not(), amount);
        let paid = |price| amount.cost_of_whole_shares(price) == Some(open.net);
        let used = match (order.price, order.symbol) {
            (Some(price), _) => Used::File(price),
            (None, Some(symbol)) => self.in_file(symbol, paid),
            (None, None) => Used::None,
        };
        due = match used.price().and_then(|price| amount.cost_of_whole_shares(price)) {
            Some(cost) => due.or(Readings::WHOLE, cost),
            None if used == Used::InFile => due,
            None => due.or_up_to(Readings::WHOLE, amount),
        };
        cash(open, due, sink);
        if let Some(symbol) = order.symbol {
            let sold = shares(open.net, used.price()).map(i64::saturating_neg);
            self.hold(user, open, symbol, (sold, true), sink);
        }
    }

    pub(super) fn cancel_sell(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        if self.settle(user, open, CommandName::CancelSell, |_| false, sink).is_some() {
            cash(open, CashDue::exactly(Amount::ZERO), sink);
        }
    }

    /// Takes the order that a COMMIT or CANCEL is about, and tells the rules its age. `shows` says
    /// whether taking effect would have moved cash.
    fn settle(
        &mut self,
        user: UserId,
        open: &Open,
        command: CommandName,
        shows: impl Fn(&Order) -> bool,
        sink: Sink<'_>,
    ) -> Option<Order> {
        let user = &mut self.users[user.0 as usize];
        let buys = matches!(command, CommandName::CommitBuy | CommandName::CancelBuy);
        let orders = if buys { &mut user.buys } else { &mut user.sells };
        let at = open.place();
        match orders.settle(open.at_ms) {
            Settled::Order(order, age_ms) => {
                if age_ms > EXPIRY_MS && shows(&order) && open.moves == 0 {
                    // It had run out, and nothing shows that the command took effect.
                    orders.push(order);
                    return None;
                }
                let order_number = order.place.number;
                sink(&Step::Settled { at, command, age_ms: Some(age_ms), order: order_number });
                Some(order)
            }
            Settled::Expired(order, age_ms) => {
                if !shows(&order) || open.moves > 0 {
                    let order_number = order.place.number;
                    sink(&Step::Settled { at, command, age_ms: Some(age_ms), order: order_number });
                }
                self_explained(open, sink);
                None
            }
            Settled::Forgotten => None,
            Settled::Nothing => {
                let hidden = matches!(command, CommandName::CommitBuy | CommandName::CancelSell);
                if hidden || open.moves > 0 {
                    sink(&Step::Settled { at, command, age_ms: None, order: None });
                }
                self_explained(open, sink);
                None
            }
        }
    }
}

/// Tells the rules about cash that no order explains.
fn self_explained(open: &Open, sink: Sink<'_>) {
    if open.moves > 0 {
        sink(&Step::Cash {
            at: open.cash_place(),
            explained: Readings::NONE,
            net: open.net,
            due: Due::Text("no accountTransaction: there is no order to settle"),
        });
    }
}

/// Returns how many whole shares an amount is at a price; None if it is not a whole number.
pub(super) fn shares(paid: Amount, price: Option<Amount>) -> Option<i64> {
    let count = paid.whole_shares(price?)?;
    (price?.times(count) == Some(paid)).then_some(count)
}
