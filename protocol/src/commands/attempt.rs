//! The readable parts of a command that had to be refused.

use super::argument::{Argument, ArgumentKind, Arguments};
use super::name::CommandName;
use super::value::CommandFields;
use crate::types::{Money, Symbol, UserName};
use serde::{Deserialize, Serialize};

/// The readable parts of a refused command. Its layout is part of the journal format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The command it names.
    pub name: CommandName,
    /// The user, if that field has the form of one.
    pub user: Option<UserName>,
    /// The symbol, if that field has the form of one.
    pub symbol: Option<Symbol>,
    /// The amount, if that field is a number with at most two decimals, zero and negative included.
    pub funds: Option<Money>,
    /// The file name, in any form.
    pub filename: Option<Box<str>>,
}

/// The order in which most commands take their arguments.
const USUAL: [ArgumentKind; 3] = [ArgumentKind::User, ArgumentKind::Symbol, ArgumentKind::Money];

impl Attempt {
    /// Returns the fields that the audit log shows.
    pub fn fields(&self) -> CommandFields<'_> {
        CommandFields {
            user: self.user.as_ref(),
            symbol: self.symbol,
            funds: self.funds,
            filename: self.filename.as_deref(),
        }
    }

    /// Reads as much as has the right form. Fields past the command's last argument are read as
    /// the usual argument of that position, so that the audit log shows them.
    pub(crate) fn of(name: CommandName, fields: &Arguments<'_>) -> Self {
        let mut attempt = Self { name, user: None, symbol: None, funds: None, filename: None };
        let arguments = name.arguments();
        let all = fields.are_all(arguments) || fields.count() == 0;
        let kinds = |argument: &&Argument| all || !argument.is_optional;
        let mut position = 0;
        for argument in arguments.iter().filter(kinds) {
            attempt.take(argument.kind, fields.at(position));
            position += 1;
        }
        let is_usual = |(argument, usual): (&Argument, &ArgumentKind)| argument.kind == *usual;
        if arguments.iter().zip(&USUAL).all(is_usual) {
            for (position, kind) in USUAL.iter().enumerate().skip(position) {
                attempt.take(*kind, fields.at(position));
            }
        }
        attempt
    }

    fn take(&mut self, kind: ArgumentKind, field: &[u8]) {
        match kind {
            ArgumentKind::User => self.user = UserName::parse(field),
            ArgumentKind::Symbol => self.symbol = Symbol::parse(field),
            ArgumentKind::Money => self.funds = Money::parse_signed(field),
            ArgumentKind::FileName => {
                let text = std::str::from_utf8(field).ok().filter(|text| !text.is_empty());
                self.filename = text.map(Box::from);
            }
            // No audited command takes one, and a secret must never be recorded.
            ArgumentKind::Secret | ArgumentKind::Time | ArgumentKind::Word => {}
        }
    }
}
