//! Formats journal records as elements of the audit log, as defined in docs/audit.xsd.
//!
//! Each event is one line, so that line-oriented tools such as grep can search the log. A million
//! transactions make two million elements, and quick-xml's general writer takes four times as long.
//! The elements are therefore written by hand; quick-xml only escapes arbitrary text.

use super::filter::LogFilter;
use crate::engine::{Event, Hit, Outcome, Record};
use daytrade_protocol::{
    Attempt, Command, CommandFields, CommandName, LineBuffer, Money, Refusal, UserName,
};

/// Beginning of an audit log.
pub(super) const BEGIN: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>\n";
/// End of an audit log.
pub(super) const END: &[u8] = b"</log>\n";

/// The elements of the log. There is no debugEvent.
#[derive(Clone, Copy, Debug)]
enum Element {
    UserCommand,
    QuoteServer,
    AccountTransaction,
    SystemEvent,
    ErrorEvent,
}

impl Element {
    const COUNT: usize = 5;

    const fn name(self) -> &'static [u8] {
        match self {
            Self::UserCommand => b"userCommand",
            Self::QuoteServer => b"quoteServer",
            Self::AccountTransaction => b"accountTransaction",
            Self::SystemEvent => b"systemEvent",
            Self::ErrorEvent => b"errorEvent",
        }
    }
}

/// Beginning of an element: everything before its transaction number.
#[derive(Debug, Default)]
struct Head {
    /// Time that the text contains, Unix milliseconds.
    time_ms: u64,
    text: LineBuffer,
}

/// Collects elements of an audit log.
#[derive(Debug, Default)]
pub struct AuditWriter {
    out: LineBuffer,
    events: u64,
    /// Name of the server and shard.
    server: String,
    /// The head of each element. All records of a frame have the same.
    heads: [Head; Element::COUNT],
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

impl AuditWriter {
    /// Creates a writer for records of this server and shard.
    pub fn new(server: String) -> Self {
        Self { server, ..Self::default() }
    }

    /// Returns the elements so far and their number, and goes on in the buffer `next`.
    pub fn take(&mut self, next: LineBuffer) -> (Vec<u8>, u64) {
        let elements = std::mem::replace(&mut self.out, next);
        (elements.into_bytes(), std::mem::take(&mut self.events))
    }

    /// Returns the size of the elements so far, in bytes.
    pub const fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Adds the elements of one record if the filter takes them, or in any case for None.
    pub fn record(&mut self, time_ms: u64, record: &Record, only: Option<&LogFilter>) {
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
                self.command(Element::UserCommand, time_ms, &subject);
                if price.is_some_and(|used| used.cached) {
                    self.command(Element::SystemEvent, time_ms, &subject);
                }
                match outcome {
                    Outcome::Done(events) => {
                        for event in events {
                            self.event(time_ms, *number, command.user(), event);
                        }
                    }
                    Outcome::Refused(refusal) => self.refused(time_ms, &subject, refusal),
                }
            }
            Record::Rejected { number, attempt, refusal, .. } => {
                let subject = Subject::of_attempt(*number, attempt);
                self.command(Element::UserCommand, time_ms, &subject);
                self.refused(time_ms, &subject, refusal);
            }
            Record::Hit(hit) | Record::WatchedHit(hit) => self.hit(time_ms, hit),
            Record::Expired { user, event } | Record::Filled { user, event } => {
                self.event(time_ms, 0, Some(user), event);
            }
            Record::Market(_) | Record::Owner(_) => {}
            Record::DumpFailed { number, user, filename, refusal } => {
                let command = Command::DumpLog { user: user.clone(), filename: filename.clone() };
                self.refused(time_ms, &Subject::of(*number, &command), refusal);
            }
        }
    }

    /// Adds a systemEvent for a fill or an expiry, and an accountTransaction if cash was moved.
    fn event(&mut self, time_ms: u64, number: u64, user: Option<&UserName>, event: &Event) {
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
            self.command(Element::SystemEvent, time_ms, &subject);
        }
        let moved = event.cash_change();
        let Some(user) = user.filter(|_| moved != Money::ZERO) else { return };
        let (action, funds) = if moved.is_positive() {
            (b"add".as_slice(), moved)
        } else {
            (b"remove".as_slice(), -moved)
        };
        self.open(Element::AccountTransaction, time_ms);
        self.out.append_integer(by_itself.map_or(number, |(.., number)| number));
        self.out.append(b"</transactionNum><action>").append(action);
        self.out.append(b"</action><username>").append(user.as_bytes());
        self.out.append(b"</username><funds>").append_money(funds);
        self.out.append(b"</funds></accountTransaction>\n");
    }

    fn hit(&mut self, time_ms: u64, hit: &Hit) {
        self.open(Element::QuoteServer, time_ms);
        self.out.append_integer(hit.number).append(b"</transactionNum><price>");
        self.out.append_money(hit.price).append(b"</price><stockSymbol>");
        self.out.append(hit.symbol.as_bytes()).append(b"</stockSymbol><username>");
        self.out.append(hit.user.as_bytes()).append(b"</username><quoteServerTime>");
        self.out.append_integer(hit.source_time_ms).append(b"</quoteServerTime><cryptokey>");
        self.escaped(&hit.key);
        self.out.append(b"</cryptokey></quoteServer>\n");
    }

    fn refused(&mut self, time_ms: u64, subject: &Subject<'_>, refusal: &Refusal) {
        self.open(Element::ErrorEvent, time_ms);
        self.fields(subject);
        self.out.append(b"<errorMessage>");
        let begin = self.out.len();
        self.out.append_refusal(refusal);
        if !self.out.as_bytes().get(begin..).is_some_and(is_plain) {
            self.out.truncate(begin);
            self.escaped(&format!("{}: {refusal}", refusal.code()));
        }
        self.out.append(b"</errorMessage></errorEvent>\n");
    }

    fn command(&mut self, element: Element, time_ms: u64, subject: &Subject<'_>) {
        self.open(element, time_ms);
        self.fields(subject);
        self.out.append(b"</").append(element.name()).append(b">\n");
    }

    /// Writes the children of a command, from its transaction number.
    fn fields(&mut self, subject: &Subject<'_>) {
        let CommandFields { user, symbol, funds, filename } = subject.fields;
        self.out.append_integer(subject.number).append(b"</transactionNum><command>");
        self.out.append(subject.command.as_str().as_bytes()).append(b"</command>");
        if let Some(user) = user {
            self.out.append(b"<username>").append(user.as_bytes()).append(b"</username>");
        }
        if let Some(symbol) = symbol {
            self.out.append(b"<stockSymbol>").append(symbol.as_bytes());
            self.out.append(b"</stockSymbol>");
        }
        if let Some(filename) = filename {
            self.out.append(b"<filename>");
            self.escaped(filename);
            self.out.append(b"</filename>");
        }
        if let Some(funds) = funds {
            self.out.append(b"<funds>").append_money(funds).append(b"</funds>");
        }
    }

    /// Writes the beginning of an element, up to its transaction number.
    #[expect(clippy::indexing_slicing, reason = "there is a head for each element")]
    fn open(&mut self, element: Element, time_ms: u64) {
        self.events += 1;
        let head = &mut self.heads[element as usize];
        if head.time_ms != time_ms || head.text.is_empty() {
            head.time_ms = time_ms;
            head.text.clear();
            head.text.append(b"<").append(element.name()).append(b"><timestamp>");
            head.text.append_integer(time_ms).append(b"</timestamp><server>");
            head.text.append(self.server.as_bytes()).append(b"</server><transactionNum>");
        }
        self.out.append(head.text.as_bytes());
    }

    /// Writes text that may contain any character.
    fn escaped(&mut self, text: &str) {
        if is_plain(text.as_bytes()) {
            self.out.append(text.as_bytes());
            return;
        }
        // XML allows neither these two code points nor most control characters. Requests that
        // contain them are refused, but the key of a source may contain them.
        let text =
            text.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), "?");
        self.out.append(quick_xml::escape::escape(&text).as_bytes());
    }
}

/// Returns true if the text needs no escaping.
fn is_plain(text: &[u8]) -> bool {
    let plain = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'<' | b'>' | b'&' | b'\'' | b'"');
    // Every byte is looked at, so that the compiler can look at several at once.
    text.iter().fold(true, |all, byte| all & plain(*byte))
}
