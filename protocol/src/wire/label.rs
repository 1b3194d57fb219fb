//! Text that is written often: padded, so that it is copied in one step, without a branch on its
//! length.

#![expect(clippy::indexing_slicing, reason = "a label has at most this many bytes")]

use super::decimal::{FIELD_BYTES, tag_at};
use crate::types::Tag;

/// Text of at most 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    bytes: [u8; FIELD_BYTES],
    length: usize,
}

impl Label {
    /// No text.
    pub(crate) const EMPTY: Self = Self { bytes: [0; FIELD_BYTES], length: 0 };

    /// Returns the label of these parts, one after the other. Meant for the compiler, which refuses
    /// a longer text.
    pub(crate) const fn of(parts: &[&str]) -> Self {
        let (mut label, mut part) = (Self::EMPTY, 0);
        while part < parts.len() {
            let (text, mut at) = (parts[part].as_bytes(), 0);
            while at < text.len() {
                label.bytes[label.length] = text[at];
                label.length += 1;
                at += 1;
            }
            part += 1;
        }
        label
    }

    /// Returns a tag with its brackets.
    pub(crate) fn of_tag(tag: Tag) -> Self {
        let mut label = Self::EMPTY;
        label.length = tag_at(&mut label.bytes, tag.get());
        label
    }

    /// Returns the label with this text after it, which must have room.
    #[inline]
    pub(crate) fn followed_by<const N: usize>(mut self, text: &[u8; N]) -> Self {
        self.bytes[self.length..self.length + N].copy_from_slice(text);
        self.length += N;
        self
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Returns the text, padded, and its length.
    #[inline]
    pub(crate) const fn padded(&self) -> (&[u8; FIELD_BYTES], usize) {
        (&self.bytes, self.length)
    }
}
