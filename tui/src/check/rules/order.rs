//! order: the timestamps of a user do not run backwards, and each event follows the userCommand of
//! its number.
//!
//! A server may log a command when it carries it out, and a quote when it arrives, which is just
//! before. So a quoteServer may precede its userCommand by [`QUOTE_MS`].

use super::{Followed, Remark, Rule};
use crate::check::event::{Event, Kind};
use crate::check::findings::{Findings, Place};
use crate::check::numbers::Numbers;
use hashbrown::HashMap;

/// Users whose time is followed.
const USERS_MAX: usize = 1 << 18;
/// How long a quoteServer may precede its userCommand.
const QUOTE_MS: u64 = 1_000;
/// Events before their userCommand that are remembered.
const EARLY_MAX: usize = 1 << 16;

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Order {
    times: HashMap<Box<str>, u64>,
    commands: Numbers,
    /// Quotes whose userCommand has not come, by number. A quote that nobody's command asked for
    /// has none at all.
    early: HashMap<u64, (Place, u64)>,
    too_many: bool,
}

impl Rule for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        self.time(event, findings);
        let Some(number) = event.number else { return };
        if event.kind == Kind::UserCommand {
            self.too_many |= self.commands.insert(number).is_none();
            if let Some((place, at_ms)) = self.early.remove(&number)
                && event.at_ms.is_some_and(|command_ms| at_ms + QUOTE_MS < command_ms)
            {
                findings.add(
                    place,
                    format!(
                        "a quoteServer before its userCommand, which is on line {}",
                        event.line
                    ),
                    "the userCommand first",
                );
            }
        } else if !self.commands.contains(number) && event.kind != Kind::DebugEvent {
            if event.kind != Kind::QuoteServer {
                let found = format!("{} without a userCommand before it", event.kind.as_str());
                findings.add(Place::of(event), found, "the userCommand of its number first");
            } else if self.early.len() < EARLY_MAX {
                let at_ms = event.at_ms.unwrap_or(0);
                self.early.entry(number).or_insert_with(|| (Place::of(event), at_ms));
            }
        }
    }

    fn end(&mut self, _followed: &Followed, _findings: &mut Findings) -> Remark {
        if self.too_many {
            return Remark::not_judged("the transaction numbers are too far apart to follow");
        }
        Remark::default()
    }
}

impl Order {
    fn time(&mut self, event: &Event<'_>, findings: &mut Findings) {
        let Some((user, at_ms)) = event.user.zip(event.at_ms) else { return };
        let room = self.times.len() < USERS_MAX;
        match self.times.get_mut(user) {
            Some(last) if at_ms < *last => {
                findings.add(
                    Place::of(event),
                    format!("timestamp {at_ms}"),
                    format!("{last} or later, as the user's event before it"),
                );
            }
            Some(last) => *last = at_ms,
            None if room => {
                self.times.insert(user.into(), at_ms);
            }
            None => self.too_many = true,
        }
    }
}
