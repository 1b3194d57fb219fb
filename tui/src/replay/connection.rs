//! One connection of a replay: sends its lines and receives its replies.

use super::ending::{Moved, has_ended};
use super::read_buffer::ReadBuffer;
use super::sender::SendPause;
use super::state::ReplayState;
use crate::app::WANTS_LOGIN;
use crate::net::answers;
use crate::remote::{Follower, Server, Stream};
use anyhow::{Context as _, bail};
use bytes::Buf;
use daytrade_protocol::{Code, ServerLine, Tag};
use std::cell::RefCell;
use std::io::{self, Cursor};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Maximum size of one reply, bytes: a summary of every stock there is takes a quarter of it.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Time without any traffic, while replies are outstanding, after which the server is asked whether
/// it still answers.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Interval of looking at the answers.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// Time after which a server that does not answer that either is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout without any traffic while replies are outstanding; longer than any quote may take.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);
/// Interval at which a line that waits for its rate is checked again.
const RATE_CHECK_INTERVAL: Duration = Duration::from_millis(2);

/// State that the tasks of a replay share; they run on one thread.
pub(super) struct Shared {
    pub state: RefCell<ReplayState>,
    /// The server that was named by the user.
    pub home: Server,
    /// The server that has the accounts, as far as is known.
    pub server: RefCell<Server>,
    /// Wakes each connection: there may be something to send.
    pub wake: Vec<Notify>,
    /// Wakes the task that forwards the file: a block is used up.
    pub block_used: Notify,
    /// Wakes the monitor's task: replies have arrived.
    pub answered: Notify,
}

impl Shared {
    /// Wakes all connections.
    pub(super) fn wake_all(&self) {
        self.wake.iter().for_each(Notify::notify_one);
    }

    /// Prints what is next in the order of the file, and wakes the monitor.
    fn release_replies(&self, state: &mut ReplayState) -> anyhow::Result<()> {
        state.release_replies().map_err(PrintError)?;
        if state.is_monitored() {
            self.answered.notify_one();
        }
        Ok(())
    }
}

/// Standard output failed. A closed pipe is a reader that has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("the replies cannot be printed")]
pub(super) struct PrintError(#[source] pub std::io::Error);

/// Runs one connection, known by its index, to its end. If the accounts move to another server, it
/// goes on there with what was not carried out.
pub(super) async fn run_connection(
    connection: usize,
    stream: Stream,
    shared: Rc<Shared>,
) -> anyhow::Result<()> {
    let (mut stream, mut follower) = (stream, Follower::new(shared.home.clone()));
    loop {
        let (mut reader, writer) = tokio::io::split(stream);
        let (mut output, mut moved) = (Output::new(writer), Moved::default());
        let carried = {
            let server = follower.server();
            carry_lines(connection, server, &mut reader, &mut output, &shared, &mut moved).await
        };
        if carried.is_ok() && !moved.told || shared.state.borrow().wants_login() {
            return carried;
        }
        let unwritten = output.sending.remaining();
        let ended = shared.state.borrow_mut().end_connection(connection, moved.in_order, unwritten);
        carried?;
        shared.release_replies(&mut shared.state.borrow_mut())?;
        if shared.state.borrow().has_failed() || ended.again == 0 && output.may_close {
            return Ok(());
        }
        if moved.address.is_none() && ended.without_reply > 0 {
            bail!("the accounts have moved, and lines without replies cannot follow them");
        }
        let not_carried_out = || format!("{} lines were not carried out", ended.again);
        follower.follow(moved.address.as_deref()).with_context(not_carried_out)?;
        let connected = follower.server().connect().await.context("cannot connect");
        let (next, _) = connected.with_context(not_carried_out)?;
        shared.server.replace(follower.server().clone());
        shared.wake_all();
        stream = next;
    }
}

/// Carries lines and replies until the connection ends.
///
/// # Errors
/// If it is lost, unless the accounts are known to be elsewhere.
async fn carry_lines(
    connection: usize,
    server: &Server,
    reader: &mut ReadHalf<Stream>,
    output: &mut Output,
    shared: &Shared,
    moved: &mut Moved,
) -> anyhow::Result<()> {
    let mut buffer = ReadBuffer::default();
    let (mut last_traffic, mut was_idle) = (Instant::now(), true);
    // When the server was last known to answer.
    let mut answered = last_traffic;
    let asking = answers(server);
    tokio::pin!(asking);
    let (mut is_asking, mut ask_at) = (false, last_traffic + SILENCE_MAX);
    loop {
        let (pause, in_flight) = fill_send_buffer(shared, connection, &mut output.sending);
        if was_idle {
            last_traffic = Instant::now();
        }
        // Also after the last reply: the server has to take what is sent, and to close.
        let waits = in_flight > 0 || output.has_work() || output.closed;
        was_idle = !waits;
        answered = answered.max(last_traffic);
        ask_at = ask_at.max(answered + SILENCE_MAX);
        output.may_close |= pause == SendPause::Finished;
        if shared.state.borrow().has_failed() {
            return Ok(());
        }
        buffer.reserve();
        tokio::select! {
            // What is not sent to a server that carries out nothing more is surely not carried out.
            sent = output.progress(), if output.has_work() && !moved.told => {
                if sent.context("lost the connection to the server")? > 0 {
                    last_traffic = Instant::now();
                }
            }
            read = reader.read_buf(&mut buffer.input) => {
                last_traffic = Instant::now();
                let is_answered = output.closed && in_flight == 0;
                if has_ended(read, in_flight, is_answered, moved.told)? {
                    return Ok(());
                }
                process_replies(shared, connection, server, &mut buffer, moved)?;
                if moved.told && shared.state.borrow().sender.has_moved(connection)
                    || moved.in_order
                {
                    return Ok(());
                }
            }
            () = shared.wake[connection].notified() => {}
            () = tokio::time::sleep(RATE_CHECK_INTERVAL), if pause == SendPause::NeedsTime => {}
            answer = &mut asking, if is_asking => {
                is_asking = false;
                if answer {
                    answered = Instant::now();
                }
            }
            () = tokio::time::sleep_until(ask_at), if waits => {
                check_silence(server, answered, last_traffic, in_flight)?;
                // A quote may take its time, but a server that works answers a PING.
                if !is_asking {
                    asking.set(answers(server));
                    is_asking = true;
                }
                ask_at = Instant::now() + ASK_INTERVAL;
            }
        }
    }
}

/// Checks that a server is not silent for too long.
fn check_silence(
    server: &Server,
    answered: Instant,
    last_traffic: Instant,
    in_flight: usize,
) -> anyhow::Result<()> {
    let (asked, silent) = (answered.elapsed(), last_traffic.elapsed());
    if asked >= ANSWER_TIMEOUT || in_flight > 0 && silent >= REPLY_TIMEOUT {
        let (address, seconds) = (&server.address, silent.as_secs());
        bail!("no answer from {address} for {seconds} s; {in_flight} lines unanswered");
    }
    Ok(())
}

/// The sending half of a connection.
struct Output {
    writer: WriteHalf<Stream>,
    sending: Cursor<Vec<u8>>,
    /// True if written bytes may still be in a buffer of the transport.
    is_unflushed: bool,
    /// True once nothing more will be sent.
    may_close: bool,
    closed: bool,
}

impl Output {
    fn new(writer: WriteHalf<Stream>) -> Self {
        let sending = Cursor::new(Vec::new());
        Self { writer, sending, is_unflushed: false, may_close: false, closed: false }
    }

    /// Returns true if there is something to write, to flush or to close.
    fn has_work(&self) -> bool {
        self.sending.has_remaining() || self.is_unflushed || self.may_close && !self.closed
    }

    /// Does the next of these. It may wait for the server to read, so replies have to be read at
    /// the same time. Returns how many bytes were written.
    async fn progress(&mut self) -> io::Result<usize> {
        if self.sending.has_remaining() {
            let written = self.writer.write_buf(&mut self.sending).await?;
            self.is_unflushed = true;
            return Ok(written);
        }
        if self.is_unflushed {
            self.writer.flush().await?;
            self.is_unflushed = false;
        } else {
            self.writer.shutdown().await?;
            self.closed = true;
        }
        Ok(0)
    }
}

/// Moves lines from the file to the connections, and this connection's bytes to its send buffer if
/// that is empty. Returns why sending stopped, and the connection's lines in flight.
fn fill_send_buffer(
    shared: &Shared,
    connection: usize,
    sending: &mut Cursor<Vec<u8>>,
) -> (SendPause, usize) {
    let mut state = shared.state.borrow_mut();
    let blocks = state.input.blocks();
    let pause = state.send_lines();
    if state.input.blocks() < blocks {
        shared.block_used.notify_one();
    }
    for (other, wake) in shared.wake.iter().enumerate() {
        if other != connection && (pause == SendPause::Finished || state.sender.has_unsent(other)) {
            wake.notify_one();
        }
    }
    if !sending.has_remaining() && state.sender.has_unsent(connection) {
        sending.set_position(0);
        sending.get_mut().clear();
        state.sender.take_unsent(connection, sending.get_mut());
    }
    (pause, state.sender.in_flight(connection))
}

/// Processes every complete reply that has arrived.
fn process_replies(
    shared: &Shared,
    connection: usize,
    server: &Server,
    buffer: &mut ReadBuffer,
    moved: &mut Moved,
) -> anyhow::Result<()> {
    let Some(end) = end_of_replies(&buffer.input) else {
        if buffer.input.len() > REPLY_BYTES_MAX {
            bail!("not a daytrade server: a reply has more than {REPLY_BYTES_MAX} bytes");
        }
        return Ok(());
    };
    let arrived = buffer.take(end);
    let mut state = shared.state.borrow_mut();
    let now_us = state.now_us();
    // Start of the current reply, and of its current line.
    let (mut from, mut line_from) = (0, 0);
    while let Some(length) = memchr::memchr(b'\n', &arrived[line_from..]) {
        let line = &arrived[line_from..line_from + length];
        let to = line_from + length + 1;
        if line.starts_with(b"* ") {
            moved.take_push(line);
            (from, line_from) = (to, to);
            continue;
        }
        let Some((tag, body)) = Tag::split_from(line) else {
            bail!("{} is not a daytrade server", server.address)
        };
        if body.starts_with(b"-") {
            let prefix = &line[..line.len() - body.len()];
            line_from = find_last_line(&arrived, to, prefix);
            continue;
        }
        let refused = body.strip_prefix(b"ERR,").map(|rest| {
            let code = memchr::memchr(b',', rest).map_or(rest, |comma| &rest[..comma]);
            let code = Code::parse(code).unwrap_or(Code::BadLine);
            if code == Code::Moved {
                moved.note(rest.strip_prefix(b"MOVED,").unwrap_or_default());
            }
            code
        });
        if refused.is_some_and(|code| state.note_refusal(code)) {
            bail!("{}: {WANTS_LOGIN}", server.address);
        }
        let reply = || arrived.slice(from..to);
        if !state.take_reply(connection, tag.map(Tag::get), refused, reply, now_us) {
            let address = &server.address;
            let text = crate::net::clean(&String::from_utf8_lossy(line));
            if ServerLine::parse(line).is_err() {
                bail!("{address} is not a daytrade server (it sent {text:?})");
            }
            bail!("{address} sent a reply to no line that was sent: {text}");
        }
        (from, line_from) = (to, to);
    }
    shared.release_replies(&mut state)?;
    buffer.put_back(arrived);
    Ok(())
}

/// Returns the start of the last line of a reply whose earlier lines begin with this tag and a
/// dash: the next line that has a blank after the tag. The search for the blank skips a summary in
/// one step, because its other lines have none. Returns the next line if there is no tag or no
/// such line.
fn find_last_line(arrived: &[u8], next_line: usize, prefix: &[u8]) -> usize {
    if prefix.is_empty() {
        return next_line;
    }
    memchr::memchr_iter(b' ', &arrived[next_line..])
        .filter_map(|blank| (next_line + blank).checked_sub(prefix.len()))
        .find(|at| {
            *at >= next_line && arrived[at - 1] == b'\n' && arrived[*at..].starts_with(prefix)
        })
        .unwrap_or(next_line)
}

/// Returns the offset after the last complete reply: after the last line that no line of the same
/// reply follows.
fn end_of_replies(input: &[u8]) -> Option<usize> {
    let mut end = input.len();
    loop {
        let lf = memchr::memrchr(b'\n', &input[..end])?;
        let from = memchr::memrchr(b'\n', &input[..lf]).map_or(0, |before| before + 1);
        let line = &input[from..lf];
        let continues = Tag::split_from(line).is_some_and(|(_, body)| body.starts_with(b"-"));
        if !continues {
            return Some(lf + 1);
        }
        end = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_reply_is_found_for_any_contents_of_the_others() {
        let reply = b"[2]-STAT,a [2] b,1\n[2]-STAT,[2] x\n[12] OK\n[2] OK,STATS,2\n[3] OK\n";
        let at = find_last_line(reply, 19, b"[2]");
        assert!(reply[at..].starts_with(b"[2] OK,STATS"));
        assert_eq!(find_last_line(b"-STAT,a,1\nOK", 10, b""), 10);
        assert_eq!(find_last_line(b"[2]-STAT,a b\n", 13, b"[2]"), 13);
    }

    #[test]
    fn only_complete_replies_are_processed() {
        assert_eq!(end_of_replies(b"[1] OK,PING\n[2]-STAT,a,1\n[2]-ST"), Some(12));
        assert_eq!(end_of_replies(b"-STAT,a,1\nOK,STATS,1\nOK"), Some(21));
        assert_eq!(end_of_replies(b"[2]-STAT,a,1\n"), None);
        assert_eq!(end_of_replies(b"[2] OK"), None);
    }
}
