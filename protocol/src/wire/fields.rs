//! Fields of a line, written one after the other without `fmt`.
//!
//! A field is written into an array of known size, so its bytes are stored as whole words. The
//! capacity is checked once a field, or once a line ([`super::line_buffer`]).

use super::decimal::{FIELD_BYTES, TimeHead, cents_at, digits_at, tag_at};
use super::label::Label;
use super::short_copy;
use crate::types::{Money, Symbol, Tag, TradeTerms, UserName};

/// Copies bytes whose number is only known now.
// Not inline: it is long, and one place for it leaves room in the processor's cache.
#[inline(never)]
fn copy_any(field: &mut [u8; FIELD_BYTES], bytes: &[u8]) -> usize {
    short_copy::copy(field, bytes)
}

/// Writes fields one after the other.
pub(crate) trait Fields: Sized {
    /// Lets `write` fill in the next bytes. It returns how many of them it used.
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self;

    /// Writes the tag and the blank at the head of a request, or of the last line of a reply.
    /// Writes nothing without a tag.
    #[inline]
    fn begin(&mut self, tag: Option<Tag>) -> &mut Self {
        match tag {
            Some(tag) => self.tag(tag).byte(b' '),
            None => self,
        }
    }

    /// Writes a label.
    #[inline]
    fn label(&mut self, label: &Label) -> &mut Self {
        let (bytes, length) = label.padded();
        self.put_short(bytes, length)
    }

    /// Writes a field of text. The caller guarantees that it holds no line end, and no comma unless
    /// it is the last field.
    #[inline]
    fn text(&mut self, text: &str) -> &mut Self {
        self.byte(b',').put_any(text.as_bytes())
    }

    /// Writes a user name.
    #[inline]
    fn user(&mut self, user: &UserName) -> &mut Self {
        self.byte(b',').put_any(user.as_bytes())
    }

    /// Writes a symbol.
    #[inline]
    fn symbol(&mut self, symbol: Symbol) -> &mut Self {
        let word = u64::from(symbol.letters()) << 8 | u64::from(b',');
        self.field(|field| {
            field[..8].copy_from_slice(&word.to_le_bytes());
            1 + symbol.len()
        })
    }

    /// Writes a symbol without a comma before it.
    #[inline]
    fn bare_symbol(&mut self, symbol: Symbol) -> &mut Self {
        self.field(|field| {
            field[..4].copy_from_slice(&symbol.letters().to_le_bytes());
            symbol.len()
        })
    }

    /// Writes money with two decimals.
    #[inline]
    fn money(&mut self, money: Money) -> &mut Self {
        self.field(|field| {
            field[0] = b',';
            1 + cents_at(field, 1, money.cents())
        })
    }

    /// Writes an integer: shares, milliseconds, a count.
    #[inline]
    fn int(&mut self, value: u64) -> &mut Self {
        self.field(|field| {
            if value < 10 {
                // Most of the reserved shares are none.
                field[..2].copy_from_slice(&[b',', b'0' + value as u8]);
                return 2;
            }
            field[0] = b',';
            1 + digits_at(field, 1, value)
        })
    }

    /// Writes a time in milliseconds.
    #[inline]
    fn time(&mut self, time_ms: u64, head: &mut TimeHead) -> &mut Self {
        self.field(|field| {
            field[0] = b',';
            1 + head.digits_at(field, 1, time_ms)
        })
    }

    /// Writes the terms of a trade.
    #[inline]
    fn terms(&mut self, terms: &TradeTerms) -> &mut Self {
        self.symbol(terms.symbol).int(terms.shares).money(terms.price).money(terms.total)
    }

    /// Writes a field that is empty for None.
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

    /// Writes money without a comma before it.
    #[inline]
    fn bare_money(&mut self, money: Money) -> &mut Self {
        self.field(|field| cents_at(field, 0, money.cents()))
    }

    /// Writes an integer without a comma before it.
    #[inline]
    fn bare_int(&mut self, value: u64) -> &mut Self {
        self.field(|field| digits_at(field, 0, value))
    }

    /// Writes a tag without a blank after it.
    #[inline]
    fn tag(&mut self, tag: Tag) -> &mut Self {
        self.field(|field| tag_at(field, tag.get()))
    }

    /// Writes one byte.
    #[inline]
    fn byte(&mut self, byte: u8) -> &mut Self {
        self.field(|field| {
            field[0] = byte;
            1
        })
    }

    /// Writes bytes whose number is only known now.
    #[inline]
    fn put_any(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| copy_any(field, bytes));
        }
        self.put(bytes)
    }

    /// Writes bytes of any number. Best for a constant, of which the compiler knows the number.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| short_copy::copy(field, bytes));
        }
        let copy = |line: &mut Self, chunk: &[u8]| {
            line.field(|field| short_copy::copy(field, chunk));
        };
        bytes.chunks(FIELD_BYTES).for_each(|chunk| copy(self, chunk));
        self
    }

    /// Writes the first `length` of 32 bytes: copying a constant size is cheaper than copying
    /// exactly the bytes wanted.
    #[inline]
    fn put_short(&mut self, bytes: &[u8; FIELD_BYTES], length: usize) -> &mut Self {
        self.field(|field| {
            *field = *bytes;
            length.min(FIELD_BYTES)
        })
    }
}
