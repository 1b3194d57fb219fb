//! Fields of a record: how each type is written and read.
//!
//! Numbers have one of two widths. A record is narrow if each of its numbers fits in 4 bytes and
//! each length and index in 2; otherwise it is wide, with 8 and 4 bytes. Everything is
//! little-endian.

use daytrade_protocol::{CommandName, FileName, Money, Side, Symbol};

/// Space that is added to a buffer at once, bytes.
const SPARE_BYTES: usize = 4096;

/// Writes fields to a buffer that is longer than its content, so that a field is written as one
/// word.
pub(super) struct FieldWriter<'a, const WIDE: bool> {
    bytes: &'a mut Vec<u8>,
    /// Offset of the next field.
    at: usize,
    /// Not 0 if a value was too large for a narrow record.
    excess: u64,
}

impl<'a, const WIDE: bool> FieldWriter<'a, WIDE> {
    /// Creates a writer whose first field is at offset `at`.
    pub(super) const fn new(bytes: &'a mut Vec<u8>, at: usize) -> Self {
        Self { bytes, at, excess: 0 }
    }

    /// Returns the offset after the last field; None if a value did not fit, so that the record has
    /// to be written again as a wide one.
    pub(super) const fn end(&self) -> Option<usize> {
        if self.excess == 0 { Some(self.at) } else { None }
    }

    #[inline]
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        if self.bytes.len() - self.at < N {
            self.grow(N);
        }
        if let Some(space) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            *space = field;
        }
        self.at += N;
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        self.bytes.resize(self.at + bytes + SPARE_BYTES, 0);
    }

    /// Writes a code or a set of flags.
    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.put([byte]);
    }

    /// Writes a number: 4 or 8 bytes.
    #[inline]
    pub(super) fn number(&mut self, value: u64) {
        if WIDE {
            self.put(value.to_le_bytes());
        } else {
            self.excess |= value >> u32::BITS;
            self.put((value as u32).to_le_bytes());
        }
    }

    /// Writes a length or an index: 2 or 4 bytes.
    #[inline]
    pub(super) fn short(&mut self, value: u32) {
        if WIDE {
            self.put(value.to_le_bytes());
        } else {
            self.excess |= u64::from(value >> u16::BITS);
            self.put((value as u16).to_le_bytes());
        }
    }

    /// Writes a time in Unix milliseconds: 8 bytes.
    #[inline]
    pub(super) fn time(&mut self, time_ms: u64) {
        self.put(time_ms.to_le_bytes());
    }

    /// Writes a text: its length, then its bytes.
    pub(super) fn text(&mut self, text: &[u8]) {
        debug_assert!(u32::try_from(text.len()).is_ok(), "a frame is smaller than 4 GiB");
        self.short(text.len() as u32);
        if self.bytes.len() - self.at < text.len() {
            self.grow(text.len());
        }
        if let Some(space) = self.bytes.get_mut(self.at..self.at + text.len()) {
            space.copy_from_slice(text);
        }
        self.at += text.len();
    }
}

/// Reads the fields of one record. Every method returns None if the bytes end too early.
pub(super) struct FieldReader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_wide: bool,
}

impl<'a> FieldReader<'a> {
    /// Creates a reader of a record that begins at offset `at`. It reads narrow numbers until
    /// [`FieldReader::set_width`].
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, is_wide: false }
    }

    pub(super) const fn set_width(&mut self, is_wide: bool) {
        self.is_wide = is_wide;
    }

    /// Returns the offset after the last field.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let field = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(field)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    /// Returns the next byte without consuming it.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        if self.is_wide {
            self.take().map(u64::from_le_bytes)
        } else {
            self.take().map(|narrow| u64::from(u32::from_le_bytes(narrow)))
        }
    }

    #[inline]
    pub(super) fn short(&mut self) -> Option<u32> {
        if self.is_wide {
            self.take().map(u32::from_le_bytes)
        } else {
            self.take().map(|narrow| u32::from(u16::from_le_bytes(narrow)))
        }
    }

    #[inline]
    pub(super) fn time(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.short()? as usize;
        let text = self.bytes.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(text)
    }
}

/// A value that is a field of a record, or a list of fields that begins with a code.
pub(super) trait Field: Sized {
    /// Writes the value.
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>);
    /// Reads a value. Returns None if the bytes are not one.
    fn take(from: &mut FieldReader<'_>) -> Option<Self>;
}

impl Field for u64 {
    #[inline]
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.number(*self);
    }

    #[inline]
    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        from.number()
    }
}

impl Field for u32 {
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.number(u64::from(*self));
    }

    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        from.number()?.try_into().ok()
    }
}

/// Cents. A negative amount is written as its two's complement, which makes the record wide.
impl Field for Money {
    #[inline]
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.number(self.cents().cast_unsigned());
    }

    #[inline]
    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        from.number().map(|cents| Self::from_cents(cents.cast_signed()))
    }
}

/// Three bytes: the letters, padded with zeros.
impl Field for Symbol {
    #[inline]
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.put::<3>((*self).into());
    }

    #[inline]
    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        from.take::<3>()?.try_into().ok()
    }
}

/// One byte: 0 for a buy, 1 for a sell.
impl Field for Side {
    #[inline]
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.byte(u8::from(*self == Self::Sell));
    }

    #[inline]
    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(Self::Buy),
            1 => Some(Self::Sell),
            _ => None,
        }
    }
}

/// One byte: the position in the table of commands.
impl Field for CommandName {
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.byte(*self as u8);
    }

    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        Self::ALL.get(usize::from(from.byte()?)).copied()
    }
}

impl Field for Box<str> {
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.text(self.as_bytes());
    }

    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        std::str::from_utf8(from.text()?).ok().map(Self::from)
    }
}

impl Field for FileName {
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.text(self.as_str().as_bytes());
    }

    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        Self::try_from(<Box<str>>::take(from)?).ok()
    }
}

/// One byte, 0 for none or 1, and then the value.
impl<T: Field> Field for Option<T> {
    fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
        out.byte(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut FieldReader<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(None),
            1 => T::take(from).map(Some),
            _ => None,
        }
    }
}
