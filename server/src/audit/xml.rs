//! Formats journal records as elements of the audit log, as defined in docs/audit.xsd.
//!
//! Each event is one line, so that line-oriented tools such as grep can search the log. A million
//! transactions make two million elements, and quick-xml's general writer takes four times as long.
//! The elements are therefore written by hand; quick-xml only escapes arbitrary text.

use super::filter::LogFilter;
use crate::engine::{Event, Hit, Outcome, Record};
use daytrade_protocol::{
    Attempt, Command, CommandFields, CommandName, Money, Refusal, UserName, append_integer,
};

/// Beginning of an audit log.
pub(super) const BEGIN: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>\n";
/// End of an audit log.
pub(super) const END: &[u8] = b"</log>\n";

/// Collects elements of an audit log.
#[derive(Debug, Default)]
pub struct AuditWriter {
    buffer: Vec<u8>,
    events: u64,
}

/// The command that the four elements of type "as userCommand" describe.
#[derive(Clone, Copy)]
struct Subject<'a> {
    number: u64,
    command: CommandName,
    fields: CommandFields<'a>,
}

impl<'a> Subject<'a> {
    fn of(number: u64, command: &'a Command) -> Self {
        Self { number, command: command.name(), fields: command.fields() }
    }

    fn of_attempt(number: u64, attempt: &'a Attempt) -> Self {
        Self { number, command: attempt.name, fields: attempt.fields() }
    }
}

/// Time and place of a record.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Time of the record, Unix milliseconds.
    pub time_ms: u64,
    /// Name of the server and shard.
    pub server: &'a str,
}

impl AuditWriter {
    /// Returns the elements so far and their number, and clears both.
    pub fn take(&mut self) -> (Vec<u8>, u64) {
        // The next batch probably has a similar size.
        let next = Vec::with_capacity(self.buffer.len());
        (std::mem::replace(&mut self.buffer, next), std::mem::take(&mut self.events))
    }

    /// Returns the size of the elements so far, in bytes.
    pub const fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Adds the elements of one record if the filter takes them, or in any case for None.
    pub fn record(&mut self, origin: Origin<'_>, record: &Record, only: Option<&LogFilter>) {
        let about = match record {
            Record::Transaction { command, .. } => command.user(),
            Record::Rejected { attempt, .. } => attempt.user.as_ref(),
            Record::Hit(hit) | Record::WatchedHit(hit) => Some(&hit.user),
            Record::Expired { user, .. } | Record::Filled { user, .. } => Some(user),
            Record::DumpFailed { user, .. } => user.as_ref(),
            // No event of the assignment, and no user's.
            Record::Market(_) | Record::Owner(_) => return,
        };
        if only.is_some_and(|filter| !filter.takes(about)) {
            return;
        }
        match record {
            Record::Transaction { number, command, price, outcome, .. } => {
                let subject = Subject::of(*number, command);
                self.command("userCommand", origin, &subject, None);
                if price.is_some_and(|used| used.cached) {
                    self.command("systemEvent", origin, &subject, None);
                }
                match outcome {
                    Outcome::Done(events) => {
                        for event in events {
                            self.event(origin, *number, command.user(), event);
                        }
                    }
                    Outcome::Refused(refusal) => self.refused(origin, &subject, refusal),
                }
            }
            Record::Rejected { number, attempt, refusal, .. } => {
                let subject = Subject::of_attempt(*number, attempt);
                self.command("userCommand", origin, &subject, None);
                self.refused(origin, &subject, refusal);
            }
            Record::Hit(hit) | Record::WatchedHit(hit) => self.hit(origin, hit),
            Record::Expired { user, event } | Record::Filled { user, event } => {
                self.event(origin, 0, Some(user), event);
            }
            Record::Market(_) | Record::Owner(_) => {}
            Record::DumpFailed { number, user, filename, refusal } => {
                let command = Command::DumpLog { user: user.clone(), filename: filename.clone() };
                self.refused(origin, &Subject::of(*number, &command), refusal);
            }
        }
    }

    /// Adds a systemEvent for a fill or an expiry, and an accountTransaction if cash was moved.
    fn event(&mut self, origin: Origin<'_>, number: u64, user: Option<&UserName>, event: &Event) {
        let by_itself = match *event {
            Event::Expired { side, symbol, total, number, .. } => {
                let command = if side == daytrade_protocol::Side::Buy {
                    CommandName::Buy
                } else {
                    CommandName::Sell
                };
                Some((command, symbol, total, number))
            }
            Event::Filled { side, symbol, total, number, .. } => {
                let buy = side == daytrade_protocol::Side::Buy;
                let command =
                    if buy { CommandName::SetBuyTrigger } else { CommandName::SetSellTrigger };
                Some((command, symbol, total, number))
            }
            _ => None,
        };
        if let Some((command, symbol, total, number)) = by_itself {
            let (symbol, funds) = (Some(symbol), Some(total));
            let fields = CommandFields { user, symbol, funds, filename: None };
            let subject = Subject { number, command, fields };
            self.command("systemEvent", origin, &subject, None);
        }
        let moved = event.cash_change();
        let Some(user) = user.filter(|_| moved != Money::ZERO) else { return };
        let (action, funds) = if moved.is_positive() { ("add", moved) } else { ("remove", -moved) };
        self.open("accountTransaction", origin, by_itself.map_or(number, |(.., number)| number));
        self.text("action", action.as_bytes());
        self.text("username", user.as_bytes());
        self.money("funds", funds);
        self.close("accountTransaction");
    }

    fn hit(&mut self, origin: Origin<'_>, hit: &Hit) {
        self.open("quoteServer", origin, hit.number);
        self.money("price", hit.price);
        self.text("stockSymbol", hit.symbol.as_bytes());
        self.text("username", hit.user.as_bytes());
        self.int("quoteServerTime", hit.source_time_ms);
        self.escaped("cryptokey", &hit.key);
        self.close("quoteServer");
    }

    fn refused(&mut self, origin: Origin<'_>, subject: &Subject<'_>, refusal: &Refusal) {
        self.command(
            "errorEvent",
            origin,
            subject,
            Some(&format!("{}: {refusal}", refusal.code())),
        );
    }

    fn command(
        &mut self,
        element: &str,
        origin: Origin<'_>,
        subject: &Subject<'_>,
        error: Option<&str>,
    ) {
        self.open(element, origin, subject.number);
        self.text("command", subject.command.as_str().as_bytes());
        if let Some(user) = subject.fields.user {
            self.text("username", user.as_bytes());
        }
        if let Some(symbol) = subject.fields.symbol {
            self.text("stockSymbol", symbol.as_bytes());
        }
        if let Some(filename) = subject.fields.filename {
            self.escaped("filename", filename);
        }
        if let Some(funds) = subject.fields.funds {
            self.money("funds", funds);
        }
        if let Some(error) = error {
            self.escaped("errorMessage", error);
        }
        self.close(element);
    }

    fn open(&mut self, element: &str, origin: Origin<'_>, number: u64) {
        self.events += 1;
        self.put(&["<", element, ">"]);
        self.int("timestamp", origin.time_ms);
        self.text("server", origin.server.as_bytes());
        self.int("transactionNum", number);
    }

    fn close(&mut self, element: &str) {
        self.put(&["</", element, ">\n"]);
    }

    fn int(&mut self, element: &str, value: u64) {
        self.put(&["<", element, ">"]);
        append_integer(&mut self.buffer, value);
        self.put(&["</", element, ">"]);
    }

    fn money(&mut self, element: &str, value: Money) {
        self.put(&["<", element, ">"]);
        value.write_to(&mut self.buffer);
        self.put(&["</", element, ">"]);
    }

    /// Writes an element whose text needs no escaping: a name, number or symbol.
    fn text(&mut self, element: &str, value: &[u8]) {
        self.put(&["<", element, ">"]);
        self.buffer.extend_from_slice(value);
        self.put(&["</", element, ">"]);
    }

    /// Writes an element whose text may contain any character.
    fn escaped(&mut self, element: &str, value: &str) {
        let plain =
            |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'<' | b'>' | b'&' | b'\'' | b'"');
        if value.bytes().all(plain) {
            return self.text(element, value.as_bytes());
        }
        // XML allows neither these two code points nor most control characters. Requests that
        // contain them are refused, but the key of a source may contain them.
        let value =
            value.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), "?");
        self.text(element, quick_xml::escape::escape(&value).as_bytes());
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.buffer.extend_from_slice(part.as_bytes());
        }
    }
}
