//! The rules of the commands, and the replies to what they refuse.

use super::account::{Account, Order, Set, Symbol};
use super::text::{Line, Short};

pub(super) const BUY: usize = 0;
pub(super) const SELL: usize = 1;
/// How long an order is pending, milliseconds.
pub(super) const LIFE_MS: u64 = 60_000;

/// Why a command is refused.
#[derive(Clone, Copy)]
pub(super) enum Refused {
    NoAccount,
    Funds(i64, i64),
    Shares(Symbol, i64, i64),
    TooSmall(Symbol, i64, i64),
    NoPending(usize),
    NoSet(usize, Symbol),
}

/// What a command did: the numbers of its record and of its reply.
#[derive(Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) shares: i64,
    pub(super) price: i64,
    pub(super) total: i64,
    pub(super) amount: i64,
}

/// Places an order of shares yet to be found, for this amount.
pub(super) fn place(
    account: &mut Account,
    side: usize,
    amount: i64,
    order: Order,
) -> Result<Done, Refused> {
    let Order { symbol, price, .. } = order;
    if side == BUY && account.cash < amount {
        return Err(Refused::Funds(amount, account.cash));
    }
    let free = if side == BUY { 0 } else { account.free(symbol) };
    if side == SELL && free == 0 {
        return Err(Refused::Shares(symbol, 1, 0));
    }
    let shares = amount / price;
    if shares == 0 {
        return Err(Refused::TooSmall(symbol, amount, price));
    }
    let total = shares * price;
    if side == BUY {
        account.cash -= total;
        account.reserved += total;
    } else if free < shares {
        return Err(Refused::Shares(symbol, shares, free));
    } else {
        let holding = account.holding_mut(symbol);
        holding.free -= shares;
        holding.reserved += shares;
    }
    account.orders[side].push(Order { shares, ..order });
    Ok(Done { shares, price, total, amount: 0 })
}

pub(super) fn close(account: &mut Account, side: usize, commit: bool) -> Result<Done, Refused> {
    let order = account.orders[side].pop().ok_or(Refused::NoPending(side))?;
    let Order { symbol, shares, price, .. } = order;
    let total = shares * price;
    if side == BUY {
        account.reserved -= total;
    }
    match (side, commit) {
        (BUY, true) => account.buy(symbol, shares, total),
        (BUY, false) => account.cash += total,
        (_, true) => account.sell(symbol, shares, total),
        (_, false) => {
            let holding = account.holding_mut(symbol);
            holding.free += shares;
            holding.reserved -= shares;
        }
    }
    let amount = i64::from(symbol.0);
    Ok(Done { shares, price, total, amount })
}

pub(super) fn set_buy(account: &mut Account, symbol: Symbol, amount: i64) -> Result<Done, Refused> {
    let at = account.set_index(BUY, symbol);
    let (before, price) = at.map_or((0, 0), |at| {
        let set = account.sets[BUY][at];
        (set.amount, set.price)
    });
    if account.cash + before < amount {
        return Err(Refused::Funds(amount, account.cash + before));
    }
    if price > amount {
        return Err(Refused::TooSmall(symbol, amount, price));
    }
    account.cash += before - amount;
    account.reserved += amount - before;
    match at {
        Ok(at) => account.sets[BUY][at].amount = amount,
        Err(at) => account.sets[BUY].insert(at, Set { symbol, amount, price: 0, shares: 0 }),
    }
    Ok(Done { amount, ..Done::default() })
}

pub(super) fn arm_buy(
    account: &mut Account,
    symbol: Symbol,
    price: i64,
    market: i64,
) -> Result<Done, Refused> {
    let at = account.set_index(BUY, symbol).map_err(|_| Refused::NoSet(BUY, symbol))?;
    let amount = account.sets[BUY][at].amount;
    if amount < price {
        return Err(Refused::TooSmall(symbol, amount, price));
    }
    if market > price {
        account.sets[BUY][at].price = price;
    } else {
        let shares = amount / market;
        account.sets[BUY].remove(at);
        account.reserved -= amount;
        account.cash += amount - shares * market;
        account.buy(symbol, shares, shares * market);
    }
    Ok(Done { price, amount, ..Done::default() })
}

pub(super) fn set_sell(
    account: &mut Account,
    symbol: Symbol,
    amount: i64,
) -> Result<Done, Refused> {
    let at = account.set_index(SELL, symbol);
    let set = at.map_or(Set { symbol, amount, price: 0, shares: 0 }, |at| account.sets[SELL][at]);
    let usable = account.free(symbol) + set.shares;
    if usable == 0 {
        return Err(Refused::Shares(symbol, 1, 0));
    }
    let shares = if set.price == 0 { 0 } else { amount / set.price };
    if set.price > 0 && shares == 0 {
        return Err(Refused::TooSmall(symbol, amount, set.price));
    }
    if shares > usable {
        return Err(Refused::Shares(symbol, shares, usable));
    }
    let holding = account.holding_mut(symbol);
    holding.free += set.shares - shares;
    holding.reserved += shares - set.shares;
    let set = Set { amount, shares, ..set };
    match at {
        Ok(at) => account.sets[SELL][at] = set,
        Err(at) => account.sets[SELL].insert(at, set),
    }
    Ok(Done { amount, ..Done::default() })
}

pub(super) fn arm_sell(
    account: &mut Account,
    symbol: Symbol,
    price: i64,
    market: i64,
) -> Result<Done, Refused> {
    let at = account.set_index(SELL, symbol).map_err(|_| Refused::NoSet(SELL, symbol))?;
    let set = account.sets[SELL][at];
    let (amount, usable) = (set.amount, account.free(symbol) + set.shares);
    let shares = amount / price;
    if shares == 0 {
        return Err(Refused::TooSmall(symbol, amount, price));
    }
    if shares > usable {
        return Err(Refused::Shares(symbol, shares, usable));
    }
    let holding = account.holding_mut(symbol);
    holding.free += set.shares - shares;
    holding.reserved += shares - set.shares;
    if market < price {
        account.sets[SELL][at] = Set { price, shares, ..set };
    } else {
        account.sets[SELL].remove(at);
        account.sell(symbol, shares, shares * market);
    }
    Ok(Done { shares, price, amount, ..Done::default() })
}

pub(super) fn unset(account: &mut Account, side: usize, symbol: Symbol) -> Result<Done, Refused> {
    let at = account.set_index(side, symbol).map_err(|_| Refused::NoSet(side, symbol))?;
    let Set { amount, shares, .. } = account.sets[side].remove(at);
    if side == BUY {
        account.cash += amount;
        account.reserved -= amount;
    } else {
        let holding = account.holding_mut(symbol);
        holding.free += shares;
        holding.reserved -= shares;
    }
    Ok(Done { shares, amount, ..Done::default() })
}

impl Refused {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::NoAccount => "NO_ACCOUNT",
            Self::Funds(..) => "INSUFFICIENT_FUNDS",
            Self::Shares(..) => "INSUFFICIENT_SHARES",
            Self::TooSmall(..) => "AMOUNT_TOO_SMALL",
            Self::NoPending(BUY) => "NO_PENDING_BUY",
            Self::NoPending(_) => "NO_PENDING_SELL",
            Self::NoSet(BUY, _) => "NO_SET_BUY",
            Self::NoSet(..) => "NO_SET_SELL",
        }
    }

    pub(super) fn write(self, tag: &Short, out: &mut Vec<u8>) {
        let line = Line(out).short(tag).put(b" ERR,").text(self.code());
        let line = match self {
            Self::NoAccount => line.put(b",no account: the user has never had an ADD"),
            Self::Funds(needed, available) => {
                line.put(b",needs").money(needed).put(b" and there is").money(available)
            }
            Self::Shares(symbol, needed, free) => {
                let line = line.put(b",needs").int(needed as u64).put(b" shares of").symbol(symbol);
                line.put(b" and").int(free as u64).put(b" can be used")
            }
            Self::TooSmall(symbol, amount, price) => {
                let line = line.put(b",one share of").symbol(symbol).put(b" at").money(price);
                line.put(b" is more than").money(amount)
            }
            Self::NoPending(_) => line.put(b",no BUY in the last 60 s to commit or cancel"),
            Self::NoSet(_, symbol) => line.put(b",no SET_BUY_AMOUNT for").symbol(symbol),
        };
        line.put(b"\n");
    }
}
