//! Parses lines of a server into values, for clients and tests.

use crate::{
    Code, CommandName, Detail, Money, Push, Reply, ReplyBody, Side, Symbol, Tag, TradeTerms,
    UserName,
};

/// One line from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerLine {
    /// The last line of a reply.
    Reply(Reply),
    /// A line of a reply that continues.
    Detail(Option<Tag>, Detail),
    /// A pushed line.
    Push(Push),
}

/// The line is not part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a daytrade server")]
pub struct ReplyError;

impl ServerLine {
    /// Parses a line, with or without its LF.
    ///
    /// # Errors
    /// Returns [`ReplyError`] for a line that is not part of the protocol.
    pub fn parse(line: &[u8]) -> Result<Self, ReplyError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| ReplyError)?;
        if let Some(push) = line.strip_prefix("* ") {
            return parse_push(push).map(Self::Push).ok_or(ReplyError);
        }
        let (tag, rest) = Tag::split_from(line.as_bytes()).ok_or(ReplyError)?;
        let rest = &line[line.len() - rest.len()..];
        if let Some(detail) = rest.strip_prefix('-') {
            return Ok(Self::Detail(tag, parse_detail(detail)));
        }
        let body = match rest.split_once(',') {
            Some(("OK", ok)) => parse_ok(ok),
            Some(("ERR", error)) => parse_refused(error),
            _ => None,
        };
        Ok(Self::Reply(Reply { tag, body: body.ok_or(ReplyError)? }))
    }
}

/// A cursor over the fields of a line. `end` rejects a line with further fields.
struct Cursor<'a>(Option<&'a str>);

impl<'a> Cursor<'a> {
    fn text(&mut self) -> Option<&'a str> {
        let line = self.0?;
        let (field, rest) = match line.split_once(',') {
            Some((field, rest)) => (field, Some(rest)),
            None => (line, None),
        };
        self.0 = rest;
        Some(field)
    }

    fn money(&mut self) -> Option<Money> {
        Money::parse_signed(self.text()?.as_bytes())
    }

    fn int(&mut self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    fn symbol(&mut self) -> Option<Symbol> {
        Symbol::parse(self.text()?.as_bytes())
    }

    fn user(&mut self) -> Option<UserName> {
        UserName::parse(self.text()?.as_bytes())
    }

    fn side(&mut self) -> Option<Side> {
        Side::parse(self.text()?.as_bytes())
    }

    fn terms(&mut self) -> Option<TradeTerms> {
        Some(TradeTerms {
            symbol: self.symbol()?,
            shares: self.int()?,
            price: self.money()?,
            total: self.money()?,
        })
    }

    /// Reads a field that may be empty.
    fn optional<T>(
        &mut self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ReplyError> {
        match self.text().ok_or(ReplyError)? {
            "" => Ok(None),
            field => read(field).map(Some).ok_or(ReplyError),
        }
    }

    fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_none().then_some(value)
    }
}

fn parse_ok(ok: &str) -> Option<ReplyBody> {
    let mut fields = Cursor(Some(ok));
    let name = fields.text()?;
    let f = &mut fields;
    let body = match name {
        "ADD" => ReplyBody::Add { available: f.money()? },
        "QUOTE" => ReplyBody::Quote {
            symbol: f.symbol()?,
            price: f.money()?,
            at_ms: f.int()?,
            key: f.text()?.into(),
        },
        "BUY" => ReplyBody::Buy { terms: f.terms()?, expires_at_ms: f.int()? },
        "COMMIT_BUY" => ReplyBody::CommitBuy(f.terms()?),
        "CANCEL_BUY" => ReplyBody::CancelBuy(f.terms()?),
        "SELL" => ReplyBody::Sell { terms: f.terms()?, expires_at_ms: f.int()? },
        "COMMIT_SELL" => ReplyBody::CommitSell(f.terms()?),
        "CANCEL_SELL" => ReplyBody::CancelSell(f.terms()?),
        "SET_BUY_AMOUNT" => ReplyBody::SetBuyAmount { symbol: f.symbol()?, amount: f.money()? },
        "SET_BUY_TRIGGER" => {
            ReplyBody::SetBuyTrigger { symbol: f.symbol()?, amount: f.money()?, price: f.money()? }
        }
        "CANCEL_SET_BUY" => ReplyBody::CancelSetBuy { symbol: f.symbol()?, amount: f.money()? },
        "SET_SELL_AMOUNT" => ReplyBody::SetSellAmount { symbol: f.symbol()?, amount: f.money()? },
        "SET_SELL_TRIGGER" => ReplyBody::SetSellTrigger {
            symbol: f.symbol()?,
            amount: f.money()?,
            price: f.money()?,
            shares: f.int()?,
        },
        "CANCEL_SET_SELL" => {
            ReplyBody::CancelSetSell { symbol: f.symbol()?, amount: f.money()?, shares: f.int()? }
        }
        "DUMPLOG" => {
            // The name of a dump folder may contain commas, so the count is after the last comma.
            let (path, events) = f.0.take()?.rsplit_once(',')?;
            ReplyBody::DumpLog { path: path.into(), events: events.parse().ok()? }
        }
        "DISPLAY_SUMMARY" => ReplyBody::DisplaySummary { user: f.user()?, lines: f.int()? },
        "PING" => ReplyBody::Ping,
        "QUIT" => ReplyBody::Quit,
        "HELP" => ReplyBody::Help { lines: f.int()? },
        "STATS" => ReplyBody::Stats { lines: f.int()? },
        "SUBSCRIBE" => ReplyBody::Subscribe(f.user()?),
        "UNSUBSCRIBE" => ReplyBody::Unsubscribe(f.user()?),
        "WATCH" => ReplyBody::Watch(f.symbol()?),
        "UNWATCH" => ReplyBody::Unwatch(f.symbol()?),
        _ => return None,
    };
    fields.end(body)
}

fn parse_refused(error: &str) -> Option<ReplyBody> {
    let (code, message) = error.split_once(',')?;
    Some(ReplyBody::Refused { code: Code::parse(code.as_bytes())?, message: message.into() })
}

/// Parses a detail. A line that is not a known detail is text (HELP).
fn parse_detail(line: &str) -> Detail {
    known_detail(line).unwrap_or_else(|| Detail::Text(line.into()))
}

fn known_detail(line: &str) -> Option<Detail> {
    let mut fields = Cursor(Some(line));
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
            free: f.int()?,
            reserved: f.int()?,
            basis: f.money()?,
        },
        "PENDING" => {
            Detail::Pending { side: f.side()?, terms: f.terms()?, expires_at_ms: f.int()? }
        }
        "TRIGGER" => Detail::Trigger {
            side: f.side()?,
            symbol: f.symbol()?,
            amount: f.money()?,
            price: f.optional(|text| Money::parse_signed(text.as_bytes())).ok()?,
            shares: f.int()?,
        },
        "HISTORY" => Detail::History {
            at_ms: f.int()?,
            number: f.int()?,
            command: CommandName::parse(f.text()?.as_bytes())?,
            symbol: f.optional(|text| Symbol::parse(text.as_bytes())).ok()?,
            amount: f.optional(|text| Money::parse_signed(text.as_bytes())).ok()?,
            refused: match f.text()? {
                "OK" => None,
                code => Some(Code::parse(code.as_bytes())?),
            },
        },
        "STAT" => Detail::Stat { name: f.text()?.into(), value: f.0.take()?.into() },
        _ => return None,
    };
    fields.end(detail)
}

fn parse_push(line: &str) -> Option<Push> {
    let mut fields = Cursor(Some(line));
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
        "BYE" => match f.text()? {
            "SLOW_CONSUMER" => Push::ByeSlowConsumer,
            "IDLE" => Push::ByeIdle,
            _ => return None,
        },
        _ => return None,
    };
    fields.end(push)
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
