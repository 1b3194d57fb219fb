//! The prices that a log shows, by symbol.

use crate::check::amount::Amount;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// Hits of a symbol that are remembered. More than one can be young enough.
const HITS: usize = 6;
/// Symbols that are followed.
const SYMBOLS_MAX: usize = 1 << 17;
/// Prices that a command may have used.
const CANDIDATES: usize = 4;

/// A symbol of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SymbolId(pub(super) u32);

/// A price and when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub price: Amount,
    pub at_ms: u64,
}

/// The prices that one command may have used, in no order. Most commands use none.
pub(super) type Candidates = SmallVec<[Seen; 1]>;

/// The newest prices of every symbol.
#[derive(Debug, Default)]
pub(super) struct Prices {
    ids: HashMap<Box<str>, SymbolId>,
    /// Newest last.
    seen: Vec<SmallVec<[Seen; HITS]>>,
    /// Prices of a file, for symbols without a hit, in order.
    file: HashMap<SymbolId, Vec<Amount>>,
}

impl Prices {
    /// Returns the symbol of a name; None if there are too many.
    pub(super) fn id(&mut self, name: &str) -> Option<SymbolId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if self.seen.len() >= SYMBOLS_MAX {
            return None;
        }
        let id = SymbolId(self.seen.len() as u32);
        self.ids.insert(name.into(), id);
        self.seen.push(SmallVec::new());
        Some(id)
    }

    /// Takes note of a hit.
    pub(super) fn hit(&mut self, symbol: SymbolId, seen: Seen) {
        let hits = &mut self.seen[symbol.0 as usize];
        if hits.len() == HITS {
            hits.remove(0);
        }
        hits.push(seen);
    }

    /// Adds a price of a file.
    pub(super) fn add_from_file(&mut self, name: &str, price: Amount) {
        if let Some(id) = self.id(name) {
            self.file.entry(id).or_default().push(price);
        }
    }

    /// Adds the newest hits of a symbol to the candidates of a command.
    pub(super) fn offer(&self, symbol: SymbolId, candidates: &mut Candidates) {
        for seen in self.seen[symbol.0 as usize].iter().rev().take(CANDIDATES) {
            if candidates.contains(seen) {
                break;
            }
            if candidates.len() == CANDIDATES {
                let times = candidates.iter().enumerate().map(|(at, seen)| (seen.at_ms, at));
                let Some((_, oldest)) = times.min() else { break };
                candidates.swap_remove(oldest);
            }
            candidates.push(*seen);
        }
    }

    /// Returns the newest hits of a symbol.
    pub(super) fn newest(&self, symbol: SymbolId) -> impl Iterator<Item = &Seen> {
        self.seen[symbol.0 as usize].iter()
    }

    /// Returns the prices of a file, for a symbol without hits.
    pub(super) fn of_file(&self, symbol: SymbolId) -> &[Amount] {
        self.file.get(&symbol).map_or(&[], Vec::as_slice)
    }
}
