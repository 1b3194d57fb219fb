//! User names.

#![expect(clippy::indexing_slicing, reason = "the offsets are constants within a short name")]

use crate::wire::short_copy;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Maximum length of a user name, bytes.
pub const USER_BYTES_MAX: usize = 64;

/// The name of a user: 1 to 64 of `A-Z a-z 0-9 _ . -`. Names up to 22 bytes need no allocation.
/// Sorts as its text does.
#[derive(Clone, PartialEq, Eq)]
pub struct UserName(Name);

/// A name in the size of a `String`. Short names are stored inline, so that most names are copied,
/// compared and hashed as whole words.
#[derive(Clone, Eq)]
enum Name {
    /// At most 22 bytes, padded with zeros, which no name contains, and the length in the last
    /// byte.
    Short([u8; SHORT_BYTES]),
    Long(Box<[u8]>),
}

const SHORT_BYTES: usize = 23;

/// Returns three words that cover all bytes of a short name; the last two overlap by one byte.
#[inline]
fn words(bytes: &[u8; SHORT_BYTES]) -> [u64; 3] {
    [0, 8, 15].map(|at| bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word)))
}

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Short(one), Self::Short(other)) => words(one) == words(other),
            (Self::Long(one), Self::Long(other)) => one == other,
            _ => false,
        }
    }
}

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
        let mut bytes = [0; SHORT_BYTES];
        bytes[SHORT_BYTES - 1] = short_copy::copy(&mut bytes, RESERVED) as u8;
        Self(Name::Short(bytes))
    }

    /// Parses a name in a journal or a reply. Journals of earlier versions contain the server's
    /// name as that of a user. Returns None if the form is invalid.
    #[inline]
    pub fn parse_recorded(field: &[u8]) -> Option<Self> {
        let allowed = field.iter().fold(true, |all, byte| all & USER_BYTES[usize::from(*byte)]);
        if field.is_empty() || field.len() > USER_BYTES_MAX || !allowed {
            return None;
        }
        if field.len() >= SHORT_BYTES {
            return Some(Self(Name::Long(field.into())));
        }
        let mut bytes = [0; SHORT_BYTES];
        bytes[SHORT_BYTES - 1] = short_copy::copy(&mut bytes, field) as u8;
        Some(Self(Name::Short(bytes)))
    }

    /// Returns the name with these bytes, padded with zeros, which the caller has checked. Returns
    /// None if the name is the server's.
    #[inline]
    pub(crate) fn of_words(words: [u64; 3], length: usize) -> Option<Self> {
        debug_assert!((1..SHORT_BYTES).contains(&length), "a short name");
        let [first, second, third] = words.map(u64::to_le_bytes);
        let mut bytes = [0; SHORT_BYTES];
        bytes[..8].copy_from_slice(&first);
        bytes[8..16].copy_from_slice(&second);
        bytes[16..].copy_from_slice(&third[..7]);
        bytes[SHORT_BYTES - 1] = length as u8;
        (length != RESERVED.len() || &bytes[..RESERVED.len()] != RESERVED)
            .then_some(Self(Name::Short(bytes)))
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
                for word in words(bytes) {
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
}
