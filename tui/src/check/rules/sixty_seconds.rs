//! 60 seconds: no COMMIT or CANCEL took effect more than 60 s after its BUY or SELL.

use super::{Followed, Remark, Rule};
use crate::check::findings::Findings;
use crate::check::trading::{EXPIRY_MS, Step};

/// The rule.
pub(super) struct SixtySeconds;

impl Rule for SixtySeconds {
    fn name(&self) -> &'static str {
        "60 seconds"
    }

    fn step(&mut self, step: &Step, findings: &mut Findings) {
        let Step::Settled { at, command, age_ms, order } = *step else { return };
        let command = command.as_str();
        match age_ms {
            Some(age_ms) if age_ms <= EXPIRY_MS => {}
            Some(age_ms) => {
                let order = order.unwrap_or_default();
                findings.add(
                    at,
                    format!("{command} takes effect {age_ms} ms after order {order}"),
                    "an errorEvent: the order has run out",
                );
            }
            None => findings.add(
                at,
                format!("{command} takes effect without an order"),
                "an errorEvent: there is no order to settle",
            ),
        }
    }

    fn end(&mut self, followed: &Followed, _findings: &mut Findings) -> Remark {
        followed.lost.map_or_else(Remark::default, Remark::not_judged)
    }
}
