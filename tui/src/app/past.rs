//! Records of the account that this screen did not cause: from earlier sessions, and from other
//! clients of the same user. They become lines of activity, with the profit of each sale.

use super::account_state::Fill;
use super::equity::PastEquity;
use super::text::{count, dollars, signed, thousands};
use super::{ActivityLine, Clock, Outcome, Subject};
use daytrade_protocol::{
    Code, CommandName, Entry, EntryOutcome, Money, Push, Side, TradeTerms, UserName,
};
use std::collections::VecDeque;

/// The maximum number of records that become lines: the newest.
const LINES_MAX: usize = 8_000;
/// The maximum number of trades for the chart: the newest.
const FILLS_MAX: usize = 500;

/// The records of the account, while they arrive.
#[derive(Debug)]
pub(super) struct Past {
    user: UserName,
    /// Time at which the screen was opened, Unix milliseconds.
    session_ms: u64,
    /// Time from which on records were asked for; None for all of them.
    pub(super) from_ms: Option<u64>,
    /// Time of the newest record, Unix milliseconds.
    pub(super) newest_ms: Option<u64>,
    /// They are asked for because another client has made an order.
    pub(super) is_news: bool,
    pub(super) lines: VecDeque<ActivityLine>,
    /// Trades from before the screen was opened, or of all records that were asked for.
    pub(super) fills: VecDeque<Fill>,
    pub(super) equity: PastEquity,
}

impl Past {
    pub(super) fn new(user: UserName, from_ms: Option<u64>, clock: Clock) -> Self {
        let (lines, fills) = (VecDeque::new(), VecDeque::new());
        let session_ms = clock.started_ms();
        let equity = PastEquity::new(session_ms);
        let newest_ms = None;
        Self { user, session_ms, from_ms, newest_ms, is_news: false, lines, fills, equity }
    }

    /// Takes the next record, in the order of time.
    pub(super) fn take(&mut self, entry: &Entry) {
        self.equity.take(entry);
        self.newest_ms = self.newest_ms.max(Some(entry.at_ms));
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(past_line(entry, &self.user, self.session_ms));
        if (entry.at_ms < self.session_ms || self.from_ms.is_some())
            && let Some((side, terms)) = trade_of(entry)
        {
            if self.fills.len() == FILLS_MAX {
                self.fills.pop_front();
            }
            self.fills.push_back(Fill { at_ms: entry.at_ms, side, terms });
        }
    }
}

/// Returns the line of an entry; `session_ms` is the time at which the screen was opened, Unix
/// milliseconds.
pub(super) fn past_line(entry: &Entry, user: &UserName, session_ms: u64) -> ActivityLine {
    let (outcome, message) = match entry.outcome {
        EntryOutcome::Refused(code) => (Outcome::Refused, refused(code)),
        EntryOutcome::Expired => (Outcome::News, expired(side_of(entry.command), terms_of(entry))),
        EntryOutcome::Filled => {
            let text = filled(side_of(entry.command), terms_of(entry));
            let profit = (entry.basis > Money::ZERO)
                .then(|| format!(", profit {}", signed(entry.total.saturating_sub(entry.basis))));
            (Outcome::News, text + &profit.unwrap_or_default())
        }
        EntryOutcome::Done => (Outcome::Ok, done(entry)),
    };
    let origin = if entry.at_ms < session_ms { "earlier session" } else { "another client" };
    let message = match outcome {
        Outcome::News => message,
        _ => format!("{message} ({origin})"),
    };
    let subject = match (entry.outcome, entry.symbol) {
        (EntryOutcome::Expired, Some(symbol)) => Subject::Expired(symbol),
        (EntryOutcome::Filled, Some(symbol)) => Subject::Trigger(symbol),
        _ => Subject::Past(user.clone(), entry.command, entry.symbol, entry.amount),
    };
    ActivityLine {
        at_ms: entry.at_ms,
        tag: if outcome == Outcome::News { 0 } else { entry.number },
        outcome,
        subject,
        reply: String::new(),
        message,
        took_us: None,
        is_past: true,
    }
}

/// Returns the trade of an entry that bought or sold shares.
pub(super) fn trade_of(entry: &Entry) -> Option<(Side, TradeTerms)> {
    let side = entry.trade().filter(|_| entry.shares > 0)?;
    Some((side, terms_of(entry)?))
}

/// Returns a pushed order as an entry. What the push does not say is 0.
pub(super) const fn entry_of(push: &Push) -> Option<Entry> {
    let Push::Order { at_ms, number, command, symbol, amount, refused, .. } = push else {
        return None;
    };
    let outcome = match refused {
        Some(code) => EntryOutcome::Refused(*code),
        None => EntryOutcome::Done,
    };
    Some(Entry {
        at_ms: *at_ms,
        number: *number,
        command: *command,
        outcome,
        symbol: *symbol,
        amount: *amount,
        shares: 0,
        price: Money::ZERO,
        total: Money::ZERO,
        basis: Money::ZERO,
        cash: Money::ZERO,
    })
}

/// Returns true for a command with shares and a price.
pub(super) const fn has_terms(command: CommandName) -> bool {
    ends_pending(command) || matches!(command, CommandName::Buy | CommandName::Sell)
}

/// Returns true for a commit or a cancel of a pending order.
pub(super) const fn ends_pending(command: CommandName) -> bool {
    matches!(
        command,
        CommandName::CommitBuy
            | CommandName::CommitSell
            | CommandName::CancelBuy
            | CommandName::CancelSell
    )
}

pub(super) const fn side_of(command: CommandName) -> Side {
    match command {
        CommandName::Sell
        | CommandName::CommitSell
        | CommandName::CancelSell
        | CommandName::SetSellAmount
        | CommandName::SetSellTrigger
        | CommandName::CancelSetSell => Side::Sell,
        _ => Side::Buy,
    }
}

fn terms_of(entry: &Entry) -> Option<TradeTerms> {
    let (shares, price, total) = (entry.shares, entry.price, entry.total);
    Some(TradeTerms { symbol: entry.symbol?, shares, price, total })
}

/// Returns the message about an order that expired.
pub(super) fn expired(side: Side, terms: Option<TradeTerms>) -> String {
    let Some(TradeTerms { symbol, shares, total, .. }) = terms else {
        return "Expired".to_owned();
    };
    let back = match side {
        Side::Buy => format!("{} back in cash", dollars(total)),
        Side::Sell => format!("{} {symbol} free again", thousands(shares)),
    };
    format!("Expired: {} {} {symbol}, {back}", side.as_str(), thousands(shares))
}

/// Returns the message about a trigger that fired.
pub(super) fn filled(side: Side, terms: Option<TradeTerms>) -> String {
    let Some(TradeTerms { symbol, shares, price, total }) = terms else {
        return "Trigger fired".to_owned();
    };
    let verb = if side == Side::Buy { "bought" } else { "sold" };
    let (price, total) = (dollars(price), dollars(total));
    format!("Trigger fired: {verb} {} {symbol} at {price}, {total}", thousands(shares))
}

/// Returns why a command was refused, with its code.
fn refused(code: Code) -> String {
    let why = match code {
        Code::NoAccount => "there was no account",
        Code::InsufficientFunds => "not enough cash",
        Code::InsufficientShares => "not enough free shares",
        Code::AmountTooSmall => "the amount bought no whole share",
        Code::NoPendingBuy => "no buy was pending",
        Code::NoPendingSell => "no sale was pending",
        Code::NoSetBuy | Code::NoSetSell => "no trigger amount was set",
        Code::LimitExceeded => "a limit was reached",
        Code::QuoteUnavailable => "no price could be had",
        _ => return code.as_str().to_owned(),
    };
    format!("{code}: {why}")
}

/// Returns the message about a command that was carried out.
fn done(entry: &Entry) -> String {
    let symbol = entry.symbol.map_or_else(String::new, |symbol| symbol.to_string());
    let amount = entry.amount.map_or_else(String::new, dollars);
    let what = if entry.shares > 0 {
        format!("{} {symbol} at {}", thousands(entry.shares), dollars(entry.price))
    } else {
        symbol.clone()
    };
    let total = if entry.total > Money::ZERO {
        format!(" for {}", dollars(entry.total))
    } else {
        String::new()
    };
    let text = match entry.command {
        CommandName::Add => format!("Added {amount}"),
        CommandName::Buy | CommandName::Sell if entry.shares == 0 => {
            format!("Reserved {symbol} for {amount}")
        }
        CommandName::Buy => format!("Reserved {what}{total}"),
        CommandName::Sell => format!("Reserved {what} to sell{total}"),
        CommandName::CommitBuy => format!("Bought {what}{total}"),
        CommandName::CommitSell if entry.basis > Money::ZERO => {
            format!(
                "Sold {what}{total}, profit {}",
                signed(entry.total.saturating_sub(entry.basis))
            )
        }
        CommandName::CommitSell => format!("Sold {what}{total}"),
        CommandName::CancelBuy => format!("Cancelled: BUY {what}"),
        CommandName::CancelSell => format!("Cancelled: SELL {what}"),
        CommandName::SetBuyAmount | CommandName::SetSellAmount => {
            format!("Trigger amount {amount} set for {symbol}")
        }
        CommandName::SetBuyTrigger => format!("Armed: buys {symbol} at {amount} or below"),
        CommandName::SetSellTrigger => format!("Armed: sells {symbol} at {amount} or above"),
        CommandName::CancelSetBuy => {
            format!("Trigger of {symbol} removed, {} back in cash", dollars(entry.cash))
        }
        CommandName::CancelSetSell => {
            format!("Trigger of {symbol} removed, {} free again", count(entry.shares, "share"))
        }
        other => other.as_str().to_owned(),
    };
    text.trim_end().to_owned()
}
