//! Reads the lines of a connection and passes them on, as far as its bounds allow.

use super::connection::Session;
use super::dispatch::Next;
use crate::limits::BATCH_JOBS_MAX;
use daytrade_protocol::{ForeignProtocol, LineBlock, Parsed, parse_line};
use std::io;
use tokio::time::Instant;

impl Session {
    /// Answers a client that speaks another protocol and reads nothing more.
    fn end_foreign(&mut self, protocol: ForeignProtocol) {
        self.dispatcher.refuse_foreign(protocol);
        self.input.quit();
    }

    /// Takes the next line of a block. Returns None after the last line, or if the session must
    /// read no further lines.
    #[inline]
    fn take_line(&mut self, block: &mut LineBlock, stopping: bool) -> Option<Next> {
        let plain = block.next_plain(|tag, command, bytes| {
            self.may_go_on(bytes)?;
            Some(self.dispatcher.take_plain(tag, command, stopping))
        });
        if let Some(next) = plain {
            return next;
        }
        let line = block.next_line()?;
        let parsed = parse_line(line);
        if matches!(parsed, Parsed::Invalid(_))
            && let Some(protocol) = ForeignProtocol::of(line)
        {
            self.end_foreign(protocol);
            return None;
        }
        self.may_go_on(line.len() + 1)?;
        Some(self.dispatcher.take_line(parsed, stopping))
    }

    /// Counts the bytes of a line before the login. Returns None when there are too many.
    #[inline]
    fn may_go_on(&mut self, bytes: usize) -> Option<()> {
        let may = self.dispatcher.login.may_go_on(bytes);
        if !may {
            self.input.quit();
        }
        may.then_some(())
    }

    /// Reads the lines that have arrived by `now`, as far as the bounds allow; sends their jobs.
    pub(super) async fn read_lines(&mut self, now: Instant) -> io::Result<()> {
        loop {
            if self.dispatcher.is_holding() && self.dispatcher.release_held().await == Next::Quit {
                self.input.quit();
            }
            if self.dispatcher.is_holding() || self.input.has_quit() {
                break;
            }
            let stopping = self.stop.is_stopping();
            let Some(mut block) = self.input.take_block(stopping)? else {
                if self.input.is_tls() {
                    self.end_foreign(ForeignProtocol::Tls);
                }
                break;
            };
            self.idle.note(now);
            let load = self.dispatcher.outbox.load();
            let mut left = if self.dispatcher.may_take_more(&load) { BATCH_JOBS_MAX } else { 0 };
            let stalled = left == 0;
            self.dispatcher.expect(block.len());
            while left > 0 && !self.dispatcher.is_holding() && !self.input.has_quit() {
                let Some(next) = self.take_line(&mut block, stopping) else { break };
                if next == Next::Quit {
                    self.input.quit();
                }
                left -= 1;
                if self.dispatcher.take_replied_at_length() {
                    // Nothing else bounds such replies, and nothing else would let others run.
                    tokio::task::yield_now().await;
                    if !self.dispatcher.may_take_more(&self.dispatcher.outbox.load()) {
                        break;
                    }
                }
            }
            self.input.put_back(block);
            self.dispatcher.flush().await;
            if stalled {
                break;
            }
        }
        self.dispatcher.flush().await;
        Ok(())
    }
}
