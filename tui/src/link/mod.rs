//! The connection of the screen to the server: it reconnects without being asked, and it carries
//! requests one way and lines the other way. It is up once the server has answered a PING, and
//! [`pulse`] judges it from then on. It follows the accounts of a cluster to the server that has
//! them. It never sends anything twice that may have been carried out.

mod aside;
mod exchange;
mod pulse;
mod written;

use crate::app::LinkEvent;
use crate::remote::{Follower, Server};
use daytrade_protocol::Request;
use exchange::{Ended, Exchange};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use written::{TurnedAway, is_worth};

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
    server: Server,
    requests: UnboundedReceiver<LinkRequest>,
    events: UnboundedSender<LinkEvent>,
    now_ms: fn() -> u64,
) {
    let (follower, again) = (Follower::new(server), Vec::new());
    let mut link = Link { follower, requests, events, again, attempt: 1, was_up: false };
    let mut random = ChaCha8Rng::seed_from_u64(now_ms());
    loop {
        let (cause, delay) = match link.connect_once().await {
            Attempt::Unheard => return,
            Attempt::Followed => continue,
            Attempt::Failed { cause, delay } => (cause, delay),
        };
        link.give_back();
        let jitter = Duration::from_millis(random.random_range(0..JITTER_MS_MAX));
        let delay = delay.unwrap_or_else(|| retry_delay(link.attempt, link.was_up)) + jitter;
        let attempt = link.attempt;
        let next_try_ms = now_ms() + delay.as_millis() as u64;
        if link.events.send(LinkEvent::Down { cause, next_try_ms, attempt }).is_err()
            || !wait_to_retry(delay, &mut link.requests).await
        {
            return;
        }
    }
}

/// The link between its connections.
struct Link {
    follower: Follower,
    requests: UnboundedReceiver<LinkRequest>,
    events: UnboundedSender<LinkEvent>,
    /// What was not carried out where the accounts were before.
    again: Vec<TurnedAway>,
    attempt: u32,
    was_up: bool,
}

/// How an attempt to connect has ended.
enum Attempt {
    /// Nobody listens any more.
    Unheard,
    /// The accounts are with another server, to which the next attempt goes.
    Followed,
    /// There is no connection, or none any more; the delay, if it is not the usual one.
    Failed { cause: String, delay: Option<Duration> },
}

impl Link {
    /// Connects, and carries requests and lines as long as the connection lasts.
    async fn connect_once(&mut self) -> Attempt {
        if self.follower.choose(self.attempt) {
            let address = self.follower.server().address.host_port();
            let _ = self.events.send(LinkEvent::Moved(address));
        }
        let server = self.follower.server().clone();
        let (stream, identity) = match server.connect().await {
            Ok(connected) => connected,
            Err(error) => {
                self.attempt += 1;
                // Wrong secrets must not be tried again and again.
                let delay = error.is_final.then_some(FINAL_RETRY);
                return Attempt::Failed { cause: error.cause, delay };
            }
        };
        // Requests from the time without a connection are not sent late.
        while self.requests.try_recv().is_ok() {}
        let again = std::mem::take(&mut self.again).into_iter();
        let again = again.map(|turned_away| turned_away.request).collect();
        let mut exchange = Exchange::new(stream, identity, &server, &self.events, again);
        let ended = exchange.run(&mut self.requests).await;
        let is_up = exchange.is_up();
        if is_up {
            self.was_up = true;
            self.follower.note_up();
        }
        let cause = match ended {
            Ended::Unheard => return Attempt::Unheard,
            Ended::Moved => {
                let (address, turned_away) = exchange.into_moved();
                return self.follow(address.as_deref(), turned_away);
            }
            Ended::NoOwner(cause) => {
                self.attempt += 1;
                cause
            }
            Ended::Lost(cause) if is_up => {
                self.attempt = 1;
                cause
            }
            Ended::Lost(cause) => {
                self.attempt += 1;
                format!("{}: {cause}", server.address)
            }
        };
        Attempt::Failed { cause, delay: None }
    }

    /// Goes on at the server that has the accounts, with what was not carried out.
    fn follow(&mut self, address: Option<&str>, turned_away: Vec<TurnedAway>) -> Attempt {
        self.again = turned_away;
        while let Ok(request) = self.requests.try_recv() {
            if let LinkRequest::Send(request) = request
                && is_worth(&request)
            {
                self.again.push(TurnedAway { request, reply: None });
            }
        }
        if let Err(not_followed) = self.follower.follow(address) {
            self.attempt += 1;
            let delay = Some(if not_followed.is_final { FINAL_RETRY } else { RETRY_MAX });
            return Attempt::Failed { cause: not_followed.to_string(), delay };
        }
        self.attempt = 1;
        let address = self.follower.server().address.host_port();
        let tags = self.again.iter().filter_map(|turned_away| turned_away.request.tag);
        let again = tags.map(daytrade_protocol::Tag::get).collect();
        match self.events.send(LinkEvent::Followed { address, again }) {
            Ok(()) => Attempt::Followed,
            Err(_) => Attempt::Unheard,
        }
    }

    /// Tells the trader what was not carried out and is not sent again.
    fn give_back(&mut self) {
        for (line, text) in self.again.drain(..).filter_map(|turned_away| turned_away.reply) {
            let _ = self.events.send(LinkEvent::Line { line, text, took_us: None });
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
