//! The lines of REPORT: one for each record of an account.

use super::value::{Cursor, money};
use crate::code::Code;
use crate::commands::CommandName;
use crate::types::{Money, Side, Symbol};
use crate::wire::fields::Fields;

/// How an entry of an account came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryOutcome {
    /// The command was carried out.
    Done,
    /// The command was refused with this code.
    Refused(Code),
    /// A BUY or SELL ran out.
    Expired,
    /// A trigger fired.
    Filled,
}

/// One record of an account, in a line of REPORT. Dollars; a number that does not apply is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// Transaction number.
    pub number: u64,
    /// The command. An expiry has its BUY or SELL, a fill its SET_…_TRIGGER.
    pub command: CommandName,
    /// How it came about.
    pub outcome: EntryOutcome,
    /// Stock symbol, if there is one.
    pub symbol: Option<Symbol>,
    /// Amount or price of the command, if there is one.
    pub amount: Option<Money>,
    /// Shares of the order or trade.
    pub shares: u64,
    /// Price of a share.
    pub price: Money,
    /// Shares times price.
    pub total: Money,
    /// Cost basis of shares that were sold.
    pub basis: Money,
    /// Change of the available cash.
    pub cash: Money,
}

impl Entry {
    /// Returns the side of the trade, if shares were bought or sold: by a commit or a trigger.
    pub const fn trade(&self) -> Option<Side> {
        match (self.command, self.outcome) {
            (CommandName::CommitBuy, EntryOutcome::Done)
            | (CommandName::SetBuyTrigger, EntryOutcome::Filled) => Some(Side::Buy),
            (CommandName::CommitSell, EntryOutcome::Done)
            | (CommandName::SetSellTrigger, EntryOutcome::Filled) => Some(Side::Sell),
            _ => None,
        }
    }

    /// Returns how much reserved cash was released: what a purchase cost, or what came back. It is
    /// negative if cash was reserved.
    pub const fn released(&self) -> Money {
        match (self.command, self.outcome) {
            // A refused command moves nothing; money that is added or earned was never reserved.
            (_, EntryOutcome::Refused(_))
            | (CommandName::Add | CommandName::CommitSell, _)
            | (CommandName::SetSellTrigger, EntryOutcome::Filled) => Money::ZERO,
            // The purchase is paid from the reserve; what a trigger did not need comes back.
            (CommandName::CommitBuy, _) | (CommandName::SetBuyTrigger, EntryOutcome::Filled) => {
                self.total.saturating_add(self.cash)
            }
            // Everything else moves cash into a reserve, or back.
            _ => self.cash,
        }
    }
}

impl EntryOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "OK",
            Self::Refused(code) => code.as_str(),
            Self::Expired => "EXPIRED",
            Self::Filled => "FILLED",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "OK" => Self::Done,
            "EXPIRED" => Self::Expired,
            "FILLED" => Self::Filled,
            code => Self::Refused(Code::parse(code.as_bytes())?),
        })
    }
}

impl Entry {
    pub(super) fn write(&self, line: &mut impl Fields) {
        line.int(self.at_ms).int(self.number).text(self.command.as_str());
        line.text(self.outcome.as_str());
        line.optional(self.symbol, Fields::symbol).optional(self.amount, Fields::money);
        line.int(self.shares).money(self.price).money(self.total).money(self.basis);
        line.money(self.cash);
    }

    pub(super) fn read(f: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            at_ms: f.int()?,
            number: f.int()?,
            command: CommandName::parse(f.text()?.as_bytes())?,
            outcome: EntryOutcome::parse(f.text()?)?,
            symbol: f.optional(|text| Symbol::parse(text.as_bytes())).ok()?,
            amount: f.optional(money).ok()?,
            shares: f.shares()?,
            price: f.money()?,
            total: f.money()?,
            basis: f.money()?,
            cash: f.money()?,
        })
    }
}
