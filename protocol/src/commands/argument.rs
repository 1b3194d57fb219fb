//! Arguments of commands as the table describes them, and the fields of a line that hold them.

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
    /// A password or token.
    Secret,
    /// A time, Unix milliseconds.
    Time,
    /// A word that is no data of the exchange.
    Word,
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
    #[expect(clippy::panic, reason = "it runs in the compiler only")]
    pub(super) const fn named(name: &str) -> Self {
        match name.as_bytes() {
            b"user" => Self::User,
            b"symbol" => Self::Symbol,
            b"amount" | b"price" => Self::Money,
            b"filename" => Self::FileName,
            b"secret" | b"old" | b"new" => Self::Secret,
            b"from_ms" | b"to_ms" => Self::Time,
            b"action" | b"value" => Self::Word,
            _ => panic!("the table names an argument of unknown form"),
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
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        self.scan.field(self.line, index + 1).map_or(b"", trim)
    }

    /// Returns a reader that begins at the first field.
    #[inline]
    pub(super) const fn reader(&self) -> FieldReader<'_, 'a> {
        FieldReader { fields: self, at: 0 }
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

/// Reads the fields in order.
pub(super) struct FieldReader<'f, 'a> {
    fields: &'f Arguments<'a>,
    at: usize,
}

impl<'a> FieldReader<'_, 'a> {
    /// Returns the next field, trimmed, empty if it was not sent.
    #[inline]
    pub(super) fn next(&mut self) -> &'a [u8] {
        self.at += 1;
        self.fields.at(self.at - 1)
    }
}
