//! The shared state of a replay: passes lines from the file to the connections, and replies from
//! the connections to the outputs.
//!
//! It connects the parts and owns no data of its own except the options. It must never do network
//! I/O or wait.

mod moved;
mod runs;
mod sending;

use super::expect::{Expectation, ReplyChecker};
use super::input::InputQueue;
use super::printer::ReplyPrinter;
use super::progress::ProgressTracker;
use super::reorder_buffer::{Answer, ReorderBuffer};
use super::sender::Sender;
use super::sent_log::SentLog;
use super::summary::Summary;
use super::tally::Tally;
use crate::replay_message::{Control, Progress};
use bytes::Bytes;
use daytrade_protocol::{Code, Reply, ReplyBody, ServerLine};
use std::io;
use std::time::Instant;

/// How lines are sent and replies are treated.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Default)]
pub(super) struct Options {
    pub print: bool,
    pub mask: bool,
    pub noreply: bool,
    pub fail_fast: bool,
    /// Keep the path of the last log that was dumped.
    pub keep_dump: bool,
    /// Keep what is not answered: the server may name another one to send it to.
    pub keep_lines: bool,
    /// Limit in lines per second.
    pub rate: Option<u64>,
    /// Name of the file in messages.
    pub file: String,
}

/// A replay between its file and its connections.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line, or final")]
pub(super) struct ReplayState {
    started: Instant,
    /// Time at which every line had its reply, in microseconds since the start.
    ended_us: Option<u64>,
    noreply: bool,
    /// True if a line waits for the replies to all before it.
    one_at_a_time: bool,
    rate: Option<u64>,
    /// True if a line is sent as it is, as soon as a place is free for it.
    sends_at_once: bool,
    /// True if the text of every reply is needed. Otherwise only malformed lines need it.
    needs_replies: bool,
    pub input: InputQueue,
    pub sender: Sender,
    reorder_buffer: ReorderBuffer,
    /// What may have to be sent again, if that is kept.
    sent: Option<SentLog>,
    /// Standard output, if the replies are printed.
    printer: Option<ReplyPrinter>,
    checker: ReplyChecker,
    tally: Tally,
    /// Progress for the monitor, if the replay has one.
    progress: Option<ProgressTracker>,
    /// Path of the last log that was dumped, if it is kept.
    dump: Option<String>,
    keeps_dump: bool,
    /// True after QUIT: the rest of the file is not sent.
    quit: bool,
    /// True once a line was sent that may log in.
    sent_others: bool,
    /// True once the server has said that it carries out nothing without a login.
    wants_login: bool,
}

impl ReplayState {
    pub(super) fn new(
        options: Options,
        connections: usize,
        expectation: Option<Expectation>,
        progress: Option<ProgressTracker>,
    ) -> Self {
        Self {
            started: Instant::now(),
            ended_us: None,
            noreply: options.noreply,
            one_at_a_time: options.fail_fast,
            rate: options.rate,
            sends_at_once: !options.noreply
                && !options.fail_fast
                && options.rate.is_none()
                && progress.is_none(),
            needs_replies: options.print
                || options.fail_fast
                || options.keep_dump
                || expectation.is_some()
                || progress.is_some(),
            input: InputQueue::default(),
            sender: Sender::new(connections),
            reorder_buffer: ReorderBuffer::default(),
            sent: options.keep_lines.then(|| SentLog::new(connections)),
            printer: options.print.then(|| ReplyPrinter::new(options.mask)),
            checker: ReplyChecker::new(expectation, options.fail_fast),
            tally: Tally::new(options.file, progress.is_none()),
            progress,
            dump: None,
            keeps_dump: options.keep_dump,
            quit: false,
            sent_others: false,
            wants_login: false,
        }
    }

    /// Returns the time since the start until the last reply, in microseconds.
    pub(super) fn now_us(&self) -> u64 {
        self.ended_us.unwrap_or_else(|| self.started.elapsed().as_micros() as u64)
    }

    /// Returns true after a refusal or a difference that ends the replay.
    pub(super) const fn has_failed(&self) -> bool {
        self.checker.has_failed()
    }

    /// Returns true if a monitor follows the replay.
    pub(super) const fn is_monitored(&self) -> bool {
        self.progress.is_some()
    }

    /// Takes a reply from a connection. Returns false if it belongs to no line in flight.
    #[inline]
    pub(super) fn take_reply(
        &mut self,
        connection: usize,
        tag: Option<u64>,
        refused: Option<Code>,
        reply: impl FnOnce() -> Bytes,
        now_us: u64,
    ) -> bool {
        let needs_text = self.needs_replies || refused.is_some_and(is_malformed);
        if !needs_text
            && !matches!(refused, Some(Code::Moved | Code::Unknown))
            && let Some(tag) = tag
            && let Some((command, took_us)) = self.reorder_buffer.store_bare(tag, refused, now_us)
        {
            self.sender.on_reply(connection);
            self.tally.on_reply(command, refused, took_us);
            return true;
        }
        let position = match tag {
            Some(tag) => self.reorder_buffer.position_of(tag),
            None => self.sender.pop_untagged(connection),
        };
        if refused == Some(Code::Moved) && self.keeps_lines() {
            return self.take_moved(connection, position);
        }
        let reply = if needs_text { reply() } else { Bytes::new() };
        let answer = Answer { refused, reply };
        let buffer = &mut self.reorder_buffer;
        let stored = position.and_then(|position| buffer.store_reply(position, answer, now_us));
        let Some((command, took_us)) = stored else { return false };
        self.sender.on_reply(connection);
        if let (Some(Code::Unknown), Some(position)) = (refused, position) {
            self.note_unknown(connection, position);
        }
        self.tally.on_reply(command, refused, took_us);
        true
    }

    /// Prints, checks and records the replies that are next in the order of the file.
    ///
    /// # Errors
    /// An error of standard output.
    pub(super) fn release_replies(&mut self) -> io::Result<()> {
        if !self.needs_replies {
            // What is left is reported: malformed lines, and those that will never be answered.
            self.reorder_buffer.skip_answered();
        }
        while !self.has_failed()
            && let Some(released) = self.reorder_buffer.pop()
        {
            let Answer { refused, reply } = released.answer;
            if let Some(code) = refused.filter(|code| is_malformed(*code)) {
                let text = String::from_utf8_lossy(&reply);
                let message = text.trim_end().splitn(3, ',').nth(2).unwrap_or_default();
                self.tally.on_malformed(released.file_line, &format!("{code}: {message}"));
            }
            if let Some(printer) = &mut self.printer {
                printer.print(&reply);
            }
            if self.keeps_dump
                && let Ok(ServerLine::Reply(Reply {
                    body: ReplyBody::DumpLog { path, .. }, ..
                })) = ServerLine::parse(reply.trim_ascii_end())
            {
                self.dump = Some(path.to_string());
            }
            let difference = self.checker.check(refused, &reply);
            if let Some(difference) = &difference {
                self.tally.on_difference(difference);
            }
            if self.checker.has_failed() {
                let reply = String::from_utf8_lossy(&reply);
                self.tally.on_stop(released.file_line, &crate::net::clean(reply.trim_end()));
            }
            if self.progress.is_none() {
                continue;
            }
            let now_us = self.now_us();
            if let Some(progress) = &mut self.progress {
                let refused = refused.map(Code::as_str);
                progress.on_reply(released.file_line, refused, &reply, difference, now_us);
            }
        }
        self.printer.as_mut().map_or(Ok(()), ReplyPrinter::flush)
    }

    /// Applies a command of the monitor.
    pub(super) fn control(&mut self, control: Control) {
        let now_us = self.now_us();
        if let Some(progress) = &mut self.progress {
            progress.apply(control, now_us);
        }
    }

    /// Returns the progress for the monitor, if the replay has one.
    pub(super) fn progress(&self) -> Option<Progress> {
        Some(self.progress.as_ref()?.snapshot(self.now_us(), self.tally.answered_bytes()))
    }

    /// Returns about how many bytes of the file are answered.
    pub(super) fn answered_bytes(&self) -> u64 {
        self.tally.answered_bytes()
    }

    /// Notes that no reply comes any more: reports expected replies that never came, and stops the
    /// clock.
    pub(super) fn end(&mut self) {
        if self.ended_us.is_some() {
            return;
        }
        self.ended_us = Some(self.now_us());
        if !self.has_failed()
            && let Some(message) = self.checker.missing()
        {
            self.tally.on_difference(&message);
        }
        if let Some(progress) = &mut self.progress {
            progress.end(self.tally.differences());
        }
    }

    /// Returns the lines that may have been carried out, as text.
    pub(super) fn unknown_text(&self) -> String {
        self.tally.unknown_text()
    }

    /// Returns the progress, without the time and the pace.
    pub(super) fn replay_progress(&self) -> Option<&Progress> {
        self.progress.as_ref().map(ProgressTracker::progress)
    }

    /// Stores the account that the monitor asked for.
    pub(super) fn set_instant(&mut self, instant: crate::replay_message::Instant) {
        if let Some(progress) = &mut self.progress {
            progress.set_instant(instant);
        }
    }

    /// Ends the replay.
    pub(super) fn finish(mut self) -> Outcome {
        self.end();
        let wall_us = self.now_us();
        let (failed, progress) = (self.has_failed(), self.progress());
        let mut summary = self.tally.finish(wall_us);
        summary.compared = self.checker.compares();
        Outcome { summary, failed, progress, dump: self.dump }
    }
}

/// Outcome of a replay.
pub(super) struct Outcome {
    pub summary: Summary,
    /// True if a refusal or a difference ended the replay.
    pub failed: bool,
    /// Last progress, if the replay had a monitor.
    pub progress: Option<Progress>,
    /// Path of the last log that was dumped, if it was to be kept.
    pub dump: Option<String>,
}

/// Returns true if the code refuses the form of the line, independent of the account.
const fn is_malformed(code: Code) -> bool {
    matches!(
        code,
        Code::BadLine
            | Code::LineTooLong
            | Code::UnknownCommand
            | Code::BadArguments
            | Code::BadUser
            | Code::BadSymbol
            | Code::BadAmount
            | Code::BadFilename
    )
}
