//! Short words: arguments that are not data of the exchange.

use std::fmt;

/// Longest word, in bytes.
pub const WORD_BYTES_MAX: usize = 32;

/// A word of 1 to [`WORD_BYTES_MAX`] letters, digits, points and dashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(Box<str>);

impl Word {
    /// Reads a word.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let is_one = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let fits = (1..=WORD_BYTES_MAX).contains(&field.len()) && field.iter().all(is_one);
        std::str::from_utf8(field).ok().filter(|_| fits).map(|text| Self(text.into()))
    }

    /// Returns the word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
