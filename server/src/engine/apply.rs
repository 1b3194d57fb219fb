//! The only code that changes an account. It does not validate events: `decide` has checked every
//! limit that they depend on.

use super::account::Account;
use super::event::Event;
use super::portfolio::{Holding, PendingOrder, SetOrder, Trigger};
use daytrade_protocol::{Money, Side, Symbol};

/// Applies one event. `record` is the number of the journal record that contains it. It determines
/// the order of stacks and triggers.
pub fn apply(account: &mut Account, event: &Event, record: u64) {
    account.cash += event.cash_change();
    match *event {
        Event::CashAdded { .. } => {}
        Event::Reserved { side, symbol, shares, price, total, number, expires_at_ms } => {
            let order =
                PendingOrder { symbol, shares, price, total, number, expires_at_ms, record };
            let portfolio = account.portfolio_mut();
            portfolio.pending_mut(side).push_back(order);
            match side {
                Side::Buy => portfolio.reserved += total,
                Side::Sell => account.set_aside(symbol, shares, 0),
            }
        }
        Event::Committed { side, symbol, shares, total, basis, .. } => {
            let portfolio = account.portfolio_mut();
            portfolio.pending_mut(side).pop_back();
            match side {
                Side::Buy => {
                    portfolio.reserved -= total;
                    account.bought(symbol, shares, total);
                }
                Side::Sell => account.sold(symbol, shares, total, basis),
            }
        }
        Event::Cancelled { side, symbol, shares, total, .. } => {
            account.portfolio_mut().pending_mut(side).pop_back();
            account.released(side, symbol, shares, total);
        }
        Event::Expired { side, symbol, shares, total, .. } => {
            account.portfolio_mut().pending_mut(side).pop_front();
            account.released(side, symbol, shares, total);
        }
        Event::AmountSet { side, symbol, amount, amount_before, shares, shares_before } => {
            let portfolio = account.portfolio_mut();
            if let Some(set) = portfolio.sets.get_mut(SetOrder::key_of(side, symbol)) {
                (set.amount, set.shares) = (amount, shares);
            } else {
                portfolio.sets.insert(SetOrder { side, symbol, amount, shares, trigger: None });
            }
            match side {
                Side::Buy => portfolio.reserved += amount - amount_before,
                Side::Sell => account.set_aside(symbol, shares, shares_before),
            }
        }
        Event::Armed { side, symbol, price, shares, shares_before, number } => {
            let sets = &mut account.portfolio_mut().sets;
            if let Some(set) = sets.get_mut(SetOrder::key_of(side, symbol)) {
                (set.trigger, set.shares) = (Some(Trigger { price, number, record }), shares);
            }
            account.set_aside(symbol, shares, shares_before);
        }
        Event::Unset { side, symbol, amount, shares } => {
            account.remove_set(side, symbol);
            account.released(side, symbol, shares, amount);
        }
        Event::Filled { side, symbol, shares, total, amount, basis, .. } => {
            account.remove_set(side, symbol);
            match side {
                Side::Buy => {
                    account.portfolio_mut().reserved -= amount;
                    account.bought(symbol, shares, total);
                }
                Side::Sell => account.sold(symbol, shares, total, basis),
            }
        }
    }
}

impl Account {
    /// Changes a reserve of shares from `before` to `shares`.
    fn set_aside(&mut self, symbol: Symbol, shares: u64, before: u64) {
        if let Some(holding) = self.portfolio_mut().holdings.get_mut(symbol.rank()) {
            holding.free = holding.free + before - shares;
            holding.reserved = holding.reserved + shares - before;
        }
    }

    /// Releases a reserve: of cash for a buy (`cash_change` has already added it), of shares for a
    /// sell.
    fn released(&mut self, side: Side, symbol: Symbol, shares: u64, total: Money) {
        match side {
            Side::Buy => self.portfolio_mut().reserved -= total,
            Side::Sell => self.set_aside(symbol, 0, shares),
        }
    }

    fn bought(&mut self, symbol: Symbol, shares: u64, cost: Money) {
        let holdings = &mut self.portfolio_mut().holdings;
        if let Some(holding) = holdings.get_mut(symbol.rank()) {
            holding.free += shares;
            holding.basis += cost;
        } else {
            holdings.insert(Holding { symbol, free: shares, reserved: 0, basis: cost });
        }
    }

    fn sold(&mut self, symbol: Symbol, shares: u64, proceeds: Money, basis: Money) {
        let portfolio = self.portfolio_mut();
        portfolio.realised += proceeds - basis;
        if let Some(holding) = portfolio.holdings.get_mut(symbol.rank()) {
            holding.reserved -= shares;
            holding.basis -= basis;
            if holding.shares() == 0 {
                portfolio.holdings.remove(symbol.rank());
            }
        }
    }

    fn remove_set(&mut self, side: Side, symbol: Symbol) {
        self.portfolio_mut().sets.remove(SetOrder::key_of(side, symbol));
    }
}
