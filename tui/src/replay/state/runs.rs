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
        if self.sends_at_once && !self.reorder_buffer.is_full_of_replies() {
            while self.send_run(now_us) {}
        }
    }

    /// Moves a run of them. Returns true if more of them may follow.
    fn send_run(&mut self, now_us: u64) -> bool {
        let Some(mut tag) = self.reorder_buffer.next_tag() else { return false };
        let Self { input, sender, reorder_buffer, sent, tally, .. } = self;
        let (block, connections) = (input.lines_ahead(), sender.connections());
        let (position, lines_before) = (reorder_buffer.next_position(), input.lines_taken());
        let room = RUN_LINES_MAX.min(reorder_buffer.room() as u64);
        let (mut at, mut lines) = (0, 0);
        let mut next = plain_line(block, connections).filter(|line| line.tag == tag);
        while lines < room
            && let Some(first) = next
        {
            // Consecutive lines of one connection.
            let (from, lines_from) = (at, lines);
            let end = room.min(lines + sender.room(first.connection) as u64);
            while lines < end
                && let Some(line) = next
                && line.connection == first.connection
            {
                lines += 1;
                let file_line = lines_before + lines;
                reorder_buffer.push_next(Line { tag, file_line }, line.command, now_us);
                at += line.bytes;
                tag += 1;
                next = plain_line(&block[at..], connections).filter(|line| line.tag == tag);
            }
            if lines == lines_from {
                break;
            }
            let count = (lines - lines_from) as usize;
            sender.push_tagged(first.connection, count, &block[from..at]);
        }
        if lines == 0 {
            return false;
        }
        if let Some(log) = sent {
            log.forget(reorder_buffer);
            log.push(SentLines { position, file_line: lines_before + 1, lines }, &block[..at]);
        }
        tally.on_sent(at, lines, lines);
        input.advance_lines(lines, at);
        lines == RUN_LINES_MAX
    }
}
