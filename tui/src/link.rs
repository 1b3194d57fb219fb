//! The connection of the screen to the server: it reconnects without being asked, and it carries
//! requests one way and lines the other way. It never sends anything twice.

use crate::app::LinkEvent;
use crate::net::clean;
use daytrade_protocol::{Request, ServerLine, Tag};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// The delay before the first retry; it doubles with each one.
const RETRY_MIN: Duration = Duration::from_millis(250);
/// The maximum delay, and so the maximum time until a server's return is noticed.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// The number of retries after a lost connection that use [`RECONNECT_MAX`].
const RECONNECT_TRIES: u32 = 40;
/// The maximum delay after a lost connection, so that a restart of the server is noticed within a
/// second.
const RECONNECT_MAX: Duration = Duration::from_millis(700);
/// The maximum random part of a delay, in milliseconds, so that many screens do not reconnect at
/// the same moment.
const JITTER_MS_MAX: u64 = 100;

/// A request to the link.
#[derive(Clone, Debug)]
pub(crate) enum LinkRequest {
    /// Send a request. It is dropped if there is no connection.
    Send(Request),
    /// Try to connect now.
    Reconnect,
}

/// Starts the link; it ends when the sender of its requests is dropped. Must be called within a
/// tokio runtime.
pub(crate) fn spawn_link(
    address: String,
    now_ms: fn() -> u64,
) -> (UnboundedSender<LinkRequest>, UnboundedReceiver<LinkEvent>) {
    let ((request_sender, requests), (events, event_receiver)) =
        (unbounded_channel(), unbounded_channel());
    tokio::spawn(run_link(address, requests, events, now_ms));
    (request_sender, event_receiver)
}

/// Connects and reconnects until the requests or the events have no other end.
async fn run_link(
    address: String,
    mut requests: UnboundedReceiver<LinkRequest>,
    events: UnboundedSender<LinkEvent>,
    now_ms: fn() -> u64,
) {
    let (mut attempt, mut was_up) = (1, false);
    let mut random = ChaCha8Rng::seed_from_u64(now_ms());
    loop {
        let cause = match TcpStream::connect(&address).await {
            Ok(stream) => {
                (attempt, was_up) = (1, true);
                // Requests from the time without a connection are not sent late.
                while requests.try_recv().is_ok() {}
                if events.send(LinkEvent::Up).is_err() {
                    return;
                }
                match exchange_lines(stream, &mut requests, &events).await {
                    Some(cause) => cause,
                    None => return,
                }
            }
            Err(error) => {
                attempt += 1;
                format!("{address}: {}", error_text(&error))
            }
        };
        let jitter = Duration::from_millis(random.random_range(0..JITTER_MS_MAX));
        let delay = retry_delay(attempt, was_up) + jitter;
        let next_try_ms = now_ms() + delay.as_millis() as u64;
        if events.send(LinkEvent::Down { cause, next_try_ms, attempt }).is_err()
            || !wait_to_retry(delay, &mut requests).await
        {
            return;
        }
    }
}

/// Returns the delay before an attempt, without its random part.
fn retry_delay(attempt: u32, was_up: bool) -> Duration {
    let max = if was_up && attempt < RECONNECT_TRIES { RECONNECT_MAX } else { RETRY_MAX };
    RETRY_MIN.saturating_mul(1 << attempt.min(5).saturating_sub(1)).min(max)
}

/// Waits for the delay or for a request to reconnect. Returns false when the sender of the requests
/// is dropped.
async fn wait_to_retry(delay: Duration, requests: &mut UnboundedReceiver<LinkRequest>) -> bool {
    let wait = tokio::time::sleep(delay);
    tokio::pin!(wait);
    loop {
        tokio::select! {
            () = &mut wait => return true,
            request = requests.recv() => match request {
                None => return false,
                Some(LinkRequest::Reconnect) => return true,
                Some(LinkRequest::Send(_)) => {}
            },
        }
    }
}

/// Carries requests and lines until the connection ends. Returns the cause, or None when the other
/// end of the requests or events is dropped.
async fn exchange_lines(
    stream: TcpStream,
    requests: &mut UnboundedReceiver<LinkRequest>,
    events: &UnboundedSender<LinkEvent>,
) -> Option<String> {
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    // Times of writing each request, by its tag. Round trips are measured here, because nothing
    // here waits for a frame.
    let mut written: BTreeMap<u64, Instant> = BTreeMap::new();
    let mut bytes = Vec::new();
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(text)) => {
                    let text = clean(&text);
                    // An unknown line of a newer server does not end the connection.
                    if let Ok(line) = ServerLine::parse(text.as_bytes()) {
                        let took_us = reply_tag(&line)
                            .and_then(|tag| written.remove(&tag.get()))
                            .map(|since| since.elapsed().as_micros() as u64);
                        events.send(LinkEvent::Line { line, text, took_us }).ok()?;
                    }
                }
                Ok(None) => return Some("the server has closed the connection".to_owned()),
                Err(error) => return Some(error_text(&error)),
            },
            request = requests.recv() => if let LinkRequest::Send(first) = request? {
                let now = Instant::now();
                bytes.clear();
                let mut write = |request: &Request| {
                    written.extend(request.tag.map(|tag| (tag.get(), now)));
                    request.write_to(&mut bytes);
                };
                write(&first);
                while let Ok(LinkRequest::Send(next)) = requests.try_recv() {
                    write(&next);
                }
                if let Err(error) = writer.write_all(&bytes).await {
                    return Some(error_text(&error));
                }
            },
        }
    }
}

/// Returns the tag of a reply; None for any other line.
const fn reply_tag(line: &ServerLine) -> Option<Tag> {
    if let ServerLine::Reply(reply) = line { reply.tag } else { None }
}

fn error_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection broke".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Body, SessionCommand};
    use tokio::net::TcpListener;

    fn ping(tag: u64) -> LinkRequest {
        let body = Body::Session(SessionCommand::Ping {});
        LinkRequest::Send(Request { tag: Tag::new(tag), noreply: false, body })
    }

    #[tokio::test]
    async fn a_request_is_sent_once_and_never_after_a_reconnect() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (requests, mut events) = spawn_link(address, || 0);
        let (stream, _) = listener.accept().await.unwrap();
        assert!(matches!(events.recv().await, Some(LinkEvent::Up)));
        requests.send(ping(1)).unwrap();
        requests.send(ping(2)).unwrap();
        let mut server = BufReader::new(stream);
        for expected in ["[1] PING\n", "[2] PING\n"] {
            let mut line = String::new();
            server.read_line(&mut line).await.unwrap();
            assert_eq!(line, expected);
        }
        server.get_mut().write_all(b"[1] OK,PING\n").await.unwrap();
        let reply = events.recv().await;
        assert!(matches!(reply, Some(LinkEvent::Line { took_us: Some(_), .. })), "{reply:?}");
        drop(server);
        assert!(matches!(events.recv().await, Some(LinkEvent::Down { attempt: 1, .. })));
        requests.send(ping(3)).unwrap();
        requests.send(LinkRequest::Reconnect).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(matches!(events.recv().await, Some(LinkEvent::Up)));
        requests.send(ping(4)).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        assert_eq!(line, "[4] PING\n");
    }
}
