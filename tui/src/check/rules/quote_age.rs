//! quote age: every reserve, fill and trigger used a price at most 60 s old.

use super::{Followed, Remark, Rule};
use crate::check::amount::Amount;
use crate::check::event::{Event, Kind};
use crate::check::findings::{Findings, Place};
use crate::check::trading::{EXPIRY_MS, Step};

/// Uses without a known price that are described at the end.
const UNKNOWN_MAX: usize = 64;

/// The rule.
#[derive(Debug, Default)]
pub(super) struct QuoteAge {
    judged: u64,
    hits: u64,
    commands: u64,
    largest: u64,
    /// A user of the log, and whether there are more.
    user: Option<Box<str>>,
    many_users: bool,
    of_file: u64,
    unknown: Vec<Place>,
    unknown_count: u64,
}

impl Rule for QuoteAge {
    fn name(&self) -> &'static str {
        "quote age"
    }

    fn event(&mut self, event: &Event<'_>, _findings: &mut Findings) {
        match event.kind {
            Kind::QuoteServer => self.hits += 1,
            Kind::UserCommand => {
                self.commands += 1;
                self.largest = self.largest.max(event.number.unwrap_or(0));
                if let Some(user) = event.user.filter(|_| !self.many_users) {
                    let only = self.user.get_or_insert_with(|| user.into());
                    self.many_users = **only != *user;
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, step: &Step, findings: &mut Findings) {
        self.of_file += u64::from(matches!(step, Step::PriceOfFile));
        let Step::Price { at, age_ms, price, unknown } = *step else { return };
        if unknown {
            self.unknown_count += 1;
            if self.unknown.len() < UNKNOWN_MAX {
                self.unknown.push(at);
            }
            return;
        }
        self.judged += 1;
        match age_ms {
            Some(age_ms) if age_ms <= EXPIRY_MS => {}
            Some(age_ms) => {
                let price = price.unwrap_or(Amount::ZERO);
                findings.add(
                    at,
                    format!("the price {price} is {age_ms} ms old"),
                    "a price of at most 60000 ms",
                );
            }
            None => findings.add(at, "no quote of the symbol so far", "a quote of the last 60 s"),
        }
    }

    fn end(&mut self, followed: &Followed, findings: &mut Findings) -> Remark {
        // A part of a log may lack quotes that were fetched for other users.
        let is_part = !self.many_users && self.commands < self.largest;
        if self.unknown_count > 0 && self.hits > 0 && !is_part {
            for place in &self.unknown {
                findings.add(*place, "no quote of the symbol", "a quote of the last 60 s");
            }
            return Remark::default();
        }
        match (followed.lost, self.judged, self.unknown_count) {
            (Some(lost), ..) => Remark::not_judged(lost),
            (None, 0, 1..) if self.hits == 0 => {
                Remark::not_judged("the log has no quoteServer; --prices names a price file")
            }
            (None, 0, 1..) => Remark::not_judged(
                "the log is a part of one: the quotes may have been fetched for others",
            ),
            (None, 0, 0) if self.of_file > 0 => Remark::not_judged(
                "the prices are those of the price file, and the log does not say when they held",
            ),
            (None, judged, 0) => Remark::note(format!("{judged} prices used")),
            (None, judged, unknown) => Remark::note(format!(
                "{judged} prices used; of {unknown} more the log shows no quote"
            )),
        }
    }
}
