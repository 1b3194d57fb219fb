//! A tokio-util decoder that splits a byte stream into blocks of lines.
//!
//! The decoder returns all lines that have arrived as one block, so a batch costs one search and no
//! copy. Its only state is a flag: it is inside a line that is too long.

use bytes::{Buf, BytesMut};
use std::io;
use tokio_util::codec::Decoder;

/// Longest line in bytes, without its line end.
pub const LINE_BYTES_MAX: usize = 1024;

/// Bytes kept of a longer line: enough to detect it and to read its tag.
const OVERLONG_KEPT_BYTES: usize = LINE_BYTES_MAX + 2;

/// Splits any byte stream into lines of bounded length.
#[derive(Debug, Default)]
pub struct LineCodec {
    skipping: bool,
}

/// One or more lines, read one after the other.
#[derive(Debug, Default)]
pub struct LineBlock {
    bytes: BytesMut,
    /// Offset of the next line.
    at: usize,
}

impl LineBlock {
    const fn new(bytes: BytesMut) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the next line without its LF.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the offset is that of a byte found just before")]
    pub fn next_line(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = memchr::memchr(b'\n', rest).map_or(rest, |end| &rest[..end]);
        // After the LF, or at the end if there is none.
        self.at = (self.at + line.len() + 1).min(self.bytes.len());
        Some(line)
    }

    /// Returns the bytes not yet read.
    #[inline]
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Moves past the next bytes, which were whole lines.
    #[inline]
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.bytes.len());
    }

    /// Returns the buffer of the lines, without them, for other ones.
    pub fn into_buffer(mut self) -> BytesMut {
        self.bytes.clear();
        self.bytes
    }

    /// Returns the number of bytes not yet read.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Returns true if every line has been read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Decoder for LineCodec {
    type Item = LineBlock;
    type Error = io::Error;

    /// Returns a block of whole lines. If nothing follows them, it takes the buffer itself, and
    /// [`LineBlock::into_buffer`] gives it back. A line longer than [`LINE_BYTES_MAX`] whose end
    /// has not arrived is returned as a block of its own, truncated; `parse_line` refuses it for
    /// its length and the decoder skips the rest of it.
    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<LineBlock>, io::Error> {
        if self.skipping {
            let Some(lf) = memchr::memchr(b'\n', source) else {
                source.clear();
                return Ok(None);
            };
            source.advance(lf + 1);
            self.skipping = false;
        }
        if let Some(last_lf) = memchr::memrchr(b'\n', source) {
            let end = last_lf + 1;
            // Dividing a buffer takes a counter that both parts share.
            let lines =
                if end == source.len() { std::mem::take(source) } else { source.split_to(end) };
            return Ok(Some(LineBlock::new(lines)));
        }
        if source.len() < OVERLONG_KEPT_BYTES {
            return Ok(None);
        }
        let head = source.split_to(OVERLONG_KEPT_BYTES);
        source.clear();
        self.skipping = true;
        Ok(Some(LineBlock::new(head)))
    }

    /// Returns the rest of an ended stream: a last line without its LF is a line.
    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<LineBlock>, io::Error> {
        if let Some(block) = self.decode(source)? {
            return Ok(Some(block));
        }
        Ok((!source.is_empty()).then(|| LineBlock::new(source.split())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Parsed, parse_line};
    use proptest::prelude::*;

    /// Returns the lines of a stream that arrives in these pieces.
    fn decode_all(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut codec, mut buffer, mut lines) =
            (LineCodec::default(), BytesMut::new(), Vec::new());
        let mut take = |block: Option<LineBlock>| {
            let mut block = block?;
            while let Some(line) = block.next_line() {
                lines.push(line.to_vec());
            }
            Some(())
        };
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while take(codec.decode(&mut buffer).unwrap()).is_some() {}
            assert!(buffer.len() < OVERLONG_KEPT_BYTES, "what waits for its LF is bounded");
        }
        while take(codec.decode_eof(&mut buffer).unwrap()).is_some() {}
        lines
    }

    fn code(line: &[u8]) -> Option<Code> {
        match parse_line(line) {
            Parsed::Invalid(invalid) => Some(invalid.refusal.code()),
            _ => None,
        }
    }

    #[test]
    fn an_overlong_line_is_refused_once_and_the_next_one_is_read() {
        let long = [b"[5] ADD,".as_slice(), &[b'x'; 5000], b"\n[6] PING\n"].concat();
        for split in [1, 7, 100, 1024, 1025, 1026, 1027, 4000, 5007, 5008, 5009] {
            let lines = decode_all(&[&long[..split], &long[split..]]);
            assert_eq!(lines.len(), 2, "split at {split}");
            assert_eq!(code(&lines[0]), Some(Code::LineTooLong));
            assert_eq!(lines[1], b"[6] PING");
        }
    }

    #[test]
    fn the_longest_line_may_end_in_crlf() {
        let longest = format!("# {}", "x".repeat(LINE_BYTES_MAX - 2));
        assert_eq!(code(format!("{longest}\r\n").as_bytes()), None);
        assert_eq!(code(format!("{longest}x\n").as_bytes()), Some(Code::LineTooLong));
        assert_eq!(
            decode_all(&[longest.as_bytes(), b"\r\n"]),
            [format!("{longest}\r").into_bytes()]
        );
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_does_not_change_its_lines(
            lines in proptest::collection::vec("[ -~]{0,40}", 0..20),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let stream: Vec<_> =
                lines.iter().flat_map(|line| line.bytes().chain([b'\n'])).collect();
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let pieces: Vec<_> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let want: Vec<_> = lines.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(decode_all(&pieces), want);
        }

        #[test]
        fn no_bytes_break_the_codec(
            pieces in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..1500),
                0..6,
            ),
        ) {
            let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
            let lines = decode_all(&pieces);
            prop_assert!(lines.iter().all(|line| !line.contains(&b'\n')));
        }
    }
}
