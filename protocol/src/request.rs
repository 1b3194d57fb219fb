//! Requests: one line in, one typed value or one refusal out.
//!
//! The parser looks at borrowed bytes and copies only what a value keeps. It accepts every byte
//! string.

use crate::fields::{Fields as _, LineWriter};
use crate::scan::Scan;
use crate::{
    Command, CommandName, FileName, LINE_BYTES_MAX, Money, Refusal, Symbol, Tag, UserName,
};
use serde::{Deserialize, Serialize};

/// A request line that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number in brackets, which comes back on every line of the reply.
    pub tag: Option<Tag>,
    /// Whether the client wants no reply at all.
    pub noreply: bool,
    /// What is asked.
    pub body: Body,
}

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One of the sixteen commands, which are audited.
    Command(Command),
    /// A command about the connection itself, which is not.
    Session(SessionCommand),
}

/// Commands about the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the session command of that name in docs/PROTOCOL.md")]
pub enum SessionCommand {
    Ping,
    Help,
    Stats,
    Quit,
    Subscribe(UserName),
    Unsubscribe(UserName),
    Watch(Symbol),
    Unwatch(Symbol),
}

/// A request line that has to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The tag, where it could be read.
    pub tag: Option<Tag>,
    /// Whether the client wants no reply, not even an error.
    pub noreply: bool,
    /// What is wrong.
    pub refusal: Refusal,
    /// What the audit log shall hold of it: Some when the name is one of the sixteen.
    pub attempt: Option<Box<Attempt>>,
}

/// The readable parts of a refused command. Its layout is part of the journal format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which of the sixteen it names.
    pub name: CommandName,
    /// The user, if that field has the form of one.
    pub user: Option<UserName>,
    /// The symbol, if that field has the form of one.
    pub symbol: Option<Symbol>,
    /// The amount, if that field is a number with at most two decimals, negative and zero included.
    pub funds: Option<Money>,
    /// The file name, whatever it is.
    pub filename: Option<Box<str>>,
}

/// What one line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Blank, or a comment.
    Nothing,
    /// A request.
    Request(Request),
    /// An error to answer.
    Invalid(Invalid),
}

impl Request {
    /// Appends the request as a line.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match &self.body {
            Body::Command(command) => {
                command.write_fields(&mut LineWriter::last(out, self.tag, command.name().as_str()));
            }
            Body::Session(session) => {
                session.write_fields(&mut LineWriter::last(out, self.tag, session.name()))
            }
        }
        if self.noreply {
            out.pop();
            out.extend_from_slice(b" noreply\n");
        }
    }
}

impl SessionCommand {
    /// The name as it is sent.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Help => "HELP",
            Self::Stats => "STATS",
            Self::Quit => "QUIT",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::Watch(_) => "WATCH",
            Self::Unwatch(_) => "UNWATCH",
        }
    }

    fn write_fields(&self, line: &mut LineWriter<'_>) {
        match self {
            Self::Ping | Self::Help | Self::Stats | Self::Quit => line,
            Self::Subscribe(user) | Self::Unsubscribe(user) => line.user(user),
            Self::Watch(symbol) | Self::Unwatch(symbol) => line.symbol(*symbol),
        };
    }

    /// None: no session command of that name.
    fn parse(name: &[u8], fields: &Fields<'_>) -> Option<Result<Self, Refusal>> {
        let mut upper = [0; 11];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        let bare = |command| {
            if fields.count == 0 { Ok(command) } else { Err(Refusal::BadSessionArguments) }
        };
        let one = |make: &dyn Fn(&[u8]) -> Result<Self, Refusal>| match fields.count {
            1 => make(fields.at(0)),
            _ => Err(Refusal::BadSessionArguments),
        };
        Some(match &*upper {
            b"PING" => bare(Self::Ping),
            b"HELP" => bare(Self::Help),
            b"STATS" => bare(Self::Stats),
            b"QUIT" => bare(Self::Quit),
            b"SUBSCRIBE" => {
                one(&|f| UserName::parse(f).map(Self::Subscribe).ok_or(Refusal::BadUser))
            }
            b"UNSUBSCRIBE" => {
                one(&|f| UserName::parse(f).map(Self::Unsubscribe).ok_or(Refusal::BadUser))
            }
            b"WATCH" => one(&|f| Symbol::parse(f).map(Self::Watch).ok_or(Refusal::BadSymbol)),
            b"UNWATCH" => one(&|f| Symbol::parse(f).map(Self::Unwatch).ok_or(Refusal::BadSymbol)),
            _ => return None,
        })
    }
}

/// The fields after a command's name, and how many there are.
struct Fields<'a> {
    body: &'a [u8],
    scan: &'a Scan,
    count: usize,
}

impl<'a> Fields<'a> {
    /// The trimmed field at an index, empty when it was not sent. No command takes more than three.
    fn at(&self, index: usize) -> &'a [u8] {
        self.scan.field(self.body, index + 1).map_or(b"", trim)
    }
}

/// Reads one line, with or without its line end.
pub fn parse_line(line: &[u8]) -> Parsed {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LINE_BYTES_MAX {
        let tag = Tag::split_from(trim(line)).and_then(|(tag, _)| tag);
        return Parsed::Invalid(Invalid {
            tag,
            noreply: false,
            refusal: Refusal::LineTooLong,
            attempt: None,
        });
    }
    let line = trim(line);
    if line.is_empty() || line[0] == b'#' {
        return Parsed::Nothing;
    }
    let (line, noreply) = match line.strip_suffix(b"noreply") {
        Some(before) if before.last().is_some_and(|&b| is_blank(b)) => (trim(before), true),
        _ => (line, false),
    };
    let Some((tag, rest)) = Tag::split_from(line) else {
        return Parsed::Invalid(Invalid {
            tag: None,
            noreply,
            refusal: Refusal::BadTag,
            attempt: None,
        });
    };
    match parse_body(rest) {
        Ok(body) => Parsed::Request(Request { tag, noreply, body }),
        Err((refusal, attempt)) => Parsed::Invalid(Invalid { tag, noreply, refusal, attempt }),
    }
}

type BodyError = (Refusal, Option<Box<Attempt>>);

fn parse_body(body: &[u8]) -> Result<Body, BodyError> {
    let scan = Scan::of(body);
    if !scan.is_plain() {
        check_characters(body).map_err(|refusal| (refusal, None))?;
    }
    let name = scan.field(body, 0).map_or(body, trim);
    let fields = Fields { body, scan: &scan, count: scan.commas() };
    let Some(command) = CommandName::parse(name) else {
        return match SessionCommand::parse(name, &fields) {
            Some(session) => session.map(Body::Session).map_err(|refusal| (refusal, None)),
            None => Err((Refusal::UnknownCommand, None)),
        };
    };
    parse_command(command, &fields)
        .map(Body::Command)
        .map_err(|refusal| (refusal, Some(Box::new(Attempt::of(command, &fields)))))
}

/// The slow path of lines that are not plain ASCII: blanks around fields may be tabs, other control
/// characters may not occur.
fn check_characters(line: &[u8]) -> Result<(), Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::NotText)?;
    // U+FFFE and U+FFFF are no characters at all, and no XML document may hold them.
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let inside = |field: &str| field.trim_matches([' ', '\t']).contains(forbidden);
    if text.split(',').any(inside) { Err(Refusal::ControlCharacter) } else { Ok(()) }
}

fn parse_command(name: CommandName, fields: &Fields<'_>) -> Result<Command, Refusal> {
    use CommandName as Name;
    let wanted = match name {
        Name::CommitBuy
        | Name::CancelBuy
        | Name::CommitSell
        | Name::CancelSell
        | Name::DisplaySummary => 1..=1,
        Name::Add | Name::Quote | Name::CancelSetBuy | Name::CancelSetSell => 2..=2,
        Name::DumpLog => 1..=2,
        _ => 3..=3,
    };
    if !wanted.contains(&fields.count) {
        return Err(Refusal::BadArguments(name));
    }
    if name == Name::DumpLog {
        let (user, filename) = match fields.count {
            1 => (None, fields.at(0)),
            _ => (Some(user_at(fields.at(0))?), fields.at(1)),
        };
        let filename = std::str::from_utf8(filename)
            .ok()
            .and_then(FileName::parse)
            .ok_or(Refusal::BadFilename)?;
        return Ok(Command::DumpLog { user, filename });
    }
    let user = user_at(fields.at(0))?;
    let symbol = || Symbol::parse(fields.at(1)).ok_or(Refusal::BadSymbol);
    let amount = |index| Money::parse_amount(fields.at(index)).map_err(|_| Refusal::BadAmount);
    Ok(match name {
        Name::Add => Command::Add { user, amount: amount(1)? },
        Name::Quote => Command::Quote { user, symbol: symbol()? },
        Name::Buy => Command::Buy { user, symbol: symbol()?, amount: amount(2)? },
        Name::CommitBuy => Command::CommitBuy { user },
        Name::CancelBuy => Command::CancelBuy { user },
        Name::Sell => Command::Sell { user, symbol: symbol()?, amount: amount(2)? },
        Name::CommitSell => Command::CommitSell { user },
        Name::CancelSell => Command::CancelSell { user },
        Name::SetBuyAmount => Command::SetBuyAmount { user, symbol: symbol()?, amount: amount(2)? },
        Name::SetBuyTrigger => {
            Command::SetBuyTrigger { user, symbol: symbol()?, price: amount(2)? }
        }
        Name::CancelSetBuy => Command::CancelSetBuy { user, symbol: symbol()? },
        Name::SetSellAmount => {
            Command::SetSellAmount { user, symbol: symbol()?, amount: amount(2)? }
        }
        Name::SetSellTrigger => {
            Command::SetSellTrigger { user, symbol: symbol()?, price: amount(2)? }
        }
        Name::CancelSetSell => Command::CancelSetSell { user, symbol: symbol()? },
        Name::DisplaySummary | Name::DumpLog => Command::DisplaySummary { user },
    })
}

fn user_at(field: &[u8]) -> Result<UserName, Refusal> {
    UserName::parse(field).ok_or(Refusal::BadUser)
}

impl Attempt {
    fn of(name: CommandName, fields: &Fields<'_>) -> Self {
        let mut attempt = Self { name, user: None, symbol: None, funds: None, filename: None };
        match name {
            CommandName::DumpLog => {
                let file = if fields.count == 1 { fields.at(0) } else { fields.at(1) };
                attempt.user = if fields.count == 1 { None } else { UserName::parse(fields.at(0)) };
                attempt.filename =
                    std::str::from_utf8(file).ok().filter(|f| !f.is_empty()).map(Box::from);
            }
            CommandName::Add => {
                attempt.user = UserName::parse(fields.at(0));
                attempt.funds = Money::parse_signed(fields.at(1));
            }
            _ => {
                attempt.user = UserName::parse(fields.at(0));
                attempt.symbol = Symbol::parse(fields.at(1));
                attempt.funds = Money::parse_signed(fields.at(2));
            }
        }
        attempt
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes without blanks (spaces and tabs, as the protocol has them) at either end.
#[inline]
pub fn trim(bytes: &[u8]) -> &[u8] {
    match bytes {
        // Most fields begin and end with something else; only a tag is followed by one.
        [b'!'..=0xff, .., b'!'..=0xff] => bytes,
        [b' ', b'!'..=0xff, .., b'!'..=0xff] => &bytes[1..],
        _ => trim_all(bytes),
    }
}

fn trim_all(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
