//! The names in a line: users, stock symbols and dump files. Every value of these types has the
//! documented form.

use crate::short;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Maximum length of a user name, bytes.
pub const USER_BYTES_MAX: usize = 64;
/// Maximum length of a dump file name with its folders, bytes. A line has no capacity for more.
pub const FILENAME_BYTES_MAX: usize = 512;

/// The name of a user: 1 to 64 of `A-Z a-z 0-9 _ . -`. Names up to 22 bytes need no allocation.
/// Names sort by their text.
#[derive(Clone, PartialEq, Eq)]
pub struct UserName(Name);

/// A name in the size of a `String`. Short names are stored inline, so that most names are copied,
/// compared and hashed as whole words.
#[derive(Clone, PartialEq, Eq)]
enum Name {
    /// At most 22 bytes, padded with zeros, which no name contains, and the length in the last
    /// byte.
    Short([u8; SHORT_BYTES]),
    Long(Box<[u8]>),
}

const SHORT_BYTES: usize = 23;

/// The bytes allowed in a user name.
const USER_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let letter = byte as u8;
        allowed[byte] = letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'.' | b'-');
        byte += 1;
    }
    allowed
};

impl UserName {
    /// Parses a name. Returns None if the form is invalid.
    #[inline]
    pub fn parse(field: &[u8]) -> Option<Self> {
        let allowed = field.iter().fold(true, |all, byte| all & USER_BYTES[usize::from(*byte)]);
        if field.is_empty() || field.len() > USER_BYTES_MAX || !allowed {
            return None;
        }
        if field.len() >= SHORT_BYTES {
            return Some(Self(Name::Long(field.into())));
        }
        let mut bytes = [0; SHORT_BYTES];
        bytes[SHORT_BYTES - 1] = short::copy(&mut bytes, field) as u8;
        Some(Self(Name::Short(bytes)))
    }

    /// Returns the bytes of the name, all of them ASCII.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Name::Short(bytes) => {
                &bytes[..usize::from(bytes[SHORT_BYTES - 1]).min(SHORT_BYTES - 1)]
            }
            Name::Long(bytes) => bytes,
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns a hash that is the same on every machine and in every version (FNV-1a, 64 bits). It
    /// determines the user's shard, so it is part of the data format.
    pub fn stable_hash(&self) -> u64 {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fold)
    }
}

impl Hash for UserName {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Name::Short(bytes) => {
                // Three words cover all bytes; the last two overlap by one byte.
                let word = |at: usize| {
                    bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
                };
                state.write_u64(word(0));
                state.write_u64(word(8));
                state.write_u64(word(15));
            }
            Name::Long(bytes) => state.write(bytes),
        }
    }
}

impl Ord for UserName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for UserName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserName({:?})", self.as_str())
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Serializes the name as bytes. The journal encodes bytes like text, and no UTF-8 check is needed.
impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(UserNameVisitor)
    }
}

struct UserNameVisitor;

impl Visitor<'_> for UserNameVisitor {
    type Value = UserName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user name")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<UserName, E> {
        UserName::parse(bytes).ok_or_else(|| E::custom("not a user name"))
    }
}

/// A stock symbol: 1 to 3 letters or digits, in upper case and padded with zero bytes. Symbols sort
/// by their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 3]", into = "[u8; 3]")]
pub struct Symbol([u8; 3]);

impl Ord for Symbol {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Symbol {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Symbol {
    /// Number of different symbols: 36 + 36² + 36³.
    pub const COUNT: usize = 47_988;

    /// Parses a symbol and converts it to upper case. Returns None if the form is invalid.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let bytes = match *field {
            [first, second, third] => [first, second, third],
            [first, second] => [first, second, 0],
            [first] => [first, 0, 0],
            _ => return None,
        };
        let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        (letters == field.len()).then(|| Self(bytes.map(|byte| byte.to_ascii_uppercase())))
    }

    /// Returns a number that sorts like the symbol. It is faster to compare than the letters.
    #[inline]
    pub const fn rank(self) -> u32 {
        let [first, second, third] = self.0;
        u32::from_be_bytes([0, first, second, third])
    }

    /// Returns the number of letters.
    #[inline]
    pub(crate) const fn len(self) -> usize {
        1 + (self.0[1] != 0) as usize + (self.0[2] != 0) as usize
    }

    /// Returns the letters of the symbol.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..self.len()]
    }

    /// Returns the symbol as text.
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

/// The file name of a DUMPLOG: a relative path of plain components, at most [`FILENAME_BYTES_MAX`]
/// bytes. Symbolic links are checked when the file is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct FileName(Box<str>);

impl FileName {
    /// Parses a file name. It must not be empty, absolute, or contain `..` or NUL, and it must end
    /// with a file's name.
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

    /// Returns the path as it was sent.
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
    fn user_names_have_one_to_sixty_four_allowed_characters() {
        for good in ["a", "oY01WVirLr", "A_b.c-9", &"x".repeat(64)] {
            assert_eq!(UserName::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a,b", "é", "a/b", &"x".repeat(65)] {
            assert_eq!(UserName::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn short_and_long_names_sort_by_text_and_can_be_read_back_from_the_journal() {
        let mut names: Vec<String> = ["b", "a", "a-", "ab", "Zz"].map(String::from).to_vec();
        names.extend([1, 21, 22, 23, 64].map(|length| "m".repeat(length)));
        let mut users: Vec<_> =
            names.iter().map(|name| UserName::parse(name.as_bytes()).unwrap()).collect();
        names.sort();
        users.sort();
        assert_eq!(users.iter().map(UserName::as_str).collect::<Vec<_>>(), names);
        for (user, name) in users.iter().zip(&names) {
            let bytes = postcard::to_stdvec(user).unwrap();
            assert_eq!(
                bytes,
                postcard::to_stdvec(name).unwrap(),
                "the journal encodes names like text"
            );
            assert_eq!(postcard::from_bytes::<UserName>(&bytes).as_ref(), Ok(user));
        }
        assert!(postcard::from_bytes::<UserName>(b"\x02a b").is_err());
    }

    #[test]
    fn the_stable_hash_never_changes() {
        // Reference vectors of FNV-1a: "a" and "foobar".
        assert_eq!(UserName::parse(b"a").unwrap().stable_hash(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(UserName::parse(b"foobar").unwrap().stable_hash(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn symbols_are_converted_to_upper_case_and_sort_by_text() {
        assert_eq!(Symbol::parse(b"abc").unwrap().as_str(), "ABC");
        assert!(Symbol::parse(b"a").unwrap() < Symbol::parse(b"AA").unwrap());
        for bad in [&b""[..], b"ABCD", b"A-", b"A B", b"\0"] {
            assert_eq!(Symbol::parse(bad), None);
        }
        assert!(Symbol::try_from(*b"abc").is_err() && Symbol::try_from([b'A', 0, b'B']).is_err());
    }

    #[test]
    fn file_names_must_be_relative() {
        for good in ["./testLOG", "testLOG", "a/b/c.xml", "./a/./b", "...", "a b"] {
            assert!(FileName::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/..",
            "a/",
            ".",
            "a/.",
            "a\0b",
            &"x".repeat(513),
        ] {
            assert!(FileName::parse(bad).is_none(), "{bad}");
        }
    }
}
