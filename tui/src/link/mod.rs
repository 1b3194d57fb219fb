//! The connection of the screen to the server: it reconnects without being asked, and it carries
//! requests one way and lines the other way. It is up once the server has answered a PING, and
//! [`pulse`] judges it from then on. It never sends anything twice.

mod aside;
mod exchange;
mod pulse;

use crate::app::LinkEvent;
use crate::remote::Server;
use daytrade_protocol::Request;
use exchange::Exchange;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The delay before the first retry; it doubles with each one.
const RETRY_MIN: Duration = Duration::from_millis(250);
/// The maximum delay, and so the maximum time until a server's return is noticed.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// The number of retries after a lost connection that use [`RECONNECT_MAX`].
const RECONNECT_TRIES: u32 = 40;
/// The maximum delay after a lost connection, so that a restart of the server is noticed within a
/// second.
const RECONNECT_MAX: Duration = Duration::from_millis(700);
/// The delay after an answer that the next attempt would get as well.
const FINAL_RETRY: Duration = Duration::from_mins(5);
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
    server: Server,
    now_ms: fn() -> u64,
) -> (UnboundedSender<LinkRequest>, UnboundedReceiver<LinkEvent>) {
    let ((request_sender, requests), (events, event_receiver)) =
        (unbounded_channel(), unbounded_channel());
    tokio::spawn(run_link(server, requests, events, now_ms));
    (request_sender, event_receiver)
}

/// Connects and reconnects until the requests or the events have no other end.
async fn run_link(
    mut server: Server,
    mut requests: UnboundedReceiver<LinkRequest>,
    events: UnboundedSender<LinkEvent>,
    now_ms: fn() -> u64,
) {
    let (mut attempt, mut was_up) = (1, false);
    let mut random = ChaCha8Rng::seed_from_u64(now_ms());
    loop {
        let mut is_final = false;
        if server.find_again() {
            let _ = events.send(LinkEvent::Moved(server.address.host_port()));
        }
        let cause = match server.connect().await {
            Ok((stream, identity)) => {
                // Requests from the time without a connection are not sent late.
                while requests.try_recv().is_ok() {}
                let mut exchange = Exchange::new(stream, identity, &server, &events);
                let Some(cause) = exchange.run(&mut requests).await else { return };
                if exchange.is_up() {
                    (attempt, was_up) = (1, true);
                    cause
                } else {
                    attempt += 1;
                    format!("{}: {cause}", server.address)
                }
            }
            Err(error) => {
                attempt += 1;
                is_final = error.is_final;
                error.cause
            }
        };
        let jitter = Duration::from_millis(random.random_range(0..JITTER_MS_MAX));
        // Wrong secrets must not be tried again and again.
        let delay = if is_final { FINAL_RETRY } else { retry_delay(attempt, was_up) } + jitter;
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

fn error_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server has closed the connection".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection lost".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
