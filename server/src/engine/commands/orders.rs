//! BUY and SELL with their commits, cancels and expiry.

use super::cash::{check_bought, check_sold};
use super::context::{Context, Rejection};
use crate::engine::account::Account;
use crate::engine::event::{Event, Events};
use crate::engine::portfolio::PendingOrder;
use crate::limits::{LIFE_MS, PENDING_ORDERS_MAX};
use daytrade_protocol::{Money, Refusal, ReplyBody, Side, Symbol, UserName};
use smallvec::smallvec;

/// `BUY,user,symbol,amount`
pub(super) struct Buy;

impl Buy {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
        amount: Money,
    ) -> Result<Events, Rejection> {
        let account = context.account()?;
        if account.cash < amount {
            let available = account.cash;
            return Err(Refusal::InsufficientFunds { needed: amount, available }.into());
        }
        check_pending(account, Side::Buy)?;
        let price = context.price_of(symbol)?;
        let shares = whole_shares(symbol, amount, price)?;
        reserve(Side::Buy, symbol, shares, price, context)
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        let (terms, expires_at_ms) = events.first()?.reserved()?;
        Some(ReplyBody::Buy { terms, expires_at_ms })
    }
}

/// `SELL,user,symbol,amount`
pub(super) struct Sell;

impl Sell {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
        amount: Money,
    ) -> Result<Events, Rejection> {
        let account = context.account()?;
        let free = account.holding(symbol).free;
        if free == 0 {
            return Err(Refusal::InsufficientShares { symbol, needed: 1, free }.into());
        }
        check_pending(account, Side::Sell)?;
        let price = context.price_of(symbol)?;
        let shares = whole_shares(symbol, amount, price)?;
        if free < shares {
            return Err(Refusal::InsufficientShares { symbol, needed: shares, free }.into());
        }
        reserve(Side::Sell, symbol, shares, price, context)
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        let (terms, expires_at_ms) = events.first()?.reserved()?;
        Some(ReplyBody::Sell { terms, expires_at_ms })
    }
}

/// `COMMIT_BUY,user`
pub(super) struct CommitBuy;

impl CommitBuy {
    pub(super) fn decide(context: &Context<'_>, _: &UserName) -> Result<Events, Rejection> {
        let account = context.account()?;
        let order = *newest(account, Side::Buy, context.now_ms)?;
        check_bought(&account.holding(order.symbol), order.shares, order.total)?;
        Ok(committed(Side::Buy, order, Money::ZERO))
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        Some(ReplyBody::CommitBuy { terms: events.first()?.terms()? })
    }
}

/// `COMMIT_SELL,user`
pub(super) struct CommitSell;

impl CommitSell {
    pub(super) fn decide(context: &Context<'_>, _: &UserName) -> Result<Events, Rejection> {
        let account = context.account()?;
        let order = *newest(account, Side::Sell, context.now_ms)?;
        let holding = account.holding(order.symbol);
        let basis = check_sold(account, &holding, order.shares, order.total)?;
        Ok(committed(Side::Sell, order, basis))
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        Some(ReplyBody::CommitSell { terms: events.first()?.terms()? })
    }
}

/// `CANCEL_BUY,user`
pub(super) struct CancelBuy;

impl CancelBuy {
    pub(super) fn decide(context: &Context<'_>, _: &UserName) -> Result<Events, Rejection> {
        cancel(context, Side::Buy)
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        Some(ReplyBody::CancelBuy { terms: events.first()?.terms()? })
    }
}

/// `CANCEL_SELL,user`
pub(super) struct CancelSell;

impl CancelSell {
    pub(super) fn decide(context: &Context<'_>, _: &UserName) -> Result<Events, Rejection> {
        cancel(context, Side::Sell)
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        Some(ReplyBody::CancelSell { terms: events.first()?.terms()? })
    }
}

fn committed(side: Side, order: PendingOrder, basis: Money) -> Events {
    let PendingOrder { symbol, shares, price, total, .. } = order;
    smallvec![Event::Committed { side, symbol, shares, price, total, basis }]
}

fn cancel(context: &Context<'_>, side: Side) -> Result<Events, Rejection> {
    let order = *newest(context.account()?, side, context.now_ms)?;
    let PendingOrder { symbol, shares, price, total, .. } = order;
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
    context: &Context<'_>,
) -> Result<Events, Rejection> {
    let total = price.times(shares).ok_or(Refusal::BalanceTooLarge)?;
    let expires_at_ms = context.now_ms + LIFE_MS;
    Ok(smallvec![Event::Reserved {
        side,
        symbol,
        shares,
        price,
        total,
        number: context.number,
        expires_at_ms
    }])
}
