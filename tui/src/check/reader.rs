//! Reads an audit log as a stream of events, in bounded memory.
//!
//! A block of the file is parsed in place. An element that the block cuts in two is parsed again
//! when its rest has been read, so nothing is copied but that rest. The text of the log is data:
//! entities of a document type are never expanded.

use super::element::{Element, Place, Stop, attributes, broken, completed, element, is_blank};
use super::event::{Fault, Kind};
use super::plain::{self, Children};
use quick_xml::Reader;
use quick_xml::events::Event as Xml;
use std::io::{self, Read};

/// Bytes of a block.
const BLOCK_BYTES: usize = 256 << 10;
/// Largest element that is read.
const ELEMENT_BYTES_MAX: usize = 8 << 20;
/// What some programs begin a file of UTF-8 with.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// How the reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The log was read to its end.
    Complete {
        /// The root element, if it puts everything into a namespace.
        namespace: Option<Place>,
    },
    /// The log is not well-formed from this place on.
    Broken {
        /// Line, from 1.
        line: u64,
        /// Byte, from 0.
        byte: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// The input is no audit log at all.
    NotALog(String),
}

/// Where the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Inside,
    After,
}

/// Reads a log and passes its elements on.
#[derive(Debug)]
pub(crate) struct LogReader {
    stage: Stage,
    /// Lines before the block.
    line: u64,
    /// Bytes before the block.
    byte: u64,
    /// The root element, if it puts everything into a namespace.
    namespace: Option<Place>,
}

/// Why a block was left.
enum Left {
    /// Everything complete in it was read.
    Used(usize),
    /// The document ends, or is broken, here.
    Ended(End),
}

/// Why the text of a block ends before the block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    No,
    InCharacter,
    NotText,
}

/// Returns true for the control characters that XML does not allow.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, many bytes are checked at once"
)]
const fn is_control(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
}

/// Returns the part of a block that is text in UTF-8.
fn valid_text(block: &[u8]) -> (&str, Cut) {
    // One look without branches: hardly any log has a control character, and XML allows none.
    let has_control = |part: &[u8]| part.iter().fold(false, |any, byte| any | is_control(*byte));
    if has_control(block) {
        let end = block.iter().position(|byte| is_control(*byte)).unwrap_or(block.len());
        let (text, cut) = valid_text(&block[..end]);
        return (text, if cut == Cut::No { Cut::NotText } else { cut });
    }
    match std::str::from_utf8(block) {
        Ok(text) => (text, Cut::No),
        Err(error) => {
            let valid = std::str::from_utf8(&block[..error.valid_up_to()]).unwrap_or_default();
            (valid, if error.error_len().is_none() { Cut::InCharacter } else { Cut::NotText })
        }
    }
}

impl LogReader {
    pub(crate) const fn new() -> Self {
        Self { stage: Stage::Before, line: 1, byte: 0, namespace: None }
    }

    /// Reads to the end of the input.
    ///
    /// # Errors
    /// Returns the error of the input.
    pub(crate) fn read(
        mut self,
        mut input: impl Read,
        sink: &mut dyn FnMut(&Element<'_>),
    ) -> io::Result<End> {
        let mut buffer = vec![0; BLOCK_BYTES];
        let (mut filled, mut at_end) = (0, false);
        loop {
            while filled < buffer.len() && !at_end {
                let count = match input.read(&mut buffer[filled..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    other => other?,
                };
                at_end = count == 0;
                filled += count;
            }
            let (text, cut) = valid_text(&buffer[..filled]);
            let ends = at_end && cut == Cut::No;
            let used = match self.block(text, ends, sink) {
                Left::Ended(end) => return Ok(end),
                Left::Used(used) => used,
            };
            if cut == Cut::NotText || cut == Cut::InCharacter && at_end {
                self.pass(text.as_bytes());
                return Ok(self
                    .broken("bytes that are no text", "text in UTF-8 without control characters"));
            }
            self.pass(&buffer[..used]);
            if used == 0 && filled == buffer.len() {
                if buffer.len() >= ELEMENT_BYTES_MAX {
                    let expected = format!("an element of at most {ELEMENT_BYTES_MAX} bytes");
                    return Ok(self.broken("a longer one", &expected));
                }
                buffer.resize(buffer.len() * 2, 0);
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.byte += bytes.len() as u64;
    }

    fn broken(&self, found: &str, expected: &str) -> End {
        if self.stage == Stage::Before {
            return End::NotALog(format!("line {}: {found}; expected {expected}", self.line));
        }
        let fault = Fault { found: found.to_owned(), expected: expected.to_owned() };
        End::Broken { line: self.line, byte: self.byte, fault }
    }

    /// Parses what is complete in a block.
    fn block(&mut self, block: &str, at_end: bool, sink: &mut dyn FnMut(&Element<'_>)) -> Left {
        let marked = self.byte == 0 && block.starts_with(BYTE_ORDER_MARK);
        let mut used = if marked { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        let (mut line, mut counted) = (self.line, 0);
        loop {
            if self.stage == Stage::Inside {
                while let Some(plain) = plain::element(&block[used..]) {
                    let began = used + plain.blank;
                    line += lines(&block[counted..began]);
                    counted = began;
                    let place = Place { line, byte: self.byte + began as u64 };
                    used += plain.end;
                    sink(&completed(Some(plain.kind), "", place, plain.children, Vec::new()));
                }
            }
            line += lines(&block[counted..used]);
            counted = used;
            let rest = &block[used..];
            let mut reader = Reader::from_str(rest);
            reader.config_mut().allow_unmatched_ends = true;
            reader.config_mut().check_comments = true;
            let began = rest.len() - rest.trim_ascii_start().len();
            let place = Place {
                line: line + lines(&rest[..began]),
                byte: self.byte + (used + began) as u64,
            };
            let step = match reader.read_event() {
                Ok(event) => self.step(event, &mut reader, rest, place, sink),
                Err(error) => Err(Stop::Broken(error.to_string(), "well-formed XML".to_owned())),
            };
            match step {
                Ok(()) => used += reader.buffer_position() as usize,
                // The error may be the end of the block.
                Err(Stop::Incomplete | Stop::Broken(..))
                    if !at_end && rest.len() < ELEMENT_BYTES_MAX =>
                {
                    return Left::Used(used);
                }
                Err(stop) => {
                    self.line = place.line;
                    self.byte = place.byte;
                    return Left::Ended(match stop {
                        Stop::Incomplete if self.stage == Stage::After => {
                            End::Complete { namespace: self.namespace }
                        }
                        Stop::Incomplete => self.broken("the end of the file", "</log>"),
                        Stop::Broken(found, expected) => self.broken(&found, &expected),
                    });
                }
            }
        }
    }
}

fn lines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64
}

impl LogReader {
    /// Handles one piece of markup at the top level or directly in `<log>`.
    fn step<'a>(
        &mut self,
        event: Xml<'a>,
        reader: &mut Reader<&'a [u8]>,
        block: &'a str,
        place: Place,
        sink: &mut dyn FnMut(&Element<'_>),
    ) -> Result<(), Stop> {
        if let Xml::Start(tag) | Xml::Empty(tag) = &event {
            let attributes = attributes(tag)?;
            if attributes.namespace && self.stage == Stage::Before {
                self.namespace = Some(place);
            }
        }
        match (event, self.stage) {
            (Xml::Eof, _) => Err(Stop::Incomplete),
            (Xml::Start(tag), Stage::Inside) => {
                let element = element(&tag, reader, block, place)?;
                sink(&element);
                Ok(())
            }
            (Xml::Empty(tag), Stage::Inside) => {
                let name = tag.name();
                let kind = Kind::parse(name.0.as_bytes());
                sink(&completed(kind, name.0, place, Children::default(), Vec::new()));
                Ok(())
            }
            (Xml::Start(tag), Stage::Before) if tag.name().0 == "log" => {
                self.stage = Stage::Inside;
                Ok(())
            }
            (Xml::Empty(tag), Stage::Before) if tag.name().0 == "log" => {
                self.stage = Stage::After;
                Ok(())
            }
            (Xml::End(tag), Stage::Inside) if tag.name().0 == "log" => {
                self.stage = Stage::After;
                Ok(())
            }
            (Xml::Text(text), _) => {
                if is_blank(&text) {
                    Ok(())
                } else if self.stage == Stage::Before {
                    Err(broken("text", "<log>"))
                } else {
                    Err(broken("text outside an event", "an element"))
                }
            }
            (Xml::Comment(_) | Xml::Decl(_) | Xml::PI(_) | Xml::DocType(_), _) => Ok(()),
            (_, Stage::Before) => Err(broken("another element", "<log>")),
            (_, Stage::Inside) => Err(broken("other markup", "an event or </log>")),
            (_, Stage::After) => Err(broken("markup after </log>", "the end of the file")),
        }
    }
}
