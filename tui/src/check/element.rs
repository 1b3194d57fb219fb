//! Reads one element of a log with the XML parser, whatever form it has.

use super::event::{Child, Fault, Kind};
use super::plain::Children;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event as Xml};
use std::borrow::Cow;

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
    /// The texts of its children, without the blanks around them.
    pub children: Children<'a>,
    /// True if it or one of its children has an attribute.
    pub has_attributes: bool,
    /// True if there are blanks around the text of a child that only our own schema constrains.
    pub has_blanks: bool,
    /// What is wrong with its form.
    pub faults: Vec<Fault>,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub line: u64,
    pub byte: u64,
}

/// Why an element could not be read.
pub(super) enum Stop {
    /// The block ends first.
    Incomplete,
    /// What was found, and what was expected.
    Broken(String, String),
}

pub(super) fn broken(found: &str, expected: &str) -> Stop {
    Stop::Broken(found.to_owned(), expected.to_owned())
}

/// Reads the rest of an element of the log.
pub(super) fn element<'a>(
    tag: &BytesStart<'a>,
    reader: &mut Reader<&'a [u8]>,
    block: &'a str,
    place: Place,
) -> Result<Element<'a>, Stop> {
    let mut children: Children<'a> = Children::default();
    let mut faults = Vec::new();
    let of_tag = attributes(tag)?;
    let (mut has_attributes, mut has_blanks) = (of_tag.any, false);
    if of_tag.namespace {
        faults.push(in_namespace());
    }
    loop {
        match next(reader)? {
            Xml::Start(child) => {
                has_attributes |= attributes(&child)?.any;
                let text = text_of(reader, block, &mut faults)?;
                let name = child.name();
                has_blanks |= blanks(name.0, &text, &mut faults);
                set(&mut children, &mut faults, name.0, trimmed(text));
            }
            Xml::Empty(child) => {
                has_attributes |= attributes(&child)?.any;
                set(&mut children, &mut faults, child.name().0, Cow::Borrowed(""));
            }
            Xml::End(_) => {
                let name = tag.name();
                let kind = Kind::parse(name.0.as_bytes());
                let element = completed(kind, name.0, place, children, faults);
                return Ok(Element { has_attributes, has_blanks, ..element });
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

/// What the attributes of a tag say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub any: bool,
    /// True if it puts the element into a namespace, where the schema has none.
    pub namespace: bool,
}

/// Reads the attributes of a tag.
pub(super) fn attributes(tag: &BytesStart<'_>) -> Result<Attributes, Stop> {
    let mut all = Attributes::default();
    for attribute in tag.attributes() {
        all.any = true;
        let attribute = attribute
            .map_err(|_| broken("an attribute that is wrong or there twice", "name=\"value\""))?;
        all.namespace |= attribute.key.0 == "xmlns" && !attribute.value.is_empty();
    }
    Ok(all)
}

/// Describes elements that are in a namespace.
pub(super) fn in_namespace() -> Fault {
    let [found, expected] = ["elements in a namespace", "elements in none"].map(str::to_owned);
    Fault { found, expected }
}

/// Returns true for the characters that XML 1.0 allows.
const fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn next<'a>(reader: &mut Reader<&'a [u8]>) -> Result<Xml<'a>, Stop> {
    reader.read_event().map_err(|error| broken(&error.to_string(), "well-formed XML"))
}

/// Returns true if a text has no character but blanks.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

fn fault(faults: &mut Vec<Fault>, describe: impl FnOnce() -> Fault) {
    if faults.len() < FAULTS_MAX {
        faults.push(describe());
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
    }
}

/// Notes blanks around a text that must be one of a list. Returns true if there are some around
/// another text to which the schema does not add them.
fn blanks(name: &str, text: &str, faults: &mut Vec<Fault>) -> bool {
    let child = Child::parse(name.as_bytes()).filter(|child| child.keeps_blanks());
    let Some(child) = child.filter(|_| text.trim_ascii().len() < text.len()) else { return false };
    let of_a_list = matches!(child, Child::Command | Child::Action);
    if of_a_list {
        fault(faults, || Fault {
            found: format!("{name} {:?}", shortened(text)),
            expected: "no blanks around it".to_owned(),
        });
    }
    !of_a_list
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

/// Notes the end of a CDATA section in a text, which XML does not allow.
fn check_text(text: &str, faults: &mut Vec<Fault>) {
    if text.contains("]]>") {
        fault(faults, || Fault {
            found: "]]> in a text".to_owned(),
            expected: "well-formed XML".to_owned(),
        });
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
                check_text(&text, faults);
                if let Some(resolved) = &mut resolved {
                    resolved.push_str(&text);
                }
            }
            Xml::CData(text) => {
                whole(&mut resolved, ended);
                if let Some(all) = &mut resolved {
                    all.push_str(&text);
                }
            }
            Xml::GeneralRef(reference) => {
                whole(&mut resolved, ended);
                let name: &str = &reference;
                let meant = reference.resolve_char_ref().ok().flatten();
                let meant = meant.filter(|meant| is_allowed(*meant)).map(String::from);
                let meant = meant.or_else(|| resolve_predefined_entity(name).map(str::to_owned));
                match meant {
                    Some(meant) => {
                        if let Some(all) = &mut resolved {
                            all.push_str(&meant);
                        }
                    }
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
                    Some(text) => Cow::Owned(text),
                    None => Cow::Borrowed(&block[began..ended]),
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
pub(super) fn completed<'a>(
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
    let Place { line, byte } = place;
    Element { kind, line, byte, children, has_attributes: false, has_blanks: false, faults }
}
