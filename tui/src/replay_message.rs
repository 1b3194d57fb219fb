//! Data that a replay and its monitor exchange: the pace of the replay and its progress.
//!
//! These are plain values. This module must never depend on the replay, the network or the runtime,
//! so that the screen can use it alone.

use std::collections::VecDeque;
use std::sync::Arc;

/// Number of recent exchanges that [`Progress`] keeps.
pub const EXCHANGES_MAX: usize = 500;
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
            Self::Rate(rate) => format!("{}x", rate / LINES_PER_SECOND_1X),
            Self::Max => "max".to_owned(),
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
    /// True if the server refused the request.
    pub refused: bool,
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
    /// Recent exchanges, newest last.
    pub exchanges: VecDeque<Arc<Exchange>>,
}

impl Progress {
    /// Returns the lines sent per second since the pace was set.
    pub fn lines_per_second(&self) -> u64 {
        let (lines, since_us) = self.paced_from;
        let took_us = u128::from(self.wall_us.saturating_sub(since_us).max(1));
        (u128::from(self.lines - lines) * 1_000_000 / took_us) as u64
    }
}
