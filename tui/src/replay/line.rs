//! Classification of a line before it is sent: its tag, its command and its connection.
//!
//! It reads no more of a line than that, because the server parses the line anyway.

use daytrade_protocol::{CommandName, LINE_BYTES_MAX, Tag, plain_head, trim};
use xxhash_rust::xxh3::xxh3_64;

/// A line that the server processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    /// Tag of its reply; None if the reply has no tag and comes in the order of the requests.
    pub tag: Option<u64>,
    /// Command, if it is one of the sixteen.
    pub command: Option<CommandName>,
    /// Index of the connection that sends it: the same for all lines of a user.
    pub connection: usize,
    /// True if the line asks for no reply.
    pub noreply: bool,
    /// True if every earlier line must have its reply first, because the command covers the lines
    /// of other connections too.
    pub barrier: bool,
    /// True if the server closes the connection after the line.
    pub quits: bool,
}

/// Classifies a line without its LF, for a replay over this number of connections. Returns None for
/// a line that the server skips.
pub(super) fn classify_line(line: &[u8], connections: usize) -> Option<Outgoing> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let too_long = line.len() > LINE_BYTES_MAX;
    let line = trim(line);
    if !too_long && (line.is_empty() || line[0] == b'#') {
        return None;
    }
    // The first of the fields is the user.
    let connection_of = |fields: &[u8]| match connections {
        1 => 0,
        // The high half of the product is below the number of connections.
        _ => (((xxh3_64(split_field(fields).0) >> 32) * connections as u64) >> 32) as usize,
    };
    // Nearly all lines.
    if !too_long
        && !line.ends_with(b"noreply")
        && let Some((tag, command, rest)) = plain_head(line)
    {
        let connection = connection_of(&rest[1..]);
        let (noreply, quits, barrier) = (false, false, command == CommandName::DumpLog);
        let (tag, command) = (tag.map(Tag::get), Some(command));
        return Some(Outgoing { tag, command, connection, noreply, barrier, quits });
    }
    let other = Outgoing {
        tag: None,
        command: None,
        connection: 0,
        noreply: false,
        barrier: false,
        quits: false,
    };
    let noreply = line
        .strip_suffix(b"noreply")
        .is_some_and(|before| before.ends_with(b" ") || before.ends_with(b"\t"));
    let noreply = noreply && !too_long;
    // The reply to an invalid tag has no tag.
    let Some((tag, rest)) = Tag::split_from(line) else {
        return Some(Outgoing { noreply, ..other });
    };
    let tag = tag.map(Tag::get);
    if too_long {
        return Some(Outgoing { tag, ..other });
    }
    let (name, rest) = split_field(rest);
    let command = CommandName::parse(name);
    let barrier = command == Some(CommandName::DumpLog);
    let quits = command.is_none() && name.eq_ignore_ascii_case(b"QUIT");
    let connection = connection_of(rest);
    Some(Outgoing { tag, command, connection, noreply, barrier, quits })
}

/// Splits off the first field: returns it without blanks around it, and the bytes after its comma.
fn split_field(fields: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b',', fields) {
        Some(comma) => (trim(&fields[..comma]), &fields[comma + 1..]),
        None => (trim(fields), b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Parsed, parse_line};
    use proptest::prelude::*;

    proptest! {
        /// The classification must agree with the server's parser. Otherwise the client waits for a
        /// reply that never comes.
        #[test]
        fn classification_agrees_with_the_parser(
            line in "( |\t|#)?(\\[[0-9]{0,20}\\]?)?( |\t)?[A-Za-z_]{0,12}\
                     (, ?[A-Za-z0-9.\u{0}\u{e9}-]{0,12}){0,3}( noreply)?( |\r)?",
            padding in prop_oneof![9 => Just(0), 1 => 900..1200_usize],
        ) {
            let line = format!("{line}{}", "x".repeat(padding));
            let ours = classify_line(line.as_bytes(), 3).map(|out| (out.tag, out.noreply));
            let server = match parse_line(line.as_bytes()) {
                Parsed::Nothing => None,
                Parsed::Request(request) => Some((request.tag.map(Tag::get), request.noreply)),
                Parsed::Invalid(invalid) => Some((invalid.tag.map(Tag::get), invalid.noreply)),
            };
            prop_assert_eq!(ours, server);
        }
    }
}
