//! Set amounts and triggers.

use super::cash::{check_bought, check_sold};
use super::context::{Context, Price, Rejection};
use super::orders::whole_shares;
use crate::engine::account::Account;
use crate::engine::event::{Event, Events};
use crate::engine::portfolio::{SetOrder, Trigger};
use daytrade_protocol::{Money, Refusal, ReplyBody, Side, Symbol, UserName};
use smallvec::smallvec;

/// `SET_BUY_AMOUNT,user,symbol,amount`
pub(super) struct SetBuyAmount;

impl SetBuyAmount {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
        amount: Money,
    ) -> Result<Events, Rejection> {
        let account = context.account()?;
        let set = account.set(Side::Buy, symbol);
        let amount_before = set.map_or(Money::ZERO, |set| set.amount);
        let available = account.cash + amount_before;
        if available < amount {
            return Err(Refusal::InsufficientFunds { needed: amount, available }.into());
        }
        if let Some(trigger) = set.and_then(|set| set.trigger) {
            whole_shares(symbol, amount, trigger.price)?;
        }
        let (side, shares, shares_before) = (Side::Buy, 0, 0);
        Ok(smallvec![Event::AmountSet {
            side,
            symbol,
            amount,
            amount_before,
            shares,
            shares_before
        }])
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        let (symbol, amount) = events.first()?.amount_set()?;
        Some(ReplyBody::SetBuyAmount { symbol, amount })
    }
}

/// `SET_BUY_TRIGGER,user,symbol,price`
pub(super) struct SetBuyTrigger;

impl SetBuyTrigger {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
        price: Money,
    ) -> Result<Events, Rejection> {
        let account = context.account()?;
        let set = account.set(Side::Buy, symbol).ok_or(Refusal::NoSetBuy(symbol))?;
        whole_shares(symbol, set.amount, price)?;
        arm(account, set, Trigger { price, number: context.number, record: 0 }, 0, context)
    }

    pub(super) fn reply(events: &[Event], account: &Account) -> Option<ReplyBody> {
        let Event::Armed { side, symbol, price, .. } = *events.first()? else { return None };
        let amount = set_amount(account, side, symbol, events);
        Some(ReplyBody::SetBuyTrigger { symbol, amount, price })
    }
}

/// `CANCEL_SET_BUY,user,symbol`
pub(super) struct CancelSetBuy;

impl CancelSetBuy {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
    ) -> Result<Events, Rejection> {
        cancel_set(context.account()?, Side::Buy, symbol)
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        let Event::Unset { symbol, amount, .. } = *events.first()? else { return None };
        Some(ReplyBody::CancelSetBuy { symbol, amount })
    }
}

/// `SET_SELL_AMOUNT,user,symbol,amount`
pub(super) struct SetSellAmount;

impl SetSellAmount {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
        amount: Money,
    ) -> Result<Events, Rejection> {
        let account = context.account()?;
        let set = account.set(Side::Sell, symbol);
        let (amount_before, shares_before) =
            set.map_or((Money::ZERO, 0), |set| (set.amount, set.shares));
        let usable = account.holding(symbol).free + shares_before;
        if usable == 0 {
            return Err(Refusal::InsufficientShares { symbol, needed: 1, free: 0 }.into());
        }
        let shares = match set.and_then(|set| set.trigger) {
            Some(trigger) => reservable(symbol, amount, trigger.price, usable)?,
            None => 0,
        };
        let side = Side::Sell;
        Ok(smallvec![Event::AmountSet {
            side,
            symbol,
            amount,
            amount_before,
            shares,
            shares_before
        }])
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        let (symbol, amount) = events.first()?.amount_set()?;
        Some(ReplyBody::SetSellAmount { symbol, amount })
    }
}

/// `SET_SELL_TRIGGER,user,symbol,price`
pub(super) struct SetSellTrigger;

impl SetSellTrigger {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
        price: Money,
    ) -> Result<Events, Rejection> {
        let account = context.account()?;
        let set = account.set(Side::Sell, symbol).ok_or(Refusal::NoSetSell(symbol))?;
        let usable = account.holding(symbol).free + set.shares;
        let shares = reservable(symbol, set.amount, price, usable)?;
        arm(account, set, Trigger { price, number: context.number, record: 0 }, shares, context)
    }

    pub(super) fn reply(events: &[Event], account: &Account) -> Option<ReplyBody> {
        let Event::Armed { side, symbol, price, shares, .. } = *events.first()? else {
            return None;
        };
        let amount = set_amount(account, side, symbol, events);
        Some(ReplyBody::SetSellTrigger { symbol, amount, price, shares })
    }
}

/// `CANCEL_SET_SELL,user,symbol`
pub(super) struct CancelSetSell;

impl CancelSetSell {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
    ) -> Result<Events, Rejection> {
        cancel_set(context.account()?, Side::Sell, symbol)
    }

    pub(super) fn reply(events: &[Event], _: &Account) -> Option<ReplyBody> {
        let Event::Unset { symbol, amount, shares, .. } = *events.first()? else { return None };
        Some(ReplyBody::CancelSetSell { symbol, amount, shares })
    }
}

fn cancel_set(account: &Account, side: Side, symbol: Symbol) -> Result<Events, Rejection> {
    let set = account.set(side, symbol).ok_or(match side {
        Side::Buy => Refusal::NoSetBuy(symbol),
        Side::Sell => Refusal::NoSetSell(symbol),
    })?;
    Ok(smallvec![Event::Unset { side, symbol, amount: set.amount, shares: set.shares }])
}

/// Returns the amount of a set whose trigger was just armed. It may have fired at once, which
/// removes the set.
fn set_amount(account: &Account, side: Side, symbol: Symbol, events: &[Event]) -> Money {
    let filled = events.iter().find_map(|event| match event {
        Event::Filled { amount, .. } => Some(*amount),
        _ => None,
    });
    filled.or_else(|| account.set(side, symbol).map(|set| set.amount)).unwrap_or_default()
}

/// Returns the event of a trigger fired by this market price, if there is such a trigger. A trigger
/// stays armed if its fill would exceed a limit of the account. It then fires at the first price
/// whose fill is within the limits.
pub fn fill(account: &Account, side: Side, symbol: Symbol, market: Money) -> Option<Event> {
    let set = account.set(side, symbol)?;
    fill_set(account, set, set.trigger?, set.shares, market)
}

/// Returns the number of shares a sell trigger needs. Refuses if fewer shares are usable.
fn reservable(symbol: Symbol, amount: Money, price: Money, usable: u64) -> Result<u64, Refusal> {
    let shares = whole_shares(symbol, amount, price)?;
    if shares > usable {
        return Err(Refusal::InsufficientShares { symbol, needed: shares, free: usable });
    }
    Ok(shares)
}

/// Arms or moves the trigger, and fires it at once if the current price is on its side. If the
/// price is unavailable, the trigger is armed and checked at the next price.
fn arm(
    account: &Account,
    set: &SetOrder,
    trigger: Trigger,
    shares: u64,
    context: &Context<'_>,
) -> Result<Events, Rejection> {
    let SetOrder { side, symbol, .. } = *set;
    let Trigger { price, number, .. } = trigger;
    let mut events: Events =
        smallvec![Event::Armed { side, symbol, price, shares, shares_before: set.shares, number }];
    match (context.price)(symbol) {
        Price::Unasked => return Err(Rejection::NeedsPrice(symbol)),
        Price::Known(market) => events.extend(fill_set(account, set, trigger, shares, market)),
        Price::Unavailable => {}
    }
    Ok(events)
}

fn fill_set(
    account: &Account,
    set: &SetOrder,
    trigger: Trigger,
    reserved: u64,
    market: Money,
) -> Option<Event> {
    let SetOrder { side, symbol, amount, .. } = *set;
    let fires = match side {
        Side::Buy => market <= trigger.price,
        Side::Sell => market >= trigger.price,
    };
    if !fires {
        return None;
    }
    let holding = account.holding(symbol);
    let shares = match side {
        Side::Buy => amount.whole_shares(market),
        Side::Sell => reserved,
    };
    let total = market.times(shares)?;
    let basis = match side {
        Side::Buy => check_bought(&holding, shares, total).ok().map(|()| Money::ZERO)?,
        Side::Sell => check_sold(account, &holding, shares, total).ok()?,
    };
    Some(Event::Filled {
        side,
        symbol,
        shares,
        price: market,
        total,
        amount,
        basis,
        number: trigger.number,
    })
}
