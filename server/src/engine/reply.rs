//! The words for what was decided: an OK reply from its events, a summary from an account.

use super::account::{Account, HistoryEntry, PendingOrder, SetOrder};
use super::event::Event;
use daytrade_protocol::{
    Command, DetailWriter, LineBuffer, Money, ReplyBody, Side, Symbol, Tag, TradeTerms, UserName,
};

/// The OK reply to a command that was carried out; `account` is the account after its events. None
/// for the commands whose answer is not in their events: QUOTE, DUMPLOG, DISPLAY_SUMMARY.
pub fn reply_to(command: &Command, events: &[Event], account: &Account) -> Option<ReplyBody> {
    let event = events.first()?;
    Some(match *event {
        Event::CashAdded { .. } => ReplyBody::Add { available: account.cash() },
        Event::Reserved { side, symbol, shares, price, total, expires_at_ms, .. } => {
            let terms = TradeTerms { symbol, shares, price, total };
            match side {
                Side::Buy => ReplyBody::Buy { terms, expires_at_ms },
                Side::Sell => ReplyBody::Sell { terms, expires_at_ms },
            }
        }
        Event::Committed { side, symbol, shares, price, total, .. } => {
            let terms = TradeTerms { symbol, shares, price, total };
            match side {
                Side::Buy => ReplyBody::CommitBuy { terms },
                Side::Sell => ReplyBody::CommitSell { terms },
            }
        }
        Event::Cancelled { side, symbol, shares, price, total } => {
            let terms = TradeTerms { symbol, shares, price, total };
            match side {
                Side::Buy => ReplyBody::CancelBuy { terms },
                Side::Sell => ReplyBody::CancelSell { terms },
            }
        }
        Event::AmountSet { side: Side::Buy, symbol, amount, .. } => {
            ReplyBody::SetBuyAmount { symbol, amount }
        }
        Event::AmountSet { side: Side::Sell, symbol, amount, .. } => {
            ReplyBody::SetSellAmount { symbol, amount }
        }
        Event::Armed { side, symbol, price, shares, .. } => {
            let amount = set_amount(account, side, symbol, events);
            match side {
                Side::Buy => ReplyBody::SetBuyTrigger { symbol, amount, price },
                Side::Sell => ReplyBody::SetSellTrigger { symbol, amount, price, shares },
            }
        }
        Event::Unset { side: Side::Buy, symbol, amount, .. } => {
            ReplyBody::CancelSetBuy { symbol, amount }
        }
        Event::Unset { side: Side::Sell, symbol, amount, shares } => {
            ReplyBody::CancelSetSell { symbol, amount, shares }
        }
        // These two happen to an account; no command asks for them.
        Event::Expired { .. } | Event::Filled { .. } => {
            debug_assert!(false, "{command:?} cannot begin with {event:?}");
            return None;
        }
    })
}

/// The amount of a set whose trigger was just armed, which may have fired at once and be gone.
fn set_amount(account: &Account, side: Side, symbol: Symbol, events: &[Event]) -> Money {
    let filled = events.iter().find_map(|event| match event {
        Event::Filled { amount, .. } => Some(*amount),
        _ => None,
    });
    filled.or_else(|| account.set(side, symbol).map(|set| set.amount)).unwrap_or_default()
}

/// Appends the whole reply to DISPLAY_SUMMARY.
pub fn write_summary(account: &Account, user: &UserName, tag: Option<Tag>, out: &mut LineBuffer) {
    let mut details = DetailWriter::new(tag, out);
    details.account(user, account.cash(), account.reserved(), account.realised());
    for holding in account.holdings() {
        details.holding(holding.symbol, holding.free, holding.reserved, holding.basis);
    }
    for (side, order) in pending_newest_first(account) {
        let PendingOrder { symbol, shares, price, total, expires_at_ms, .. } = *order;
        details.pending(side, &TradeTerms { symbol, shares, price, total }, expires_at_ms);
    }
    for set in account.sets() {
        let SetOrder { side, symbol, amount, shares, trigger } = *set;
        details.trigger(side, symbol, amount, trigger.map(|trigger| trigger.price), shares);
    }
    for entry in account.history() {
        let HistoryEntry { at_ms, number, symbol, command, refused, .. } = *entry;
        details.history(at_ms, number, command, symbol, entry.amount(), refused);
    }
    let lines = details.lines();
    ReplyBody::DisplaySummary { user: user.clone(), lines }.write_to(tag, out);
}

fn pending_newest_first(account: &Account) -> impl Iterator<Item = (Side, &PendingOrder)> {
    let mut buys = account.pending(Side::Buy).iter().rev().peekable();
    let mut sells = account.pending(Side::Sell).iter().rev().peekable();
    std::iter::from_fn(move || match (buys.peek(), sells.peek()) {
        (Some(buy), Some(sell)) if sell.record > buy.record => {
            sells.next().map(|order| (Side::Sell, order))
        }
        (Some(_), _) => buys.next().map(|order| (Side::Buy, order)),
        (None, _) => sells.next().map(|order| (Side::Sell, order)),
    })
}
