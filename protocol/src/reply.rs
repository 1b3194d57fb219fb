//! Replies: typed values, and the lines they print to.

use crate::fields::{Fields, LineWriter};
use crate::lines::{Lines, ShortLine};
use crate::scan::number_at_head;
use crate::{Code, CommandName, Money, Refusal, Side, Symbol, UserName};
use std::fmt;

/// The number in brackets that ties a reply to its request: 1 to 2^63 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u64);

impl Tag {
    /// The largest tag.
    pub const MAX: u64 = i64::MAX as u64;

    /// None outside 1 to [`Tag::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Appends `[number]`.
    pub fn write_to(self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(itoa::Buffer::new().format(self.0).as_bytes());
        out.push(b']');
    }

    /// Takes a tag off the head of a line: the tag, if the line begins with a bracket, and what
    /// follows without blanks around it. None where there is a bracket and no number from 1 to 2^63
    /// - 1 in it.
    pub fn split_from(line: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let Some(inside) = line.strip_prefix(b"[") else { return Some((None, line)) };
        // Most tags are short, and are read at once.
        if let Some(word) = inside.first_chunk()
            && let (number, digits @ 1..) = number_at_head(u64::from_le_bytes(*word))
            && let Some(b']') = inside.get(digits)
        {
            return Some((Some(Self::new(number)?), crate::request::trim(&inside[digits + 1..])));
        }
        let mut number: u64 = 0;
        for (at, byte) in inside.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?
                }
                b']' => {
                    return Some((
                        Some(Self::new(number)?),
                        crate::request::trim(&inside[at + 1..]),
                    ));
                }
                _ => return None,
            }
        }
        None
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

/// How many shares of what, at which price, for how much in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeTerms {
    /// The stock.
    pub symbol: Symbol,
    /// Whole shares.
    pub shares: u64,
    /// Price of one.
    pub price: Money,
    /// Price of all: cost or proceeds.
    pub total: Money,
}

/// The last (or only) line of a reply, tagged like its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The request's tag.
    pub tag: Option<Tag>,
    /// What is answered.
    pub body: ReplyBody,
}

/// A quote's key of at most so many bytes makes a short line.
const SHORT_KEY_BYTES: usize = 100;

/// What a reply says. Fields are those of docs/PROTOCOL.md; `_ms` is Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the reply to the command of that name in docs/PROTOCOL.md"
)]
pub enum ReplyBody {
    Add { available: Money },
    Quote { symbol: Symbol, price: Money, at_ms: u64, key: Box<str> },
    Buy { terms: TradeTerms, expires_at_ms: u64 },
    CommitBuy(TradeTerms),
    CancelBuy(TradeTerms),
    Sell { terms: TradeTerms, expires_at_ms: u64 },
    CommitSell(TradeTerms),
    CancelSell(TradeTerms),
    SetBuyAmount { symbol: Symbol, amount: Money },
    SetBuyTrigger { symbol: Symbol, amount: Money, price: Money },
    CancelSetBuy { symbol: Symbol, amount: Money },
    SetSellAmount { symbol: Symbol, amount: Money },
    SetSellTrigger { symbol: Symbol, amount: Money, price: Money, shares: u64 },
    CancelSetSell { symbol: Symbol, amount: Money, shares: u64 },
    DumpLog { path: Box<str>, events: u64 },
    DisplaySummary { user: UserName, lines: u64 },
    Ping,
    Quit,
    Help { lines: u64 },
    Stats { lines: u64 },
    Subscribe(UserName),
    Unsubscribe(UserName),
    Watch(Symbol),
    Unwatch(Symbol),
    Refused { code: Code, message: Box<str> },
}

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
    Text(Box<str>),
}

impl ReplyBody {
    /// A refusal in the words of its `Display`.
    pub fn refused(refusal: &Refusal) -> Self {
        Self::Refused { code: refusal.code(), message: refusal.to_string().into() }
    }

    /// Appends the line of a refusal, in the words of its `Display`.
    pub fn write_refusal(refusal: &Refusal, tag: Option<Tag>, out: &mut Lines) {
        if let Refusal::DumpFailed(_) = refusal {
            // Its cause can be of any length.
            return Self::refused(refusal).write_to(tag, out);
        }
        out.short(|line| {
            line.begin(tag, "ERR").text(refusal.code().as_str()).byte(b',');
            refusal.write_message(line);
        });
    }

    /// Appends the line of a QUOTE.
    pub fn write_quote(
        symbol: Symbol,
        price: Money,
        at_ms: u64,
        key: &str,
        tag: Option<Tag>,
        out: &mut Lines,
    ) {
        if key.len() > SHORT_KEY_BYTES {
            let key = key.into();
            return Self::Quote { symbol, price, at_ms, key }.write_to(tag, out);
        }
        out.short(|line| {
            line.begin(tag, "OK,QUOTE").symbol(symbol).money(price).int(at_ms).text(key);
        });
    }

    /// Appends the line.
    pub fn write_to(&self, tag: Option<Tag>, out: &mut Lines) {
        match self {
            Self::Quote { symbol, price, at_ms, key } => self.long_line(tag, out, |line| {
                line.symbol(*symbol).money(*price).int(*at_ms).text(key);
            }),
            Self::DumpLog { path, events } => self.long_line(tag, out, |line| {
                line.text(path).int(*events);
            }),
            Self::Refused { code, message } => self.long_line(tag, out, |line| {
                line.text(code.as_str()).text(message);
            }),
            _ => out.short(|line| self.write_fields(line.begin(tag, self.head()))),
        }
    }

    /// Appends a line that can be of any length.
    fn long_line(
        &self,
        tag: Option<Tag>,
        out: &mut Lines,
        write: impl FnOnce(&mut LineWriter<'_>),
    ) {
        out.any(|out| write(&mut LineWriter::last(out, tag, self.head())));
    }

    /// The fields of those that make a short line.
    fn write_fields(&self, line: &mut ShortLine<'_>) {
        match self {
            Self::Add { available } => line.money(*available),
            Self::Buy { terms, expires_at_ms } | Self::Sell { terms, expires_at_ms } => {
                line.terms(terms).int(*expires_at_ms)
            }
            Self::CommitBuy(terms)
            | Self::CancelBuy(terms)
            | Self::CommitSell(terms)
            | Self::CancelSell(terms) => line.terms(terms),
            Self::SetBuyAmount { symbol, amount }
            | Self::CancelSetBuy { symbol, amount }
            | Self::SetSellAmount { symbol, amount } => line.symbol(*symbol).money(*amount),
            Self::SetBuyTrigger { symbol, amount, price } => {
                line.symbol(*symbol).money(*amount).money(*price)
            }
            Self::SetSellTrigger { symbol, amount, price, shares } => {
                line.symbol(*symbol).money(*amount).money(*price).int(*shares)
            }
            Self::CancelSetSell { symbol, amount, shares } => {
                line.symbol(*symbol).money(*amount).int(*shares)
            }
            Self::DisplaySummary { user, lines } => line.user(user).int(*lines),
            Self::Help { lines } | Self::Stats { lines } => line.int(*lines),
            Self::Subscribe(user) | Self::Unsubscribe(user) => line.user(user),
            Self::Watch(symbol) | Self::Unwatch(symbol) => line.symbol(*symbol),
            Self::Ping
            | Self::Quit
            | Self::Quote { .. }
            | Self::DumpLog { .. }
            | Self::Refused { .. } => line,
        };
    }

    const fn head(&self) -> &'static str {
        match self {
            Self::Add { .. } => "OK,ADD",
            Self::Quote { .. } => "OK,QUOTE",
            Self::Buy { .. } => "OK,BUY",
            Self::CommitBuy(_) => "OK,COMMIT_BUY",
            Self::CancelBuy(_) => "OK,CANCEL_BUY",
            Self::Sell { .. } => "OK,SELL",
            Self::CommitSell(_) => "OK,COMMIT_SELL",
            Self::CancelSell(_) => "OK,CANCEL_SELL",
            Self::SetBuyAmount { .. } => "OK,SET_BUY_AMOUNT",
            Self::SetBuyTrigger { .. } => "OK,SET_BUY_TRIGGER",
            Self::CancelSetBuy { .. } => "OK,CANCEL_SET_BUY",
            Self::SetSellAmount { .. } => "OK,SET_SELL_AMOUNT",
            Self::SetSellTrigger { .. } => "OK,SET_SELL_TRIGGER",
            Self::CancelSetSell { .. } => "OK,CANCEL_SET_SELL",
            Self::DumpLog { .. } => "OK,DUMPLOG",
            Self::DisplaySummary { .. } => "OK,DISPLAY_SUMMARY",
            Self::Ping => "OK,PING",
            Self::Quit => "OK,QUIT",
            Self::Help { .. } => "OK,HELP",
            Self::Stats { .. } => "OK,STATS",
            Self::Subscribe(_) => "OK,SUBSCRIBE",
            Self::Unsubscribe(_) => "OK,UNSUBSCRIBE",
            Self::Watch(_) => "OK,WATCH",
            Self::Unwatch(_) => "OK,UNWATCH",
            Self::Refused { .. } => "ERR",
        }
    }
}

impl Detail {
    /// Appends the line.
    pub fn write_to(&self, tag: Option<Tag>, out: &mut Lines) {
        DetailWriter::new(tag, out).write(self);
    }
}

/// Writes the lines of one reply that more lines follow.
///
/// Each kind of line has its method, so that whoever writes many of a kind does not ask of every
/// one of them which it is.
pub struct DetailWriter<'a> {
    lines: &'a mut Lines,
    tag: Option<Tag>,
    /// What every line begins with: the tag and a dash.
    head: [u8; 32],
    head_bytes: usize,
    written: u64,
}

impl<'a> DetailWriter<'a> {
    /// A writer of lines under this tag.
    pub fn new(tag: Option<Tag>, lines: &'a mut Lines) -> Self {
        let (mut head, mut written) = ([0; 32], Vec::with_capacity(32));
        if let Some(tag) = tag {
            tag.write_to(&mut written);
        }
        written.push(b'-');
        // 19 digits at most, brackets and the dash.
        for (to, from) in head.iter_mut().zip(&written) {
            *to = *from;
        }
        Self { lines, tag, head, head_bytes: written.len(), written: 0 }
    }

    /// How many lines it has written.
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
        self.line(|line| {
            line.put(b"HOLDING").symbol(symbol).int(free).int(reserved).money(basis);
        });
    }

    /// Appends the line of a pending order.
    #[inline]
    pub fn pending(&mut self, side: Side, terms: &TradeTerms, expires_at_ms: u64) {
        self.line(|line| {
            line.put(b"PENDING").text(side.as_str()).terms(terms).int(expires_at_ms);
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
        self.line(|line| {
            line.put(b"TRIGGER").text(side.as_str()).symbol(symbol).money(amount);
            line.optional(price, Fields::money).int(shares);
        });
    }

    /// Appends the line of an earlier transaction.
    #[inline]
    pub fn history(
        &mut self,
        at_ms: u64,
        number: u64,
        command: CommandName,
        symbol: Option<Symbol>,
        amount: Option<Money>,
        refused: Option<Code>,
    ) {
        self.line(|line| {
            line.put(b"HISTORY").int(at_ms).int(number).text(command.as_str());
            line.optional(symbol, Fields::symbol).optional(amount, Fields::money);
            line.text(refused.map_or("OK", Code::as_str));
        });
    }

    /// Appends a line.
    pub fn write(&mut self, detail: &Detail) {
        match *detail {
            Detail::Account { ref user, available, reserved, realised } => {
                self.account(user, available, reserved, realised);
            }
            Detail::Holding { symbol, free, reserved, basis } => {
                self.holding(symbol, free, reserved, basis)
            }
            Detail::Pending { side, ref terms, expires_at_ms } => {
                self.pending(side, terms, expires_at_ms)
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
            Detail::Text(ref text) => self.long_line(|line| {
                line.put(text.as_bytes());
            }),
        }
    }

    #[inline]
    fn line(&mut self, write: impl FnOnce(&mut ShortLine<'_>)) {
        self.written += 1;
        let (head, head_bytes) = (&self.head, self.head_bytes);
        self.lines.short(|line| {
            line.put_short(head, head_bytes);
            write(line);
        });
    }

    /// Appends a line that can be of any length.
    fn long_line(&mut self, write: impl FnOnce(&mut LineWriter<'_>)) {
        self.written += 1;
        let tag = self.tag;
        self.lines.any(|out| write(&mut LineWriter::continued(out, tag)));
    }
}
