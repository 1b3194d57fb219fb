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
    let connection_of = |fields: &[u8]| connection_of(fields, connections);
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

/// A line that is sent as it is, and has a tag and a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlainLine {
    pub tag: u64,
    pub command: CommandName,
    /// Index of the connection that sends it.
    pub connection: usize,
    /// Its bytes, with its LF.
    pub bytes: usize,
}

/// Reads the line at the head of a block, in one step. Returns None unless it has a tag and a
/// reply, and need not wait for the replies to others; [`classify_line`] tells the same of it.
#[inline]
pub(super) fn plain_line(block: &[u8], connections: usize) -> Option<PlainLine> {
    let (tag, command, rest) = plain_head(block)?;
    let tag = tag?.get();
    let length = memchr::memchr(b'\n', rest)?;
    let fields = &rest[1..length];
    let bytes = block.len() - rest.len() + length + 1;
    // Neither ` noreply` nor anything unusual is at the end.
    let ([.., last, b' '] | [.., last]) = fields else { return None };
    let is_plain_end = last.is_ascii_alphanumeric() && *last != b'y';
    let is_barrier = command == CommandName::DumpLog && connections > 1;
    if !is_plain_end || is_barrier || bytes > LINE_BYTES_MAX {
        return None;
    }
    Some(PlainLine { tag, command, connection: connection_of(fields, connections), bytes })
}

/// Returns the index of the connection for these fields, the first of which is the user.
#[inline]
fn connection_of(fields: &[u8], connections: usize) -> usize {
    match connections {
        1 => 0,
        // The high half of the product is below the number of connections.
        _ => (((xxh3_64(split_field(fields).0) >> 32) * connections as u64) >> 32) as usize,
    }
}

/// Splits off the first field: returns it without blanks around it, and the bytes after its comma.
#[inline]
fn split_field(fields: &[u8]) -> (&[u8], &[u8]) {
    // A name is too short for a faster search.
    match fields.iter().position(|byte| *byte == b',') {
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

        /// What is sent without a closer look is what the closer look would send in the same way.
        #[test]
        fn a_plain_line_is_classified_in_the_same_way(
            line in "(\\[[0-9]{1,9}\\] )?(ADD|BUY|DUMPLOG|QUOTE|QUIT|add)\
                     (,[ a-zA-Z0-9.\u{e9}-]{0,12}){0,3}( ?noreply)?[ \t]?\r?",
            padding in prop_oneof![9 => Just(0), 1 => 900..1200_usize],
            after in "(\n|[a-z,\n ]{0,20})",
            connections in prop_oneof![Just(1), Just(3)],
        ) {
            let line = format!("{line}{}", "x".repeat(padding));
            let block = format!("{line}\n{after}");
            let Some(plain) = plain_line(block.as_bytes(), connections) else { return Ok(()) };
            let PlainLine { tag, command, connection, bytes } = plain;
            let (tag, command) = (Some(tag), Some(command));
            let (noreply, quits, barrier) = (false, false, false);
            let want = Outgoing { tag, command, connection, noreply, barrier, quits };
            let mut ours = classify_line(line.as_bytes(), connections).expect("a line");
            ours.barrier &= connections > 1;
            prop_assert_eq!((ours, line.len() + 1), (want, bytes));
        }
    }

    #[test]
    fn lines_of_workload_files_are_plain() {
        let plain = |block: &str, connections| plain_line(block.as_bytes(), connections).is_some();
        for line in ["[1] ADD,oY01WVirLr,63511.53 \n", "[2] QUOTE,a,S\n[3] QUOTE,a,S\n"] {
            assert!(plain(line, 1) && plain(line, 3), "{line}");
        }
        assert!(plain("[9] DUMPLOG,./testLOG \n", 1));
        for other in
            ["[9] DUMPLOG,./testLOG \n", "[1] QUOTE,a,S noreply\n", "QUOTE,a,S\n", "[1] QUIT\n"]
        {
            assert!(!plain(other, 3), "{other}");
        }
    }
}
