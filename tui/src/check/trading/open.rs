//! A command whose events may not all have been read.

use super::prices::{Candidates, SymbolId};
use crate::check::amount::Amount;
use crate::check::event::Event;
use crate::check::findings::Place;
use daytrade_protocol::CommandName;

/// What began the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Began {
    /// A userCommand.
    Command,
    /// An event of a command that was judged before: an expiry or a fill.
    Late,
}

/// A command, or a late event, with the events of its number so far. A log has three of them for
/// each of tens of thousands of users, so no value takes more bytes than it needs.
#[derive(Debug)]
pub(super) struct Open {
    pub began: Began,
    /// Line of its first event.
    line: u64,
    /// Byte of its first event.
    byte: u64,
    /// Line of its last accountTransaction, or 0 if it has none.
    moved_line: u64,
    /// Byte of its last accountTransaction.
    moved_byte: u64,
    /// Transaction number, or 0 if the event has none.
    pub number: u64,
    pub at_ms: u64,
    pub command: Option<CommandName>,
    pub symbol: Option<SymbolId>,
    /// Funds of the command, or [`Amount::NONE`].
    funds: Amount,
    /// Prices that it may have used.
    pub prices: Candidates,
    /// True once a quoteServer of its number was read.
    pub own_hit: bool,
    /// Sum of its accountTransactions.
    pub net: Amount,
    /// Number of its accountTransactions.
    pub moves: u32,
    /// An accountTransaction of another time than the command: cash that came back at the expiry.
    pub returned: Option<Box<(Amount, u64)>>,
    /// Funds of its newest systemEvent, or [`Amount::NONE`].
    told: Amount,
    /// Number of its systemEvents.
    pub system_count: u32,
    /// True once it was refused.
    pub refused: bool,
    /// Time of its newest event.
    pub last_ms: u64,
}

impl Open {
    pub(super) fn new(began: Began, event: &Event<'_>, symbol: Option<SymbolId>) -> Self {
        let at_ms = event.at_ms.unwrap_or(0);
        Self {
            began,
            line: event.line,
            byte: event.byte,
            moved_line: 0,
            moved_byte: 0,
            number: event.number.unwrap_or(0),
            at_ms,
            command: event.command,
            symbol,
            funds: event.funds.unwrap_or(Amount::NONE),
            prices: Candidates::new(),
            own_hit: false,
            net: Amount::ZERO,
            moves: 0,
            returned: None,
            told: Amount::NONE,
            system_count: 0,
            refused: false,
            last_ms: at_ms,
        }
    }

    /// Returns where its first event is.
    pub(super) fn place(&self) -> Place {
        let number = Some(self.number).filter(|number| *number > 0);
        Place { line: self.line, byte: self.byte, number }
    }

    /// Returns the funds of the command.
    pub(super) fn funds(&self) -> Option<Amount> {
        Some(self.funds).filter(|funds| *funds != Amount::NONE)
    }

    /// Returns the funds of its newest systemEvent.
    pub(super) fn told(&self) -> Option<Amount> {
        Some(self.told).filter(|funds| *funds != Amount::NONE)
    }

    /// Takes the userCommand of events that stand before it, which is a finding of another rule.
    pub(super) fn begin_after_all(&mut self, event: &Event<'_>, symbol: Option<SymbolId>) {
        self.began = Began::Command;
        (self.line, self.byte) = (event.line, event.byte);
        self.at_ms = event.at_ms.unwrap_or(self.at_ms);
        (self.command, self.symbol) = (event.command, symbol);
        self.funds = event.funds.unwrap_or(Amount::NONE);
    }

    /// Adds cash that moved.
    pub(super) fn moved(&mut self, event: &Event<'_>, amount: Amount) {
        let at_ms = event.at_ms.unwrap_or(self.at_ms);
        // Only a BUY gives something back by itself.
        let is_late = self.began == Began::Command
            && self.command == Some(CommandName::Buy)
            && at_ms + super::TIMER_MS >= self.at_ms + super::EXPIRY_MS;
        if is_late && amount.is_positive() && self.moves > 0 {
            let before = self.returned.as_ref().map_or(Amount::ZERO, |returned| returned.0);
            self.returned = Some(Box::new((before + amount, at_ms)));
        } else {
            self.net = self.net + amount;
            self.moves += 1;
        }
        (self.moved_line, self.moved_byte) = (event.line, event.byte);
        self.last_ms = self.last_ms.max(at_ms);
    }

    /// Adds a systemEvent.
    pub(super) fn system(&mut self, event: &Event<'_>) {
        self.told = event.funds.unwrap_or(Amount::NONE);
        self.system_count += 1;
        self.last_ms = self.last_ms.max(event.at_ms.unwrap_or(0));
    }

    /// Returns true if nothing more is to come, as far as can be told: cash has moved, it was
    /// refused, or it is a command that moves none.
    pub(super) fn is_settled(&self) -> bool {
        use CommandName::{Add, Buy, CancelBuy, CommitSell, SetBuyAmount};
        let moves_cash =
            matches!(self.command, Some(Add | Buy | CancelBuy | CommitSell | SetBuyAmount));
        self.refused || self.moves > 0 || !moves_cash || self.began == Began::Late
    }

    /// Returns the place that a finding about its cash names.
    pub(super) fn cash_place(&self) -> Place {
        match self.moved_line {
            0 => self.place(),
            line => Place { line, byte: self.moved_byte, number: self.place().number },
        }
    }
}

const _: () = assert!(size_of::<Open>() <= 160, "64 MiB hold three of 50,000 users");
