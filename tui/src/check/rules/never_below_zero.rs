//! never below 0: no balance is negative at any event.

use super::{Followed, Remark, Rule};
use crate::check::amount::Amount;
use crate::check::event::{Event, Kind};
use crate::check::findings::{Findings, Place};
use hashbrown::HashMap;

/// Users whose balance is followed.
const USERS_MAX: usize = 1 << 18;

/// The rule.
#[derive(Debug, Default)]
pub(super) struct NeverBelowZero {
    balances: HashMap<String, Amount>,
    too_many: bool,
}

impl Rule for NeverBelowZero {
    fn name(&self) -> &'static str {
        "never below 0"
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        if event.kind != Kind::AccountTransaction {
            return;
        }
        let (Some(user), Some(adds), Some(funds)) = (event.user, event.adds, event.funds) else {
            return;
        };
        if self.balances.len() >= USERS_MAX && !self.balances.contains_key(user) {
            self.too_many = true;
            return;
        }
        let balance = self.balances.entry_ref(user).or_default();
        let before = *balance;
        *balance = if adds { before + funds } else { before - funds };
        if balance.is_negative() && !before.is_negative() {
            findings.add(
                Place::of(event),
                format!("a balance of {balance}"),
                "a balance of 0 or more",
            );
        }
    }

    fn end(&mut self, _followed: &Followed, _findings: &mut Findings) -> Remark {
        if self.too_many {
            return Remark::not_judged("the log has too many users to follow");
        }
        Remark::default()
    }
}
