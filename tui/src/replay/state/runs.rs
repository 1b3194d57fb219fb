//! Plain lines in a row, sent together: most workload files are nothing else.
//!
//! A line is plain if nothing has to be decided for it but whether a place is free: it has the next
//! tag and a reply, and waits for no other line. All others, and those of an unusual form, go
//! through `sending`, one at a time.

use super::ReplayState;
use crate::replay::line::plain_line;
use crate::replay::reorder_buffer::Line;
use crate::replay::sent_log::{RUN_LINES_MAX, SentLines};

impl ReplayState {
    /// Moves the plain lines at the head of the file to the send buffers, as far as places are free
    /// for them and the first block has them.
    pub(super) fn send_plain_lines(&mut self, now_us: u64) {
        if !self.sends_at_once || self.reorder_buffer.is_full_of_replies() {
            return;
        }
        let Some(mut tag) = self.reorder_buffer.next_tag() else { return };
        let Self { input, sender, reorder_buffer, sent, tally, .. } = self;
        let connections = sender.connections();
        let (block, lines_before) = (input.lines_ahead(), input.lines_taken());
        let (mut at, mut file_line) = (0, lines_before);
        let mut next = plain_line(block, connections).filter(|line| line.tag == tag);
        while let Some(first) = next {
            let connection = first.connection;
            let room = sender.room(connection).min(reorder_buffer.room()) as u64;
            let room = room.min(RUN_LINES_MAX);
            let (from, position) = (at, reorder_buffer.next_position());
            let mut lines = 0;
            while let Some(line) = next
                && line.connection == connection
                && lines < room
            {
                (lines, file_line) = (lines + 1, file_line + 1);
                reorder_buffer.push_next(Line { tag, file_line }, line.command, now_us);
                at += line.bytes;
                tag += 1;
                next = plain_line(&block[at..], connections).filter(|line| line.tag == tag);
            }
            if lines == 0 {
                break;
            }
            let text = &block[from..at];
            sender.push_tagged(connection, lines as usize, text);
            if let Some(log) = sent.as_mut().and_then(|logs| logs.get_mut(connection)) {
                log.forget(reorder_buffer);
                let file_line = file_line + 1 - lines;
                log.push(SentLines { position, file_line, lines }, text);
            }
        }
        let lines = file_line - lines_before;
        tally.on_sent(at, lines, lines);
        input.advance_lines(lines, at);
    }
}
