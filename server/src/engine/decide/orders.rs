//! BUY and SELL with their commits, cancels and expiry.

use super::cash::{check_bought, check_sold};
use super::{Asked, Halt};
use crate::engine::account::{Account, PendingOrder};
use crate::engine::event::{Event, Events};
use crate::limits::{LIFE_MS, PENDING_ORDERS_MAX};
use daytrade_protocol::{Money, Refusal, Side, Symbol};
use smallvec::smallvec;

pub(super) fn buy(
    account: &Account,
    symbol: Symbol,
    amount: Money,
    asked: Asked,
) -> Result<Events, Halt> {
    if account.cash < amount {
        return Err(Refusal::InsufficientFunds { needed: amount, available: account.cash }.into());
    }
    check_pending(account, Side::Buy)?;
    let price = asked.price_of(symbol)?;
    let shares = whole_shares(symbol, amount, price)?;
    reserve(Side::Buy, symbol, shares, price, asked)
}

pub(super) fn sell(
    account: &Account,
    symbol: Symbol,
    amount: Money,
    asked: Asked,
) -> Result<Events, Halt> {
    let free = account.holding(symbol).free;
    if free == 0 {
        return Err(Refusal::InsufficientShares { symbol, needed: 1, free }.into());
    }
    check_pending(account, Side::Sell)?;
    let price = asked.price_of(symbol)?;
    let shares = whole_shares(symbol, amount, price)?;
    if free < shares {
        return Err(Refusal::InsufficientShares { symbol, needed: shares, free }.into());
    }
    reserve(Side::Sell, symbol, shares, price, asked)
}

pub(super) fn commit_buy(account: &Account, now_ms: u64) -> Result<Events, Halt> {
    let PendingOrder { symbol, shares, price, total, .. } = *newest(account, Side::Buy, now_ms)?;
    check_bought(&account.holding(symbol), shares, total)?;
    Ok(smallvec![Event::Committed {
        side: Side::Buy,
        symbol,
        shares,
        price,
        total,
        basis: Money::ZERO
    }])
}

pub(super) fn commit_sell(account: &Account, now_ms: u64) -> Result<Events, Halt> {
    let PendingOrder { symbol, shares, price, total, .. } = *newest(account, Side::Sell, now_ms)?;
    let basis = check_sold(account, &account.holding(symbol), shares, total)?;
    Ok(smallvec![Event::Committed { side: Side::Sell, symbol, shares, price, total, basis }])
}

pub(super) fn cancel(account: &Account, side: Side, now_ms: u64) -> Result<Events, Halt> {
    let PendingOrder { symbol, shares, price, total, .. } = *newest(account, side, now_ms)?;
    Ok(smallvec![Event::Cancelled { side, symbol, shares, price, total }])
}

/// Returns the event that expires the account's oldest pending order, if it has expired by
/// `now_ms`.
pub fn expire_oldest(account: &Account, now_ms: u64) -> Option<Event> {
    let due = |side| {
        let order = account.pending(side).front().filter(|order| order.expires_at_ms <= now_ms)?;
        Some((side, *order))
    };
    let (side, order) = match (due(Side::Buy), due(Side::Sell)) {
        (Some(buy), Some(sell)) if sell.1.record < buy.1.record => sell,
        (Some(buy), _) => buy,
        (None, sell) => sell?,
    };
    let PendingOrder { symbol, shares, price, total, number, .. } = order;
    Some(Event::Expired { side, symbol, shares, price, total, number })
}

/// Returns the order that a commit or cancel applies to. Orders expire in the order in which they
/// were placed, so if the newest has expired, all have.
fn newest(account: &Account, side: Side, now_ms: u64) -> Result<&PendingOrder, Refusal> {
    account.pending(side).back().filter(|order| order.expires_at_ms > now_ms).ok_or(match side {
        Side::Buy => Refusal::NoPendingBuy,
        Side::Sell => Refusal::NoPendingSell,
    })
}

fn check_pending(account: &Account, side: Side) -> Result<(), Refusal> {
    if account.pending(side).len() < PENDING_ORDERS_MAX {
        return Ok(());
    }
    Err(Refusal::TooManyPending(PENDING_ORDERS_MAX as u32))
}

pub(super) fn whole_shares(symbol: Symbol, amount: Money, price: Money) -> Result<u64, Refusal> {
    match amount.whole_shares(price) {
        0 => Err(Refusal::AmountTooSmall { symbol, amount, price }),
        shares => Ok(shares),
    }
}

fn reserve(
    side: Side,
    symbol: Symbol,
    shares: u64,
    price: Money,
    asked: Asked,
) -> Result<Events, Halt> {
    let total = price.times(shares).ok_or(Refusal::BalanceTooLarge)?;
    let expires_at_ms = asked.now_ms + LIFE_MS;
    Ok(smallvec![Event::Reserved {
        side,
        symbol,
        shares,
        price,
        total,
        number: asked.number,
        expires_at_ms
    }])
}
