//! What becomes of the lines of a connection that has ended because the accounts are with another
//! server, or that was lost.

use super::ReplayState;
use crate::replay::reorder_buffer::{Answer, Fate};
use crate::replay::sent_log::{Entry, text_of};
use bytes::Bytes;
use daytrade_protocol::{Code, Tag};

/// The reply to a line that was sent and will never be answered.
const NO_REPLY: &str = "ERR,UNKNOWN,the connection ended before the reply; DISPLAY_SUMMARY says\n";

/// What became of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The server has it.
    Done,
    /// It was not carried out, so it is sent again.
    Again,
    /// It may have been carried out.
    Unknown,
}

/// The lines of a connection that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::replay) struct Ended {
    /// Lines that wait to be sent again.
    pub again: usize,
    /// Lines that wanted no reply, of which it is not known whether they were carried out.
    pub without_reply: u64,
}

impl ReplayState {
    /// Takes a reply that says that the accounts are elsewhere. Returns false if it belongs to no
    /// line in flight.
    pub(super) fn take_moved(&mut self, connection: usize, position: Option<u64>) -> bool {
        let marked = position.is_some_and(|position| self.reorder_buffer.mark_moved(position));
        if marked {
            self.sender.on_moved(connection);
        }
        marked
    }

    /// Returns true if lines can be sent again.
    pub(super) const fn keeps_lines(&self) -> bool {
        self.sent.is_some()
    }

    /// Lists a line that the server itself says may have been carried out.
    pub(super) fn note_unknown(&mut self, connection: usize, position: u64) {
        let log = self.sent.as_ref();
        if let Some((file_line, text)) = log.and_then(|log| log.find(connection, position)) {
            self.tally.on_unknown(file_line, &text);
        }
    }

    /// Notes a refusal of a line. Returns true if nothing of the file is carried out, because the
    /// server wants a login: the file cannot log in itself, and is not compared with anything.
    pub(in crate::replay) fn note_refusal(&mut self, code: Code) -> bool {
        self.wants_login |=
            code == Code::AuthRequired && !self.sent_others && !self.checker.compares();
        self.wants_login
    }

    /// Returns true if nothing of the file is carried out, because the server wants a login.
    pub(in crate::replay) const fn wants_login(&self) -> bool {
        self.wants_login
    }

    /// Decides what becomes of the lines of a connection that has ended, and puts those first in
    /// its send buffer that were not carried out. `in_order` is true if the server announced the
    /// end: it has answered every line it accepted, so lines after the last reply were not
    /// accepted. The last `unwritten` bytes have not left this process.
    pub(in crate::replay) fn end_connection(
        &mut self,
        connection: usize,
        in_order: bool,
        unwritten: usize,
    ) -> Ended {
        let mut ended = Ended::default();
        let unwritten = unwritten + self.sender.unsent(connection);
        let Some(log) = &mut self.sent else { return ended };
        let mut entries = log.take(connection);
        self.sender.begin_again(connection);
        let nexts = self.next_of(entries.make_contiguous(), in_order, unwritten);
        for (entry, next) in entries.into_iter().zip(nexts) {
            match next {
                Next::Done => {}
                Next::Again => {
                    self.send_again(connection, entry);
                    ended.again += 1;
                }
                Next::Unknown if entry.noreply => {
                    ended.without_reply += entry.lines;
                    self.tally.on_unknown_noreply(entry.file_lines, entry.lines);
                }
                Next::Unknown => self.give_up(&entry),
            }
        }
        ended
    }

    fn next_of(&self, entries: &[Entry], in_order: bool, unwritten: usize) -> Vec<Next> {
        let fate = |entry: &Entry| {
            if entry.noreply { Fate::Waiting } else { self.reorder_buffer.fate(entry.position) }
        };
        let after_last = |is_it: &dyn Fn(Fate) -> bool| {
            entries.iter().rposition(|entry| is_it(fate(entry))).map_or(0, |last| last + 1)
        };
        let taken_up = after_last(&|fate| fate != Fate::Waiting);
        let carried_out = after_last(&|fate| fate == Fate::Answered);
        let mut left = unwritten;
        let unsent = entries.iter().rev().take_while(|entry| {
            let is_unsent = entry.wire_bytes <= left;
            left = left.saturating_sub(entry.wire_bytes);
            is_unsent
        });
        let sent = entries.len() - unsent.count();
        let next = |(at, entry): (usize, &Entry)| match fate(entry) {
            Fate::Answered => Next::Done,
            // Whoever wants no reply takes a line as carried out once a later one is.
            Fate::Waiting if entry.noreply && at < carried_out => Next::Done,
            Fate::Waiting if entry.noreply => Next::Unknown,
            Fate::Waiting if at < sent && !(in_order && at >= taken_up) => Next::Unknown,
            Fate::Moved | Fate::Waiting => Next::Again,
        };
        entries.iter().enumerate().map(next).collect()
    }

    fn send_again(&mut self, connection: usize, entry: Entry) {
        let is_tagged = self.reorder_buffer.wait_again(entry.position);
        self.sender.push(connection, &entry.text);
        self.sender.expect_reply(connection, (!is_tagged).then_some(entry.position));
        if let Some(log) = &mut self.sent {
            log.push_again(connection, entry);
        }
    }

    /// Answers a line whose reply will never come.
    fn give_up(&mut self, entry: &Entry) {
        let tag = self.reorder_buffer.give_up_tag(entry.position).and_then(Tag::new);
        let mut reply = Vec::new();
        if let Some(tag) = tag {
            reply.extend_from_slice(format!("[{}] ", tag.get()).as_bytes());
        }
        reply.extend_from_slice(NO_REPLY.as_bytes());
        let answer = Answer { refused: Some(Code::Unknown), reply: Bytes::from(reply) };
        let now_us = self.now_us();
        self.reorder_buffer.store_reply(entry.position, answer, now_us);
        self.tally.on_lost();
        self.tally.on_unknown(entry.file_lines.0, &text_of(&entry.text));
    }
}
