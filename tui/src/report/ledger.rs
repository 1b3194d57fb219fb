//! The figures of a report, from the entries of an account in order of time.
//!
//! Realised profit and cash are sums of what the server recorded, so they equal its summary to the
//! cent. Memory is bounded by the stocks held and the points of the curve.

use super::curve::Curve;
use daytrade_protocol::{CommandName, Entry, EntryOutcome, Money, Side, Symbol};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, VecDeque};

/// Round trips that are kept, the newest.
const TRIPS_MAX: usize = 10_000;

/// Shares of a stock that are held.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    pub shares: u64,
    pub basis: Money,
    /// Sum of the times of purchase, each times its shares, in milliseconds.
    bought_ms: u128,
    /// Last known price.
    pub price: Option<Money>,
}

/// A sale of shares at average cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    pub at_ms: u64,
    pub number: u64,
    pub symbol: Symbol,
    pub shares: u64,
    pub basis: Money,
    pub proceeds: Money,
    /// Average time from purchase to sale, in milliseconds.
    pub held_ms: u64,
}

impl Trip {
    pub(super) fn profit(&self) -> Money {
        self.proceeds.saturating_sub(self.basis)
    }

    /// Returns the profit in percent of the cost, if there was one.
    pub(super) fn percent(&self) -> Option<Decimal> {
        percent(self.profit(), self.basis)
    }
}

/// Returns a part of a sum in percent, to a hundredth.
pub(super) fn percent(part: Money, of: Money) -> Option<Decimal> {
    let share = part.to_decimal().checked_div(of.to_decimal())?;
    Some(share.checked_mul(Decimal::ONE_HUNDRED)?.round_dp(2))
}

/// Counts of what happened.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Counts {
    pub commands: u64,
    pub refused: u64,
    pub buys: u64,
    pub sells: u64,
    pub fills: u64,
    pub expired: u64,
    pub cancelled: u64,
    pub won: u64,
    pub lost: u64,
}

/// The account as the entries tell it.
#[derive(Debug)]
pub(super) struct Ledger {
    from_ms: u64,
    pub cash: Money,
    pub reserved: Money,
    pub deposits: Money,
    pub realised: Money,
    /// Realised before the first time of the report.
    realised_before: Money,
    pub turnover: Money,
    pub counts: Counts,
    pub positions: BTreeMap<Symbol, Position>,
    pub trips: VecDeque<Trip>,
    pub trips_dropped: u64,
    pub best: Option<Trip>,
    pub worst: Option<Trip>,
    pub curve: Curve,
}

impl Ledger {
    /// Creates an empty ledger. What happened before `from_ms` is followed, and not reported.
    pub(super) fn new(from_ms: u64) -> Self {
        Self {
            from_ms,
            cash: Money::ZERO,
            reserved: Money::ZERO,
            deposits: Money::ZERO,
            realised: Money::ZERO,
            realised_before: Money::ZERO,
            turnover: Money::ZERO,
            counts: Counts::default(),
            positions: BTreeMap::new(),
            trips: VecDeque::new(),
            trips_dropped: 0,
            best: None,
            worst: None,
            curve: Curve::default(),
        }
    }

    /// Returns the profit realised within the times of the report.
    pub(super) fn realised_within(&self) -> Money {
        self.realised.saturating_sub(self.realised_before)
    }

    /// Returns the value of everything: cash, reserves, and shares at their last known price.
    pub(super) fn equity(&self) -> Money {
        self.cash.saturating_add(self.reserved).saturating_add(self.held().1)
    }

    /// Returns the profit that a sale at the last known prices would realise.
    pub(super) fn unrealised(&self) -> Money {
        let (basis, value) = self.held();
        value.saturating_sub(basis)
    }

    /// Returns cost basis and value of all shares. Without a price, shares are worth their cost.
    fn held(&self) -> (Money, Money) {
        self.positions.values().fold((Money::ZERO, Money::ZERO), |(basis, value), position| {
            let worth = position.price.and_then(|price| price.times(position.shares));
            let worth = worth.unwrap_or(position.basis);
            (basis.saturating_add(position.basis), value.saturating_add(worth))
        })
    }

    /// Takes the last known price of a stock.
    pub(super) fn price(&mut self, symbol: Symbol, price: Money) {
        if let Some(position) = self.positions.get_mut(&symbol) {
            position.price = Some(price);
        }
    }

    /// Takes the next entry. Returns true if it is within the times of the report.
    pub(super) fn take(&mut self, entry: &Entry) -> bool {
        let is_within = entry.at_ms >= self.from_ms;
        if is_within && self.counts.commands == 0 && self.curve.is_empty() {
            self.realised_before = self.realised;
        }
        self.cash = self.cash.saturating_add(entry.cash);
        if is_within {
            self.count(entry);
        }
        if matches!(entry.outcome, EntryOutcome::Refused(_)) {
            return is_within;
        }
        self.reserved = self.reserved.saturating_sub(entry.released());
        if entry.command == CommandName::Add {
            self.deposits = self.deposits.saturating_add(entry.cash);
        }
        match entry.trade() {
            Some(Side::Buy) => self.bought(entry),
            Some(Side::Sell) => self.sold(entry, is_within),
            None => {}
        }
        if let Some(symbol) = entry.symbol.filter(|_| entry.price != Money::ZERO) {
            self.price(symbol, entry.price);
        }
        if is_within {
            self.curve.add(entry.at_ms, self.equity(), self.deposits);
        }
        is_within
    }

    fn count(&mut self, entry: &Entry) {
        let counts = &mut self.counts;
        let is_command = !matches!(entry.outcome, EntryOutcome::Filled | EntryOutcome::Expired);
        counts.commands += u64::from(is_command);
        let which = match (entry.command, entry.outcome) {
            (_, EntryOutcome::Refused(_)) => &mut counts.refused,
            (_, EntryOutcome::Expired) => &mut counts.expired,
            (_, EntryOutcome::Filled) => &mut counts.fills,
            (CommandName::CommitBuy, _) => &mut counts.buys,
            (CommandName::CommitSell, _) => &mut counts.sells,
            (CommandName::CancelBuy | CommandName::CancelSell, _) => &mut counts.cancelled,
            _ => return,
        };
        *which += 1;
        if entry.trade().is_some() {
            self.turnover = self.turnover.saturating_add(entry.total);
        }
    }

    fn bought(&mut self, entry: &Entry) {
        let Some(symbol) = entry.symbol else { return };
        let position = self.positions.entry(symbol).or_default();
        position.shares = position.shares.saturating_add(entry.shares);
        position.basis = position.basis.saturating_add(entry.total);
        position.bought_ms += u128::from(entry.at_ms) * u128::from(entry.shares);
    }

    fn sold(&mut self, entry: &Entry, is_within: bool) {
        self.realised = self.realised.saturating_add(entry.total.saturating_sub(entry.basis));
        let Some(symbol) = entry.symbol else { return };
        let position = self.positions.entry(symbol).or_default();
        let shares = u128::from(position.shares.max(1));
        let bought_ms = (position.bought_ms / shares) as u64;
        let part = position.bought_ms * u128::from(entry.shares) / shares;
        position.bought_ms = position.bought_ms.saturating_sub(part);
        position.shares = position.shares.saturating_sub(entry.shares);
        position.basis = position.basis.saturating_sub(entry.basis);
        if position.shares == 0 {
            self.positions.remove(&symbol);
        }
        if !is_within {
            return;
        }
        let trip = Trip {
            at_ms: entry.at_ms,
            number: entry.number,
            symbol,
            shares: entry.shares,
            basis: entry.basis,
            proceeds: entry.total,
            held_ms: entry.at_ms.saturating_sub(bought_ms),
        };
        let profit = trip.profit();
        self.counts.won += u64::from(profit.is_positive());
        self.counts.lost += u64::from((-profit).is_positive());
        if self.best.is_none_or(|best| profit > best.profit()) {
            self.best = Some(trip);
        }
        if self.worst.is_none_or(|worst| profit < worst.profit()) {
            self.worst = Some(trip);
        }
        if self.trips.len() == TRIPS_MAX {
            self.trips.pop_front();
            self.trips_dropped += 1;
        }
        self.trips.push_back(trip);
    }
}
