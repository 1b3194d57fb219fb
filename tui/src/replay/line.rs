//! What the client has to know of a line before it sends it.

use daytrade_protocol::{CommandName, LINE_BYTES_MAX, Tag, trim};

/// A line that the server will answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    /// The tag its reply will carry; None for one that is answered in turn.
    pub tag: Option<u64>,
    /// Which of the sixteen it is.
    pub command: Option<CommandName>,
    /// Which connection sends it: one for all lines of a user.
    pub lane: usize,
    /// Whether it asks for no reply.
    pub noreply: bool,
    /// Whether everything before it has to be answered first: it is about what other connections
    /// sent, too.
    pub alone: bool,
    /// Whether the server closes behind it.
    pub quits: bool,
}

/// Looks at a line without its LF, which one of so many connections is to send; None for one that
/// the server skips.
pub(super) fn look_at(line: &[u8], lanes: usize) -> Option<Outgoing> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let too_long = line.len() > LINE_BYTES_MAX;
    let line = trim(line);
    if !too_long && (line.is_empty() || line[0] == b'#') {
        return None;
    }
    let plain =
        Outgoing { tag: None, command: None, lane: 0, noreply: false, alone: false, quits: false };
    let noreply = line
        .strip_suffix(b"noreply")
        .is_some_and(|before| before.ends_with(b" ") || before.ends_with(b"\t"));
    let noreply = noreply && !too_long;
    // A tag that is none is answered without one.
    let Some((tag, rest)) = Tag::split_from(line) else {
        return Some(Outgoing { noreply, ..plain });
    };
    let tag = tag.map(Tag::get);
    if too_long {
        return Some(Outgoing { tag, ..plain });
    }
    let (name, rest) = split_field(rest);
    let command = CommandName::parse(name);
    let alone = command == Some(CommandName::DumpLog);
    let quits = command.is_none() && name.eq_ignore_ascii_case(b"QUIT");
    let lane = if lanes == 1 { 0 } else { (hash(split_field(rest).0) % lanes as u64) as usize };
    Some(Outgoing { tag, command, lane, noreply, alone, quits })
}

/// The first field without blanks around it, and what follows its comma.
fn split_field(fields: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b',', fields) {
        Some(comma) => (trim(&fields[..comma]), &fields[comma + 1..]),
        None => (trim(fields), b""),
    }
}

/// FNV-1a, as good as any to spread users over connections.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Parsed, parse_line};
    use proptest::prelude::*;

    proptest! {
        /// The client must agree with the server's own reading of a line, or it waits for a reply
        /// that never comes.
        #[test]
        fn it_expects_what_the_server_will_answer(
            line in "( |\t|#)?(\\[[0-9]{0,20}\\]?)?( |\t)?[A-Za-z_]{0,12}(, ?[A-Za-z0-9.\u{0}\u{e9}-]{0,12}){0,3}( noreply)?( |\r)?",
            padding in prop_oneof![9 => Just(0), 1 => 900..1200_usize],
        ) {
            let line = format!("{line}{}", "x".repeat(padding));
            let ours = look_at(line.as_bytes(), 3).map(|out| (out.tag, out.noreply));
            let server = match parse_line(line.as_bytes()) {
                Parsed::Nothing => None,
                Parsed::Request(request) => Some((request.tag.map(Tag::get), request.noreply)),
                Parsed::Invalid(invalid) => Some((invalid.tag.map(Tag::get), invalid.noreply)),
            };
            prop_assert_eq!(ours, server);
        }
    }
}
