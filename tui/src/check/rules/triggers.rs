//! triggers: each fired once, at a price that reached it, after both halves were set.

use super::{Followed, Remark, Rule};
use crate::check::findings::Findings;
use crate::check::trading::{Fire, Step};

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    fired: u64,
    unseen: u64,
}

impl Rule for Triggers {
    fn name(&self) -> &'static str {
        "triggers"
    }

    fn step(&mut self, step: &Step, findings: &mut Findings) {
        let Step::Fired { at, fire } = *step else { return };
        match fire {
            Fire::At { trigger, price, buys } => {
                self.fired += 1;
                let reached = if buys { price <= trigger } else { price >= trigger };
                if !reached {
                    let (side, bound) = if buys { ("buy", "or less") } else { ("sell", "or more") };
                    findings.add(
                        at,
                        format!("a {side} trigger fires at {price}"),
                        format!("a price of {trigger} {bound}"),
                    );
                }
            }
            Fire::Unseen => self.unseen += 1,
            Fire::NotArmed => findings.add(
                at,
                "a trigger fires",
                "no fire: this trigger has fired, was cancelled, or only one half was set",
            ),
        }
    }

    fn end(&mut self, followed: &Followed, _findings: &mut Findings) -> Remark {
        if let Some(lost) = followed.lost_sets() {
            return Remark::not_judged(lost);
        }
        if self.unseen > 0 && self.fired == 0 {
            return Remark::not_judged(
                "the log shows no price of the symbols that fired; --prices",
            );
        }
        Remark::note(match self.unseen {
            0 => format!("{} fired", self.fired),
            unseen => {
                format!("{} fired, {unseen} at a price that the log does not show", self.fired)
            }
        })
    }
}
