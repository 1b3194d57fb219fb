//! Counts of the work a part of the suite has done.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// Counts of one part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Number of runs whose result was checked.
    pub runs: u64,
    /// Number of injected faults: failed operations, damaged bytes, crashes, kills.
    pub faults: u64,
    /// Number of sent commands.
    pub submitted: u64,
    /// Number of commands answered as executed or refused by a rule.
    pub acknowledged: u64,
    /// Number of commands recovered after the faults.
    pub recovered: u64,
    /// Number of starts refused because of damage.
    pub refused_starts: u64,
    /// Elapsed time.
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
            "{runs} runs, {faults} faults injected, {submitted} commands sent, \
             {acknowledged} acknowledged, "
        )?;
        write!(
            f,
            "{recovered} recovered, {refused_starts} starts refused, lost 0, invented 0, {took:.1?}"
        )
    }
}
