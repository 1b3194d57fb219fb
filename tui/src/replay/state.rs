//! What the connections of a replay share: where the file has come to, what is in flight, what has
//! been told.

use super::expect::{Expectation, mask_line};
use super::line::{Outgoing, look_at};
use super::steer::Watched;
use super::summary::Summary;
use super::window::{Answer, Window};
use super::{Progress, Steer};
use bytes::Bytes;
use daytrade_protocol::{Code, LINE_BYTES_MAX, trim};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Instant;

/// Lines in flight on one connection. The server allows a few more; what is beyond them would wait
/// in the socket.
const IN_FLIGHT_MAX: usize = 60_000;
/// Lines in flight on all connections: what waits has fallen out of the processor's cache before
/// its reply comes.
const IN_FLIGHT_ALL: usize = 120_000;
/// However many connections there are, each may have so many.
const IN_FLIGHT_MIN: usize = 1_000;
/// Bytes that wait to be sent on one connection before more of the file is looked at.
const SEND_AHEAD_BYTES: usize = 128 << 10;
/// Bytes of early replies that are kept before more of the file is sent.
const EARLY_BYTES_MAX: usize = 256 << 20;
/// How many differences from what was expected are told one by one.
const DIFFERENCES_SHOWN: u64 = 10;

/// What asks for no reply.
const NOREPLY: &[u8] = b" noreply";

/// How replies are treated.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Default)]
pub(super) struct Options {
    pub print: bool,
    pub mask: bool,
    pub noreply: bool,
    pub fail_fast: bool,
    pub rate: Option<u64>,
    /// What to call the file in messages.
    pub file: String,
}

/// One connection's share.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Bytes to send.
    pub out: Vec<u8>,
    /// Places of untagged lines in flight, oldest first.
    untagged: VecDeque<u64>,
    pub in_flight: usize,
}

/// Why sending stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// More of the file has to arrive.
    NeedsInput,
    /// Replies have to arrive.
    NeedsReplies,
    /// `--rate` has to let more through.
    NeedsTime,
    /// Everything has been handed to the connections.
    Ended,
}

/// The replay.
pub(super) struct State {
    pub lanes: Vec<Lane>,
    /// Lines in flight on one of them.
    in_flight_max: usize,
    pub summary: Summary,
    options: Options,
    window: Window,
    blocks: VecDeque<Vec<u8>>,
    /// How far the first block has been read.
    at: usize,
    input_ended: bool,
    quit: bool,
    file_line: u64,
    started: Instant,
    early_bytes: usize,
    output: Vec<u8>,
    expectation: Option<Expectation>,
    /// What is kept for somebody who watches.
    pub watched: Option<Watched>,
    /// A refusal or a difference that ends the run.
    pub failed: bool,
}

impl State {
    pub(super) fn new(
        options: Options,
        connections: usize,
        expectation: Option<Expectation>,
    ) -> Self {
        Self {
            lanes: (0..connections).map(|_| Lane::default()).collect(),
            in_flight_max: (IN_FLIGHT_ALL / connections.max(1)).clamp(IN_FLIGHT_MIN, IN_FLIGHT_MAX),
            summary: Summary::default(),
            options,
            window: Window::default(),
            blocks: VecDeque::new(),
            at: 0,
            input_ended: false,
            quit: false,
            file_line: 0,
            started: Instant::now(),
            early_bytes: 0,
            output: Vec::new(),
            expectation,
            watched: None,
            failed: false,
        }
    }

    /// Adds input; None at its end.
    pub(super) fn add_block(&mut self, block: Option<Vec<u8>>) {
        match block {
            Some(block) => self.blocks.push_back(block),
            None => self.input_ended = true,
        }
    }

    /// How many blocks wait.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    fn now_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Hands lines to the connections, as many as may go now.
    pub(super) fn feed(&mut self) -> Feed {
        let now_us = self.now_us();
        loop {
            if self.failed || self.quit {
                return Feed::Ended;
            }
            let Some(block) = self.blocks.front() else {
                return if self.input_ended { Feed::Ended } else { Feed::NeedsInput };
            };
            let rest = &block[self.at..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.blocks.pop_front();
                self.at = 0;
                continue;
            };
            let (from, to) = (self.at, self.at + end);
            match look_at(&rest[..end], self.lanes.len()) {
                None => {
                    self.file_line += 1;
                    if let Some(watched) = &mut self.watched {
                        watched.progress.bytes.1 += (end + 1) as u64;
                    }
                }
                Some(line) => {
                    if let Some(reason) = self.must_wait(&line, end, now_us) {
                        return reason;
                    }
                    self.send(&line, from, to, now_us);
                }
            }
            self.at = to + 1;
        }
    }

    fn must_wait(&mut self, line: &Outgoing, bytes: usize, now_us: u64) -> Option<Feed> {
        let lane = &self.lanes[line.lane];
        if lane.in_flight >= self.in_flight_max
            || lane.out.len() >= SEND_AHEAD_BYTES
            || self.early_bytes >= EARLY_BYTES_MAX
        {
            return Some(Feed::NeedsReplies);
        }
        // One connection keeps the order by itself; several have to be brought together before a
        // DUMPLOG.
        if line.alone && self.lanes.len() > 1 && self.window.waiting() > 0 {
            return Some(Feed::NeedsReplies);
        }
        if self
            .options
            .rate
            .is_some_and(|rate| self.summary.lines > rate.saturating_mul(now_us) / 1_000_000)
        {
            return Some(Feed::NeedsTime);
        }
        let held_back = self
            .watched
            .as_ref()
            .and_then(|watched| watched.holds_back(self.window.waiting(), now_us));
        if held_back.is_some() {
            return held_back;
        }
        let answered = !self.is_silent(line, bytes);
        if answered {
            self.window.expect_tag(line.tag);
        }
        (answered && !self.window.has_room_for(line.tag)).then_some(Feed::NeedsReplies)
    }

    /// Whether the server will say nothing to a line of this length. One that has no room for `
    /// noreply` is sent as it is.
    const fn is_silent(&self, line: &Outgoing, bytes: usize) -> bool {
        line.noreply || (self.options.noreply && bytes + NOREPLY.len() <= LINE_BYTES_MAX)
    }

    fn send(&mut self, line: &Outgoing, from: usize, to: usize, now_us: u64) {
        self.file_line += 1;
        self.summary.lines += 1;
        self.quit = line.quits;
        if self.quit {
            self.summary.note_malformed(
                &self.options.file,
                self.file_line,
                "QUIT: the rest of the file is not sent",
            );
        }
        let silent = self.is_silent(line, to - from);
        if !silent {
            let place = self.window.sent(line, self.file_line, now_us);
            let lane = &mut self.lanes[line.lane];
            lane.in_flight += 1;
            if line.tag.is_none() {
                lane.untagged.push_back(place);
            }
        }
        let (Some(block), lane) = (self.blocks.front(), &mut self.lanes[line.lane]) else { return };
        if let Some(watched) = &mut self.watched {
            watched.sent(&block[from..to], !silent);
        }
        if silent && !line.noreply {
            lane.out.extend_from_slice(trim(
                block[from..to].strip_suffix(b"\r").unwrap_or(&block[from..to]),
            ));
            lane.out.extend_from_slice(NOREPLY);
            lane.out.push(b'\n');
        } else {
            lane.out.extend_from_slice(&block[from..=to]);
        }
    }

    /// Takes a reply of a connection. Err: it belongs to no line in flight.
    pub(super) fn take_reply(
        &mut self,
        lane: usize,
        tag: Option<u64>,
        refused: Option<Code>,
        reply: impl FnOnce() -> Bytes,
        now_us: u64,
    ) -> Result<(), ()> {
        let place = match tag {
            Some(tag) => self.window.place_of(tag),
            None => self.lanes[lane].untagged.pop_front(),
        };
        let wanted = self.options.print
            || self.expectation.is_some()
            || refused.is_some_and(is_malformed)
            || self.watched.is_some();
        let reply = if wanted { reply() } else { Bytes::new() };
        let bytes = reply.len();
        let answer = Answer { refused, reply };
        let (command, sent_us) =
            place.and_then(|place| self.window.answered(place, answer)).ok_or(())?;
        self.early_bytes += bytes;
        self.lanes[lane].in_flight -= 1;
        self.summary.count(command, refused, now_us.saturating_sub(sent_us));
        Ok(())
    }

    /// Microseconds since the start, for a batch of replies.
    pub(super) fn replies_at_us(&self) -> u64 {
        self.now_us()
    }

    /// Tells what can be told in the order of the file.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        while !self.failed
            && let Some(told) = self.window.tell()
        {
            let Answer { refused, reply } = told.answer;
            self.early_bytes -= reply.len();
            if let Some(code) = refused.filter(|code| is_malformed(*code)) {
                let text = String::from_utf8_lossy(&reply);
                let message = text.trim_end().splitn(3, ',').nth(2).unwrap_or_default();
                self.summary.note_malformed(
                    &self.options.file,
                    told.file_line,
                    &format!("{code}: {message}"),
                );
            }
            if self.options.print {
                self.print(&reply);
            }
            let difference = self.judge(refused, &reply);
            if self.watched.is_none() {
                continue;
            }
            let now_us = self.now_us();
            if let Some(watched) = &mut self.watched {
                watched.answered(told.file_line, refused.is_some(), &reply, difference, now_us);
            }
        }
        if self.output.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.output)?;
        self.output.clear();
        stdout.flush()
    }

    fn print(&mut self, reply: &[u8]) {
        if !self.options.mask {
            // A server's text must not do things to a terminal.
            self.output.extend(
                reply.iter().filter(|byte| **byte >= b' ' && **byte != 0x7f || **byte == b'\n'),
            );
            return;
        }
        for line in String::from_utf8_lossy(reply).lines() {
            self.output.extend_from_slice(mask_line(line).as_bytes());
            self.output.push(b'\n');
        }
    }

    /// Compares a reply with what was expected; says how it differs.
    fn judge(&mut self, refused: Option<Code>, reply: &[u8]) -> Option<String> {
        let Some(expectation) = &mut self.expectation else {
            self.failed = self.options.fail_fast && refused.is_some();
            return None;
        };
        let words = expectation.compare(reply).err()?;
        self.differs(&words);
        self.failed = self.options.fail_fast;
        Some(words)
    }

    fn differs(&mut self, words: &str) {
        self.summary.differences += 1;
        // Who watches sees it beside the reply.
        if self.watched.is_none() && self.summary.differences <= DIFFERENCES_SHOWN {
            let _ = writeln!(io::stderr(), "{}: {words}", self.options.file);
        }
    }

    /// Takes the word of somebody who watches.
    pub(super) fn steer(&mut self, steer: Steer) {
        let now_us = self.now_us();
        if let Some(watched) = &mut self.watched {
            watched.steer(steer, now_us);
        }
    }

    /// How far it has come, for somebody who watches.
    pub(super) fn progress(&mut self) -> Option<Progress> {
        let wall_us = self.now_us();
        let watched = self.watched.as_mut()?;
        watched.progress.wall_us = wall_us;
        Some(watched.progress.clone())
    }

    /// Ends the counting: the time it took, and what was expected and never came.
    pub(super) fn finish(&mut self) {
        self.summary.wall_us = self.now_us();
        if self.failed {
            return;
        }
        if let Some(words) = self.expectation.as_mut().and_then(Expectation::missing) {
            self.differs(&words);
        }
    }
}

/// Whether the line, rather than the account, is at fault.
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
