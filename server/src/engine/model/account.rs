//! Accounts of the model, with one function for each command.

use super::LIFE;
use daytrade_protocol::Code;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub(super) struct ModelAccount {
    pub(super) cash: i64,
    pub(super) realised: i64,
    pub(super) shares: BTreeMap<usize, (i64, i64)>,
    pub(super) pending: [Vec<(usize, i64, i64, u64)>; 2],
    pub(super) sets: BTreeMap<(usize, usize), (i64, Option<i64>, i64)>,
    paid_in: i64,
    bought: i64,
    sold: i64,
}

fn half_even(basis: i64, part: i64, whole: i64) -> i64 {
    if part == whole {
        return basis;
    }
    let (product, whole) = (i128::from(basis) * i128::from(part), i128::from(whole));
    let candidates = [product / whole, product / whole + 1];
    let off = |c: i128| (product - c * whole).abs();
    let pick = match off(candidates[0]).cmp(&off(candidates[1])) {
        std::cmp::Ordering::Less => candidates[0],
        std::cmp::Ordering::Greater => candidates[1],
        std::cmp::Ordering::Equal => candidates[usize::from(candidates[0] % 2 != 0)],
    };
    i64::try_from(pick).unwrap()
}

impl ModelAccount {
    pub(super) fn free(&self, symbol: usize) -> i64 {
        let in_sells: i64 =
            self.pending[1].iter().filter(|order| order.0 == symbol).map(|order| order.1).sum();
        self.held(symbol) - in_sells - self.sets.get(&(1, symbol)).map_or(0, |set| set.2)
    }

    pub(super) fn held(&self, symbol: usize) -> i64 {
        self.shares.get(&symbol).map_or(0, |held| held.0)
    }

    pub(super) fn reserved(&self) -> i64 {
        let pending: i64 = self.pending[0].iter().map(|order| order.1 * order.2).sum();
        let sets: i64 =
            self.sets.iter().filter(|((side, _), _)| *side == 0).map(|(_, set)| set.0).sum();
        pending + sets
    }

    fn buy_now(&mut self, symbol: usize, shares: i64, cost: i64) {
        let held = self.shares.entry(symbol).or_default();
        *held = (held.0 + shares, held.1 + cost);
        self.bought += cost;
    }

    fn sell_now(&mut self, symbol: usize, shares: i64, proceeds: i64) {
        let held = self.shares[&symbol];
        let basis = half_even(held.1, shares, held.0);
        if held.0 == shares {
            self.shares.remove(&symbol);
        } else {
            self.shares.insert(symbol, (held.0 - shares, held.1 - basis));
        }
        self.cash += proceeds;
        self.realised += proceeds - basis;
        self.sold += proceeds;
    }

    pub(super) fn pass(&mut self, now: u64) {
        let gone: i64 =
            self.pending[0].iter().filter(|o| o.3 + LIFE <= now).map(|o| o.1 * o.2).sum();
        self.cash += gone;
        self.pending.iter_mut().for_each(|stack| stack.retain(|order| order.3 + LIFE > now));
    }

    pub(super) fn market(&mut self, symbol: usize, price: i64) {
        if let Some((amount, Some(at), _)) = self.sets.get(&(0, symbol)).copied()
            && price <= at
        {
            let shares = amount / price;
            self.sets.remove(&(0, symbol));
            self.cash += amount - shares * price;
            self.buy_now(symbol, shares, shares * price);
        }
        if let Some((_, Some(at), shares)) = self.sets.get(&(1, symbol)).copied()
            && price >= at
        {
            self.sets.remove(&(1, symbol));
            self.sell_now(symbol, shares, shares * price);
        }
    }

    pub(super) fn command(
        &mut self,
        kind: usize,
        symbol: usize,
        cents: i64,
        price: i64,
        now: u64,
    ) -> Result<(), Code> {
        match kind {
            0 => {
                self.cash += cents;
                self.paid_in += cents;
                Ok(())
            }
            1 | 4 => self.order(usize::from(kind == 4), symbol, cents, price, now),
            2 | 3 => self.end_buy(kind == 2),
            5 | 6 => self.end_sell(kind == 5),
            7 => self.set_buy_amount(symbol, cents),
            8 => self.set_buy_trigger(symbol, cents, price),
            9 => {
                self.cash += self.sets.remove(&(0, symbol)).ok_or(Code::NoSetBuy)?.0;
                Ok(())
            }
            10 => self.set_sell_amount(symbol, cents),
            11 => self.set_sell_trigger(symbol, cents, price),
            _ => self.sets.remove(&(1, symbol)).map(|_| ()).ok_or(Code::NoSetSell),
        }
    }

    fn order(
        &mut self,
        side: usize,
        symbol: usize,
        cents: i64,
        price: i64,
        now: u64,
    ) -> Result<(), Code> {
        if side == 0 && self.cash < cents {
            return Err(Code::InsufficientFunds);
        }
        if side == 1 && self.free(symbol) < 1 {
            return Err(Code::InsufficientShares);
        }
        let shares = cents / price;
        if shares < 1 {
            return Err(Code::AmountTooSmall);
        }
        if side == 1 && self.free(symbol) < shares {
            return Err(Code::InsufficientShares);
        }
        if side == 0 {
            self.cash -= shares * price;
        }
        self.pending[side].push((symbol, shares, price, now));
        Ok(())
    }

    /// Commits or cancels the newest pending buy.
    fn end_buy(&mut self, commit: bool) -> Result<(), Code> {
        let (symbol, shares, price, _) = self.pending[0].pop().ok_or(Code::NoPendingBuy)?;
        if commit {
            self.buy_now(symbol, shares, shares * price);
        } else {
            self.cash += shares * price;
        }
        Ok(())
    }

    /// Commits or cancels the newest pending sell.
    fn end_sell(&mut self, commit: bool) -> Result<(), Code> {
        let (symbol, shares, price, _) = self.pending[1].pop().ok_or(Code::NoPendingSell)?;
        if commit {
            self.sell_now(symbol, shares, shares * price);
        }
        Ok(())
    }

    fn set_buy_amount(&mut self, symbol: usize, cents: i64) -> Result<(), Code> {
        let (before, trigger, _) = self.sets.get(&(0, symbol)).copied().unwrap_or_default();
        if self.cash + before < cents {
            return Err(Code::InsufficientFunds);
        }
        if trigger.is_some_and(|at| cents < at) {
            return Err(Code::AmountTooSmall);
        }
        self.cash += before - cents;
        self.sets.insert((0, symbol), (cents, trigger, 0));
        Ok(())
    }

    fn set_buy_trigger(&mut self, symbol: usize, cents: i64, price: i64) -> Result<(), Code> {
        let (amount, _, _) = self.sets.get(&(0, symbol)).copied().ok_or(Code::NoSetBuy)?;
        if cents > amount {
            return Err(Code::AmountTooSmall);
        }
        self.sets.insert((0, symbol), (amount, Some(cents), 0));
        self.fire_one(0, symbol, price);
        Ok(())
    }

    fn set_sell_amount(&mut self, symbol: usize, cents: i64) -> Result<(), Code> {
        let (_, trigger, before) = self.sets.get(&(1, symbol)).copied().unwrap_or_default();
        if self.free(symbol) + before < 1 {
            return Err(Code::InsufficientShares);
        }
        let shares = trigger.map_or(0, |at| cents / at);
        if trigger.is_some() && shares < 1 {
            return Err(Code::AmountTooSmall);
        }
        if shares > self.free(symbol) + before {
            return Err(Code::InsufficientShares);
        }
        self.sets.insert((1, symbol), (cents, trigger, shares));
        Ok(())
    }

    fn set_sell_trigger(&mut self, symbol: usize, cents: i64, price: i64) -> Result<(), Code> {
        let (amount, _, before) = self.sets.get(&(1, symbol)).copied().ok_or(Code::NoSetSell)?;
        let shares = amount / cents;
        if shares < 1 {
            return Err(Code::AmountTooSmall);
        }
        if shares > self.free(symbol) + before {
            return Err(Code::InsufficientShares);
        }
        self.sets.insert((1, symbol), (amount, Some(cents), shares));
        self.fire_one(1, symbol, price);
        Ok(())
    }

    /// Checks only the trigger that was just armed. The other side waits for the next price.
    fn fire_one(&mut self, side: usize, symbol: usize, price: i64) {
        let other = self.sets.remove(&(1 - side, symbol));
        let (free_before, reserve) =
            (self.free(symbol), other.map_or(0, |set| if side == 0 { set.2 } else { 0 }));
        debug_assert!(free_before >= reserve || side == 1);
        self.market(symbol, price);
        if let Some(other) = other {
            self.sets.insert((1 - side, symbol), other);
        }
    }

    pub(super) fn check(&self) {
        assert!(self.cash >= 0 && self.reserved() >= 0);
        assert_eq!(
            self.cash + self.reserved() + self.bought - self.sold,
            self.paid_in,
            "cash is conserved"
        );
        let basis: i64 = self.shares.values().map(|held| held.1).sum();
        assert_eq!(
            self.bought - basis,
            self.sold - self.realised,
            "cost equals the remaining basis plus the basis of sales"
        );
    }
}
