//! The sixteen commands of the mission.

use crate::fields::{Fields as _, LineWriter};
use crate::{FileName, Money, Symbol, UserName, short};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which way a trade goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Cash becomes shares.
    Buy,
    /// Shares become cash.
    Sell,
}

impl Side {
    /// `BUY` or `SELL`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    /// Reads `BUY` or `SELL`.
    pub fn parse(field: &[u8]) -> Option<Self> {
        match field {
            b"BUY" => Some(Self::Buy),
            b"SELL" => Some(Self::Sell),
            _ => None,
        }
    }
}

macro_rules! command_names {
    ($($variant:ident $text:literal $usage:literal),+ $(,)?) => {
        /// The name of one of the sixteen commands. Its position in this list is part of the
        /// journal format: add at the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the command of that name in docs/PROTOCOL.md")]
        pub enum CommandName { $($variant),+ }

        impl CommandName {
            /// All of them, in the order of the specification.
            pub const ALL: [Self; 16] = [$(Self::$variant),+];

            /// The name as it is sent and logged.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The arguments it takes, for HELP and for `BAD_ARGUMENTS`.
            pub const fn usage(self) -> &'static str {
                match self { $(Self::$variant => concat!($text, $usage)),+ }
            }
        }
    };
}

/// The longest name.
const NAME_BYTES_MAX: usize = 16;

/// A name as one number, to be compared at once.
const fn packed(name: &str) -> u128 {
    let (bytes, mut letters, mut at) = (name.as_bytes(), 0_u128, 0);
    while at < bytes.len() {
        letters |= (bytes[at] as u128) << (8 * at);
        at += 1;
    }
    letters
}

command_names! {
    Add "ADD" ",user,amount",
    Quote "QUOTE" ",user,symbol",
    Buy "BUY" ",user,symbol,amount",
    CommitBuy "COMMIT_BUY" ",user",
    CancelBuy "CANCEL_BUY" ",user",
    Sell "SELL" ",user,symbol,amount",
    CommitSell "COMMIT_SELL" ",user",
    CancelSell "CANCEL_SELL" ",user",
    SetBuyAmount "SET_BUY_AMOUNT" ",user,symbol,amount",
    SetBuyTrigger "SET_BUY_TRIGGER" ",user,symbol,price",
    CancelSetBuy "CANCEL_SET_BUY" ",user,symbol",
    SetSellAmount "SET_SELL_AMOUNT" ",user,symbol,amount",
    SetSellTrigger "SET_SELL_TRIGGER" ",user,symbol,price",
    CancelSetSell "CANCEL_SET_SELL" ",user,symbol",
    DumpLog "DUMPLOG" "[,user],filename",
    DisplaySummary "DISPLAY_SUMMARY" ",user",
}

impl CommandName {
    /// Reads a name without regard to case.
    pub fn parse(field: &[u8]) -> Option<Self> {
        if field.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut upper = [0; NAME_BYTES_MAX];
        short::copy(&mut upper, field);
        upper.make_ascii_uppercase();
        let letters = u128::from_le_bytes(upper);
        let (name, its_letters) = NAMES[place_of(letters)]?;
        // A name holds no zero, so that one that ends in zeros is no name.
        (letters == its_letters && field.len() == name.as_str().len()).then_some(name)
    }
}

/// The names by [`place_of`], so that a name is compared to one only.
const NAMES: [Option<(CommandName, u128)>; 32] = {
    let (mut names, mut at) = ([None; 32], 0);
    while at < CommandName::ALL.len() {
        let name = CommandName::ALL[at];
        let letters = packed(name.as_str());
        assert!(names[place_of(letters)].is_none(), "two names have the same place");
        names[place_of(letters)] = Some((name, letters));
        at += 1;
    }
    names
};

/// A place that no two names share. The factor was found by trying.
const fn place_of(letters: u128) -> usize {
    let mixed = (letters as u64 ^ (letters >> 64) as u64).wrapping_mul(0xefa6_f4a6_5354_892b);
    (mixed >> 59) as usize
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A well-formed command: names checked, amount in range. Its layout is part of the journal format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are the command's arguments in docs/PROTOCOL.md, by their names there"
)]
pub enum Command {
    Add { user: UserName, amount: Money },
    Quote { user: UserName, symbol: Symbol },
    Buy { user: UserName, symbol: Symbol, amount: Money },
    CommitBuy { user: UserName },
    CancelBuy { user: UserName },
    Sell { user: UserName, symbol: Symbol, amount: Money },
    CommitSell { user: UserName },
    CancelSell { user: UserName },
    SetBuyAmount { user: UserName, symbol: Symbol, amount: Money },
    SetBuyTrigger { user: UserName, symbol: Symbol, price: Money },
    CancelSetBuy { user: UserName, symbol: Symbol },
    SetSellAmount { user: UserName, symbol: Symbol, amount: Money },
    SetSellTrigger { user: UserName, symbol: Symbol, price: Money },
    CancelSetSell { user: UserName, symbol: Symbol },
    DumpLog { user: Option<UserName>, filename: FileName },
    DisplaySummary { user: UserName },
}

impl Command {
    /// Which of the sixteen it is.
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Add { .. } => CommandName::Add,
            Self::Quote { .. } => CommandName::Quote,
            Self::Buy { .. } => CommandName::Buy,
            Self::CommitBuy { .. } => CommandName::CommitBuy,
            Self::CancelBuy { .. } => CommandName::CancelBuy,
            Self::Sell { .. } => CommandName::Sell,
            Self::CommitSell { .. } => CommandName::CommitSell,
            Self::CancelSell { .. } => CommandName::CancelSell,
            Self::SetBuyAmount { .. } => CommandName::SetBuyAmount,
            Self::SetBuyTrigger { .. } => CommandName::SetBuyTrigger,
            Self::CancelSetBuy { .. } => CommandName::CancelSetBuy,
            Self::SetSellAmount { .. } => CommandName::SetSellAmount,
            Self::SetSellTrigger { .. } => CommandName::SetSellTrigger,
            Self::CancelSetSell { .. } => CommandName::CancelSetSell,
            Self::DumpLog { .. } => CommandName::DumpLog,
            Self::DisplaySummary { .. } => CommandName::DisplaySummary,
        }
    }

    /// Whose command it is; None only for a DUMPLOG of the whole log.
    pub const fn user(&self) -> Option<&UserName> {
        match self {
            Self::Add { user, .. }
            | Self::Quote { user, .. }
            | Self::Buy { user, .. }
            | Self::CommitBuy { user }
            | Self::CancelBuy { user }
            | Self::Sell { user, .. }
            | Self::CommitSell { user }
            | Self::CancelSell { user }
            | Self::SetBuyAmount { user, .. }
            | Self::SetBuyTrigger { user, .. }
            | Self::CancelSetBuy { user, .. }
            | Self::SetSellAmount { user, .. }
            | Self::SetSellTrigger { user, .. }
            | Self::CancelSetSell { user, .. }
            | Self::DisplaySummary { user } => Some(user),
            Self::DumpLog { user, .. } => user.as_ref(),
        }
    }

    /// The stock it names.
    pub const fn symbol(&self) -> Option<Symbol> {
        match self {
            Self::Quote { symbol, .. }
            | Self::Buy { symbol, .. }
            | Self::Sell { symbol, .. }
            | Self::SetBuyAmount { symbol, .. }
            | Self::SetBuyTrigger { symbol, .. }
            | Self::CancelSetBuy { symbol, .. }
            | Self::SetSellAmount { symbol, .. }
            | Self::SetSellTrigger { symbol, .. }
            | Self::CancelSetSell { symbol, .. } => Some(*symbol),
            _ => None,
        }
    }

    /// The amount or trigger price it names.
    pub const fn funds(&self) -> Option<Money> {
        match self {
            Self::Add { amount, .. }
            | Self::Buy { amount, .. }
            | Self::Sell { amount, .. }
            | Self::SetBuyAmount { amount, .. }
            | Self::SetSellAmount { amount, .. } => Some(*amount),
            Self::SetBuyTrigger { price, .. } | Self::SetSellTrigger { price, .. } => Some(*price),
            _ => None,
        }
    }

    /// The file a DUMPLOG names.
    pub const fn filename(&self) -> Option<&FileName> {
        match self {
            Self::DumpLog { filename, .. } => Some(filename),
            _ => None,
        }
    }

    /// Appends its fields to a line that has been begun with its name.
    pub(crate) fn write_fields(&self, line: &mut LineWriter<'_>) {
        if let Some(user) = self.user() {
            line.user(user);
        }
        if let Some(symbol) = self.symbol() {
            line.symbol(symbol);
        }
        if let Some(funds) = self.funds() {
            line.money(funds);
        }
        if let Some(filename) = self.filename() {
            line.text(filename.as_str());
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
        for bad in [
            "",
            "ADD\0",
            "ADDS",
            "AD",
            "COMMIT BUY",
            "SET_SELL_TRIGGERS",
            "a name that is far too long",
        ] {
            assert_eq!(CommandName::parse(bad.as_bytes()), None);
        }
    }
}
