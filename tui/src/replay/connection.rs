//! One connection of a replay: sends its lane's lines, takes its replies.

use super::state::{Feed, State};
use anyhow::{Context as _, bail};
use bytes::{Buf, BytesMut};
use daytrade_protocol::{Code, Tag};
use std::cell::RefCell;
use std::io::Cursor;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
/// How long nothing may happen while replies are owed; longer than any quote may take.
const STALL: Duration = Duration::from_mins(1);
/// How often `--rate` is looked at.
const RATE_TICK: Duration = Duration::from_millis(2);

/// What the tasks of a replay share; they run on one thread.
pub(super) struct Shared {
    pub state: RefCell<State>,
    /// Wakes each connection: there may be something to send.
    pub wake: Vec<Notify>,
    /// Wakes the reader of the file: a block is used up.
    pub wants_block: Notify,
    /// Wakes whoever tells the watcher: something was answered.
    pub answered: Notify,
}

/// A connection ended because standard output is closed: whoever reads has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("the replies cannot be printed")]
pub(super) struct Unread(#[source] pub std::io::Error);

/// Runs one lane to the end.
pub(super) async fn drive(
    lane: usize,
    mut stream: TcpStream,
    shared: Rc<Shared>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    let mut sending = Cursor::new(Vec::new());
    let mut input = BytesMut::new();
    let (mut half_closed, mut last_news, mut was_idle) = (false, Instant::now(), true);
    loop {
        let (feed, in_flight) = next_to_send(&shared, lane, &mut sending);
        if was_idle {
            last_news = Instant::now();
        }
        was_idle = in_flight == 0;
        if feed == Feed::Ended && !sending.has_remaining() && !half_closed {
            writer.shutdown().await?;
            half_closed = true;
        }
        if shared.state.borrow().failed {
            return Ok(());
        }
        input.reserve(READ_BYTES);
        tokio::select! {
            sent = writer.write_buf(&mut sending), if sending.has_remaining() => {
                sent.context("lost the server")?;
                last_news = Instant::now();
            }
            read = reader.read_buf(&mut input) => {
                last_news = Instant::now();
                if read.context("lost the server")? == 0 {
                    return if half_closed && in_flight == 0 { Ok(()) } else { bail!("the server closed with {in_flight} lines unanswered") };
                }
                take_replies(&shared, lane, &mut input)?;
            }
            () = shared.wake[lane].notified() => {}
            () = tokio::time::sleep(RATE_TICK), if feed == Feed::NeedsTime => {}
            () = tokio::time::sleep_until(last_news + STALL), if in_flight > 0 => {
                bail!("no answer for {} s with {in_flight} lines unanswered", STALL.as_secs());
            }
        }
    }
}

/// Moves the lane's lines into an empty send buffer, after handing out what can be handed out.
fn next_to_send(shared: &Shared, lane: usize, sending: &mut Cursor<Vec<u8>>) -> (Feed, usize) {
    let mut state = shared.state.borrow_mut();
    let blocks = state.blocks();
    let feed = state.feed();
    if state.blocks() < blocks {
        shared.wants_block.notify_one();
    }
    for (other, wake) in shared.wake.iter().enumerate() {
        if other != lane && (feed == Feed::Ended || !state.lanes[other].out.is_empty()) {
            wake.notify_one();
        }
    }
    if !sending.has_remaining() && !state.lanes[lane].out.is_empty() {
        sending.set_position(0);
        sending.get_mut().clear();
        std::mem::swap(sending.get_mut(), &mut state.lanes[lane].out);
    }
    (feed, state.lanes[lane].in_flight)
}

/// Takes every whole reply that has arrived.
fn take_replies(shared: &Shared, lane: usize, input: &mut BytesMut) -> anyhow::Result<()> {
    let Some(end) = end_of_replies(input) else { return Ok(()) };
    let arrived = input.split_to(end).freeze();
    let mut state = shared.state.borrow_mut();
    let now_us = state.replies_at_us();
    // Where a reply begins, and where the line of it that is looked at does.
    let (mut from, mut line_from) = (0, 0);
    while let Some(length) = memchr::memchr(b'\n', &arrived[line_from..]) {
        let line = &arrived[line_from..line_from + length];
        let to = line_from + length + 1;
        if line.starts_with(b"* ") {
            (from, line_from) = (to, to);
            continue;
        }
        let Some((tag, body)) = Tag::split_from(line) else {
            bail!("not a reply: {}", String::from_utf8_lossy(line))
        };
        if body.starts_with(b"-") {
            let head = &line[..line.len() - body.len()];
            line_from = last_line(&arrived, to, head);
            continue;
        }
        let refused = body.strip_prefix(b"ERR,").map(|rest| {
            let code = memchr::memchr(b',', rest).map_or(rest, |comma| &rest[..comma]);
            Code::parse(code).unwrap_or(Code::BadLine)
        });
        let reply = || arrived.slice(from..to);
        if state.take_reply(lane, tag.map(Tag::get), refused, reply, now_us).is_err() {
            bail!(
                "a reply to no line that was sent: {}",
                crate::net::clean(&String::from_utf8_lossy(line))
            );
        }
        (from, line_from) = (to, to);
    }
    state.tell().map_err(Unread)?;
    if state.watched.is_some() {
        shared.answered.notify_one();
    }
    Ok(())
}

/// Where the last line of a reply begins, whose lines before it begin with this tag and a dash: at
/// the next line that has a blank behind the tag. Looking for the blank passes over a summary at
/// once, because its other lines have none. Without a tag, or such a line, simply the next line.
fn last_line(arrived: &[u8], next_line: usize, head: &[u8]) -> usize {
    if head.is_empty() {
        return next_line;
    }
    memchr::memchr_iter(b' ', &arrived[next_line..])
        .filter_map(|blank| (next_line + blank).checked_sub(head.len()))
        .find(|at| *at >= next_line && arrived[at - 1] == b'\n' && arrived[*at..].starts_with(head))
        .unwrap_or(next_line)
}

/// The byte behind the last whole reply: the last line that nothing of the same reply follows.
fn end_of_replies(input: &[u8]) -> Option<usize> {
    let mut end = input.len();
    loop {
        let lf = memchr::memrchr(b'\n', &input[..end])?;
        let from = memchr::memrchr(b'\n', &input[..lf]).map_or(0, |before| before + 1);
        let line = &input[from..lf];
        let goes_on = Tag::split_from(line).is_some_and(|(_, body)| body.starts_with(b"-"));
        if !goes_on {
            return Some(lf + 1);
        }
        end = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_reply_is_found_whatever_the_others_hold() {
        let reply = b"[2]-STAT,a [2] b,1\n[2]-STAT,[2] x\n[12] OK\n[2] OK,STATS,2\n[3] OK\n";
        let at = last_line(reply, 19, b"[2]");
        assert!(reply[at..].starts_with(b"[2] OK,STATS"));
        assert_eq!(last_line(b"-STAT,a,1\nOK", 10, b""), 10);
        assert_eq!(last_line(b"[2]-STAT,a b\n", 13, b"[2]"), 13);
    }

    #[test]
    fn only_whole_replies_are_taken() {
        assert_eq!(end_of_replies(b"[1] OK,PING\n[2]-STAT,a,1\n[2]-ST"), Some(12));
        assert_eq!(end_of_replies(b"-STAT,a,1\nOK,STATS,1\nOK"), Some(21));
        assert_eq!(end_of_replies(b"[2]-STAT,a,1\n"), None);
        assert_eq!(end_of_replies(b"[2] OK"), None);
    }
}
