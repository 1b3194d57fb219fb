//! The rules, one module each.
//!
//! A rule sees every event of the log, and every [`Step`] that was reconstructed from them. It must
//! keep a bounded state and never look at the log itself. To add a rule, write one module and add
//! one line to [`all`].

mod commands;
mod complete;
mod money;
mod never_below_zero;
mod order;
mod quote_age;
mod quotes;
mod schema;
mod sixty_seconds;
mod throughput;
mod triggers;

pub(super) use schema::Schema;

use super::event::Event;
use super::findings::Findings;
use super::trading::Step;
use super::workload::Workload;

/// What a rule says at the end, besides its findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remark {
    /// Why the log could not be judged by this rule.
    pub not_judged: Option<String>,
    /// Figures and notes.
    pub note: Option<String>,
}

impl Remark {
    /// The log could not be judged.
    pub(super) fn not_judged(reason: impl Into<String>) -> Self {
        Self { not_judged: Some(reason.into()), note: None }
    }

    /// The log was judged; the note is shown beside the verdict.
    pub(super) fn note(note: impl Into<String>) -> Self {
        Self { not_judged: None, note: Some(note.into()) }
    }
}

/// How far the accounts could be followed in bounded memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Followed {
    /// Why they were given up, if they were.
    pub lost: Option<&'static str>,
    /// True if some set amounts and triggers were not followed.
    pub not_all_sets: bool,
}

impl Followed {
    /// Returns why a rule about set amounts cannot be sure, if so.
    pub(super) fn lost_sets(&self) -> Option<&'static str> {
        let not_all = "the log has more triggers than are followed; what was followed is right";
        self.lost.or(self.not_all_sets.then_some(not_all))
    }
}

/// A rule.
pub(super) trait Rule {
    /// Returns its name in the reports.
    fn name(&self) -> &'static str;

    /// Judges one event.
    fn event(&mut self, _event: &Event<'_>, _findings: &mut Findings) {}

    /// Judges one step of an account.
    fn step(&mut self, _step: &Step, _findings: &mut Findings) {}

    /// Judges the log as a whole.
    fn end(&mut self, followed: &Followed, findings: &mut Findings) -> Remark;
}

/// Returns the rules in the order of the report.
pub(super) fn all(schema: Schema, workload: Option<Workload>) -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(schema),
        Box::new(complete::Complete::new(workload)),
        Box::new(commands::Commands),
        Box::new(order::Order::default()),
        Box::new(quotes::Quotes::default()),
        Box::new(quote_age::QuoteAge::default()),
        Box::new(money::Money),
        Box::new(never_below_zero::NeverBelowZero::default()),
        Box::new(sixty_seconds::SixtySeconds),
        Box::new(triggers::Triggers::default()),
        Box::new(throughput::Throughput::default()),
    ]
}
