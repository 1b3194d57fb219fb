//! Set amounts and triggers.

use super::cash::{check_bought, check_sold};
use super::orders::whole_shares;
use super::{Asked, Halt, Price};
use crate::engine::account::{Account, SetOrder, Trigger};
use crate::engine::event::{Event, Events};
use daytrade_protocol::{Money, Refusal, Side, Symbol};
use smallvec::smallvec;

pub(super) fn set_buy_amount(
    account: &Account,
    symbol: Symbol,
    amount: Money,
) -> Result<Events, Halt> {
    let set = account.set(Side::Buy, symbol);
    let amount_before = set.map_or(Money::ZERO, |set| set.amount);
    let available = account.cash + amount_before;
    if available < amount {
        return Err(Refusal::InsufficientFunds { needed: amount, available }.into());
    }
    if let Some(trigger) = set.and_then(|set| set.trigger) {
        whole_shares(symbol, amount, trigger.price)?;
    }
    Ok(smallvec![Event::AmountSet {
        side: Side::Buy,
        symbol,
        amount,
        amount_before,
        shares: 0,
        shares_before: 0
    }])
}

pub(super) fn set_buy_trigger(
    account: &Account,
    symbol: Symbol,
    price: Money,
    asked: Asked,
) -> Result<Events, Halt> {
    let set = account.set(Side::Buy, symbol).ok_or(Refusal::NoSetBuy(symbol))?;
    whole_shares(symbol, set.amount, price)?;
    arm(account, set, Trigger { price, number: asked.number, record: 0 }, 0, asked)
}

pub(super) fn set_sell_amount(
    account: &Account,
    symbol: Symbol,
    amount: Money,
) -> Result<Events, Halt> {
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
    Ok(smallvec![Event::AmountSet {
        side: Side::Sell,
        symbol,
        amount,
        amount_before,
        shares,
        shares_before
    }])
}

pub(super) fn set_sell_trigger(
    account: &Account,
    symbol: Symbol,
    price: Money,
    asked: Asked,
) -> Result<Events, Halt> {
    let set = account.set(Side::Sell, symbol).ok_or(Refusal::NoSetSell(symbol))?;
    let usable = account.holding(symbol).free + set.shares;
    let shares = reservable(symbol, set.amount, price, usable)?;
    arm(account, set, Trigger { price, number: asked.number, record: 0 }, shares, asked)
}

pub(super) fn cancel_set(account: &Account, side: Side, symbol: Symbol) -> Result<Events, Halt> {
    let set = account.set(side, symbol).ok_or(match side {
        Side::Buy => Refusal::NoSetBuy(symbol),
        Side::Sell => Refusal::NoSetSell(symbol),
    })?;
    Ok(smallvec![Event::Unset { side, symbol, amount: set.amount, shares: set.shares }])
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
    asked: Asked,
) -> Result<Events, Halt> {
    let SetOrder { side, symbol, .. } = *set;
    let Trigger { price, number, .. } = trigger;
    let mut events: Events =
        smallvec![Event::Armed { side, symbol, price, shares, shares_before: set.shares, number }];
    match asked.price {
        Price::Unasked => return Err(Halt::NeedsPrice(symbol)),
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
    let holding = account.holding(symbol);
    let fires = match side {
        Side::Buy => market <= trigger.price,
        Side::Sell => market >= trigger.price,
    };
    if !fires {
        return None;
    }
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
