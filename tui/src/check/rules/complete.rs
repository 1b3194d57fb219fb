//! complete: every numbered line of the workload has its userCommand, once and unchanged. Without a
//! workload, the numbers run from 1 without a gap.

use super::{Followed, Remark, Rule};
use crate::check::event::{Event, Kind};
use crate::check::findings::{Findings, Place};
use crate::check::numbers::Numbers;
use crate::check::workload::{Answer, Workload};

/// Jumps of the numbers whose place is remembered.
const JUMPS_MAX: usize = 1 << 16;

/// The rule.
#[derive(Debug)]
pub(super) struct Complete {
    workload: Option<Workload>,
    numbers: Numbers,
    /// Numbers of quotes.
    quotes: Numbers,
    largest: u64,
    /// Where the numbers jumped ahead: the first number that was left out, and the event.
    jumps: Vec<(u64, Place)>,
    too_many: bool,
    error: Option<String>,
}

impl Complete {
    pub(super) fn new(workload: Option<Workload>) -> Self {
        Self {
            workload,
            numbers: Numbers::default(),
            quotes: Numbers::default(),
            largest: 0,
            jumps: Vec::new(),
            too_many: false,
            error: None,
        }
    }
}

impl Rule for Complete {
    fn name(&self) -> &'static str {
        "complete"
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        let Some(number) = event.number else { return };
        if event.kind != Kind::UserCommand {
            // A quote for nobody's command has a number too.
            if event.kind == Kind::QuoteServer && self.workload.is_none() {
                self.quotes.insert(number);
            }
            return;
        }
        let Some(workload) = &mut self.workload else {
            match self.numbers.insert(number) {
                Some(true) => {}
                Some(false) => findings.add(
                    Place::of(event),
                    format!("a second userCommand with number {number}"),
                    "each number once",
                ),
                None => self.too_many = true,
            }
            if findings.range().contains(number) {
                if number - 1 > self.largest && self.jumps.len() < JUMPS_MAX {
                    self.jumps.push((self.largest.saturating_add(1), Place::of(event)));
                }
                self.largest = self.largest.max(number);
            }
            return;
        };
        match workload.take(number, event) {
            Ok(Answer::Same) => {}
            Ok(Answer::Differs { found, expected }) => {
                findings.add(Place::of(event), found, expected);
            }
            Ok(Answer::NotThere) => findings.add(
                Place::of(event),
                format!("a userCommand with number {number}"),
                "one userCommand for each line of the workload",
            ),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    fn end(&mut self, _followed: &Followed, findings: &mut Findings) -> Remark {
        let range = findings.range();
        if let Some(workload) = &mut self.workload {
            if let Err(error) = workload.rest(|number, line| {
                findings.add(
                    Place::of_number(number),
                    "no userCommand",
                    format!("a userCommand for {line}"),
                );
            }) {
                self.error.get_or_insert(error);
            }
            return match self.error.take() {
                Some(error) => Remark::not_judged(error),
                None => Remark::note(format!("{} lines of the workload", workload.lines())),
            };
        }
        if self.too_many {
            return Remark::not_judged("the transaction numbers are too far apart to follow");
        }
        let first = range.from.max(1);
        let Self { numbers, quotes, .. } = self;
        numbers.gaps(first, self.largest, |from, until| {
            if (from..=until).all(|number| until - from < 1_000 && quotes.contains(number)) {
                return;
            }
            let (found, expected) = if from == until {
                ("no userCommand".to_owned(), format!("number {from}"))
            } else {
                (format!("no userCommand from {from} to {until}"), "numbers without a gap".into())
            };
            // The numbers only grow from jump to jump.
            let after = self.jumps.partition_point(|(left_out, _)| *left_out <= from);
            let jump = after.checked_sub(1).and_then(|at| self.jumps.get(at));
            let place = jump.map_or(Place::of_number(from), |(_, place)| *place);
            findings.add(Place { number: Some(from), ..place }, found, expected);
        });
        if self.largest < first {
            return Remark::not_judged("the log has no userCommand");
        }
        Remark::note(format!("numbers {first} to {}", self.largest))
    }
}
