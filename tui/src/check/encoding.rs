//! Turns a log in another encoding into UTF-8 while it is read.
//!
//! A log says what it is written in: by a byte order mark, or in its XML declaration. What is
//! UTF-8, as nearly every log is, passes unchanged. Bytes that are no text in the encoding become
//! [`NOT_TEXT`], so that the reader of the log refuses them where they stand.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{self, Chain, Cursor, Read};

/// Bytes in which the encoding is declared.
const HEAD_BYTES: usize = 1024;
/// Bytes that are decoded at a time.
const INPUT_BYTES: usize = 1 << 16;
/// A byte that is nowhere part of UTF-8.
const NOT_TEXT: u8 = 0xff;

/// A log in UTF-8.
pub(super) enum Utf8<R> {
    /// It was so before.
    Already(Head<R>),
    /// It is decoded.
    Decoded(Box<Decoded<R>>),
}

type Head<R> = Chain<Cursor<Vec<u8>>, R>;

impl<R: Read> Utf8<R> {
    /// Looks at the beginning of a log.
    ///
    /// # Errors
    /// Returns the error of the input; of the kind `InvalidData` if the encoding that the log
    /// declares is not known.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let encoding = encoding_of(&head)?;
        let input = Cursor::new(head).chain(input);
        if encoding == UTF_8 {
            return Ok(Self::Already(input));
        }
        Ok(Self::Decoded(Box::new(Decoded {
            input,
            decoder: encoding.new_decoder_with_bom_removal(),
            bytes: vec![0; INPUT_BYTES],
            text: Vec::new(),
            given: 0,
            ended: false,
        })))
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Already(input) => input.read(into),
            Self::Decoded(decoded) => decoded.read(into),
        }
    }
}

/// Returns the encoding of a log that begins with these bytes.
fn encoding_of(head: &[u8]) -> io::Result<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Ok(encoding);
    }
    match head {
        [b'<', 0, ..] => return Ok(UTF_16LE),
        [0, b'<', ..] => return Ok(UTF_16BE),
        _ => {}
    }
    let Some(label) = declared(head) else { return Ok(UTF_8) };
    let known = Encoding::for_label(label).ok_or_else(|| {
        let label = String::from_utf8_lossy(label);
        io::Error::new(io::ErrorKind::InvalidData, format!("unknown encoding {label:?}"))
    })?;
    // The declaration itself can be read byte by byte, so this is not UTF-16, whatever it says.
    Ok(if known == UTF_16LE || known == UTF_16BE { UTF_8 } else { known })
}

/// Returns the encoding that an XML declaration names.
fn declared(head: &[u8]) -> Option<&[u8]> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr::memmem::find(declaration, b"?>")?];
    let after = &declaration[memchr::memmem::find(declaration, b"encoding")? + 8..];
    let value = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let end = value.iter().position(|byte| byte == quote)?;
    matches!(quote, b'"' | b'\'').then_some(&value[..end])
}

/// A log that is decoded.
pub(super) struct Decoded<R> {
    input: Head<R>,
    decoder: Decoder,
    bytes: Vec<u8>,
    /// What was decoded, and how much of it was given away.
    text: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
            self.decode()?;
        }
        let count = into.len().min(self.text.len() - self.given);
        into[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

impl<R: Read> Decoded<R> {
    /// Decodes the next bytes of the input.
    fn decode(&mut self) -> io::Result<()> {
        self.given = 0;
        let filled = self.input.read(&mut self.bytes)?;
        let room = self.decoder.max_utf8_buffer_length_without_replacement(filled);
        self.text.resize(room.unwrap_or_default(), 0);
        let (result, _, count) = self.decoder.decode_to_utf8_without_replacement(
            &self.bytes[..filled],
            &mut self.text,
            filled == 0,
        );
        self.text.truncate(count);
        self.ended = filled == 0;
        // There is room for all of it, so it was either used up or is no text.
        if !matches!(result, DecoderResult::InputEmpty) {
            self.text.push(NOT_TEXT);
            self.ended = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a log a few bytes at a time.
    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut log = Utf8::new(bytes)?;
        let (mut all, mut some) = (Vec::new(), [0; 3]);
        loop {
            match log.read(&mut some)? {
                0 => return Ok(all),
                count => all.extend_from_slice(&some[..count]),
            }
        }
    }

    /// Returns a text in UTF-16, the low byte first or last.
    fn utf16(text: &str, low_first: bool) -> Vec<u8> {
        let unit = |unit: u16| if low_first { unit.to_le_bytes() } else { unit.to_be_bytes() };
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn every_encoding_is_read_as_the_same_text() {
        let long = "<log>é€\u{1f600}</log>\n".repeat(20_000);
        for text in ["<log/>", long.as_str()] {
            let marked = format!("\u{feff}{text}");
            for (log, want) in [
                (text.as_bytes().to_vec(), text),
                (marked.as_bytes().to_vec(), &marked),
                (utf16(text, true), text),
                (utf16(text, false), text),
                (utf16(&marked, true), text),
                (utf16(&marked, false), text),
            ] {
                assert!(read(&log).unwrap() == want.as_bytes());
            }
        }
    }

    #[test]
    fn a_declaration_says_what_bytes_mean() {
        for (label, byte, want) in [
            ("ISO-8859-1", 0xe9, "é"),
            ("iso-8859-15", 0xa4, "€"),
            ("windows-1252", 0x80, "€"),
            ("US-ASCII", b'e', "e"),
            ("UTF-16", b'e', "e"),
        ] {
            let head = format!("<?xml version='1.0' encoding = '{label}' ?><log>");
            let log = [head.as_bytes(), &[byte]].concat();
            assert_eq!(read(&log).unwrap(), format!("{head}{want}").as_bytes(), "{label}");
        }
        let error = read(b"<?xml version=\"1.0\" encoding=\"EBCDIC\"?><log/>").unwrap_err();
        assert_eq!(error.to_string(), "unknown encoding \"EBCDIC\"");
    }

    #[test]
    fn bytes_that_are_no_text_end_the_log() {
        // The second half of a pair of UTF-16 without its first.
        let log = [utf16("<log>", true), vec![0, 0xdc], utf16("</log>", true)].concat();
        assert_eq!(read(&log).unwrap(), b"<log>\xff");
        let cut = &utf16("<log>", true)[..9];
        assert_eq!(read(cut).unwrap(), b"<log\xff");
    }
}
