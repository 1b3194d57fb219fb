//! Reads elements in their usual form: children with plain text, and nothing else.
//!
//! Nearly every element of every log has this form, and reading it needs no XML parser. Anything
//! else, and anything wrong, is left to the parser: this module never judges.

use super::event::{CHILDREN, Child, Kind};
use std::borrow::Cow;

/// The texts of an element's children.
pub(super) type Children<'a> = [Option<Cow<'a, str>>; CHILDREN];

/// An element in its usual form.
pub(super) struct Plain<'a> {
    pub kind: Kind,
    pub children: Children<'a>,
    /// Bytes before it, which are blank.
    pub blank: usize,
    /// Bytes up to its end.
    pub end: usize,
}

/// Reads the element at the beginning of a text. Returns None if it is not in its usual form, or is
/// not complete.
pub(super) fn element(text: &str) -> Option<Plain<'_>> {
    let bytes = text.as_bytes();
    let blank = skip_blanks(bytes, 0);
    let (name, mut at) = tag(bytes, blank)?;
    let kind = Kind::parse(name)?;
    let mut children: Children<'_> = [const { None }; CHILDREN];
    loop {
        at = skip_blanks(bytes, at);
        if bytes.get(at + 1) == Some(&b'/') {
            let end = end_tag(bytes, at, name)?;
            return Some(Plain { kind, children, blank, end });
        }
        let (name, began) = tag(bytes, at)?;
        let child = Child::parse(name)?;
        // The end of a CDATA section must not stand in a text, so a > is left to the parser.
        let ended = began + memchr::memchr3(b'<', b'&', b'>', bytes.get(began..)?)?;
        at = end_tag(bytes, ended, name)?;
        let slot = &mut children[child as usize];
        if slot.is_some() {
            return None;
        }
        let whole = text.get(began..ended)?;
        let value = whole.trim_ascii();
        if value.len() < whole.len() && child.keeps_blanks() {
            return None;
        }
        *slot = Some(Cow::Borrowed(value));
    }
}

fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let blanks = bytes.iter().skip(from).take_while(|byte| byte.is_ascii_whitespace());
    from + blanks.count()
}

/// Reads a start tag without attributes. Returns its name and the place after it.
fn tag(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let name = bytes.get(at..)?.strip_prefix(b"<")?;
    let length = name.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    (name.get(length) == Some(&b'>')).then(|| (&name[..length], at + length + 2))
}

/// Reads the end tag of a name. Returns the place after it.
fn end_tag(bytes: &[u8], at: usize, name: &[u8]) -> Option<usize> {
    let rest = bytes.get(at..)?.strip_prefix(b"</")?.strip_prefix(name)?;
    (rest.first() == Some(&b'>')).then_some(at + name.len() + 3)
}
