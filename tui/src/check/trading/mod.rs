//! What the log shows of every account: orders, sets and cash, in the order of the log.
//!
//! The reconstruction follows the log and not a model of an exchange: an order holds the cash that
//! left the account, not the cash that should have left it. So one difference is found once, and
//! the rest of the log is judged as if it had been right. It judges nothing itself: it tells the
//! rules what it saw, as [`Step`]s.
//!
//! Events of one user may be a little out of order in logs of concurrent servers. A command is
//! therefore looked at only when [`WINDOW`] later ones of its user have begun.

mod late;
mod open;
mod orders;
mod prices;
mod sets;
mod step;
mod used;

pub(crate) use step::{Due, Fire, Step};

use super::amount::Amount;
use super::event::{Event, Kind};
use super::findings::CashDue;
use super::reading::Readings;
use daytrade_protocol::CommandName;
use hashbrown::HashMap;
use open::{Began, Open};
use orders::Orders;
use prices::{Prices, Seen, SymbolId};
use sets::Sets;
use std::collections::VecDeque;
use used::Awaiting;

/// Commands of a user that are looked at a little later, because events may still come.
const WINDOW: usize = 2;
/// Commands of a user after which one that has moved no cash is looked at.
const WINDOW_MAX: usize = 8;
/// Time after which an order runs out, and after which a price is too old.
pub(crate) const EXPIRY_MS: u64 = 60_000;
/// Inaccuracy of a server's timer that is no finding.
const TIMER_MS: u64 = 1_000;
/// Users that are followed.
const USERS_MAX: usize = 1 << 18;
/// Holdings that are followed.
const HOLDINGS_MAX: usize = 450_000;
/// Stands for a number of shares that is not known.
const UNKNOWN_SHARES: i64 = i64::MIN;

/// A user of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct UserId(u32);

/// What a user is doing.
#[derive(Debug, Default)]
struct User {
    open: VecDeque<Open>,
    buys: Orders,
    sells: Orders,
}

/// Receives the steps.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&Step);

/// All accounts of a log.
#[derive(Debug)]
pub(crate) struct Trading {
    ids: HashMap<Box<str>, UserId>,
    users: Vec<User>,
    prices: Prices,
    awaiting: Awaiting,
    sets: Sets,
    /// Shares that the log accounts for, or [`UNKNOWN_SHARES`].
    holdings: HashMap<(UserId, SymbolId), i64>,
    last_ms: u64,
    /// Why the accounts can no longer be followed.
    lost: Option<&'static str>,
}

impl Default for Trading {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            users: Vec::new(),
            prices: Prices::default(),
            awaiting: Awaiting::default(),
            sets: Sets::default(),
            // As for the sets.
            holdings: HashMap::with_capacity(HOLDINGS_MAX),
            last_ms: 0,
            lost: None,
        }
    }
}

impl Trading {
    /// Adds a price of a price file.
    pub(crate) fn price_from_file(&mut self, symbol: &str, price: Amount) {
        self.prices.add_from_file(symbol, price);
    }

    /// Returns why the accounts could not be followed to the end.
    pub(crate) const fn lost(&self) -> Option<&'static str> {
        self.lost
    }

    /// Returns true if there was no room for some sets, so that nothing was said about them.
    pub(crate) const fn has_forgotten_sets(&self) -> bool {
        self.sets.has_forgotten()
    }

    /// Follows one event.
    pub(crate) fn event(&mut self, event: &Event<'_>, sink: Sink<'_>) {
        self.last_ms = self.last_ms.max(event.at_ms.unwrap_or(0));
        if event.kind == Kind::DebugEvent || self.lost.is_some() {
            return;
        }
        let symbol = event.symbol.and_then(|name| self.prices.id(name));
        if event.kind == Kind::QuoteServer {
            return self.hit(event, symbol, sink);
        }
        let Some((user, number)) = event.user.zip(event.number) else { return };
        let Some(user) = self.user(user) else {
            return self.give_up("the log has too many users to follow");
        };
        if event.kind == Kind::ErrorEvent {
            let open = &mut self.users[user.0 as usize].open;
            if let Some(open) = open.iter_mut().rev().find(|open| open.number == number) {
                open.refused = true;
            }
            return;
        }
        if event.kind != Kind::AccountTransaction || !self.refund(user, number, event) {
            self.effect(user, number, event, symbol);
        }
        while let Some(User { open, .. }) = self.users.get(user.0 as usize)
            && open.front().is_some_and(|first| {
                open.len() > WINDOW_MAX || open.len() > WINDOW && first.is_settled()
            })
        {
            self.judge_oldest(user, sink);
        }
    }

    /// Looks at everything that is still open.
    pub(crate) fn end(&mut self, sink: Sink<'_>) {
        for id in 0..self.users.len() {
            let user = UserId(id as u32);
            while self.users.get(id).is_some_and(|user| !user.open.is_empty()) {
                self.judge_oldest(user, sink);
            }
        }
        self.awaiting.end(sink);
        for id in 0..self.users.len() {
            for order in self.users[id].buys.unreturned(self.last_ms.saturating_sub(TIMER_MS)) {
                sink(&Step::Cash {
                    at: order.place,
                    explained: Readings::AT_BUY.not(),
                    net: Amount::ZERO,
                    due: Due::Cash(CashDue::exactly(order.reserve)),
                });
            }
        }
    }

    /// Follows the accounts no more, and lets go of what is known of them.
    fn give_up(&mut self, reason: &'static str) {
        *self = Self { lost: Some(reason), last_ms: self.last_ms, ..Self::default() };
    }

    fn user(&mut self, name: &str) -> Option<UserId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if self.users.len() >= USERS_MAX {
            return None;
        }
        let id = UserId(self.users.len() as u32);
        self.ids.insert(name.into(), id);
        let open = VecDeque::with_capacity(WINDOW + 1);
        self.users.push(User { open, ..User::default() });
        Some(id)
    }

    /// Takes note of an answer of the quote server.
    fn hit(&mut self, event: &Event<'_>, symbol: Option<SymbolId>, sink: Sink<'_>) {
        let (Some(symbol), Some(price), Some(at_ms)) = (symbol, event.price, event.at_ms) else {
            return;
        };
        let seen = Seen { price, at_ms };
        self.prices.hit(symbol, seen);
        self.awaiting.arrived(symbol, seen, sink);
        let user = event.user.and_then(|name| self.ids.get(name));
        let Some((user, number)) = user.zip(event.number) else { return };
        let open = &mut self.users[user.0 as usize].open;
        if let Some(open) = open.iter_mut().rev().find(|open| open.number == number) {
            open.own_hit = true;
            open.prices.insert(0, seen);
        }
    }

    /// Adds an event to the command of its number.
    fn effect(&mut self, user: UserId, number: u64, event: &Event<'_>, symbol: Option<SymbolId>) {
        let id = user;
        let user = &mut self.users[id.0 as usize];
        // A trigger may be logged under the number of the command whose quote fired it.
        let is_trigger = event.kind == Kind::SystemEvent
            && matches!(
                event.command,
                Some(CommandName::SetBuyTrigger | CommandName::SetSellTrigger)
            );
        let is_of =
            |open: &Open| open.number == number && (!is_trigger || open.command == event.command);
        let at = user.open.iter().rposition(is_of);
        let open = match (at, event.kind) {
            (Some(at), Kind::UserCommand) if user.open[at].began == Began::Command => {
                // The same command twice is a finding of another rule.
                let open = &user.open[at];
                if open.command == event.command {
                    return;
                }
                user.open.push_back(Open::new(Began::Command, event, symbol));
                user.open.back_mut()
            }
            (Some(at), kind) => {
                if kind == Kind::UserCommand {
                    user.open[at].begin_after_all(event, symbol);
                }
                user.open.get_mut(at)
            }
            (None, kind) => {
                let began = if kind == Kind::UserCommand { Began::Command } else { Began::Late };
                // An accountTransaction names no symbol: that of its trigger counts.
                let armed = || self.sets.armed(id, number).map(|key| key.symbol);
                let symbol = if began == Began::Late { symbol.or_else(armed) } else { symbol };
                user.open.push_back(Open::new(began, event, symbol));
                user.open.back_mut()
            }
        };
        let Some(open) = open else { return };
        match event.kind {
            Kind::AccountTransaction => {
                let size = event.funds.unwrap_or_default();
                match event.adds {
                    Some(true) => open.moved(event, size),
                    Some(false) => open.moved(event, -size),
                    None => {}
                }
            }
            Kind::SystemEvent => open.system(event),
            _ => {}
        }
        if let Some(symbol) = open.symbol.filter(|_| uses_price(open)) {
            self.prices.offer(symbol, &mut open.prices);
        }
    }

    fn judge_oldest(&mut self, user: UserId, sink: Sink<'_>) {
        let waiting = &mut self.users[user.0 as usize].open;
        let Some(open) = waiting.pop_front() else { return };
        // Thousands of users: none keeps the room that it needed once.
        if waiting.capacity() > WINDOW + 1 && waiting.len() <= WINDOW {
            waiting.shrink_to(WINDOW + 1);
        }
        if self.lost.is_some() {
            return;
        }
        match (open.began, open.command) {
            (Began::Late, _) => self.late(user, &open, sink),
            (Began::Command, _) if open.refused => self.refused(user, &open, sink),
            (Began::Command, Some(command)) => self.command(user, &open, command, sink),
            (Began::Command, None) => {}
        }
        if let Some(returned) = open.returned.as_deref().filter(|_| self.lost.is_none()) {
            let (amount, at_ms) = *returned;
            self.returned(user, &open, amount, at_ms, sink);
        }
    }

    fn command(&mut self, user: UserId, open: &Open, command: CommandName, sink: Sink<'_>) {
        match command {
            CommandName::Add => match open.funds() {
                Some(funds) if funds.is_positive() => cash(open, CashDue::exactly(funds), sink),
                _ => sink(&Step::Cash {
                    at: open.cash_place(),
                    explained: Readings::NONE,
                    net: open.net,
                    due: Due::Text("an errorEvent: the amount is not above 0"),
                }),
            },
            CommandName::Quote | CommandName::DumpLog | CommandName::DisplaySummary => {
                cash(open, CashDue::exactly(Amount::ZERO), sink);
            }
            CommandName::Buy => self.buy(user, open, sink),
            CommandName::Sell => self.sell(user, open, sink),
            CommandName::CommitBuy => self.commit_buy(user, open, sink),
            CommandName::CancelBuy => self.cancel_buy(user, open, sink),
            CommandName::CommitSell => self.commit_sell(user, open, sink),
            CommandName::CancelSell => self.cancel_sell(user, open, sink),
            CommandName::SetBuyAmount => self.set_buy_amount(user, open, sink),
            CommandName::SetBuyTrigger => self.set_buy_trigger(user, open, sink),
            CommandName::CancelSetBuy => self.cancel_set(user, open, true, sink),
            CommandName::SetSellAmount => self.set_sell_amount(user, open, sink),
            CommandName::SetSellTrigger => self.set_sell_trigger(user, open, sink),
            CommandName::CancelSetSell => self.cancel_set(user, open, false, sink),
        }
    }

    /// Changes the shares that a user holds. An unknown number stays unknown; nobody can sell of
    /// none.
    fn hold(
        &mut self,
        user: UserId,
        open: &Open,
        symbol: SymbolId,
        (by, sells): (Option<i64>, bool),
        sink: Sink<'_>,
    ) {
        if self.holdings.len() >= HOLDINGS_MAX {
            return self.give_up("the log has too many holdings to follow");
        }
        let held = self.holdings.entry((user, symbol)).or_insert(0);
        let had = Some(*held).filter(|held| *held != UNKNOWN_SHARES);
        let now = had.zip(by).and_then(|(had, by)| had.checked_add(by));
        let of_none = sells && had == Some(0) && by.is_none() && open.net.is_positive();
        if of_none || now.is_some_and(|now| now < 0) {
            *held = UNKNOWN_SHARES;
            let sure =
                !self.users[user.0 as usize].buys.has_forgotten() && !self.has_forgotten_sets();
            sink(&Step::Cash {
                at: open.cash_place(),
                explained: Readings::ALL.when(!sure),
                net: open.net,
                due: Due::Shortfall { sold: by.map(i64::saturating_neg), held: had.unwrap_or(0) },
            });
            return;
        }
        *held = now.unwrap_or(UNKNOWN_SHARES);
        if now == Some(0) {
            self.holdings.remove(&(user, symbol));
        }
    }
}

/// Tells the rules about the cash of a command.
fn cash(open: &Open, due: CashDue, sink: Sink<'_>) {
    let (net, explained) = (open.net, due.explains(open.net));
    sink(&Step::Cash { at: open.cash_place(), explained, net, due: Due::Cash(due) });
}

/// Returns true for a command that may have used a price.
const fn uses_price(open: &Open) -> bool {
    matches!(open.began, Began::Late)
        || matches!(
            open.command,
            Some(
                CommandName::Buy
                    | CommandName::Sell
                    | CommandName::SetBuyAmount
                    | CommandName::SetBuyTrigger
                    | CommandName::SetSellTrigger
            )
        )
}
