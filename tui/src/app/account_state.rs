//! The account as the screen knows it.
//!
//! Owns the newest summary, the summary from before the connection was lost, and the trades. It
//! must never guess: only replies and pushes of the server change it.

use super::activity::SAME_EVENT_MS;
use super::{Account, Clock, Pending, Quotes, Trigger};
use daytrade_protocol::{Money, Side, TradeTerms};
use std::collections::VecDeque;

/// The maximum number of trades kept for the chart.
const FILLS_MAX: usize = 1_000;

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Time by the server's clock, Unix milliseconds.
    pub(crate) at_ms: u64,
    /// Buy or sell.
    pub(crate) side: Side,
    /// Symbol, shares, price and total.
    pub(crate) terms: TradeTerms,
}

/// The newest summary and the trades of this session.
#[derive(Debug, Default)]
pub(crate) struct AccountState {
    /// The newest summary; None until it arrives, and for a user who never added money.
    current: Option<Account>,
    /// Local time of the newest summary, Unix milliseconds.
    updated_ms: u64,
    /// The server has said that the account does not exist yet.
    missing: bool,
    /// Why the server does not show the account.
    refused: Option<String>,
    /// The summary at the time the connection was lost.
    before_loss: Option<Account>,
    fills: VecDeque<Fill>,
    /// Number of trades while the screen runs.
    trades: u64,
}

impl AccountState {
    /// Returns the newest summary.
    pub(crate) const fn current(&self) -> Option<&Account> {
        self.current.as_ref()
    }

    /// Returns the local time of the newest summary, Unix milliseconds.
    pub(crate) const fn updated_ms(&self) -> u64 {
        self.updated_ms
    }

    /// Returns true if the server has said that the account does not exist yet.
    pub(crate) const fn is_missing(&self) -> bool {
        self.missing
    }

    /// Returns why the server does not show the account, if it has said so.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Records that the server does not show the account.
    pub(super) fn set_refused(&mut self, why: String) {
        self.refused = Some(why);
    }

    /// Returns the pending orders, in the order of the account.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.current.iter().flat_map(|account| &account.pending)
    }

    /// Returns the set amounts, the nearest to the last price first.
    pub(crate) fn triggers_by_nearness(&self, quotes: &Quotes) -> Vec<(Trigger, Option<i64>)> {
        self.current().map_or_else(Vec::new, |account| account.triggers_by_nearness(quotes))
    }

    /// Returns the market value of the holdings, and true if every price in it is fresh. A holding
    /// without a price counts with its cost basis.
    pub(crate) fn market_value(&self, quotes: &Quotes, clock: Clock) -> (Money, bool) {
        let (mut cents, mut fresh) = (0_i64, true);
        for holding in self.current.iter().flat_map(|account| &account.holdings) {
            let worth = if let Some(quote) = quotes.get(holding.symbol) {
                fresh &= quote.is_fresh(clock);
                quote.price.times(holding.shares()).map_or(0, Money::cents)
            } else {
                fresh = false;
                holding.basis.cents()
            };
            cents = cents.saturating_add(worth);
        }
        (Money::from_cents(cents), fresh)
    }

    /// Returns the trades of the account that are known, oldest first.
    pub(crate) const fn fills(&self) -> &VecDeque<Fill> {
        &self.fills
    }

    /// Returns the number of trades made while the screen runs.
    pub(crate) const fn trades(&self) -> u64 {
        self.trades
    }

    /// Returns the profit of a sale, from the average cost of the shares that are held now.
    pub(super) fn profit_of_sale(&self, terms: TradeTerms) -> Option<Money> {
        let holding = self.current()?.holding(terms.symbol)?;
        let basis = holding.basis.share_of(terms.shares, holding.shares());
        Some(terms.total.saturating_sub(basis))
    }

    /// Records a trade of this session.
    pub(super) fn record_fill(&mut self, side: Side, terms: TradeTerms, clock: Clock) {
        self.trades += 1;
        self.add_fill(side, terms, clock);
    }

    /// Records a trade of another client of the same user.
    pub(super) fn add_fill(&mut self, side: Side, terms: TradeTerms, clock: Clock) {
        if self.fills.len() == FILLS_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(Fill { at_ms: clock.server_ms(), side, terms });
    }

    /// Puts trades from before the screen was opened before those of this session.
    pub(super) fn set_past_fills(&mut self, past: VecDeque<Fill>, session_ms: u64) {
        self.fills.retain(|fill| fill.at_ms >= session_ms);
        for fill in past.into_iter().rev() {
            self.fills.push_front(fill);
        }
        self.drop_surplus();
    }

    /// Adds trades that happened while the connection was lost. What is known already is skipped.
    pub(super) fn add_missing_fills(&mut self, fills: impl IntoIterator<Item = Fill>) {
        for fill in fills {
            let is_it = |known: &Fill| {
                (known.side, known.terms) == (fill.side, fill.terms)
                    && known.at_ms.abs_diff(fill.at_ms) < SAME_EVENT_MS
            };
            if !self.fills.iter().any(is_it) {
                self.fills.push_back(fill);
            }
        }
        self.fills.make_contiguous().sort_by_key(|fill| fill.at_ms);
        self.drop_surplus();
    }

    /// Drops the oldest trades if there are too many.
    fn drop_surplus(&mut self) {
        let surplus = self.fills.len().saturating_sub(FILLS_MAX);
        self.fills.drain(..surplus);
    }

    /// Stores a summary.
    pub(super) fn replace(&mut self, account: Account, clock: Clock) {
        self.current = Some(account);
        self.updated_ms = clock.now_ms();
        self.missing = false;
    }

    /// Records that the account does not exist.
    pub(super) const fn set_missing(&mut self) {
        self.missing = true;
    }

    /// Stores the balances of a push.
    pub(super) const fn set_balances(&mut self, cash: Money, reserved: Money, realised: Money) {
        if let Some(account) = &mut self.current {
            (account.cash, account.reserved, account.realised) = (cash, reserved, realised);
        }
    }

    /// Removes the newest pending order of a side, which was just committed or cancelled: the
    /// banner must not name it until the next summary arrives.
    pub(super) fn remove_newest(&mut self, side: Side) {
        if let Some(account) = &mut self.current
            && let Some(at) = account.pending.iter().position(|order| order.side == side)
        {
            account.pending.remove(at);
        }
    }

    /// Keeps a copy of the account to compare with after reconnecting.
    pub(super) fn remember_before_loss(&mut self) {
        self.before_loss.clone_from(&self.current);
    }

    /// Returns the account from before the connection was lost and the one of now, once.
    pub(super) fn take_before_loss(&mut self) -> Option<(Account, &Account)> {
        self.before_loss.take().zip(self.current.as_ref())
    }
}
