//! throughput: commands a second, by the log's own timestamps.

use super::{Followed, Remark, Rule};
use crate::check::event::{Event, Kind};
use crate::check::findings::Findings;

/// Seconds whose commands are counted; the log may go back this far in time.
const SECONDS: usize = 128;

/// The rule. It only reports: the assignment names no speed that a log must show.
#[derive(Debug)]
pub(super) struct Throughput {
    commands: u64,
    times: Option<(u64, u64)>,
    /// Commands of the newest seconds, at the second modulo their number.
    seconds: [(u64, u64); SECONDS],
    best: u64,
}

impl Default for Throughput {
    fn default() -> Self {
        Self { commands: 0, times: None, seconds: [(0, 0); SECONDS], best: 0 }
    }
}

impl Rule for Throughput {
    fn name(&self) -> &'static str {
        "throughput"
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        let Some(at_ms) = event.at_ms.filter(|_| event.kind == Kind::UserCommand) else { return };
        if event.number.is_some_and(|number| !findings.range().contains(number)) {
            return;
        }
        self.commands += 1;
        let (first, last) = self.times.unwrap_or((at_ms, at_ms));
        self.times = Some((first.min(at_ms), last.max(at_ms)));
        let second = at_ms / 1_000;
        let slot = &mut self.seconds[second as usize % SECONDS];
        if slot.0 < second {
            *slot = (second, 0);
        }
        if slot.0 == second {
            slot.1 += 1;
            self.best = self.best.max(slot.1);
        }
    }

    fn end(&mut self, _followed: &Followed, _findings: &mut Findings) -> Remark {
        let Some((first, last)) = self.times else {
            return Remark::not_judged("the log has no userCommand with a timestamp");
        };
        let took_ms = last - first;
        let tenths = (u128::from(self.commands) * 10_000).checked_div(u128::from(took_ms));
        let mean = match tenths {
            None => String::new(),
            Some(tenths) if tenths < 100 => format!(", {}.{} a second", tenths / 10, tenths % 10),
            Some(tenths) => format!(", {} a second", tenths / 10),
        };
        Remark::note(format!(
            "{} commands in {}.{:03} s{mean}, best second {}",
            self.commands,
            took_ms / 1_000,
            took_ms % 1_000,
            self.best,
        ))
    }
}
