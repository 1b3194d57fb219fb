//! commands: funds to the cent, symbols of at most three characters, one of the sixteen commands.

use super::{Followed, Remark, Rule};
use crate::check::event::{Event, Kind};
use crate::check::findings::{Findings, Place};

/// Longest symbol of the assignment.
const SYMBOL_CHARS: usize = 3;

/// The rule.
pub(super) struct Commands;

impl Rule for Commands {
    fn name(&self) -> &'static str {
        "commands"
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        if event.command.is_none()
            && let Some(text) = event.command_text
        {
            let shown: String = text.chars().take(80).collect();
            findings.add(Place::of(event), format!("command {shown:?}"), "one of the sixteen");
        }
        if let Some(symbol) = event.symbol.filter(|symbol| symbol.chars().count() > SYMBOL_CHARS) {
            let shown: String = symbol.chars().take(80).collect();
            findings.add(
                Place::of(event),
                format!("stock symbol {shown:?}"),
                "a symbol of at most three characters",
            );
        }
        let moved = event.funds.filter(|_| event.kind == Kind::AccountTransaction);
        if let Some(funds) = moved.filter(|funds| funds.is_negative()) {
            let found = format!("funds {funds}");
            findings.add(Place::of(event), found, "what is added or removed, without a sign");
        }
        if !event.to_the_cent {
            let (what, amount) = match event.funds {
                Some(funds) if event.kind != Kind::QuoteServer => ("funds", funds),
                _ => ("price", event.price.unwrap_or_default()),
            };
            findings.add(
                Place::of(event),
                format!("{what} {amount}, or a part of that"),
                "dollars with at most two decimals",
            );
        }
    }

    fn end(&mut self, _followed: &Followed, _findings: &mut Findings) -> Remark {
        Remark::default()
    }
}
