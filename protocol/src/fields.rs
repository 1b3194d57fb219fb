//! Lines written field by field into the buffer they belong to, without `fmt` on the way.
//!
//! The buffer is longer than what it holds. So a field is written into a piece of known size: its
//! bytes are stored by whole words, and the room is looked at once a field, or once a line
//! ([`crate::Lines`]).

use crate::digits::{digits_at, money_at};
use crate::{Money, Symbol, Tag, TradeTerms, UserName, short};

/// The room a line begins with, and grows by: most lines are shorter.
const LINE_BYTES: usize = 128;
/// Longer than a comma, a sign, the decimals of a `u64` and a point, with room behind them for
/// whole words.
pub(crate) const FIELD_BYTES: usize = 32;

/// Writes fields one behind the other.
pub(crate) trait Fields: Sized {
    /// Has `write` fill in the next piece; it returns how many bytes of it it has taken.
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self;

    /// What the last (or only) line of a reply, or a request, begins with.
    #[inline]
    fn begin(&mut self, tag: Option<Tag>, head: &str) -> &mut Self {
        if let Some(tag) = tag {
            self.tag(tag).byte(b' ');
        }
        self.put(head.as_bytes())
    }

    /// A field of text; the caller knows that it holds neither line ends nor, unless it is the
    /// last, commas.
    #[inline]
    fn text(&mut self, text: &str) -> &mut Self {
        self.byte(b',').put(text.as_bytes())
    }

    /// A user's name.
    #[inline]
    fn user(&mut self, user: &UserName) -> &mut Self {
        self.byte(b',').put(user.as_bytes())
    }

    /// A symbol.
    #[inline]
    fn symbol(&mut self, symbol: Symbol) -> &mut Self {
        self.field(|field| {
            let [first, second, third] = symbol.into();
            field[..4].copy_from_slice(&[b',', first, second, third]);
            1 + symbol.len()
        })
    }

    /// Money with two decimals.
    #[inline]
    fn money(&mut self, money: Money) -> &mut Self {
        self.byte(b',').bare_money(money)
    }

    /// A whole number: shares, milliseconds, a count.
    #[inline]
    fn int(&mut self, value: u64) -> &mut Self {
        self.field(|field| {
            field[0] = b',';
            1 + digits_at(field, 1, value)
        })
    }

    /// The terms of a trade.
    #[inline]
    fn terms(&mut self, terms: &TradeTerms) -> &mut Self {
        self.symbol(terms.symbol).int(terms.shares).money(terms.price).money(terms.total)
    }

    /// A field left empty where there is nothing to say.
    #[inline]
    fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.byte(b','),
        }
    }

    /// Money without a comma before it.
    #[inline]
    fn bare_money(&mut self, money: Money) -> &mut Self {
        self.field(|field| money_at(field, money))
    }

    /// A whole number without a comma before it.
    #[inline]
    fn bare_int(&mut self, value: u64) -> &mut Self {
        self.field(|field| digits_at(field, 0, value))
    }

    #[inline]
    fn tag(&mut self, tag: Tag) -> &mut Self {
        self.field(|field| {
            field[0] = b'[';
            let digits = digits_at(field, 1, tag.get());
            field[1 + digits] = b']';
            digits + 2
        })
    }

    #[inline]
    fn byte(&mut self, byte: u8) -> &mut Self {
        self.field(|field| {
            field[0] = byte;
            1
        })
    }

    /// Bytes of any number.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| short::copy(field, bytes));
        }
        bytes
            .chunks(FIELD_BYTES)
            .fold(self, |line, piece| line.field(|field| short::copy(field, piece)))
    }

    /// The first `length` of 32 bytes: a copy of a known size is cheaper than one of the size that
    /// is wanted.
    #[inline]
    fn put_short(&mut self, bytes: &[u8; FIELD_BYTES], length: usize) -> &mut Self {
        self.field(|field| {
            *field = *bytes;
            length.min(FIELD_BYTES)
        })
    }
}

/// Writes one line of any length: a head, then fields with a comma before each; dropping it ends
/// the line.
#[must_use]
pub(crate) struct LineWriter<'a> {
    /// What was there before, what has been written, and room.
    out: &'a mut Vec<u8>,
    /// Where the next byte goes.
    at: usize,
}

impl<'a> LineWriter<'a> {
    /// Begins a line that carries no tag: a pushed line or a request.
    #[inline]
    pub(crate) fn plain(out: &'a mut Vec<u8>, head: &str) -> Self {
        let mut line = Self::begun(out);
        line.put(head.as_bytes());
        line
    }

    /// Begins a request, or the last (or only) line of a reply.
    #[inline]
    pub(crate) fn last(out: &'a mut Vec<u8>, tag: Option<Tag>, head: &str) -> Self {
        let mut line = Self::begun(out);
        line.begin(tag, head);
        line
    }

    /// Begins a line of a reply that more lines follow; its head is the first thing to be written.
    pub(crate) fn continued(out: &'a mut Vec<u8>, tag: Option<Tag>) -> Self {
        let mut line = Self::begun(out);
        if let Some(tag) = tag {
            line.tag(tag);
        }
        line.byte(b'-');
        line
    }

    #[inline]
    fn begun(out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        out.resize(at + LINE_BYTES, 0);
        Self { out, at }
    }
}

impl Fields for LineWriter<'_> {
    #[inline]
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self {
        if self.out.len() - self.at < FIELD_BYTES {
            self.out.resize(self.at + LINE_BYTES, 0);
        }
        if let Some(field) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            self.at += write(field);
        }
        self
    }
}

impl Drop for LineWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        self.byte(b'\n');
        self.out.truncate(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    proptest! {
        /// Whatever the lengths, the line is what `format!` would have made of it.
        #[test]
        fn a_line_says_what_it_is_given(
            head in "[A-Z]{0,250}",
            texts in prop::collection::vec("[a-z]{0,250}", 0..5),
            ints in prop::collection::vec(any::<u64>(), 0..12),
            cents in any::<i64>(),
            tag in prop::option::of(1..u64::MAX / 4),
        ) {
            let mut out = b"before ".to_vec();
            let mut line = LineWriter::continued(&mut out, tag.and_then(Tag::new));
            line.put(head.as_bytes());
            let mut want = format!("before {}-{head}", tag.map_or(String::new(), |tag| format!("[{tag}]")));
            for text in &texts {
                line.text(text);
                write!(want, ",{text}").unwrap();
            }
            for int in ints {
                line.int(int).int(int % 100).int(int % 10_001);
                write!(want, ",{int},{},{}", int % 100, int % 10_001).unwrap();
            }
            line.money(Money::from_cents(cents)).symbol(Symbol::parse(b"XY").unwrap());
            writeln!(want, ",{},XY", Money::from_cents(cents)).unwrap();
            drop(line);
            prop_assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
