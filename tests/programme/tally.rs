//! What a part of the programme has done, for a person to read.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// Counts of one part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Times something was run and looked at afterwards.
    pub runs: u64,
    /// Faults injected: failed operations, damaged bytes, crashes, kills.
    pub faults: u64,
    /// Commands sent.
    pub submitted: u64,
    /// Commands answered as carried out or refused by the rules.
    pub acknowledged: u64,
    /// Commands found again after the faults.
    pub recovered: u64,
    /// Starts that were refused, rightly, because of damage.
    pub refused_starts: u64,
    /// How long it took.
    pub took: Duration,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.faults += other.faults;
        self.submitted += other.submitted;
        self.acknowledged += other.acknowledged;
        self.recovered += other.recovered;
        self.refused_starts += other.refused_starts;
        self.took += other.took;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, faults, submitted, acknowledged, recovered, refused_starts, took } = self;
        write!(
            f,
            "{runs} runs, {faults} faults injected, {submitted} commands sent, {acknowledged} acknowledged, "
        )?;
        write!(
            f,
            "{recovered} recovered, {refused_starts} starts refused, lost 0, invented 0, {took:.1?}"
        )
    }
}
