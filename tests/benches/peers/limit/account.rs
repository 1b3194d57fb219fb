//! Accounts of the limit program, and their summary.

use super::text::{Line, Short};
use daytrade_protocol::CommandName;

/// Number of transactions in a summary.
const HISTORY: usize = 10;

/// Three letters, the first in the highest of three bytes, padded with zeros.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol(pub(super) u32);

impl Symbol {
    /// Number of places in a table of prices.
    pub(super) const PLACES: usize = 64 * 64 * 64;

    /// Reads a symbol in upper case.
    pub(super) fn parse(field: &[u8]) -> Self {
        let byte = |at: usize| field.get(at).copied().unwrap_or(0);
        Self(u32::from_be_bytes([0, byte(0), byte(1), byte(2)]))
    }

    pub(super) fn place(self) -> usize {
        let [_, first, second, third] = self.0.to_be_bytes().map(|byte| usize::from(byte & 63));
        first << 12 | second << 6 | third
    }
}

#[derive(Clone, Copy)]
pub(super) struct Holding {
    pub(super) symbol: Symbol,
    pub(super) free: i64,
    pub(super) reserved: i64,
    pub(super) basis: i64,
}

#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) symbol: Symbol,
    pub(super) shares: i64,
    pub(super) price: i64,
    pub(super) number: u64,
    pub(super) expires_at_ms: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Set {
    pub(super) symbol: Symbol,
    pub(super) amount: i64,
    /// Price of the armed trigger, or 0.
    pub(super) price: i64,
    pub(super) shares: i64,
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) at_ms: u64,
    pub(super) number: u64,
    pub(super) command: CommandName,
    pub(super) symbol: Option<Symbol>,
    pub(super) amount: Option<i64>,
    pub(super) result: &'static str,
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) cash: i64,
    pub(super) reserved: i64,
    pub(super) realised: i64,
    /// By symbol.
    pub(super) holdings: Vec<Holding>,
    /// Pending buys and sells, oldest first.
    pub(super) orders: [Vec<Order>; 2],
    /// Set buys and sells, by symbol.
    pub(super) sets: [Vec<Set>; 2],
    history: Vec<Entry>,
    /// Index of the oldest entry of a full history.
    oldest: usize,
}

impl Account {
    pub(super) fn holding_mut(&mut self, symbol: Symbol) -> &mut Holding {
        let at = match self.holdings.binary_search_by_key(&symbol, |holding| holding.symbol) {
            Ok(at) => at,
            Err(at) => {
                let empty = Holding { symbol, free: 0, reserved: 0, basis: 0 };
                self.holdings.insert(at, empty);
                at
            }
        };
        &mut self.holdings[at]
    }

    pub(super) fn free(&self, symbol: Symbol) -> i64 {
        let at = self.holdings.binary_search_by_key(&symbol, |holding| holding.symbol);
        at.map_or(0, |at| self.holdings[at].free)
    }

    pub(super) fn set_index(&self, side: usize, symbol: Symbol) -> Result<usize, usize> {
        self.sets[side].binary_search_by_key(&symbol, |set| set.symbol)
    }

    /// Adds bought shares.
    pub(super) fn buy(&mut self, symbol: Symbol, shares: i64, total: i64) {
        let holding = self.holding_mut(symbol);
        holding.free += shares;
        holding.basis += total;
    }

    /// Takes reserved shares that are sold at this price.
    pub(super) fn sell(&mut self, symbol: Symbol, shares: i64, total: i64) {
        let holding = self.holding_mut(symbol);
        let all = holding.free + holding.reserved;
        let basis = part_of(holding.basis, shares, all);
        holding.reserved -= shares;
        holding.basis -= basis;
        if all == shares {
            self.holdings.retain(|holding| holding.symbol != symbol);
        }
        self.cash += total;
        self.realised += total - basis;
    }

    pub(super) fn note(&mut self, entry: Entry) {
        if self.history.len() < HISTORY {
            self.history.push(entry);
        } else {
            self.history[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % HISTORY;
        }
    }

    /// Appends the reply to DISPLAY_SUMMARY; every line begins with `tag`.
    pub(super) fn write_summary(&self, tag: &Short, user: &Short, out: &mut Vec<u8>) {
        let mut lines = 1;
        let line = Line(out).short(tag).put(b"-ACCOUNT,").short(user).money(self.cash);
        line.money(self.reserved).money(self.realised).put(b"\n");
        for Holding { symbol, free, reserved, basis } in &self.holdings {
            let line = Line(out).short(tag).put(b"-HOLDING").symbol(*symbol);
            line.int(*free as u64).int(*reserved as u64).money(*basis).put(b"\n");
        }
        lines += self.holdings.len();
        let [mut buys, mut sells] = [0, 1].map(|side| self.orders[side].iter().rev().peekable());
        loop {
            let is_sell = match (buys.peek(), sells.peek()) {
                (Some(buy), Some(sell)) => sell.number > buy.number,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (None, None) => break,
            };
            let Some(order) = (if is_sell { sells.next() } else { buys.next() }) else { break };
            let line = Line(out).short(tag).put(b"-PENDING,");
            let line = line.text(if is_sell { "SELL" } else { "BUY" }).symbol(order.symbol);
            let line = line.int(order.shares as u64).money(order.price);
            line.money(order.price * order.shares).int(order.expires_at_ms).put(b"\n");
            lines += 1;
        }
        for (name, sets) in ["BUY", "SELL"].iter().zip(&self.sets) {
            for set in sets {
                let line = Line(out).short(tag).put(b"-TRIGGER,").text(name).symbol(set.symbol);
                let line = line.money(set.amount);
                let line = if set.price == 0 { line.put(b",") } else { line.money(set.price) };
                line.int(set.shares as u64).put(b"\n");
            }
            lines += sets.len();
        }
        let (newer, older) = self.history.split_at(self.oldest);
        for entry in older.iter().chain(newer).rev() {
            let line = Line(out).short(tag).put(b"-HISTORY").int(entry.at_ms).int(entry.number);
            let line = line.put(b",").text(entry.command.as_str());
            let line = match entry.symbol {
                Some(symbol) => line.symbol(symbol),
                None => line.put(b","),
            };
            let line = match entry.amount {
                Some(amount) => line.money(amount),
                None => line.put(b","),
            };
            line.put(b",").text(entry.result).put(b"\n");
        }
        lines += self.history.len();
        let line = Line(out).short(tag).put(b" OK,DISPLAY_SUMMARY,").short(user);
        line.int(lines as u64).put(b"\n");
    }
}

/// Returns the part of a cost basis, rounded half to even.
fn part_of(basis: i64, part: i64, all: i64) -> i64 {
    if part == all {
        return basis;
    }
    let product = i128::from(basis) * i128::from(part);
    let (quotient, rest) = (product / i128::from(all), product % i128::from(all));
    let twice = rest * 2;
    let up = twice > i128::from(all) || (twice == i128::from(all) && quotient % 2 == 1);
    (quotient + i128::from(up)) as i64
}
