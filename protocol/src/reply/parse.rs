//! Lines of a server read back into values, for clients and tests.

use super::body::{Reply, ReplyBody};
use super::detail::Detail;
use super::entry::Entry;
use super::value::{Cursor, ReplyError, money};
use crate::code::Code;
use crate::commands::CommandName;
use crate::push::Push;
use crate::types::{Symbol, Tag};

/// One line of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerLine {
    /// The end of a reply.
    Reply(Reply),
    /// A line of a reply that continues.
    Detail(Option<Tag>, Detail),
    /// A pushed line.
    Push(Push),
}

impl ServerLine {
    /// Reads a line, with or without its LF.
    ///
    /// # Errors
    /// [`ReplyError`] for a line that the protocol does not know.
    ///
    /// ```
    /// use daytrade_protocol::{Reply, ReplyBody, ServerLine};
    ///
    /// let line = ServerLine::parse(b"[3] ERR,NO_PENDING_BUY,no BUY in the last 60 s\n");
    /// assert!(matches!(
    ///     line,
    ///     Ok(ServerLine::Reply(Reply { tag: Some(_), body: ReplyBody::Refused { .. } }))
    /// ));
    /// assert!(ServerLine::parse(b"HTTP/1.1 400 Bad Request").is_err());
    /// ```
    pub fn parse(line: &[u8]) -> Result<Self, ReplyError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| ReplyError)?;
        if let Some(push) = line.strip_prefix("* ") {
            return parse_push(push).map(Self::Push).ok_or(ReplyError);
        }
        let (tag, rest) = Tag::split_from(line.as_bytes()).ok_or(ReplyError)?;
        // The rest may end before the line does, within a character: never slice the text by it.
        let rest = std::str::from_utf8(rest).map_err(|_| ReplyError)?;
        if let Some(detail) = rest.strip_prefix('-') {
            return Ok(Self::Detail(tag, parse_detail(detail)));
        }
        let body = match rest.split_once(',') {
            Some(("OK", fields)) => ReplyBody::parse_ok(fields),
            Some(("ERR", fields)) => ReplyBody::parse_error(fields),
            _ => None,
        };
        Ok(Self::Reply(Reply { tag, body: body.ok_or(ReplyError)? }))
    }
}

/// Reads a detail line. A line of no known kind is text (HELP).
fn parse_detail(line: &str) -> Detail {
    known_detail(line).unwrap_or_else(|| Detail::Text(line.into()))
}

fn known_detail(line: &str) -> Option<Detail> {
    let mut fields = Cursor::new(line);
    let name = fields.text()?;
    let f = &mut fields;
    let detail = match name {
        "ACCOUNT" => Detail::Account {
            user: f.user()?,
            available: f.money()?,
            reserved: f.money()?,
            realised: f.money()?,
        },
        "HOLDING" => Detail::Holding {
            symbol: f.symbol()?,
            free: f.shares()?,
            reserved: f.shares()?,
            basis: f.money()?,
        },
        "PENDING" => {
            Detail::Pending { side: f.side()?, terms: f.terms()?, expires_at_ms: f.int()? }
        }
        "TRIGGER" => Detail::Trigger {
            side: f.side()?,
            symbol: f.symbol()?,
            amount: f.money()?,
            price: f.optional(money).ok()?,
            shares: f.shares()?,
        },
        "HISTORY" => Detail::History {
            at_ms: f.int()?,
            number: f.int()?,
            command: CommandName::parse(f.text()?.as_bytes())?,
            symbol: f.optional(|text| Symbol::parse(text.as_bytes())).ok()?,
            amount: f.optional(money).ok()?,
            refused: refused(f)?,
        },
        "EVENT" => Detail::Event(Entry::read(f)?),
        "PRICE" => Detail::Price { symbol: f.symbol()?, price: f.money()?, at_ms: f.int()? },
        "LOG" => Detail::Log(f.rest()?.into()),
        "STAT" => Detail::Stat { name: f.text()?.into(), value: f.rest()?.into() },
        _ => return None,
    };
    fields.end(detail)
}

/// Reads `OK`, or the code of a refusal. None for any other field.
#[expect(clippy::option_option, reason = "the outer one says whether the field could be read")]
fn refused(fields: &mut Cursor<'_>) -> Option<Option<Code>> {
    match fields.text()? {
        "OK" => Some(None),
        code => Some(Some(Code::parse(code.as_bytes())?)),
    }
}

fn parse_push(line: &str) -> Option<Push> {
    let mut fields = Cursor::new(line);
    let name = fields.text()?;
    let f = &mut fields;
    let push = match name {
        "QUOTE" => Push::Quote { symbol: f.symbol()?, price: f.money()?, at_ms: f.int()? },
        "EXPIRED" => Push::Expired { user: f.user()?, side: f.side()?, terms: f.terms()? },
        "FILLED" => Push::Filled { user: f.user()?, side: f.side()?, terms: f.terms()? },
        "ACCOUNT" => Push::Account {
            user: f.user()?,
            available: f.money()?,
            reserved: f.money()?,
            realised: f.money()?,
        },
        "ORDER" => Push::Order {
            user: f.user()?,
            at_ms: f.int()?,
            number: f.int()?,
            command: CommandName::parse(f.text()?.as_bytes())?,
            symbol: f.optional(|text| Symbol::parse(text.as_bytes())).ok()?,
            amount: f.optional(money).ok()?,
            refused: refused(f)?,
        },
        "MOVED" => Push::Moved(f.text()?.into()),
        "BYE" => match f.text()? {
            "SLOW_CONSUMER" => Push::ByeSlowConsumer,
            "IDLE" => Push::ByeIdle,
            "REVOKED" => Push::ByeRevoked,
            "MOVED" => Push::ByeMoved,
            _ => return None,
        },
        _ => return None,
    };
    fields.end(push)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
