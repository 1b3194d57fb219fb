//! Which price a command used.

use super::open::Open;
use super::prices::{Seen, SymbolId};
use super::{EXPIRY_MS, Sink, Step, TIMER_MS, Trading};
use crate::check::amount::Amount;
use crate::check::findings::Place;
use hashbrown::HashMap;

/// Uses that wait for their price.
const AWAITING_MAX: usize = 1 << 16;

/// The price that a command used, as far as the log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Used {
    /// A hit.
    Hit(Seen),
    /// A price of the price file.
    File(Amount),
    /// A price of the price file, which one is not known.
    InFile,
    /// The log has shown no price of the symbol so far.
    None,
}

impl Used {
    pub(super) const fn price(&self) -> Option<Amount> {
        match self {
            Self::Hit(seen) => Some(seen.price),
            Self::File(price) => Some(*price),
            Self::InFile | Self::None => None,
        }
    }
}

/// A use of a price that the log has not shown so far.
#[derive(Clone, Copy, Debug)]
struct Use {
    at: Place,
    at_ms: u64,
}

/// The uses that wait for their price.
#[derive(Debug, Default)]
pub(super) struct Awaiting {
    uses: HashMap<SymbolId, Vec<Use>>,
    count: usize,
}

impl Awaiting {
    fn add(&mut self, symbol: SymbolId, one: Use) -> bool {
        let room = self.count < AWAITING_MAX;
        if room {
            self.count += 1;
            self.uses.entry(symbol).or_default().push(one);
        }
        room
    }

    /// Tells the rules about the uses that waited for a hit.
    pub(super) fn arrived(&mut self, symbol: SymbolId, seen: Seen, sink: Sink<'_>) {
        if self.count == 0 {
            return;
        }
        let uses = self.uses.remove(&symbol).unwrap_or_default();
        self.count -= uses.len();
        for Use { at, at_ms } in uses {
            let age_ms = (seen.at_ms <= at_ms + TIMER_MS).then_some(0);
            sink(&Step::Price { at, age_ms, price: Some(seen.price), unknown: false });
        }
    }

    /// Tells the rules about the uses whose price never came.
    pub(super) fn end(&mut self, sink: Sink<'_>) {
        let mut uses: Vec<Use> = self.uses.drain().flat_map(|(_, uses)| uses).collect();
        uses.sort_by_key(|one| one.at.line);
        for Use { at, .. } in uses {
            sink(&Step::Price { at, age_ms: None, price: None, unknown: true });
        }
    }
}

impl Trading {
    /// Tells the rules about the price that a command used at a time.
    pub(super) fn tell_price(&mut self, used: Used, open: &Open, at_ms: u64, sink: Sink<'_>) {
        let at = open.place();
        match (used, open.symbol) {
            (Used::Hit(seen), _) => {
                let age_ms = Some(at_ms.saturating_sub(seen.at_ms));
                sink(&Step::Price { at, age_ms, price: Some(seen.price), unknown: false });
            }
            (Used::File(_) | Used::InFile, _) => sink(&Step::PriceOfFile),
            (Used::None, Some(symbol)) if self.awaiting.add(symbol, Use { at, at_ms }) => {}
            (Used::None, _) => {
                sink(&Step::Price { at, age_ms: None, price: None, unknown: true });
            }
        }
    }

    /// Returns the newest price that explains what a command did, or the newest at all. An old
    /// price explains only what needs a price: a fractional order moves its amount at any.
    pub(super) fn used(
        &self,
        open: &Open,
        needs_price: bool,
        explains: impl Fn(Amount) -> bool,
    ) -> Used {
        let Some(symbol) = open.symbol else { return Used::None };
        // Servers of one system do not write in step, so a hit may be logged after its use.
        let soon = open.last_ms + TIMER_MS;
        let later = || self.prices.newest(symbol).filter(|seen| seen.at_ms <= soon);
        let newest = |seen: &&Seen| seen.at_ms;
        let is_young = |seen: &&Seen| seen.at_ms + EXPIRY_MS >= open.at_ms;
        let fits = |seen: &&Seen| explains(seen.price);
        let young = open.prices.iter().filter(is_young);
        let found = young.filter(fits).max_by_key(newest);
        let found = found.or_else(|| later().filter(is_young).filter(fits).max_by_key(newest));
        let old = || open.prices.iter().filter(fits).max_by_key(newest);
        let found = found.or_else(|| old().filter(|_| needs_price));
        let found = found.or_else(|| open.prices.iter().max_by_key(newest));
        if let Some(seen) = found.or_else(|| later().max_by_key(newest)) {
            return Used::Hit(*seen);
        }
        self.in_file(symbol, explains)
    }

    /// Returns the price of the price file that explains what a command did.
    pub(super) fn in_file(&self, symbol: SymbolId, explains: impl Fn(Amount) -> bool) -> Used {
        let prices = self.prices.of_file(symbol);
        match prices.iter().find(|price| explains(**price)) {
            Some(price) => Used::File(*price),
            None if prices.is_empty() => Used::None,
            None => Used::InFile,
        }
    }
}
