//! The names in a line: users, stock symbols and dump files. A value of one of these types has the documented form.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest user name, in bytes.
pub const USER_BYTES_MAX: usize = 64;
/// Longest dump file name with its folders, in bytes; a line cannot carry more anyway.
pub const FILENAME_BYTES_MAX: usize = 512;

/// A user: 1 to 64 of `A-Z a-z 0-9 _ . -`. Names up to 24 bytes need no allocation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "CompactString", into = "CompactString")]
pub struct UserName(CompactString);

impl UserName {
    /// Checks the form; None where it is off.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if field.is_empty() || field.len() > USER_BYTES_MAX || !field.iter().all(allowed) {
            return None;
        }
        CompactString::from_utf8(field).ok().map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A hash that is the same on every machine and in every version (FNV-1a, 64 bits): it decides which shard's files
    /// hold the user, so it is part of the data format.
    pub fn stable_hash(&self) -> u64 {
        self.0.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<CompactString> for UserName {
    type Error = &'static str;
    fn try_from(text: CompactString) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("not a user name")
    }
}

impl From<UserName> for CompactString {
    fn from(name: UserName) -> Self {
        name.0
    }
}

/// A stock symbol: 1 to 3 letters or digits, upper case, padded with zero bytes. Sorts as its text does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 3]", into = "[u8; 3]")]
pub struct Symbol([u8; 3]);

impl Symbol {
    /// How many different symbols there are: 36 + 36² + 36³.
    pub const COUNT: usize = 47_988;

    /// Checks the form and folds to upper case; None where it is off.
    pub fn parse(field: &[u8]) -> Option<Self> {
        if field.is_empty() || field.len() > 3 || !field.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut bytes = [0; 3];
        for (slot, byte) in bytes.iter_mut().zip(field) {
            *slot = byte.to_ascii_uppercase();
        }
        Some(Self(bytes))
    }

    /// The symbol's letters.
    pub fn as_bytes(&self) -> &[u8] {
        let length = self.0.iter().position(|&b| b == 0).unwrap_or(3);
        &self.0[..length]
    }

    /// The symbol as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<[u8; 3]> for Symbol {
    type Error = &'static str;
    fn try_from(bytes: [u8; 3]) -> Result<Self, Self::Error> {
        let length = bytes.iter().position(|&b| b == 0).unwrap_or(3);
        Self::parse(&bytes[..length]).filter(|symbol| symbol.0 == bytes).ok_or("not a symbol")
    }
}

impl From<Symbol> for [u8; 3] {
    fn from(symbol: Symbol) -> Self {
        symbol.0
    }
}

/// The file a DUMPLOG names: a relative path of plain components, at most [`FILENAME_BYTES_MAX`] bytes. Links are the
/// file system's matter and are checked when the file is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct FileName(Box<str>);

impl FileName {
    /// Checks the form: not empty, relative, no `..`, no NUL, and a file's name at its end.
    pub fn parse(field: &str) -> Option<Self> {
        let mut parts = field.split('/');
        let last_is_a_name = parts.next_back().is_some_and(|last| !matches!(last, "" | "." | ".."));
        let good = last_is_a_name
            && field.len() <= FILENAME_BYTES_MAX
            && !field.starts_with('/')
            && !field.contains('\0')
            && parts.all(|part| part != "..");
        good.then(|| Self(field.into()))
    }

    /// The path as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Box<str>> for FileName {
    type Error = &'static str;
    fn try_from(text: Box<str>) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a dump file name")
    }
}

impl From<FileName> for Box<str> {
    fn from(name: FileName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_one_to_sixty_four_plain_characters() {
        for good in ["a", "oY01WVirLr", "A_b.c-9", &"x".repeat(64)] {
            assert_eq!(UserName::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a,b", "é", "a/b", &"x".repeat(65)] {
            assert_eq!(UserName::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_stable_hash_never_changes() {
        // From the reference vectors of FNV-1a: "a" and "foobar".
        assert_eq!(UserName::parse(b"a").unwrap().stable_hash(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(UserName::parse(b"foobar").unwrap().stable_hash(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn symbols_fold_to_upper_case_and_sort_as_text() {
        assert_eq!(Symbol::parse(b"abc").unwrap().as_str(), "ABC");
        assert!(Symbol::parse(b"a").unwrap() < Symbol::parse(b"AA").unwrap());
        for bad in [&b""[..], b"ABCD", b"A-", b"A B", b"\0"] {
            assert_eq!(Symbol::parse(bad), None);
        }
        assert!(Symbol::try_from(*b"abc").is_err() && Symbol::try_from([b'A', 0, b'B']).is_err());
    }

    #[test]
    fn file_names_stay_relative() {
        for good in ["./testLOG", "testLOG", "a/b/c.xml", "./a/./b", "...", "a b"] {
            assert!(FileName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a/", ".", "a/.", "a\0b", &"x".repeat(513)] {
            assert!(FileName::parse(bad).is_none(), "{bad}");
        }
    }
}
