//! Many lines one behind the other, in a buffer that is longer than they are: there is nothing to
//! be cut, cleared or filled for each of them.

use crate::fields::{FIELD_BYTES, Fields};
use crate::short;

/// The room that is made at once.
const ROOM_BYTES: usize = 1024;
/// The longest short line, without its line end.
pub(crate) const SHORT_LINE_BYTES: usize = 192;
/// A field of a short line begins before this place. A power of two, more than a short line has
/// bytes: cut to it, a place needs no check against the end of the room.
const PLACES: usize = 256;
/// Where a short line is written: its last field begins within its length.
const PLACE_BYTES: usize = PLACES + FIELD_BYTES;

/// Lines, as they are written.
#[derive(Clone, Default)]
pub struct Lines {
    /// The lines, and room behind them.
    bytes: Vec<u8>,
    at: usize,
}

impl Lines {
    /// No lines, and room for so many bytes of them.
    pub fn with_room(bytes: usize) -> Self {
        // Room is always made for more than the last line.
        Self { bytes: Vec::with_capacity(bytes + ROOM_BYTES), at: 0 }
    }

    /// How many bytes the lines have.
    pub const fn len(&self) -> usize {
        self.at
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// The lines.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }

    /// The lines by themselves.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.at);
        self.bytes
    }

    /// Forgets the lines, and keeps the room.
    pub const fn clear(&mut self) {
        self.at = 0;
    }

    /// Appends lines that are written already.
    pub fn extend_from_slice(&mut self, lines: &[u8]) {
        self.any(|out| out.extend_from_slice(lines));
    }

    /// Appends a line that has at most [`SHORT_LINE_BYTES`].
    #[inline]
    pub(crate) fn short(&mut self, write: impl FnOnce(&mut ShortLine<'_>)) {
        if self.bytes.len() - self.at < PLACE_BYTES {
            self.make_room();
        }
        if let Some(place) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            let mut line = ShortLine { place, at: 0 };
            write(&mut line);
            line.byte(b'\n');
            self.at += line.at;
        }
    }

    #[inline(never)]
    fn make_room(&mut self) {
        // Often there is only one line, and a thousand connections have one each.
        let room = if self.bytes.capacity() == 0 { PLACE_BYTES } else { ROOM_BYTES };
        self.bytes.resize(self.at + room, 0);
    }

    /// Appends whatever `write` appends.
    pub(crate) fn any(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.truncate(self.at);
        write(&mut self.bytes);
        self.at = self.bytes.len();
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lines").field(&String::from_utf8_lossy(self.as_bytes())).finish()
    }
}

/// A line of bounded length while it is written: where its bytes go stays in registers.
pub(crate) struct ShortLine<'a> {
    place: &'a mut [u8; PLACE_BYTES],
    at: usize,
}

impl Fields for ShortLine<'_> {
    #[inline]
    fn field(&mut self, write: impl FnOnce(&mut [u8; FIELD_BYTES]) -> usize) -> &mut Self {
        debug_assert!(self.at <= SHORT_LINE_BYTES, "a short line is none");
        let at = self.at % PLACES;
        if let Some(field) = self.place[at..at + FIELD_BYTES].first_chunk_mut() {
            self.at = at + write(field);
        }
        self
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= FIELD_BYTES {
            return self.field(|field| short::copy(field, bytes));
        }
        debug_assert!(self.at + bytes.len() <= SHORT_LINE_BYTES, "a short line is none");
        if let Some(place) = self.place.get_mut(self.at..self.at + bytes.len()) {
            place.copy_from_slice(bytes);
            self.at += bytes.len();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Money, Symbol, Tag};
    use std::fmt::Write as _;

    #[test]
    fn lines_stand_one_behind_the_other_whatever_their_kind() {
        let (mut lines, mut want) = (Lines::default(), String::new());
        assert!(lines.is_empty());
        for n in 1..200 {
            let text = "x".repeat(n % 150);
            let money = Money::from_cents(1_234_567 * n as i64);
            lines.short(|line| {
                line.begin(Tag::new(n as u64), "OK,QUOTE")
                    .symbol(Symbol::parse(b"S").unwrap())
                    .money(money)
                    .text(&text);
            });
            lines.extend_from_slice(&vec![b'y'; 7 * n]);
            write!(want, "[{n}] OK,QUOTE,S,{money},{text}\n{}", "y".repeat(7 * n)).unwrap();
            assert_eq!((lines.len(), lines.as_bytes()), (want.len(), want.as_bytes()));
        }
        assert_eq!(lines.clone().into_bytes(), want.as_bytes());
        lines.clear();
        lines.short(|line| {
            line.put(b"again");
        });
        assert_eq!(lines.as_bytes(), b"again\n");
    }
}
