//! Names of commands, generated from the table.

use super::argument::{Argument, ArgumentKind};
use crate::wire::label::Label;
use crate::wire::perfect_hash::PerfectHash;
use crate::wire::short_copy;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name in bytes: names are compared as one number.
const NAME_BYTES_MAX: usize = 16;

/// Returns a name as one number, its first letter in the lowest byte.
#[expect(
    clippy::indexing_slicing,
    reason = "the bounds are constants; most of it runs in the compiler"
)]
const fn packed(name: &str) -> u128 {
    let (bytes, mut letters, mut at) = (name.as_bytes(), 0_u128, 0);
    assert!(bytes.len() <= NAME_BYTES_MAX, "the name of a command is too long");
    while at < bytes.len() {
        letters |= (bytes[at] as u128) << (8 * at);
        at += 1;
    }
    letters
}

/// The name of any command, audited or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyName {
    /// An audited command.
    Command(CommandName),
    /// A session command.
    Session(SessionName),
}

/// The bracket behind an optional argument.
macro_rules! closing_bracket {
    ($argument:ident) => {
        "]"
    };
}

/// Generates the impl of one list of names.
macro_rules! name_methods {
    ($list:ident {
        $($variant:ident $text:literal
            ($([$optional:ident],)? $($argument:ident),* $(; $($late:ident),+)?)
            -> { $($field:ident: $type:ty),* })*
    }) => {
        impl $list {
            /// All names, in the order of the table.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$variant),*];

            /// Returns the name as it is sent and logged.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Returns the name with its arguments, for HELP and for `BAD_ARGUMENTS`.
            pub const fn usage(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!(
                        $text,
                        $("[,", stringify!($optional), "]",)?
                        $(",", stringify!($argument),)*
                        $($("[,", stringify!($late),)+ $(closing_bracket!($late),)+)?
                    )),*
                }
            }

            /// Returns the fields of the OK reply, for docs/COMMANDS.md.
            pub const fn reply_usage(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("OK,", $text $(, ",", stringify!($field))*)),*
                }
            }

            /// Returns the arguments in the order in which they are sent.
            pub const fn arguments(self) -> &'static [Argument] {
                match self {
                    $(Self::$variant => const { &[
                        $(Argument::optional(
                            stringify!($optional), ArgumentKind::named(stringify!($optional))
                        ),)?
                        $(Argument::required(
                            stringify!($argument), ArgumentKind::named(stringify!($argument))
                        ),)*
                        $($(Argument::optional(
                            stringify!($late), ArgumentKind::named(stringify!($late))
                        )),+)?
                    ] }),*
                }
            }
        }

        impl fmt::Display for $list {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

macro_rules! define_names {
    (
        commands { $($command:ident $text:literal $arguments:tt -> $reply:tt)* }
        session { $($session:ident $word:literal $fields:tt -> $answer:tt)* }
    ) => {
        /// The name of an audited command. Its position in the table is part of the journal format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the command of that name in docs/PROTOCOL.md")]
        pub enum CommandName { $($command),* }

        /// The name of a session command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the command of that name in docs/PROTOCOL.md")]
        pub enum SessionName { $($session),* }

        name_methods! { CommandName { $($command $text $arguments -> $reply)* } }
        name_methods! { SessionName { $($session $word $fields -> $answer)* } }

        impl CommandName {
            /// Returns true if the command changes no account. The history does not list it.
            pub const fn only_reads(self) -> bool {
                matches!(self, Self::Quote | Self::DumpLog | Self::DisplaySummary)
            }
        }

        impl CommandName {
            /// Returns the labels of all names, with this text before each.
            #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
            pub(crate) const fn labels(before: &str) -> [Label; Self::ALL.len()] {
                let (mut labels, mut at) = ([Label::EMPTY; Self::ALL.len()], 0);
                while at < labels.len() {
                    labels[at] = Label::of(&[before, Self::ALL[at].as_str()]);
                    at += 1;
                }
                labels
            }
        }

        impl AnyName {
            /// All names.
            const ALL: [Self; CommandName::ALL.len() + SessionName::ALL.len()] = [
                $(Self::Command(CommandName::$command),)*
                $(Self::Session(SessionName::$session),)*
            ];
        }
    };
}

crate::command_table!(define_names);

/// Number of places in the table of names.
const PLACES: usize = 128;
const HASH: PerfectHash<PLACES> = PerfectHash::of(&KEYS);
/// The names by the places of their keys, each with its text as a number.
static NAMES: [Option<(AnyName, u128)>; PLACES] = places();

/// The keys of all names, in their order.
const KEYS: [u64; AnyName::ALL.len()] = keys();

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn keys() -> [u64; AnyName::ALL.len()] {
    let (mut keys, mut at) = ([0; AnyName::ALL.len()], 0);
    while at < keys.len() {
        keys[at] = key_of(packed(AnyName::ALL[at].as_str()));
        at += 1;
    }
    keys
}

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn places() -> [Option<(AnyName, u128)>; PLACES] {
    let (mut places, mut at) = ([None; PLACES], 0);
    while at < KEYS.len() {
        let name = AnyName::ALL[at];
        places[HASH.place(KEYS[at])] = Some((name, packed(name.as_str())));
        at += 1;
    }
    places
}

/// Returns the key of a name, in which all names differ.
const fn key_of(letters: u128) -> u64 {
    letters as u64 ^ (letters >> 64) as u64
}

impl AnyName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Command(name) => name.as_str(),
            Self::Session(name) => name.as_str(),
        }
    }

    /// Reads a name without regard to case.
    #[inline]
    pub(crate) fn parse(field: &[u8]) -> Option<Self> {
        if field.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut upper = [0; NAME_BYTES_MAX];
        short_copy::copy(&mut upper, field);
        upper.make_ascii_uppercase();
        let name = Self::of_letters(u128::from_le_bytes(upper))?;
        // A NUL at the end of the field compares equal to the padding.
        (field.last() != Some(&0)).then_some(name)
    }

    /// Returns the name with these letters, the first in the lowest byte, padded with zeros.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the table has this many places")]
    pub(crate) fn of_letters(letters: u128) -> Option<Self> {
        let (name, its_letters) = NAMES[HASH.place(key_of(letters))]?;
        (letters == its_letters).then_some(name)
    }
}

impl CommandName {
    /// Reads a name without regard to case.
    pub fn parse(field: &[u8]) -> Option<Self> {
        match AnyName::parse(field)? {
            AnyName::Command(name) => Some(name),
            AnyName::Session(_) => None,
        }
    }
}

impl SessionName {
    /// Reads a name without regard to case.
    pub fn parse(field: &[u8]) -> Option<Self> {
        match AnyName::parse(field)? {
            AnyName::Session(name) => Some(name),
            AnyName::Command(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_regard_to_case() {
        for name in CommandName::ALL {
            assert_eq!(CommandName::parse(name.as_str().to_lowercase().as_bytes()), Some(name));
        }
        for name in SessionName::ALL {
            assert_eq!(SessionName::parse(name.as_str().to_lowercase().as_bytes()), Some(name));
        }
        let bad = ["", "\0", "ADD\0", "ADDS", "AD", "COMMIT BUY", "SET_SELL_TRIGGERS", "PING\0"];
        for bad in bad.into_iter().chain(["a name that is far too long"]) {
            assert_eq!(AnyName::parse(bad.as_bytes()), None);
        }
    }

    /// Each row begins with the request and its reply; `terms` are the four fields of a trade.
    #[test]
    fn the_documentation_has_a_row_for_each_command() {
        let docs = include_str!("../../../docs/COMMANDS.md");
        let mut rows = docs.lines().filter(|line| line.starts_with("| `"));
        for name in CommandName::ALL {
            let reply = name.reply_usage().replace("terms", "symbol,shares,price,total");
            let want = format!("| `{}` | `{reply}` |", name.usage());
            let row = rows.next().unwrap_or_default();
            assert!(row.starts_with(&want), "docs/COMMANDS.md: {want}\n is {row}");
        }
    }

    #[test]
    fn the_usage_shows_the_arguments() {
        assert_eq!(CommandName::Buy.usage(), "BUY,user,symbol,amount");
        assert_eq!(CommandName::DumpLog.usage(), "DUMPLOG[,user],filename");
        assert_eq!(SessionName::Watch.usage(), "WATCH,symbol");
        assert_eq!(SessionName::ReadLog.usage(), "READLOG[,user[,from_ms]]");
        assert_eq!(CommandName::DumpLog.arguments().len(), 2);
    }
}
