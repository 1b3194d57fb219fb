//! money: a command of the user explains every accountTransaction, and cash comes to what the
//! commands say.

use super::{Followed, Remark, Rule};
use crate::check::findings::{Expected, Findings, moved};
use crate::check::trading::{Due, Step};

/// The rule.
pub(super) struct Money;

impl Rule for Money {
    fn name(&self) -> &'static str {
        "money"
    }

    fn step(&mut self, step: &Step, findings: &mut Findings) {
        let Step::Cash { at, explained, net, due } = *step else { return };
        findings.add_for(explained.not(), at, || match due {
            Due::Cash(due) => (moved(net), Expected::Cash(due)),
            Due::Text(text) => (moved(net), Expected::Text(text.to_owned())),
            Due::Shortfall { sold, held } => (
                match sold {
                    Some(sold) => format!("{} for {sold} shares", moved(net)),
                    None => format!("{} for shares", moved(net)),
                },
                Expected::Text(format!("at most {held}, the shares that the log accounts for")),
            ),
        });
    }

    fn end(&mut self, followed: &Followed, _findings: &mut Findings) -> Remark {
        followed.lost_sets().map_or_else(Remark::default, Remark::not_judged)
    }
}
