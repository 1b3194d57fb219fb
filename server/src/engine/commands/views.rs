//! QUOTE, DUMPLOG and DISPLAY_SUMMARY: they change nothing, and their replies are not in events.

use super::context::{Context, Rejection};
use crate::engine::account::Account;
use crate::engine::event::{Event, Events};
use crate::engine::history::HistoryEntry;
use crate::engine::portfolio::{PendingOrder, SetOrder};
use daytrade_protocol::{
    DetailWriter, FileName, LineBuffer, ReplyBody, Side, Symbol, Tag, TradeTerms, UserName,
};

/// `QUOTE,user,symbol`
pub(super) struct Quote;

impl Quote {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        symbol: Symbol,
    ) -> Result<Events, Rejection> {
        context.price_of(symbol).map(|_| Events::new())
    }

    /// The shard answers with its quote.
    pub(super) const fn reply(_: &[Event], _: &Account) -> Option<ReplyBody> {
        None
    }
}

/// `DUMPLOG[,user],filename`
pub(super) struct DumpLog;

impl DumpLog {
    #[expect(clippy::unnecessary_wraps, reason = "the form of every rule")]
    pub(super) fn decide(
        _: &Context<'_>,
        _: Option<&UserName>,
        _: &FileName,
    ) -> Result<Events, Rejection> {
        Ok(Events::new())
    }

    /// The shard answers when the file is written.
    pub(super) const fn reply(_: &[Event], _: &Account) -> Option<ReplyBody> {
        None
    }
}

/// `DISPLAY_SUMMARY,user`
pub(super) struct DisplaySummary;

impl DisplaySummary {
    pub(super) fn decide(context: &Context<'_>, _: &UserName) -> Result<Events, Rejection> {
        context.account()?;
        Ok(Events::new())
    }

    /// The shard answers with [`write_summary`].
    pub(super) const fn reply(_: &[Event], _: &Account) -> Option<ReplyBody> {
        None
    }
}

/// Appends the complete reply to DISPLAY_SUMMARY.
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
        let HistoryEntry { at_ms, number, symbol, command, refused, .. } = entry;
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
