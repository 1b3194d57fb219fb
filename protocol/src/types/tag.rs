//! The number in brackets at the head of a line.

use crate::wire::decimal::{FIELD_BYTES, tag_at};
use crate::wire::scanner::{number_at_head, trim};
use std::fmt;

/// The number that ties a reply to its request: 1 to 2^63 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u64);

impl Tag {
    /// The largest tag.
    pub const MAX: u64 = i64::MAX as u64;

    /// Returns None outside 1 to [`Tag::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Takes a tag off the head of a line. Returns the tag, if the line begins with a bracket, and
    /// the rest of the line without blanks around it. Returns None if there is a bracket without a
    /// number from 1 to 2^63 - 1 in it.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the offset is that of a byte found just before")]
    pub fn split_from(line: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let Some(inside) = line.strip_prefix(b"[") else { return Some((None, line)) };
        // Nearly all lines of a connection.
        if let Some((tag, bytes)) = Self::at_head(line)
            && let [b' ', rest @ ..] | rest @ [b'-', ..] = &line[bytes..]
            && let [b'!'..=0xff, .., b'!'..=0xff] = rest
        {
            return Some((Some(tag), rest));
        }
        Self::split_long(inside)
    }

    /// Reads a short tag at the head of a line. Returns the tag and its length in bytes, with the
    /// brackets. Returns None if the line has no valid tag, if the number has more than eight
    /// digits, or if fewer than eight bytes follow the opening bracket.
    #[inline]
    pub fn at_head(line: &[u8]) -> Option<(Self, usize)> {
        let [b'[', inside @ ..] = line else { return None };
        let (number, digits @ 1..) = number_at_head(u64::from_le_bytes(*inside.first_chunk()?))
        else {
            return None;
        };
        let tag = Self::new(number)?;
        (*inside.get(digits)? == b']').then_some((tag, digits + 2))
    }

    /// Takes off a tag of any length; the bracket before it is taken off.
    #[inline(never)]
    #[expect(clippy::indexing_slicing, reason = "the offset is that of a byte found just before")]
    fn split_long(inside: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let mut number: u64 = 0;
        for (at, byte) in inside.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                }
                b']' => return Some((Some(Self::new(number)?), trim(&inside[at + 1..]))),
                _ => return None,
            }
        }
        None
    }
}

impl fmt::Display for Tag {
    #[expect(clippy::indexing_slicing, reason = "the offset is that of a byte found just before")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut field = [0; FIELD_BYTES];
        let bytes = tag_at(&mut field, self.0);
        f.pad(std::str::from_utf8(&field[..bytes]).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_short_tag_is_taken_off_as_one_of_any_length(
            line in "\\[[0-9]{0,10}\\]?[ \t-]{0,2}[ -~]{0,12}",
        ) {
            let split = Tag::split_long(&line.as_bytes()[1..]);
            prop_assert_eq!(Tag::split_from(line.as_bytes()), split);
        }
    }
}
