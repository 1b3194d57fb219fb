//! Arguments of commands: their kinds, and how each kind is read, printed and audited.

use crate::refusal::Refusal;
use crate::types::{FileName, Money, Symbol, UserName};
use crate::wire::fields::Fields;
use crate::wire::scanner::{Scan, trim};

/// One argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name in usage texts.
    pub name: &'static str,
    /// Its form.
    pub kind: ArgumentKind,
    /// True if it may be left out.
    pub is_optional: bool,
}

/// The form of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A user name.
    User,
    /// A stock symbol.
    Symbol,
    /// Dollars: an amount or a price.
    Money,
    /// The name of a dump file.
    FileName,
}

impl Argument {
    pub(super) const fn required(name: &'static str, kind: ArgumentKind) -> Self {
        Self { name, kind, is_optional: false }
    }

    pub(super) const fn optional(name: &'static str, kind: ArgumentKind) -> Self {
        Self { name, kind, is_optional: true }
    }
}

impl ArgumentKind {
    /// Returns the form of an argument of the table by its name.
    pub(super) const fn named(name: &str) -> Self {
        match name.as_bytes() {
            b"user" => Self::User,
            b"symbol" => Self::Symbol,
            b"amount" | b"price" => Self::Money,
            b"filename" => Self::FileName,
            _ => panic!("the table names an argument of unknown form"),
        }
    }
}

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

    /// Appends the field.
    fn write(&self, line: &mut impl Fields);

    /// Notes the value in the audit fields.
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>);
}

impl ArgumentValue for UserName {
    #[inline]
    fn parse(field: &[u8]) -> Result<Self, Refusal> {
        Self::parse(field).ok_or(Refusal::BadUser)
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
        std::str::from_utf8(field).ok().and_then(Self::parse).ok_or(Refusal::BadFilename)
    }

    fn write(&self, line: &mut impl Fields) {
        line.text(self.as_str());
    }

    #[inline]
    fn note<'a>(&'a self, fields: &mut CommandFields<'a>) {
        fields.filename = Some(self.as_str());
    }
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

/// The fields of a line after the command's name.
pub(crate) struct Arguments<'a> {
    line: &'a [u8],
    scan: &'a Scan,
}

impl<'a> Arguments<'a> {
    /// The fields of a line that has been scanned.
    pub(crate) const fn new(line: &'a [u8], scan: &'a Scan) -> Self {
        Self { line, scan }
    }

    /// Returns the number of fields.
    pub(crate) const fn count(&self) -> usize {
        self.scan.commas()
    }

    /// Returns a trimmed field, empty if it was not sent. No command has more than three.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        self.scan.field(self.line, index + 1).map_or(b"", trim)
    }

    /// Returns true if the number of fields is one that these arguments allow.
    #[inline]
    pub(crate) fn fit(&self, arguments: &[Argument]) -> bool {
        let optional = arguments.iter().filter(|argument| argument.is_optional).count();
        (arguments.len() - optional..=arguments.len()).contains(&self.count())
    }

    /// Returns true if all arguments were sent, the optional one too.
    pub(crate) const fn are_all(&self, arguments: &[Argument]) -> bool {
        self.count() >= arguments.len()
    }
}
