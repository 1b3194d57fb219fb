//! Replies: typed values, and the lines they print to.

use crate::fields::{Fields, LineWriter, LinesWriter};
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

    /// Takes a tag off the head of a line: the tag, if the line begins with a bracket, and what follows without blanks
    /// around it. None where there is a bracket and no number from 1 to 2^63 - 1 in it.
    pub fn split_from(line: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let Some(inside) = line.strip_prefix(b"[") else { return Some((None, line)) };
        let mut number: u64 = 0;
        for (at, byte) in inside.iter().enumerate() {
            match byte {
                b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
                b']' => return Some((Some(Self::new(number)?), crate::request::trim(&inside[at + 1..]))),
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

/// What a reply says. Fields are those of docs/PROTOCOL.md; `_ms` is Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the reply to the command of that name in docs/PROTOCOL.md")]
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
    pub fn write_refusal(refusal: &Refusal, tag: Option<Tag>, out: &mut Vec<u8>) {
        let mut line = LineWriter::last(out, tag, "ERR");
        line.text(refusal.code().as_str()).text("");
        refusal.write_message(&mut line);
    }

    /// Appends the line of a QUOTE.
    pub fn write_quote(symbol: Symbol, price: Money, at_ms: u64, key: &str, tag: Option<Tag>, out: &mut Vec<u8>) {
        LineWriter::last(out, tag, "OK,QUOTE").symbol(symbol).money(price).int(at_ms).text(key);
    }

    /// Appends the line.
    pub fn write_to(&self, tag: Option<Tag>, out: &mut Vec<u8>) {
        let mut writer = LineWriter::last(out, tag, self.head());
        let line = &mut writer;
        match self {
            Self::Add { available } => line.money(*available),
            Self::Quote { symbol, price, at_ms, key } => line.symbol(*symbol).money(*price).int(*at_ms).text(key),
            Self::Buy { terms, expires_at_ms } | Self::Sell { terms, expires_at_ms } => {
                line.terms(terms).int(*expires_at_ms)
            }
            Self::CommitBuy(terms) | Self::CancelBuy(terms) | Self::CommitSell(terms) | Self::CancelSell(terms) => {
                line.terms(terms)
            }
            Self::SetBuyAmount { symbol, amount }
            | Self::CancelSetBuy { symbol, amount }
            | Self::SetSellAmount { symbol, amount } => line.symbol(*symbol).money(*amount),
            Self::SetBuyTrigger { symbol, amount, price } => line.symbol(*symbol).money(*amount).money(*price),
            Self::SetSellTrigger { symbol, amount, price, shares } => {
                line.symbol(*symbol).money(*amount).money(*price).int(*shares)
            }
            Self::CancelSetSell { symbol, amount, shares } => line.symbol(*symbol).money(*amount).int(*shares),
            Self::DumpLog { path, events } => line.text(path).int(*events),
            Self::DisplaySummary { user, lines } => line.user(user).int(*lines),
            Self::Ping | Self::Quit => line,
            Self::Help { lines } | Self::Stats { lines } => line.int(*lines),
            Self::Subscribe(user) | Self::Unsubscribe(user) => line.user(user),
            Self::Watch(symbol) | Self::Unwatch(symbol) => line.symbol(*symbol),
            Self::Refused { code, message } => line.text(code.as_str()).text(message),
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
    pub fn write_to(&self, tag: Option<Tag>, out: &mut Vec<u8>) {
        self.write_fields(&mut LineWriter::continued(out, tag));
    }

    #[expect(clippy::inline_always, reason = "as for DetailWriter::write")]
    #[inline(always)]
    fn write_fields(&self, line: &mut impl Fields) {
        match self {
            Self::Account { user, available, reserved, realised } => {
                line.put(b"ACCOUNT");
                line.user(user).money(*available).money(*reserved).money(*realised);
            }
            Self::Holding { symbol, free, reserved, basis } => {
                line.put(b"HOLDING");
                line.symbol(*symbol).int(*free).int(*reserved).money(*basis);
            }
            Self::Pending { side, terms, expires_at_ms } => {
                line.put(b"PENDING");
                line.text(side.as_str()).terms(terms).int(*expires_at_ms);
            }
            Self::Trigger { side, symbol, amount, price, shares } => {
                line.put(b"TRIGGER");
                line.text(side.as_str()).symbol(*symbol).money(*amount);
                line.optional(*price, Fields::money).int(*shares);
            }
            Self::History { at_ms, number, command, symbol, amount, refused } => {
                line.put(b"HISTORY");
                line.int(*at_ms).int(*number).text(command.as_str());
                line.optional(*symbol, Fields::symbol).optional(*amount, Fields::money);
                line.text(refused.map_or("OK", Code::as_str));
            }
            Self::Stat { name, value } => {
                line.put(b"STAT");
                line.text(name).text(value);
            }
            Self::Text(text) => {
                line.put(text.as_bytes());
            }
        }
    }
}

/// Writes the lines of one reply that more lines follow; dropping it appends what is still to be appended.
pub struct DetailWriter<'a> {
    lines: LinesWriter<'a>,
    tag: Option<Tag>,
    /// What every line begins with: the tag and a dash.
    head: [u8; 32],
    head_bytes: usize,
    written: u64,
}

impl<'a> DetailWriter<'a> {
    /// A writer of lines under this tag.
    pub fn new(tag: Option<Tag>, out: &'a mut Vec<u8>) -> Self {
        let (mut head, mut written) = ([0; 32], Vec::with_capacity(32));
        if let Some(tag) = tag {
            tag.write_to(&mut written);
        }
        written.push(b'-');
        // 19 digits at most, brackets and the dash.
        for (to, from) in head.iter_mut().zip(&written) {
            *to = *from;
        }
        Self { lines: LinesWriter::new(out), tag, head, head_bytes: written.len(), written: 0 }
    }

    /// How many lines it has written.
    pub const fn lines(&self) -> u64 {
        self.written
    }

    /// Appends a line. Inlined, so that a caller who says which kind it is has only that one written.
    #[expect(clippy::inline_always, reason = "the benchmark of a summary's lines takes twice as long without")]
    #[inline(always)]
    pub fn write(&mut self, detail: &Detail) {
        self.written += 1;
        if matches!(detail, Detail::Stat { .. } | Detail::Text(_)) {
            // These can be of any length.
            return self.lines.any(|out| detail.write_to(self.tag, out));
        }
        let (head, head_bytes) = (&self.head, self.head_bytes);
        self.lines.short(|line| {
            line.put_short(head, head_bytes);
            detail.write_fields(line);
        });
    }
}
