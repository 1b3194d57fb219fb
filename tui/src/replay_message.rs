//! Data that a replay and its monitor exchange: the pace of the replay and its progress.
//!
//! These are plain values. This module must never depend on the replay, the network or the runtime,
//! so that the screen can use it alone.

use crate::account_at::AccountAt;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Number of exchanges that [`Progress`] keeps, the newest.
pub const EXCHANGES_MAX: usize = 200_000;
/// Bytes of requests and replies that [`Progress`] keeps, about.
const BYTES_MAX: usize = 128 << 20;
/// Exchanges that are shared at once.
const CHUNK: usize = 512;
/// Lines per second at speed 1x.
pub const LINES_PER_SECOND_1X: u64 = 10;

/// Rate at which a replay sends lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Sends nothing except single steps.
    Paused,
    /// Lines per second.
    Rate(u64),
    /// As fast as the server replies.
    #[default]
    Max,
    /// One line at a time, until a reply is a refusal or differs from the expected reply.
    ToNextRefusal,
}

impl Pace {
    /// Returns the next faster or slower pace: 1x, 10x, 100x, 1000x, max.
    pub const fn beside(self, faster: bool) -> Self {
        const TOP: u64 = 1_000 * LINES_PER_SECOND_1X;
        match (self, faster) {
            (Self::Rate(rate), true) if rate < TOP => Self::Rate(rate * 10),
            (Self::Rate(rate), false) if rate > LINES_PER_SECOND_1X => Self::Rate(rate / 10),
            (Self::Rate(rate), false) => Self::Rate(rate),
            (Self::Paused, true) => Self::Rate(LINES_PER_SECOND_1X),
            (Self::Paused, false) => Self::Paused,
            (Self::Max | Self::ToNextRefusal, false) => Self::Rate(TOP),
            (_, true) => Self::Max,
        }
    }

    /// Returns the pace as text for a person.
    pub fn words(self) -> String {
        match self {
            Self::Paused => "paused".to_owned(),
            Self::Rate(rate) => format!("{}x, {rate} lines/s", rate / LINES_PER_SECOND_1X),
            Self::Max => "full speed".to_owned(),
            Self::ToNextRefusal => "to the next refusal".to_owned(),
        }
    }
}

/// Command from the monitor to the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Continue at this pace.
    Pace(Pace),
    /// Send one more line, then pause.
    Step,
    /// Show the account after the exchange of this number.
    Show(u64),
}

/// A request and its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Number of the line in the file, from 1.
    pub file_line: u64,
    /// Request line as it was sent.
    pub request: String,
    /// All lines of the reply.
    pub reply: String,
    /// The code with which the server refused the request, if it did.
    pub refused: Option<&'static str>,
    /// Difference from the expected reply, if any.
    pub difference: Option<String>,
}

/// Phase of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The server and the connections are starting.
    #[default]
    Starting,
    /// Lines are being sent.
    Running,
    /// Every line of the file has its reply.
    Ended,
    /// The replay stopped with this error.
    Failed(String),
}

/// Progress of a replay.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Path of the workload file.
    pub file: String,
    /// Size of the file (0 if unknown), and about how many bytes of it are answered.
    pub bytes: (u64, u64),
    /// Lines sent.
    pub lines: u64,
    /// Lines the server executed.
    pub ok: u64,
    /// Lines the server refused.
    pub refused: u64,
    /// Replies that differ from the expected ones.
    pub differences: u64,
    /// Time since the start, microseconds.
    pub wall_us: u64,
    /// Current phase.
    pub stage: Stage,
    /// Current pace.
    pub pace: Pace,
    /// Lines sent and microseconds elapsed when the pace was set: the rate counts from there.
    pub paced_from: (u64, u64),
    /// The newest exchanges.
    pub exchanges: Exchanges,
    /// Number of refusals by their code.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The account that was last asked for.
    pub instant: Option<Instant>,
}

/// An account after an exchange.
#[derive(Clone, Debug)]
pub struct Instant {
    /// Number of the exchange.
    pub exchange: u64,
    /// User and account, or the reason why it cannot be shown.
    pub account: Result<(String, Arc<AccountAt>), String>,
}

impl Progress {
    /// Returns the time that the rest of the file takes at the rate so far, in seconds. None if the
    /// replay does not run, or nothing is known of the rate.
    pub fn seconds_left(&self) -> Option<u64> {
        let ((whole, answered), lines) = (self.bytes, self.lines_per_second());
        let runs = self.stage == Stage::Running && !matches!(self.pace, Pace::Paused);
        if !runs || lines == 0 || answered == 0 {
            return None;
        }
        let lines_left = u128::from(whole.saturating_sub(answered)) * u128::from(self.lines)
            / u128::from(answered);
        u64::try_from(lines_left / u128::from(lines)).ok()
    }

    /// Returns the lines sent per second since the pace was set.
    pub fn lines_per_second(&self) -> u64 {
        let (lines, since_us) = self.paced_from;
        let took_us = u128::from(self.wall_us.saturating_sub(since_us).max(1));
        (u128::from(self.lines - lines) * 1_000_000 / took_us) as u64
    }
}

/// The newest exchanges of a replay, oldest first. A copy shares almost all of them.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {
    /// Full chunks, oldest first.
    chunks: Vec<Arc<Vec<Arc<Exchange>>>>,
    /// The rest.
    rest: Vec<Arc<Exchange>>,
    /// Exchanges that were dropped.
    dropped: u64,
    /// Bytes of each chunk, and of the rest.
    bytes: VecDeque<usize>,
    rest_bytes: usize,
}

impl Exchanges {
    /// Appends an exchange; the oldest ones are dropped if there are too many.
    pub fn push(&mut self, exchange: Exchange) {
        self.rest_bytes += exchange.request.len() + exchange.reply.len();
        self.rest.push(Arc::new(exchange));
        if self.rest.len() < CHUNK {
            return;
        }
        self.chunks.push(Arc::new(std::mem::take(&mut self.rest)));
        self.bytes.push_back(std::mem::take(&mut self.rest_bytes));
        let is_large = |exchanges: &Self| exchanges.bytes.iter().sum::<usize>() > BYTES_MAX;
        while self.chunks.len() > EXCHANGES_MAX / CHUNK || self.chunks.len() > 1 && is_large(self) {
            self.chunks.remove(0);
            self.bytes.pop_front();
            self.dropped += CHUNK as u64;
        }
    }

    /// Returns the numbers of the exchanges: the first that is kept, and the one after the last.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        let kept = self.chunks.len() * CHUNK + self.rest.len();
        self.dropped..self.dropped + kept as u64
    }

    /// Returns the newest exchange.
    #[cfg(test)]
    pub fn newest(&self) -> Option<&Arc<Exchange>> {
        self.get(self.numbers().end.checked_sub(1)?)
    }

    /// Returns an exchange by its number, counted from 0 over the whole replay.
    pub fn get(&self, number: u64) -> Option<&Arc<Exchange>> {
        let at = usize::try_from(number.checked_sub(self.dropped)?).ok()?;
        match self.chunks.get(at / CHUNK) {
            Some(chunk) => chunk.get(at % CHUNK),
            None => self.rest.get(at - self.chunks.len() * CHUNK),
        }
    }
}

impl FromIterator<Exchange> for Exchanges {
    fn from_iter<I: IntoIterator<Item = Exchange>>(list: I) -> Self {
        let mut exchanges = Self::default();
        list.into_iter().for_each(|exchange| exchanges.push(exchange));
        exchanges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_exchanges_are_kept_and_found_by_their_number() {
        let mut exchanges = Exchanges::default();
        let exchange = |file_line| Exchange {
            file_line,
            request: String::new(),
            reply: String::new(),
            refused: None,
            difference: None,
        };
        let count = EXCHANGES_MAX as u64 + 700;
        (0..count).for_each(|line| exchanges.push(exchange(line)));
        let numbers = exchanges.numbers();
        assert_eq!(numbers.end, count);
        assert!(numbers.start > 0 && numbers.end - numbers.start <= EXCHANGES_MAX as u64 + 512);
        for number in [numbers.start, numbers.start + 511, numbers.start + 512, count - 1] {
            assert_eq!(exchanges.get(number).unwrap().file_line, number);
        }
        assert_eq!((exchanges.get(numbers.start - 1), exchanges.get(count)), (None, None));
    }
}
