//! The account of one user. Any code may read it; only [`super::apply()`] changes it.

use super::history::{History, HistoryEntry};
use super::portfolio::{EMPTY, Holding, PendingOrder, Portfolio, SetOrder};
use crate::prefetch::prefetch;
use daytrade_protocol::{Money, Side, Symbol};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Index of a user in a book; valid for the lifetime of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

/// Cash, holdings, pending orders, triggers and the newest transactions of one user. It is sized
/// for users with cash and one transaction; everything else is allocated separately.
#[derive(Clone, Debug, Default)]
#[repr(C)] // for [`Account::prefetch_end`]
pub struct Account {
    /// Newest transactions, newest last.
    pub(super) history: History,
    /// Cash that is free to spend.
    pub(super) cash: Money,
    /// None only if everything in it would be empty or zero.
    portfolio: Option<Box<Portfolio>>,
}

impl Account {
    /// Returns the cash that is free to spend.
    pub const fn cash(&self) -> Money {
        self.cash
    }

    /// Returns the reserved cash.
    pub fn reserved(&self) -> Money {
        self.portfolio().reserved
    }

    /// Returns the profit of all sales so far.
    pub fn realised(&self) -> Money {
        self.portfolio().realised
    }

    #[inline]
    pub(super) fn portfolio(&self) -> &Portfolio {
        self.portfolio.as_deref().unwrap_or(&EMPTY)
    }

    pub(super) fn portfolio_mut(&mut self) -> &mut Portfolio {
        self.portfolio.get_or_insert_default()
    }

    /// Returns the holdings, by symbol. None of them is empty.
    pub fn holdings(&self) -> &[Holding] {
        self.portfolio().holdings.values()
    }

    /// Returns the set amounts: buys first, then sells, each by symbol.
    pub fn sets(&self) -> &[SetOrder] {
        self.portfolio().sets.values()
    }

    /// Prefetches the line of the processor's cache in which the account ends.
    #[inline]
    pub(super) fn prefetch_end(&self) {
        prefetch(&self.portfolio);
    }

    /// Prefetches what the account points to, for the steps of [`super::Book::find_together`].
    #[inline]
    pub(super) fn prefetch_parts(&self) {
        if let Some(portfolio) = &self.portfolio {
            portfolio.prefetch();
        }
        self.history.prefetch_next();
    }

    /// Prefetches everything that a summary shows.
    pub fn prefetch_all(&self) {
        self.portfolio().holdings.prefetch_values();
        self.portfolio().sets.prefetch_values();
        self.history.prefetch_all();
    }

    /// Returns the newest transactions, newest first.
    pub fn history(&self) -> impl Iterator<Item = HistoryEntry> {
        self.history.newest_first()
    }

    /// Returns the holding of one symbol, with zero shares if there is none.
    pub fn holding(&self, symbol: Symbol) -> Holding {
        let held = self.portfolio().holdings.get(symbol.rank()).copied();
        held.unwrap_or(Holding { symbol, free: 0, reserved: 0, basis: Money::ZERO })
    }

    /// Returns the set amount of one side and symbol.
    pub fn set(&self, side: Side, symbol: Symbol) -> Option<&SetOrder> {
        self.portfolio().sets.get(SetOrder::key_of(side, symbol))
    }

    /// Returns true if the user is in the book's queue of expiries.
    pub(super) fn is_queued(&self) -> bool {
        self.portfolio().is_queued
    }

    /// Notes whether the user is in that queue. It is no part of the account's state.
    pub(super) fn set_queued(&mut self, is_queued: bool) {
        self.portfolio_mut().is_queued = is_queued;
    }

    /// Returns the pending orders of one side, oldest first.
    pub fn pending(&self, side: Side) -> &VecDeque<PendingOrder> {
        self.portfolio().pending(side)
    }

    /// Returns the time at which the next pending order expires, Unix milliseconds.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        let front = |side| self.pending(side).front().map(|order| order.expires_at_ms);
        match (front(Side::Buy), front(Side::Sell)) {
            (Some(buy), Some(sell)) => Some(buy.min(sell)),
            (one, other) => one.or(other),
        }
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.cash == other.cash
            && self.portfolio() == other.portfolio()
            && self.history == other.history
    }
}

/// An account as it is stored, with its history in one of the two forms. The layout is part of the
/// snapshot format, so a change requires a new version of snapshots.
#[derive(Deserialize)]
pub(super) struct Stored<H> {
    cash: Money,
    reserved: Money,
    realised: Money,
    holdings: Vec<Holding>,
    pending_buys: VecDeque<PendingOrder>,
    pending_sells: VecDeque<PendingOrder>,
    sets: Vec<SetOrder>,
    history: H,
}

/// As [`Stored`].
#[derive(Serialize)]
pub(super) struct StoredRef<'a, H> {
    cash: Money,
    reserved: Money,
    realised: Money,
    holdings: &'a [Holding],
    pending_buys: &'a VecDeque<PendingOrder>,
    pending_sells: &'a VecDeque<PendingOrder>,
    sets: &'a [SetOrder],
    history: H,
}

impl Account {
    /// Returns the account as it is stored, with its history in one of its forms.
    pub(super) fn stored<H>(&self, history: H) -> StoredRef<'_, H> {
        StoredRef {
            cash: self.cash,
            reserved: self.reserved(),
            realised: self.realised(),
            holdings: self.holdings(),
            pending_buys: self.pending(Side::Buy),
            pending_sells: self.pending(Side::Sell),
            sets: self.sets(),
            history,
        }
    }
}

impl<H: TryInto<History>> Stored<H> {
    /// Returns the account, or None if the stored fields are not valid.
    pub(super) fn account(self) -> Option<Account> {
        let history = self.history.try_into().ok()?;
        let portfolio = Portfolio {
            reserved: self.reserved,
            realised: self.realised,
            pending: [self.pending_buys, self.pending_sells],
            ..Portfolio::stored(self.holdings, self.sets).ok()?
        };
        let portfolio = (portfolio != EMPTY).then(|| Box::new(portfolio));
        Some(Account { history, cash: self.cash, portfolio })
    }
}
