//! The lines of an exchange, and what became of each: which are to be sent again when the accounts
//! have moved, and which may have been carried out.

use super::clean;
use daytrade_protocol::{Body, Parsed, Request, SessionCommand, Tag, parse_line};

/// Lines in the order in which they are sent.
#[derive(Debug, Default)]
pub(super) struct SentLines(Vec<SentLine>);

#[derive(Debug)]
struct SentLine {
    /// The line with its LF.
    bytes: Vec<u8>,
    tag: Option<Tag>,
    wants_reply: bool,
    /// True if it is a command that does not only read.
    changes: bool,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waiting,
    Answered,
    /// It was not carried out, because the accounts are with another server.
    Moved,
}

impl SentLines {
    /// Splits a text into lines, without those that a server skips.
    pub(super) fn new(requests: &[u8]) -> Self {
        let mut lines = Vec::new();
        for line in requests.split(|byte| *byte == b'\n') {
            let (tag, noreply, changes, quits) = match parse_line(line) {
                Parsed::Nothing => continue,
                Parsed::Request(Request { tag, noreply, body }) => {
                    let changes =
                        matches!(&body, Body::Command(command) if !command.name().only_reads());
                    let quits = matches!(body, Body::Session(SessionCommand::Quit {}));
                    (tag, noreply, changes, quits)
                }
                Parsed::Invalid(invalid) => (invalid.tag, invalid.noreply, false, false),
            };
            let bytes = [line, b"\n"].concat();
            let (wants_reply, fate) = (!noreply, Fate::Waiting);
            lines.push(SentLine { bytes, tag, wants_reply, changes, fate });
            if quits {
                break;
            }
        }
        Self(lines)
    }

    /// Returns the bytes to send.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }

    /// Assigns a reply to the oldest waiting line with its tag. Returns false if no line matches.
    pub(super) fn take_reply(&mut self, tag: Option<Tag>, is_moved: bool) -> bool {
        let is_it = |line: &&mut SentLine| {
            line.wants_reply && line.fate == Fate::Waiting && line.tag == tag
        };
        let Some(line) = self.0.iter_mut().find(is_it) else {
            // A server that is full says so before it has read a line.
            let first = self.0.iter_mut().find(|line| line.wants_reply);
            if let Some(first) = first.filter(|line| tag.is_none() && line.fate == Fate::Waiting) {
                first.fate = Fate::Answered;
            }
            return false;
        };
        line.fate = if is_moved { Fate::Moved } else { Fate::Answered };
        true
    }

    /// Returns the number of lines that wait for a reply.
    pub(super) fn unanswered(&self) -> usize {
        self.0.iter().filter(|line| line.wants_reply && line.fate == Fate::Waiting).count()
    }

    /// Returns the number of lines that wait for a reply, and 0 if no line changes anything: what
    /// only reads leaves no doubt.
    pub(super) fn doubtful(&self) -> usize {
        if self.0.iter().any(|line| line.changes) { self.unanswered() } else { 0 }
    }

    /// Keeps the lines that were not carried out, to be sent again. Returns those of which that is
    /// not known. `in_order` is true if the server announced the end of the connection: it has
    /// answered every line it accepted, so lines after the last reply were not accepted.
    pub(super) fn keep_moved(&mut self, in_order: bool) -> Vec<String> {
        let last_with = |is_it: fn(&SentLine) -> bool| {
            self.0.iter().rposition(is_it).map_or(0, |last| last + 1)
        };
        let taken_up = last_with(|line| line.fate != Fate::Waiting);
        let carried_out = last_with(|line| line.fate == Fate::Answered);
        // Two replies with one tag cannot be told apart.
        let answered = |tag: Option<Tag>| {
            let is_it = |line: &SentLine| line.tag == tag && line.fate == Fate::Answered;
            tag.is_some() && self.0.iter().any(is_it)
        };
        let mut again = Vec::new();
        for (at, line) in self.0.iter().enumerate() {
            again.push(match line.fate {
                Fate::Answered => None,
                Fate::Moved => Some(!answered(line.tag)),
                // Whoever wants no reply takes a line as carried out once a later one is.
                Fate::Waiting if !line.wants_reply => (at >= carried_out).then_some(false),
                Fate::Waiting => Some(in_order && at >= taken_up),
            });
        }
        let mut unknown = Vec::new();
        for (mut line, again) in std::mem::take(&mut self.0).into_iter().zip(again) {
            match again {
                None => {}
                Some(true) => {
                    line.fate = Fate::Waiting;
                    self.0.push(line);
                }
                Some(false) => unknown.push(clean(&String::from_utf8_lossy(&line.bytes))),
            }
        }
        unknown
    }

    /// Returns true if there is nothing to send.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = b"[1] ADD,a,1\n# a comment\n[2] ADD,b,2\n[3] ADD,a,3\n[4] ADD,b,4\n\
                           [5] PING\n";

    fn text(lines: &SentLines) -> String {
        String::from_utf8(lines.bytes()).unwrap()
    }

    fn answer(lines: &mut SentLines, replies: &[(u64, bool)]) {
        for (tag, is_moved) in replies {
            assert!(lines.take_reply(Tag::new(*tag), *is_moved), "{tag}");
        }
    }

    #[test]
    fn what_was_not_carried_out_is_sent_again_in_its_order() {
        let mut lines = SentLines::new(LINES);
        answer(&mut lines, &[(2, true), (1, false), (3, true)]);
        assert!(!lines.take_reply(Tag::new(3), false) && !lines.take_reply(None, true));
        assert_eq!((lines.unanswered(), lines.doubtful()), (2, 2));
        assert!(lines.keep_moved(true).is_empty());
        assert_eq!(text(&lines), "[2] ADD,b,2\n[3] ADD,a,3\n[4] ADD,b,4\n[5] PING\n");
        assert_eq!(lines.unanswered(), 4);
    }

    #[test]
    fn what_may_have_been_carried_out_is_not_sent_again() {
        let mut lines = SentLines::new(LINES);
        answer(&mut lines, &[(3, true), (1, false)]);
        assert_eq!(lines.keep_moved(true), ["[2] ADD,b,2"], "it was taken up and not answered");
        assert_eq!(text(&lines), "[3] ADD,a,3\n[4] ADD,b,4\n[5] PING\n");
        let mut lines = SentLines::new(LINES);
        answer(&mut lines, &[(2, true)]);
        let unknown = ["[1] ADD,a,1", "[3] ADD,a,3", "[4] ADD,b,4", "[5] PING"];
        assert_eq!(lines.keep_moved(false), unknown, "the connection was lost");
        assert_eq!(text(&lines), "[2] ADD,b,2\n");
    }

    #[test]
    fn lines_without_a_reply_or_with_one_tag_are_not_guessed_at() {
        let mut lines =
            SentLines::new(b"ADD,a,1 noreply\n[1] ADD,a,2\nADD,a,3 noreply\n[2] ADD,a,4\n");
        answer(&mut lines, &[(1, false), (2, true)]);
        assert_eq!(lines.keep_moved(true), ["ADD,a,3 noreply"]);
        assert_eq!(text(&lines), "[2] ADD,a,4\n");
        let mut lines = SentLines::new(b"[1] ADD,a,1\n[1] ADD,b,2\nQUIT\nPING\n");
        answer(&mut lines, &[(1, true), (1, false)]);
        assert_eq!(lines.keep_moved(true), ["[1] ADD,a,1"]);
        assert_eq!(text(&lines), "QUIT\n");
    }
}
