//! Lines written field by field, without `fmt` on the way.

use crate::{Money, Symbol, Tag};

/// Writes one line: a head, then fields with a comma before each; dropping it ends the line.
#[must_use]
pub struct LineWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> LineWriter<'a> {
    /// Begins a line that carries no tag: a pushed line or a request.
    pub fn plain(out: &'a mut Vec<u8>, head: &str) -> Self {
        out.extend_from_slice(head.as_bytes());
        Self { out }
    }

    /// Begins the last (or only) line of a reply.
    pub fn last(out: &'a mut Vec<u8>, tag: Option<Tag>, head: &str) -> Self {
        if let Some(tag) = tag {
            tag.write_to(out);
            out.push(b' ');
        }
        Self::plain(out, head)
    }

    /// Begins a line of a reply that more lines follow.
    pub fn continued(out: &'a mut Vec<u8>, tag: Option<Tag>, head: &str) -> Self {
        if let Some(tag) = tag {
            tag.write_to(out);
        }
        out.push(b'-');
        Self::plain(out, head)
    }

    /// A field of text; the caller knows that it holds neither line ends nor, unless it is the last, commas.
    pub fn text(self, text: &str) -> Self {
        self.out.push(b',');
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// A symbol.
    pub fn symbol(self, symbol: Symbol) -> Self {
        self.out.push(b',');
        self.out.extend_from_slice(symbol.as_bytes());
        self
    }

    /// Money with two decimals.
    pub fn money(self, money: Money) -> Self {
        self.out.push(b',');
        money.write_to(self.out);
        self
    }

    /// A whole number: shares, milliseconds, a count.
    pub fn int(self, value: u64) -> Self {
        self.out.push(b',');
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// A field left empty where there is nothing to say.
    pub fn optional<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => write(self, value),
            None => self.text(""),
        }
    }
}

impl Drop for LineWriter<'_> {
    fn drop(&mut self) {
        self.out.push(b'\n');
    }
}
