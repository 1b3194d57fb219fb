//! Fields of replies: how each type is printed and read.

use crate::types::{Money, Side, Symbol, TradeTerms, UserName};
use crate::wire::fields::Fields;
use std::fmt;

/// Bytes of an integer field: a comma and 20 digits.
const INTEGER_BYTES: usize = 21;
/// Bytes of a money field: a comma, a sign, 17 digits, a point and two decimals.
const MONEY_BYTES: usize = 22;

/// Error for a line that the protocol does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a daytrade server")]
pub struct ReplyError;

/// A type that is a field, or several, of a reply.
pub(super) trait ReplyValue: Sized {
    /// Most bytes that the field takes, with its comma; `usize::MAX` for a field of any length.
    const BYTES_MAX: usize;

    /// Appends the field.
    fn write(&self, line: &mut impl Fields);

    /// Reads the field; None if it does not have the form.
    fn read(fields: &mut Cursor<'_>) -> Option<Self>;
}

/// The path of a dump file. A dump folder may have commas in its name, so in a reply it reaches up
/// to the last comma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpPath(pub Box<str>);

impl fmt::Display for DumpPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Box<str>> for DumpPath {
    fn from(path: Box<str>) -> Self {
        Self(path)
    }
}

impl ReplyValue for Money {
    const BYTES_MAX: usize = MONEY_BYTES;

    #[inline]
    fn write(&self, line: &mut impl Fields) {
        line.money(*self);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.money()
    }
}

impl ReplyValue for u64 {
    const BYTES_MAX: usize = INTEGER_BYTES;

    #[inline]
    fn write(&self, line: &mut impl Fields) {
        line.int(*self);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.int()
    }
}

impl ReplyValue for Symbol {
    const BYTES_MAX: usize = 4;

    #[inline]
    fn write(&self, line: &mut impl Fields) {
        line.symbol(*self);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.symbol()
    }
}

impl ReplyValue for UserName {
    const BYTES_MAX: usize = 1 + crate::types::USER_BYTES_MAX;

    #[inline]
    fn write(&self, line: &mut impl Fields) {
        line.user(self);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.user()
    }
}

impl ReplyValue for TradeTerms {
    const BYTES_MAX: usize = Symbol::BYTES_MAX + INTEGER_BYTES + 2 * MONEY_BYTES;

    #[inline]
    fn write(&self, line: &mut impl Fields) {
        line.terms(self);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.terms()
    }
}

impl ReplyValue for Box<str> {
    const BYTES_MAX: usize = usize::MAX;

    fn write(&self, line: &mut impl Fields) {
        line.text(self);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.text().map(Self::from)
    }
}

impl ReplyValue for DumpPath {
    const BYTES_MAX: usize = usize::MAX;

    fn write(&self, line: &mut impl Fields) {
        line.text(&self.0);
    }

    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        fields.up_to_last().map(|path| Self(path.into()))
    }
}

/// The largest number of cents or shares in a reply, ten times the limit of an account: whoever
/// reads replies may add two of them.
const REPORTED_MAX: u64 = 10 * Money::BALANCE_MAX.cents() as u64;

/// Reads money of a reply.
pub(super) fn money(text: &str) -> Option<Money> {
    let money = Money::parse_signed(text.as_bytes())?;
    Some(money).filter(|money| money.cents().unsigned_abs() <= REPORTED_MAX)
}

/// Takes the fields of a line one after the other.
pub(super) struct Cursor<'a>(Option<&'a str>);

impl<'a> Cursor<'a> {
    /// A cursor at the first field.
    pub(super) const fn new(line: &'a str) -> Self {
        Self(Some(line))
    }

    /// Takes the next field.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let line = self.0?;
        let (field, rest) = match line.split_once(',') {
            Some((field, rest)) => (field, Some(rest)),
            None => (line, None),
        };
        self.0 = rest;
        Some(field)
    }

    /// Takes the rest of the line, commas included.
    pub(super) const fn rest(&mut self) -> Option<&'a str> {
        self.0.take()
    }

    /// Takes everything before the last field.
    fn up_to_last(&mut self) -> Option<&'a str> {
        let (before, last) = self.0?.rsplit_once(',')?;
        self.0 = Some(last);
        Some(before)
    }

    /// Takes money.
    pub(super) fn money(&mut self) -> Option<Money> {
        money(self.text()?)
    }

    /// Takes a number of shares.
    pub(super) fn shares(&mut self) -> Option<u64> {
        self.int().filter(|shares| *shares <= REPORTED_MAX)
    }

    /// Takes an integer.
    pub(super) fn int(&mut self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// Takes a symbol.
    pub(super) fn symbol(&mut self) -> Option<Symbol> {
        Symbol::parse(self.text()?.as_bytes())
    }

    /// Takes a user name.
    pub(super) fn user(&mut self) -> Option<UserName> {
        UserName::parse_recorded(self.text()?.as_bytes())
    }

    /// Takes a side.
    pub(super) fn side(&mut self) -> Option<Side> {
        Side::parse(self.text()?.as_bytes())
    }

    /// Takes the four fields of a trade's terms.
    pub(super) fn terms(&mut self) -> Option<TradeTerms> {
        let (symbol, shares) = (self.symbol()?, self.shares()?);
        Some(TradeTerms { symbol, shares, price: self.money()?, total: self.money()? })
    }

    /// Takes a field that may be empty.
    ///
    /// # Errors
    /// If the field is missing, or not empty and cannot be read.
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ReplyError> {
        match self.text().ok_or(ReplyError)? {
            "" => Ok(None),
            field => read(field).map(Some).ok_or(ReplyError),
        }
    }

    /// Returns the value if every field has been taken.
    pub(super) fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_none().then_some(value)
    }
}
