//! The messages between the replay engine and the screen: progress in one direction, control in the
//! other. They are plain data and know nothing of the engine.

use std::collections::VecDeque;
use std::sync::Arc;

/// Requests with their replies that are kept to be looked at.
pub const EXCHANGES_MAX: usize = 500;
/// Lines a second at speed 1x.
pub const LINES_PER_SECOND_1X: u64 = 10;

/// How fast lines may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Not at all, but for single steps.
    Paused,
    /// So many lines a second.
    Rate(u64),
    /// As fast as they are answered.
    #[default]
    Max,
    /// One after the other, until one is refused or not what was expected.
    ToNextRefusal,
}

impl Pace {
    /// The next speed up or down: 1x, 10x, 100x, 1000x, max.
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

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Paused => "paused".to_owned(),
            Self::Rate(rate) => format!("{}x", rate / LINES_PER_SECOND_1X),
            Self::Max => "max".to_owned(),
            Self::ToNextRefusal => "to the next refusal".to_owned(),
        }
    }
}

/// What the watcher says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on like this.
    Pace(Pace),
    /// One line more.
    Step,
}

/// A request with its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its line in the file, from 1.
    pub file_line: u64,
    /// As it was sent.
    pub request: String,
    /// All lines of the reply.
    pub reply: String,
    /// It was refused.
    pub refused: bool,
    /// How the reply differs from what was expected.
    pub difference: Option<String>,
}

/// How a replay stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The server and the connections are being made.
    #[default]
    Starting,
    /// On its way.
    Running,
    /// All of the file was answered.
    Ended,
    /// It could not go on, and why.
    Failed(String),
}

/// How far a replay has come.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The file.
    pub file: String,
    /// Its size, 0 when that is not known, and how much of it has been sent.
    pub bytes: (u64, u64),
    /// Lines sent.
    pub lines: u64,
    /// Lines carried out.
    pub ok: u64,
    /// Lines refused.
    pub refused: u64,
    /// Replies that were not what was expected.
    pub differences: u64,
    /// Time since the start, in microseconds.
    pub wall_us: u64,
    /// How it stands.
    pub stage: Stage,
    /// How fast lines may go.
    pub pace: Pace,
    /// Lines sent and microseconds passed when the pace was set: speeds are reckoned from there.
    pub paced_from: (u64, u64),
    /// The newest last.
    pub exchanges: VecDeque<Arc<Exchange>>,
}

impl Progress {
    /// Lines a second since the pace was set.
    pub fn lines_per_second(&self) -> u64 {
        let (lines, since_us) = self.paced_from;
        let took_us = u128::from(self.wall_us.saturating_sub(since_us).max(1));
        (u128::from(self.lines - lines) * 1_000_000 / took_us) as u64
    }
}
