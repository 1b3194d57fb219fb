//! The connection of the screen: kept up by itself, one line at a time in both directions. It never
//! sends anything twice.

use crate::model::LinkEvent;
use crate::net::clean;
use daytrade_protocol::{ServerLine, Tag};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// The first pause before another try; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause, and so how late a server's return can be noticed.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A server that was there a moment ago is looked for often, so that its return is noticed within a
/// second.
const EAGER_TRIES: u32 = 40;
const EAGER_PAUSE_MAX: Duration = Duration::from_millis(700);

/// What the link is asked.
#[derive(Clone, Debug)]
pub enum LinkRequest {
    /// Send this line, if there is a connection; it is gone if not.
    Send(String),
    /// Do not wait for the next try.
    Reconnect,
}

/// Starts the link; it ends when the requests do. Must be called within a tokio runtime.
pub fn spawn_link(
    address: String,
    now_ms: fn() -> u64,
) -> (UnboundedSender<LinkRequest>, UnboundedReceiver<LinkEvent>) {
    let ((ask, requests), (events, heard)) = (unbounded_channel(), unbounded_channel());
    tokio::spawn(keep_up(address, requests, events, now_ms));
    (ask, heard)
}

async fn keep_up(
    address: String,
    mut requests: UnboundedReceiver<LinkRequest>,
    events: UnboundedSender<LinkEvent>,
    now_ms: fn() -> u64,
) {
    let (mut attempt, mut was_up) = (1, false);
    // So that many screens do not come back in the same moment.
    let mut random = ChaCha8Rng::seed_from_u64(now_ms());
    loop {
        let cause = match TcpStream::connect(&address).await {
            Ok(stream) => {
                (attempt, was_up) = (1, true);
                // What was asked for while there was no link is not sent late.
                while requests.try_recv().is_ok() {}
                if events.send(LinkEvent::Up).is_err() {
                    return;
                }
                match talk(stream, &mut requests, &events).await {
                    Some(cause) => cause,
                    None => return,
                }
            }
            Err(error) => {
                attempt += 1;
                format!("{address}: {}", in_words(&error))
            }
        };
        let most = if was_up && attempt < EAGER_TRIES { EAGER_PAUSE_MAX } else { PAUSE_MAX };
        let pause = PAUSE_MIN.saturating_mul(1 << attempt.min(5).saturating_sub(1)).min(most);
        let jitter = Duration::from_millis(random.random_range(0..100));
        let next_try_ms = now_ms() + (pause + jitter).as_millis() as u64;
        if events.send(LinkEvent::Down { cause, next_try_ms, attempt }).is_err() {
            return;
        }
        let wait = tokio::time::sleep(pause + jitter);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                request = requests.recv() => match request {
                    None => return,
                    Some(LinkRequest::Reconnect) => break,
                    Some(LinkRequest::Send(_)) => {}
                },
            }
        }
    }
}

/// Until the connection ends, and why; None when nobody wants it any more.
async fn talk(
    stream: TcpStream,
    requests: &mut UnboundedReceiver<LinkRequest>,
    events: &UnboundedSender<LinkEvent>,
) -> Option<String> {
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    // When each request was written, by its tag: a round trip is measured here, where nothing waits
    // for a frame.
    let mut written: BTreeMap<u64, Instant> = BTreeMap::new();
    let tag_of =
        |line: &str| Tag::split_from(line.as_bytes()).and_then(|(tag, _)| tag).map(Tag::get);
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(text)) => {
                    let text = clean(&text);
                    // A line of a newer server that this client does not know is no reason to end.
                    if let Ok(line) = ServerLine::parse(text.as_bytes()) {
                        let tag = if let ServerLine::Reply(reply) = &line { reply.tag } else { None };
                        let since = tag.and_then(|tag| written.remove(&tag.get()));
                        let took_us = since.map(|since| since.elapsed().as_micros() as u64);
                        events.send(LinkEvent::Line { line, text, took_us }).ok()?;
                    }
                }
                Ok(None) => return Some("the server has closed the connection".to_owned()),
                Err(error) => return Some(in_words(&error)),
            },
            request = requests.recv() => match request? {
                LinkRequest::Send(mut line) => {
                    let now = Instant::now();
                    written.extend(tag_of(&line).map(|tag| (tag, now)));
                    while let Ok(LinkRequest::Send(next)) = requests.try_recv() {
                        written.extend(tag_of(&next).map(|tag| (tag, now)));
                        line.push('\n');
                        line.push_str(&next);
                    }
                    line.push('\n');
                    if let Err(error) = writer.write_all(line.as_bytes()).await {
                        return Some(in_words(&error));
                    }
                }
                LinkRequest::Reconnect => {}
            },
        }
    }
}

fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => {
            "the connection broke".to_owned()
        }
        _ => error.to_string(),
    }
}
