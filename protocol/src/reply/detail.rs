//! The lines of a reply that more lines follow.

use super::entry::Entry;
use crate::code::Code;
use crate::commands::CommandName;
use crate::types::{Money, Side, Symbol, Tag, TradeTerms, UserName};
use crate::wire::decimal::TimeHead;
use crate::wire::fields::Fields;
use crate::wire::label::Label;
use crate::wire::line_buffer::{LineBuffer, ShortLine};

/// Fields of the history: the command, and the code of a refusal.
static COMMANDS: [Label; CommandName::ALL.len()] = CommandName::labels(",");
static CODES: [Label; Code::ALL.len()] = Code::labels(",", "");
static OK: Label = Label::of(&[",OK"]);

/// A line of a reply that more lines follow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the lines of DISPLAY_SUMMARY, STATS and HELP in docs/PROTOCOL.md")]
pub enum Detail {
    Account {
        user: UserName,
        available: Money,
        reserved: Money,
        realised: Money,
    },
    Holding {
        symbol: Symbol,
        free: u64,
        reserved: u64,
        basis: Money,
    },
    Pending {
        side: Side,
        terms: TradeTerms,
        expires_at_ms: u64,
    },
    Trigger {
        side: Side,
        symbol: Symbol,
        amount: Money,
        price: Option<Money>,
        shares: u64,
    },
    History {
        at_ms: u64,
        number: u64,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
        refused: Option<Code>,
    },
    Stat {
        name: Box<str>,
        value: Box<str>,
    },
    /// A line of REPORT.
    Event(Entry),
    /// The last known price of a symbol that the account holds, at the end of REPORT.
    Price {
        symbol: Symbol,
        price: Money,
        at_ms: u64,
    },
    /// A line of the audit log.
    Log(Box<str>),
    Text(Box<str>),
}

impl Detail {
    /// Appends the line.
    pub fn write_to(&self, tag: Option<Tag>, out: &mut LineBuffer) {
        DetailWriter::new(tag, out).write(self);
    }
}

/// Writes the lines of one reply that more lines follow.
///
/// Each kind of line has its own method, so that a caller that writes many lines of one kind avoids
/// a match for each of them.
pub struct DetailWriter<'a> {
    lines: &'a mut LineBuffer,
    /// Head of every line: the tag and a dash.
    head: Label,
    /// The same with the names of the most frequent lines.
    holding: Label,
    trigger: Label,
    history: Label,
    written: u64,
    time_head: TimeHead,
}

impl<'a> DetailWriter<'a> {
    /// Creates a writer of lines with this tag.
    pub fn new(tag: Option<Tag>, lines: &'a mut LineBuffer) -> Self {
        // At most 19 digits, two brackets and the dash; a name has seven letters.
        let head = tag.map_or(Label::EMPTY, Label::of_tag).followed_by(b"-");
        Self {
            lines,
            head,
            holding: head.followed_by(b"HOLDING"),
            trigger: head.followed_by(b"TRIGGER"),
            history: head.followed_by(b"HISTORY"),
            written: 0,
            time_head: TimeHead::default(),
        }
    }

    /// Returns the number of lines written.
    pub const fn lines(&self) -> u64 {
        self.written
    }

    /// Appends the line of an account's cash.
    pub fn account(&mut self, user: &UserName, available: Money, reserved: Money, realised: Money) {
        self.line(|line| {
            line.put(b"ACCOUNT").user(user).money(available).money(reserved).money(realised);
        });
    }

    /// Appends the line of a holding.
    #[inline]
    pub fn holding(&mut self, symbol: Symbol, free: u64, reserved: u64, basis: Money) {
        self.written += 1;
        self.lines.short_line(|line| {
            line.label(&self.holding).symbol(symbol).int(free).int(reserved).money(basis);
        });
    }

    /// Appends the line of a pending order.
    #[inline]
    pub fn pending(&mut self, side: Side, terms: &TradeTerms, expires_at_ms: u64) {
        self.line(|line| {
            let head = match side {
                Side::Buy => const { &Label::of(&["PENDING,BUY"]) },
                Side::Sell => const { &Label::of(&["PENDING,SELL"]) },
            };
            line.label(head).terms(terms).int(expires_at_ms);
        });
    }

    /// Appends the line of a set amount, with its trigger's price if it has one.
    #[inline]
    pub fn trigger(
        &mut self,
        side: Side,
        symbol: Symbol,
        amount: Money,
        price: Option<Money>,
        shares: u64,
    ) {
        self.written += 1;
        self.lines.short_line(|line| {
            let side = match side {
                Side::Buy => const { &Label::of(&[",BUY"]) },
                Side::Sell => const { &Label::of(&[",SELL"]) },
            };
            line.label(&self.trigger).label(side).symbol(symbol).money(amount);
            line.optional(price, Fields::money).int(shares);
        });
    }

    /// Appends the line of an earlier transaction.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "there is a label for each command and code")]
    pub fn history(
        &mut self,
        at_ms: u64,
        number: u64,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
        refused: Option<Code>,
    ) {
        self.written += 1;
        self.lines.short_line(|line| {
            line.label(&self.history)
                .time(at_ms, &mut self.time_head)
                .int(number)
                .label(&COMMANDS[command as usize]);
            line.optional(symbol, Fields::symbol).optional(amount, Fields::money);
            line.label(refused.map_or(&OK, |code| &CODES[code as usize]));
        });
    }

    /// Appends a line of REPORT.
    pub fn event(&mut self, entry: &Entry) {
        self.long_line(|line| {
            line.put(b"EVENT");
            entry.write(line);
        });
    }

    /// Appends the last known price of a symbol.
    pub fn price(&mut self, symbol: Symbol, price: Money, at_ms: u64) {
        self.line(|line| {
            line.put(b"PRICE").symbol(symbol).money(price).int(at_ms);
        });
    }

    /// Appends a line of the audit log.
    pub fn log(&mut self, text: &[u8]) {
        self.long_line(|line| {
            line.put(b"LOG,").put(text);
        });
    }

    /// Appends a line.
    pub fn write(&mut self, detail: &Detail) {
        match *detail {
            Detail::Account { ref user, available, reserved, realised } => {
                self.account(user, available, reserved, realised);
            }
            Detail::Holding { symbol, free, reserved, basis } => {
                self.holding(symbol, free, reserved, basis);
            }
            Detail::Pending { side, ref terms, expires_at_ms } => {
                self.pending(side, terms, expires_at_ms);
            }
            Detail::Trigger { side, symbol, amount, price, shares } => {
                self.trigger(side, symbol, amount, price, shares);
            }
            Detail::History { at_ms, number, command, symbol, amount, refused } => {
                self.history(at_ms, number, command, symbol, amount, refused);
            }
            Detail::Stat { ref name, ref value } => self.long_line(|line| {
                line.put(b"STAT").text(name).text(value);
            }),
            Detail::Event(ref entry) => self.event(entry),
            Detail::Price { symbol, price, at_ms } => self.price(symbol, price, at_ms),
            Detail::Log(ref text) => self.log(text.as_bytes()),
            Detail::Text(ref text) => self.long_line(|line| {
                line.put(text.as_bytes());
            }),
        }
    }

    #[inline]
    fn line(&mut self, write: impl FnOnce(&mut ShortLine<'_>)) {
        self.written += 1;
        self.lines.short_line(|line| {
            line.label(&self.head);
            write(line);
        });
    }

    /// Appends a line of any length.
    fn long_line(&mut self, write: impl FnOnce(&mut LineBuffer)) {
        self.written += 1;
        self.lines.line(|line| {
            line.label(&self.head);
            write(line);
        });
    }
}
