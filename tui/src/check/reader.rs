//! Reads an audit log as a stream of events, in bounded memory.
//!
//! A block of the file is parsed in place. An element that the block cuts in two is parsed again
//! when its rest has been read, so nothing is copied but that rest. The text of the log is data:
//! entities of a document type are never expanded.

use super::event::{Child, Fault, Kind};
use super::plain::{self, Children};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event as Xml};
use std::borrow::Cow;
use std::io::{self, Read};

/// Bytes of a block.
const BLOCK_BYTES: usize = 1 << 20;
/// Largest element that is read.
const ELEMENT_BYTES_MAX: usize = 8 << 20;
/// Faults of one element that are described.
const FAULTS_MAX: usize = 16;

/// One element as it stands in the log.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    /// Which of the six it is; None for any other.
    pub kind: Option<Kind>,
    /// Line on which it begins, from 1.
    pub line: u64,
    /// Byte at which it begins, from 0.
    pub byte: u64,
    /// The texts of its children, without blanks around them.
    pub children: Children<'a>,
    /// What is wrong with its form.
    pub faults: Vec<Fault>,
}

/// How the reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The log was read to its end.
    Complete,
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
    BeforeLog,
    InLog,
    AfterLog,
}

/// Reads a log and passes its elements on.
#[derive(Debug)]
pub(crate) struct LogReader {
    stage: Stage,
    /// Lines before the block.
    line: u64,
    /// Bytes before the block.
    byte: u64,
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

/// Returns the part of a block that is UTF-8.
fn valid_text(block: &[u8]) -> (&str, Cut) {
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
        Self { stage: Stage::BeforeLog, line: 1, byte: 0 }
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
                return Ok(self.broken("bytes that are not UTF-8", "UTF-8 text"));
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
        if self.stage == Stage::BeforeLog {
            return End::NotALog(format!("line {}: {found}; expected {expected}", self.line));
        }
        let fault = Fault { found: found.to_owned(), expected: expected.to_owned() };
        End::Broken { line: self.line, byte: self.byte, fault }
    }

    /// Parses what is complete in a block.
    fn block(&mut self, block: &str, at_end: bool, sink: &mut dyn FnMut(&Element<'_>)) -> Left {
        let (mut used, mut line, mut counted) = (0, self.line, 0);
        loop {
            if self.stage == Stage::InLog {
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
                    if !at_end && rest.len() < ELEMENT_BYTES_MAX / 8 =>
                {
                    return Left::Used(used);
                }
                Err(stop) => {
                    self.line = place.line;
                    self.byte = place.byte;
                    return Left::Ended(match stop {
                        Stop::Incomplete if self.stage == Stage::AfterLog => End::Complete,
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

/// A place in the log.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: u64,
    byte: u64,
}

/// Why an element could not be read.
enum Stop {
    /// The block ends first.
    Incomplete,
    /// What was found, and what was expected.
    Broken(String, String),
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
        match (event, self.stage) {
            (Xml::Eof, _) => Err(Stop::Incomplete),
            (Xml::Start(tag), Stage::InLog) => {
                let element = element(&tag, reader, block, place)?;
                sink(&element);
                Ok(())
            }
            (Xml::Empty(tag), Stage::InLog) => {
                let name = tag.name();
                let kind = Kind::parse(name.0.as_bytes());
                sink(&completed(kind, name.0, place, Children::default(), Vec::new()));
                Ok(())
            }
            (Xml::Start(tag), Stage::BeforeLog) if tag.name().0 == "log" => {
                self.stage = Stage::InLog;
                Ok(())
            }
            (Xml::Empty(tag), Stage::BeforeLog) if tag.name().0 == "log" => {
                self.stage = Stage::AfterLog;
                Ok(())
            }
            (Xml::End(tag), Stage::InLog) if tag.name().0 == "log" => {
                self.stage = Stage::AfterLog;
                Ok(())
            }
            (Xml::Text(text), _) => {
                if is_blank(&text) {
                    Ok(())
                } else if self.stage == Stage::BeforeLog {
                    Err(broken("text", "<log>"))
                } else {
                    Err(broken("text outside an event", "an element"))
                }
            }
            (Xml::Comment(_) | Xml::Decl(_) | Xml::PI(_) | Xml::DocType(_), _) => Ok(()),
            (_, Stage::BeforeLog) => Err(broken("another element", "<log>")),
            (_, Stage::InLog) => Err(broken("other markup", "an event or </log>")),
            (_, Stage::AfterLog) => Err(broken("markup after </log>", "the end of the file")),
        }
    }
}

fn broken(found: &str, expected: &str) -> Stop {
    Stop::Broken(found.to_owned(), expected.to_owned())
}

/// Reads the rest of an element of the log.
fn element<'a>(
    tag: &BytesStart<'a>,
    reader: &mut Reader<&'a [u8]>,
    block: &'a str,
    place: Place,
) -> Result<Element<'a>, Stop> {
    let mut children: Children<'a> = Children::default();
    let mut faults = Vec::new();
    loop {
        match next(reader)? {
            Xml::Start(child) => {
                let text = text_of(reader, block, &mut faults)?;
                set(&mut children, &mut faults, child.name().0, text);
            }
            Xml::Empty(child) => {
                set(&mut children, &mut faults, child.name().0, Cow::Borrowed(""));
            }
            Xml::End(_) => {
                let name = tag.name();
                let kind = Kind::parse(name.0.as_bytes());
                return Ok(completed(kind, name.0, place, children, faults));
            }
            Xml::Eof => return Err(Stop::Incomplete),
            Xml::Text(text) if is_blank(&text) => {}
            Xml::Comment(_) | Xml::PI(_) => {}
            _ => fault(&mut faults, || Fault {
                found: "text between the children".to_owned(),
                expected: "children only".to_owned(),
            }),
        }
    }
}

fn next<'a>(reader: &mut Reader<&'a [u8]>) -> Result<Xml<'a>, Stop> {
    reader.read_event().map_err(|error| broken(&error.to_string(), "well-formed XML"))
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

fn fault(faults: &mut Vec<Fault>, describe: impl FnOnce() -> Fault) {
    if faults.len() < FAULTS_MAX {
        faults.push(describe());
    }
}

fn set<'a>(children: &mut Children<'a>, faults: &mut Vec<Fault>, name: &str, text: Cow<'a, str>) {
    let shown = || shortened(name);
    match Child::parse(name.as_bytes()) {
        None => fault(faults, || Fault {
            found: format!("a child <{}>", shown()),
            expected: "the children of the schema".to_owned(),
        }),
        Some(child) if children[child as usize].is_some() => fault(faults, || Fault {
            found: format!("a second <{}>", shown()),
            expected: "each child at most once".to_owned(),
        }),
        Some(child) => children[child as usize] = Some(text),
    }
}

/// Reads the text of a child to its end tag.
fn text_of<'a>(
    reader: &mut Reader<&'a [u8]>,
    block: &'a str,
    faults: &mut Vec<Fault>,
) -> Result<Cow<'a, str>, Stop> {
    let began = reader.buffer_position() as usize;
    let mut ended = began;
    let mut resolved: Option<String> = None;
    let mut depth = 0_usize;
    loop {
        let event = next(reader)?;
        let whole = |resolved: &mut Option<String>, ended: usize| {
            resolved.get_or_insert_with(|| block[began..ended].to_owned());
        };
        match event {
            Xml::Text(text) => {
                if let Some(resolved) = &mut resolved {
                    resolved.push_str(&text);
                }
            }
            Xml::CData(text) => {
                whole(&mut resolved, ended);
                resolved.iter_mut().for_each(|all| all.push_str(&text));
            }
            Xml::GeneralRef(reference) => {
                whole(&mut resolved, ended);
                let name: &str = &reference;
                let meant = reference.resolve_char_ref().ok().flatten().map(String::from);
                let meant = meant.or_else(|| resolve_predefined_entity(name).map(str::to_owned));
                match meant {
                    Some(meant) => resolved.iter_mut().for_each(|all| all.push_str(&meant)),
                    None => fault(faults, || Fault {
                        found: format!("the entity &{};", shortened(name)),
                        expected: "an entity of XML itself".to_owned(),
                    }),
                }
            }
            Xml::Comment(_) | Xml::PI(_) => whole(&mut resolved, ended),
            Xml::Start(_) => {
                depth += 1;
                fault(faults, || Fault {
                    found: "an element inside a child".to_owned(),
                    expected: "text".to_owned(),
                });
            }
            Xml::End(_) if depth > 0 => depth -= 1,
            Xml::End(_) => {
                return Ok(match resolved {
                    Some(text) => Cow::Owned(text.trim_ascii().to_owned()),
                    None => Cow::Borrowed(block[began..ended].trim_ascii()),
                });
            }
            Xml::Eof => return Err(Stop::Incomplete),
            Xml::Empty(_) | Xml::Decl(_) | Xml::DocType(_) => {}
        }
        ended = reader.buffer_position() as usize;
    }
}

/// Returns the beginning of a name, which may be of any length.
fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}

/// Adds what the schema says about the children as a whole.
fn completed<'a>(
    kind: Option<Kind>,
    name: &str,
    place: Place,
    children: Children<'a>,
    mut faults: Vec<Fault>,
) -> Element<'a> {
    let there = |(at, child): (usize, &Option<Cow<'_, str>>)| u16::from(child.is_some()) << at;
    let present = children.iter().enumerate().map(there).fold(0, |all, one| all | one);
    if let Some(kind) = kind.filter(|kind| !kind.allows(present)) {
        let (needed, allowed) = kind.children();
        for child in Child::ALL {
            let there = children[child as usize].is_some();
            if needed.contains(&child) && !there {
                fault(&mut faults, || Fault {
                    found: format!("no <{}> in {}", child.as_str(), kind.as_str()),
                    expected: format!("one <{}>", child.as_str()),
                });
            } else if there && !needed.contains(&child) && !allowed.contains(&child) {
                fault(&mut faults, || Fault {
                    found: format!("<{}> in {}", child.as_str(), kind.as_str()),
                    expected: "only the children of the schema".to_owned(),
                });
            }
        }
    }
    if kind.is_none() {
        fault(&mut faults, || Fault {
            found: format!("an element <{}>", shortened(name)),
            expected: "one of the six elements".to_owned(),
        });
    }
    Element { kind, line: place.line, byte: place.byte, children, faults }
}
