//! The way of the lines from the file to the send buffers.

use super::ReplayState;
use crate::replay::line::{Outgoing, classify_line};
use crate::replay::sender::{NOREPLY, SendPause};
use crate::replay::sent_log::SentLines;
use daytrade_protocol::LINE_BYTES_MAX;
use std::ops::Range;

impl ReplayState {
    /// Moves lines from the file to the send buffers until one has to wait; returns the reason.
    pub(in crate::replay) fn send_lines(&mut self) -> SendPause {
        let now_us = self.now_us();
        loop {
            if self.has_failed() || self.quit {
                return SendPause::Finished;
            }
            self.send_plain_lines(now_us);
            let Some(range) = self.input.next_line() else {
                return if self.input.has_ended() {
                    SendPause::Finished
                } else {
                    SendPause::NeedsInput
                };
            };
            let length = range.len();
            match classify_line(self.input.bytes(range.clone()), self.sender.connections()) {
                None => {
                    self.input.advance(&range);
                    self.tally.on_skipped(length + 1);
                }
                Some(line) => {
                    if let Some(reason) = self.pause_reason(&line, length, now_us) {
                        return reason;
                    }
                    self.send(&line, range, now_us);
                }
            }
        }
    }

    /// Returns the reason why a line of this length may not be sent yet.
    fn pause_reason(&mut self, line: &Outgoing, length: usize, now_us: u64) -> Option<SendPause> {
        if self.sender.is_full(line.connection) || self.reorder_buffer.is_full_of_replies() {
            return Some(SendPause::NeedsReplies);
        }
        let unanswered = self.reorder_buffer.unanswered();
        // What follows a refusal must not be sent.
        if self.one_at_a_time && unanswered > 0 {
            return Some(SendPause::NeedsReplies);
        }
        // The server keeps the order of one connection. Several have to catch up before a DUMPLOG.
        if line.barrier && self.sender.connections() > 1 && unanswered > 0 {
            return Some(SendPause::NeedsReplies);
        }
        if self
            .rate
            .is_some_and(|rate| self.tally.lines() > rate.saturating_mul(now_us) / 1_000_000)
        {
            return Some(SendPause::NeedsTime);
        }
        let paced =
            self.progress.as_ref().and_then(|progress| progress.pause_reason(unanswered, now_us));
        if paced.is_some() {
            return paced;
        }
        if !self.expects_reply(line, length) {
            return None;
        }
        if self.reorder_buffer.room() == 0 {
            return Some(SendPause::NeedsReplies);
        }
        self.reorder_buffer.register_tag(line.tag);
        (!self.reorder_buffer.has_capacity_for(line.tag)).then_some(SendPause::NeedsReplies)
    }

    /// Returns true if the server replies to a line of this length. A line without capacity for
    /// ` noreply` is sent as it is.
    const fn expects_reply(&self, line: &Outgoing, length: usize) -> bool {
        !(line.noreply || self.noreply && length + NOREPLY.len() <= LINE_BYTES_MAX)
    }

    fn send(&mut self, line: &Outgoing, range: Range<usize>, now_us: u64) {
        let file_line = self.input.advance(&range);
        self.quit = line.quits;
        self.sent_others |= line.command.is_none();
        if self.quit {
            self.tally.on_malformed(file_line, "QUIT: the rest of the file is not sent");
        }
        let expects_reply = self.expects_reply(line, range.len());
        self.tally.on_sent(range.len() + 1, 1, u64::from(expects_reply));
        let position = self.reorder_buffer.next_position();
        if expects_reply {
            self.reorder_buffer.push(line.tag, line.command, file_line, now_us);
            let untagged = line.tag.is_none().then_some(position);
            self.sender.expect_reply(line.connection, untagged);
        }
        let with_lf = self.input.bytes(range.start..range.end + 1);
        let without_lf = &with_lf[..range.len()];
        if let Some(progress) = &mut self.progress {
            progress.on_sent(without_lf, expects_reply);
        }
        let mut wire_bytes = with_lf.len();
        if expects_reply || line.noreply {
            self.sender.push(line.connection, with_lf);
        } else {
            wire_bytes = self.sender.push_noreply(line.connection, without_lf);
        }
        let Some(log) = &mut self.sent else { return };
        log.forget(&self.reorder_buffer);
        if expects_reply {
            log.push(SentLines { position, file_line, lines: 1 }, with_lf);
        } else {
            let after = self.sender.expected(line.connection);
            log.push_noreply(line.connection, (position, file_line), after, wire_bytes);
        }
    }
}
