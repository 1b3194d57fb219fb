//! User names.

#![expect(
    clippy::indexing_slicing,
    reason = "a length is at most the array's; the table has a place for each byte"
)]

use crate::wire::short_copy;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, transmute, try_transmute};

/// Maximum length of a user name, bytes.
pub const USER_BYTES_MAX: usize = 64;

/// The name of a user: 1 to 64 of `A-Z a-z 0-9 _ . -`. Names up to 20 bytes need no allocation.
/// Sorts as its text does.
#[derive(Clone, PartialEq, Eq)]
pub struct UserName(Name);

/// A name in the size of a `String`. The end of a short name is always zero; any other value there
/// says that the name is a long one.
#[derive(Clone, PartialEq, Eq)]
enum Name {
    Short(ShortName),
    Long(Box<[u8]>),
}

/// A name of at most 20 bytes, stored inline. It is copied, compared and hashed as whole words: the
/// processor waits long for a word that was just written in parts.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(8))]
struct ShortName {
    /// The name, padded with zeros, which no name contains.
    bytes: [u8; SHORT_BYTES],
    end: End,
}

/// The bytes after a short name.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(u32)]
enum End {
    Zero = 0,
}

const SHORT_BYTES: usize = 20;

impl ShortName {
    /// Creates a name; None if the field is too long.
    #[inline]
    fn new(field: &[u8]) -> Option<Self> {
        let mut name = Self { bytes: [0; SHORT_BYTES], end: End::Zero };
        (short_copy::copy(&mut name.bytes, field) == field.len()).then_some(name)
    }

    /// Returns all bytes, with those after the name.
    #[inline]
    const fn words(&self) -> [u64; 3] {
        transmute!(*self)
    }

    /// Returns the length, bytes.
    #[inline]
    const fn len(&self) -> usize {
        let [first, second, third] = self.words();
        let (last, before) = match (second, third) {
            (0, 0) => (first, 0),
            (second, 0) => (second, 8),
            (_, third) => (third, 16),
        };
        before + 8 - u64::from_le(last).leading_zeros() as usize / 8
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len().min(SHORT_BYTES)]
    }
}

impl PartialEq for ShortName {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words()
    }
}

impl Eq for ShortName {}

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

/// The server's own name, under which it fetches the prices that only watchers want. No user may
/// have it.
const RESERVED: &[u8] = b"daytraded";
/// Its bytes, the first in the lowest one.
const RESERVED_WORDS: [u64; 3] = [u64::from_le_bytes(*b"daytrade"), b'd' as u64, 0];

impl UserName {
    /// Parses the name of a user. Returns None if the form is invalid, or the name is the server's.
    #[inline]
    pub fn parse(field: &[u8]) -> Option<Self> {
        if Self::is_reserved(field) { None } else { Self::parse_recorded(field) }
    }

    /// Returns true if the name is the server's own.
    #[inline]
    pub fn is_reserved(field: &[u8]) -> bool {
        field == RESERVED
    }

    /// Returns the server's own name.
    pub fn of_server() -> Self {
        Self(ShortName::new(RESERVED).map_or_else(|| Name::Long(RESERVED.into()), Name::Short))
    }

    /// Parses a name in a journal or a reply. Journals of earlier versions contain the server's
    /// name as that of a user. Returns None if the form is invalid.
    #[inline]
    pub fn parse_recorded(field: &[u8]) -> Option<Self> {
        let allowed = field.iter().fold(true, |all, byte| all & USER_BYTES[usize::from(*byte)]);
        if field.is_empty() || field.len() > USER_BYTES_MAX || !allowed {
            return None;
        }
        let short = (field.len() <= SHORT_BYTES).then(|| ShortName::new(field)).flatten();
        Some(Self(short.map_or_else(|| Name::Long(field.into()), Name::Short)))
    }

    /// Returns the name with these bytes, the first in the lowest one, which the caller checked.
    /// Zeros follow it. Returns None if the name is the server's, or too long for this.
    #[inline]
    pub(crate) fn of_words(words: [u64; 3]) -> Option<Self> {
        let [first, second, _] = words;
        // Not as two arrays: those would be compared in memory, right after they are written there.
        if first == RESERVED_WORDS[0] && second == RESERVED_WORDS[1] {
            return None;
        }
        let name = try_transmute!(words.map(u64::to_le)).ok()?;
        Some(Self(Name::Short(name)))
    }

    /// Returns the bytes of the name, all of them ASCII.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Name::Short(name) => name.as_bytes(),
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
            Name::Short(name) => {
                for word in name.words() {
                    state.write_u64(word);
                }
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
        UserName::parse_recorded(bytes).ok_or_else(|| E::custom("not a user name"))
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
        assert_eq!(UserName::parse(b"daytraded"), None);
        assert_eq!(UserName::of_server().as_str(), "daytraded");
        assert_eq!(UserName::parse_recorded(b"daytraded"), Some(UserName::of_server()));
    }

    #[test]
    fn short_and_long_names_sort_by_text_and_can_be_read_back_from_the_journal() {
        let mut names: Vec<String> = ["b", "a", "a-", "ab", "Zz"].map(String::from).to_vec();
        names.extend([1, 7, 8, 9, 16, 17, 20, 21, 24, 64].map(|length| "m".repeat(length)));
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
    fn a_name_takes_the_memory_of_three_words_and_is_the_same_read_by_words() {
        assert_eq!((size_of::<UserName>(), size_of::<Option<UserName>>()), (24, 24));
        for length in 1..=SHORT_BYTES {
            let text = &b"abcdefghijklmnopqrst"[..length];
            let mut bytes = [0; 24];
            bytes[..length].copy_from_slice(text);
            let word = |at| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
            let name = UserName::of_words([0, 8, 16].map(word)).unwrap();
            assert_eq!((name.as_bytes(), &name), (text, &UserName::parse(text).unwrap()));
        }
        let longer = [u64::MAX, u64::MAX, 1 << 32];
        assert_eq!(UserName::of_words(longer), None, "21 bytes");
        assert_eq!(UserName::of_words(RESERVED_WORDS), None);
    }

    #[test]
    fn the_stable_hash_never_changes() {
        // Reference vectors of FNV-1a: "a" and "foobar".
        assert_eq!(UserName::parse(b"a").unwrap().stable_hash(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(UserName::parse(b"foobar").unwrap().stable_hash(), 0x8594_4171_f739_67e8);
    }
}
