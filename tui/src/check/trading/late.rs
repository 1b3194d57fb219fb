//! Events that come after their command was judged: expiries and fills.

use super::open::{Began, Open};
use super::sets::Key;
use super::{Due, EXPIRY_MS, Fire, Sink, Step, TIMER_MS, Trading, User, UserId};
use crate::check::amount::Amount;
use crate::check::event::Event;
use crate::check::findings::CashDue;
use crate::check::reading::Readings;
use daytrade_protocol::CommandName;

impl Trading {
    /// Handles an event of an earlier command.
    pub(super) fn late(&mut self, user: UserId, open: &Open, sink: Sink<'_>) {
        let is_trigger =
            matches!(open.command, Some(CommandName::SetBuyTrigger | CommandName::SetSellTrigger));
        let by_symbol = || {
            let buys = open.command == Some(CommandName::SetBuyTrigger);
            let key = Key { user, symbol: open.symbol?, buys };
            self.sets.get(key).is_some_and(|set| set.trigger.is_some()).then_some(key)
        };
        let armed = self.sets.armed(user, open.number);
        if let Some(key) = armed.or_else(|| by_symbol().filter(|_| is_trigger)) {
            return self.fire(key, open, sink);
        }
        let orders = &mut self.users[user.0 as usize];
        if let Some(order) = orders.buys.expire(open.number) {
            if open.moves > 0 {
                orders.buys.give_back(open.number);
                let due = CashDue::exactly(order.reserve);
                let net = open.net;
                let at = open.cash_place();
                if open.at_ms + TIMER_MS < order.at_ms + EXPIRY_MS {
                    let due = Due::Text("no accountTransaction before its 60 s are over");
                    sink(&Step::Cash { at, explained: Readings::NONE, net, due });
                } else {
                    super::cash(open, due, sink);
                }
            }
            return;
        }
        if orders.sells.expire(open.number).is_some() && open.moves == 0 {
            return;
        }
        if self.sets.has_forgotten() {
            return;
        }
        if is_trigger && open.system_count > 0 {
            sink(&Step::Fired { at: open.place(), fire: Fire::NotArmed });
        } else if open.moves > 0 {
            if orders.buys.return_overdue(open.net, open.at_ms) {
                return;
            }
            sink(&Step::Cash {
                at: open.cash_place(),
                explained: Readings::NONE,
                net: open.net,
                due: Due::Text("no accountTransaction: no command of the user explains it"),
            });
        }
    }

    /// Takes cash that is added under the number of a later command, if that command adds none by
    /// itself and it is the reserve of an order that had run out: some servers return it only when
    /// the user comes back. Returns false if it is not.
    pub(super) fn refund(&mut self, user: UserId, number: u64, event: &Event<'_>) -> bool {
        use CommandName::{
            Add, Buy, CancelSell, CommitBuy, DisplaySummary, DumpLog, Quote, Sell, SetBuyTrigger,
            SetSellAmount, SetSellTrigger,
        };
        let (Some(amount), Some(at_ms)) = (event.funds, event.at_ms) else { return false };
        let User { open, buys, .. } = &mut self.users[user.0 as usize];
        let is_it = |open: &&Open| open.number == number && open.began == Began::Command;
        let Some(command) = open.iter().rev().find(is_it) else { return false };
        let is_no_effect = match command.command {
            Some(Add) => command.funds() != Some(amount),
            Some(
                Quote | Buy | CommitBuy | Sell | CancelSell | SetBuyTrigger | SetSellAmount
                | SetSellTrigger | DumpLog | DisplaySummary,
            ) => true,
            _ => false,
        };
        if !is_no_effect || event.adds != Some(true) {
            return false;
        }
        let ran_out = |open: &&mut Open| {
            open.number != number
                && open.command == Some(Buy)
                && open.at_ms + EXPIRY_MS <= at_ms
                && open.net == -amount
                && open.returned.is_none()
        };
        match open.iter_mut().find(ran_out) {
            Some(order) => order.returned = Some(Box::new((amount, at_ms))),
            None => return buys.return_overdue(amount, at_ms),
        }
        true
    }

    /// Handles cash that came back 60 s after a BUY whose events were still open.
    pub(super) fn returned(
        &mut self,
        user: UserId,
        open: &Open,
        amount: Amount,
        at_ms: u64,
        sink: Sink<'_>,
    ) {
        let buys = &mut self.users[user.0 as usize].buys;
        let due = buys.expire(open.number).map(|order| order.reserve);
        buys.give_back(open.number);
        let due = CashDue::exactly(due.unwrap_or_default());
        let at = open.cash_place();
        let explained = due.explains(amount).when(at_ms >= open.at_ms + EXPIRY_MS - TIMER_MS);
        sink(&Step::Cash { at, explained, net: amount, due: Due::Cash(due) });
    }
}
