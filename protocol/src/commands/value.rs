//! Values of arguments: how each type is read, printed and audited.

use crate::refusal::Refusal;
use crate::types::{FileName, Money, Secret, Symbol, UserName, Word};
use crate::wire::fields::Fields;
use crate::wire::plain::PlainReader;

/// The type that holds an argument of the table.
macro_rules! argument_type {
    (user) => {
        $crate::types::UserName
    };
    (symbol) => {
        $crate::types::Symbol
    };
    (amount) => {
        $crate::types::Money
    };
    (price) => {
        $crate::types::Money
    };
    (filename) => {
        $crate::types::FileName
    };
    (secret) => {
        $crate::types::Secret
    };
    (old) => {
        $crate::types::Secret
    };
    (new) => {
        $crate::types::Secret
    };
    (from_ms) => {
        u64
    };
    (to_ms) => {
        u64
    };
    (action) => {
        $crate::types::Word
    };
    (value) => {
        $crate::types::Word
    };
}
pub(super) use argument_type;

/// The fields of a command that the audit log and the history show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandFields<'a> {
    /// The user it is for.
    pub user: Option<&'a UserName>,
    /// The stock it names.
    pub symbol: Option<Symbol>,
    /// The amount or price it names.
    pub funds: Option<Money>,
    /// The file it names.
    pub filename: Option<&'a str>,
}

/// A value that is an argument.
pub(crate) trait ArgumentValue: Sized {
    /// Reads a trimmed field.
    fn parse(field: &[u8]) -> Result<Self, Refusal>;

    /// Reads a comma and the plain form of the value; None if it is left to [`Self::parse`].
    #[inline]
    fn read_plain(_: &mut PlainReader<'_>) -> Option<Self> {
        None
    }

    /// Appends the field.
    fn write(&self, line: &mut impl Fields);

    /// Notes the value in the audit fields.
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>);
}

impl ArgumentValue for UserName {
    #[inline]
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        let reserved = Self::is_reserved(field);
        let refusal = if reserved { Refusal::ReservedUser } else { Refusal::BadUser };
        Self::parse(field).ok_or(refusal)
    }

    // Nearly every command has a user: a copy of this for each would fill the instruction cache.
    #[inline(never)]
    fn read_plain(from: &mut PlainReader<'_>) -> Option<Self> {
        Self::of_words(from.user()?)
    }

    fn write(&self, line: &mut impl Fields) {
        line.user(self);
    }

    #[inline]
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>) {
        fields.user = Some(self);
    }
}

impl ArgumentValue for Symbol {
    #[inline]
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        Self::parse(field).ok_or(Refusal::BadSymbol)
    }

    #[inline]
    fn read_plain(from: &mut PlainReader<'_>) -> Option<Self> {
        from.symbol().map(Self::of_letters)
    }

    fn write(&self, line: &mut impl Fields) {
        line.symbol(*self);
    }

    #[inline]
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>) {
        fields.symbol = Some(*self);
    }
}

impl ArgumentValue for Money {
    #[inline]
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        Self::parse_amount(field).map_err(|_| Refusal::BadAmount)
    }

    #[inline]
    fn read_plain(from: &mut PlainReader<'_>) -> Option<Self> {
        from.cents().map(|cents| Self::from_cents(cents as i64))
    }

    fn write(&self, line: &mut impl Fields) {
        line.money(*self);
    }

    #[inline]
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>) {
        fields.funds = Some(*self);
    }
}

impl ArgumentValue for FileName {
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        let name = std::str::from_utf8(field).ok().and_then(Self::parse_recorded);
        let name = name.ok_or(Refusal::BadFilename)?;
        if name.is_hidden() { Err(Refusal::HiddenFilename) } else { Ok(name) }
    }

    fn write(&self, line: &mut impl Fields) {
        line.text(self.as_str());
    }

    #[inline]
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>) {
        fields.filename = Some(self.as_str());
    }
}

impl ArgumentValue for Secret {
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        Self::parse(field).ok_or(Refusal::BadSecret)
    }

    fn write(&self, line: &mut impl Fields) {
        line.text(self.expose());
    }

    fn note<'a>(&'a self, _: &mut CommandFields<'a>) {}
}

impl ArgumentValue for u64 {
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        let digits = field.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(field).ok().filter(|_| digits);
        text.and_then(|text| text.parse().ok()).ok_or(Refusal::BadSessionArguments)
    }

    fn write(&self, line: &mut impl Fields) {
        line.int(*self);
    }

    fn note<'a>(&'a self, _: &mut CommandFields<'a>) {}
}

impl ArgumentValue for Word {
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        Self::parse(field).ok_or(Refusal::BadSessionArguments)
    }

    fn write(&self, line: &mut impl Fields) {
        line.text(self.as_str());
    }

    fn note<'a>(&'a self, _: &mut CommandFields<'a>) {}
}

impl<T: ArgumentValue> ArgumentValue for Option<T> {
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        T::parse(field).map(Some)
    }

    fn write(&self, line: &mut impl Fields) {
        if let Some(value) = self {
            value.write(line);
        }
    }

    #[inline]
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>) {
        if let Some(value) = self {
            value.note(fields);
        }
    }
}
