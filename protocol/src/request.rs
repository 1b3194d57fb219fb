//! Requests: one line in, one typed value or one refusal out.
//!
//! The parser reads borrowed bytes and copies only what a value keeps. It accepts every byte
//! string.

use crate::commands::{AnyName, Arguments, Attempt, Command, CommandName, SessionCommand};
use crate::refusal::Refusal;
use crate::types::Tag;
use crate::wire::codec::{LINE_BYTES_MAX, LineBlock};
use crate::wire::fields::Fields as _;
use crate::wire::line_buffer::append_line;
use crate::wire::plain::PlainReader;
use crate::wire::scanner::{Scan, is_blank, trim};

/// A request line that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number in brackets, which is repeated on every line of the reply.
    pub tag: Option<Tag>,
    /// True if the client wants no reply.
    pub noreply: bool,
    /// The command.
    pub body: Body,
}

/// The command of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An audited command.
    Command(Command),
    /// A command about the connection, which is not audited.
    Session(SessionCommand),
}

/// A request line that has to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The tag, if it could be read.
    pub tag: Option<Tag>,
    /// True if the client wants no reply, not even an error.
    pub noreply: bool,
    /// The error.
    pub refusal: Refusal,
    /// The part for the audit log; Some if the line names an audited command.
    pub attempt: Option<Box<Attempt>>,
}

/// The result of parsing one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Blank, or a comment.
    Nothing,
    /// A request.
    Request(Request),
    /// An error to answer.
    Invalid(Invalid),
}

impl From<Command> for Body {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}

impl From<SessionCommand> for Body {
    fn from(command: SessionCommand) -> Self {
        Self::Session(command)
    }
}

impl Request {
    /// Creates a request without a tag that wants a reply.
    pub fn new(body: impl Into<Body>) -> Self {
        Self { tag: None, noreply: false, body: body.into() }
    }

    /// Appends the request as a line.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        append_line(out, |line| {
            match &self.body {
                Body::Command(command) => {
                    line.begin(self.tag).put_any(command.name().as_str().as_bytes());
                    command.write_arguments(line);
                }
                Body::Session(command) => {
                    line.begin(self.tag).put_any(command.name().as_str().as_bytes());
                    command.write_arguments(line);
                }
            }
            if self.noreply {
                line.put(b" noreply");
            }
        });
    }
}

/// Parses one line, with or without its line end.
///
/// ```
/// use daytrade_protocol::{Parsed, parse_line};
///
/// assert!(matches!(parse_line(b"[7] QUOTE,alice,ABC \r\n"), Parsed::Request(_)));
/// assert!(matches!(parse_line(b"QUOTE,alice"), Parsed::Invalid(_)));
/// assert!(matches!(parse_line(b"# a comment"), Parsed::Nothing));
/// ```
pub fn parse_line(line: &[u8]) -> Parsed {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LINE_BYTES_MAX {
        let tag = Tag::split_from(trim(line)).and_then(|(tag, _)| tag);
        let refusal = Refusal::LineTooLong;
        return Parsed::Invalid(Invalid { tag, noreply: false, refusal, attempt: None });
    }
    let line = trim(line);
    if matches!(line, [] | [b'#', ..]) {
        return Parsed::Nothing;
    }
    let (line, noreply) = match line.strip_suffix(b"noreply") {
        Some(before) if before.last().is_some_and(|&byte| is_blank(byte)) => (trim(before), true),
        _ => (line, false),
    };
    let Some((tag, rest)) = Tag::split_from(line) else {
        let refusal = Refusal::BadTag;
        return Parsed::Invalid(Invalid { tag: None, noreply, refusal, attempt: None });
    };
    match parse_body(rest) {
        // A client that did not read the answer would not know who it is.
        Ok(Body::Session(SessionCommand::Auth { .. } | SessionCommand::Passwd { .. }))
            if noreply =>
        {
            let refusal = Refusal::NeedsReply;
            Parsed::Invalid(Invalid { tag, noreply: false, refusal, attempt: None })
        }
        Ok(body) => Parsed::Request(Request { tag, noreply, body }),
        Err((refusal, attempt)) => Parsed::Invalid(Invalid { tag, noreply, refusal, attempt }),
    }
}

impl LineBlock {
    /// Takes the next line if it is a command in its plain form, as a client writes it that sends
    /// many. Such a command wants a reply. `take` gets the tag, the command, and the length of the
    /// line with its line end, in bytes; it is a function so that the command is not moved through
    /// a result. Returns None if there is no line, or if [`parse_line`] has to read it, which
    /// accepts every form.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use daytrade_protocol::{CommandName, LineCodec};
    /// use tokio_util::codec::Decoder as _;
    ///
    /// let mut bytes = BytesMut::from("[7] QUOTE,alice,ABC\nquote, alice, abc\n");
    /// let mut block = LineCodec::default().decode(&mut bytes)?.unwrap_or_default();
    /// assert_eq!(block.next_plain(|_, command, bytes| (command.name(), bytes)),
    ///     Some((CommandName::Quote, 20)));
    /// assert!(block.next_plain(|_, _, _| ()).is_none());
    /// assert!(block.next_line().is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn next_plain<T>(
        &mut self,
        take: impl FnOnce(Option<Tag>, Command, usize) -> T,
    ) -> Option<T> {
        let mut from = PlainReader::new(self.rest());
        let (tag, name) = read_head(&mut from)?;
        let command = Command::read_plain(name, &mut from)?;
        let bytes = from.end()?;
        self.skip(bytes);
        Some(take(tag, command, bytes))
    }
}

/// Reads tag and name of a command whose head has its plain form. Returns them, and the bytes from
/// the comma before the user. Returns None for any other line.
///
/// ```
/// use daytrade_protocol::{CommandName, plain_head};
///
/// let (tag, name, rest) = plain_head(b"[7] QUOTE,alice,ABC").unwrap();
/// assert_eq!((tag.map(|tag| tag.get()), name), (Some(7), CommandName::Quote));
/// assert_eq!(rest, b",alice,ABC");
/// assert!(plain_head(b" [7] quote,alice,ABC").is_none());
/// ```
#[inline]
pub fn plain_head(line: &[u8]) -> Option<(Option<Tag>, CommandName, &[u8])> {
    let mut from = PlainReader::new(line);
    let (tag, name) = read_head(&mut from)?;
    let rest = from.rest();
    rest.starts_with(b",").then_some((tag, name, rest))
}

#[inline]
fn read_head(from: &mut PlainReader<'_>) -> Option<(Option<Tag>, CommandName)> {
    let tag = Tag::new(from.tag()?);
    match AnyName::of_letters(from.name()?)? {
        AnyName::Command(name) => Some((tag, name)),
        AnyName::Session(_) => None,
    }
}

type BodyError = (Refusal, Option<Box<Attempt>>);

fn parse_body(body: &[u8]) -> Result<Body, BodyError> {
    let scan = Scan::of(body);
    if !scan.is_plain() {
        check_characters(body).map_err(|refusal| (refusal, None))?;
    }
    let name = scan.field(body, 0).map_or(body, trim);
    let fields = Arguments::new(body, &scan);
    match AnyName::parse(name) {
        Some(AnyName::Command(name)) => {
            let refused = |refusal| (refusal, Some(Box::new(Attempt::of(name, &fields))));
            Command::parse(name, &fields).map(Body::Command).map_err(refused)
        }
        Some(AnyName::Session(name)) => {
            SessionCommand::parse(name, &fields).map(Body::Session).map_err(|error| (error, None))
        }
        None => Err((Refusal::UnknownCommand, None)),
    }
}

/// Checks a line that is not plain ASCII: blanks around fields may be tabs; no other control
/// character is allowed.
fn check_characters(line: &[u8]) -> Result<(), Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::NotText)?;
    // U+FFFE and U+FFFF are not characters, and no XML document may hold them.
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let inside = |field: &str| field.trim_matches([' ', '\t']).contains(forbidden);
    if text.split(',').any(inside) { Err(Refusal::ControlCharacter) } else { Ok(()) }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
