//! The two orderly ends of a session that is not idle: the server stops, or the client does not
//! read its account events.

use super::timer::Registration;
use crate::limits::LINGER_MS;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a client must be silent before a stopping server closes its connection.
pub(super) const SILENCE: Duration = Duration::from_millis(100);
/// Longest time that a stopping server answers a client that keeps sending.
const STOP_ANSWERING: Duration = Duration::from_secs(1);

/// Tells all sessions and listeners that the server stops.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    token: CancellationToken,
    /// True before the token is cancelled: looking at it takes no lock.
    begun: Arc<AtomicBool>,
}

impl StopSignal {
    /// Begins the stop.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Returns the token that is cancelled.
    #[cfg(feature = "remote")]
    pub(crate) const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Waits for it.
    pub(crate) async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Returns true once it has begun; the token may not have told everybody yet.
    fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}

/// The server's stop, as one session sees it.
pub(super) struct StopTimer {
    stop: StopSignal,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    registration: Registration,
    /// Once the server stops: the time until which to wait for silence, and the latest time.
    limits: Option<(Instant, Instant)>,
}

impl StopTimer {
    /// Creates the timer of one session.
    pub(super) fn new(stop: &StopSignal) -> Self {
        // A token of its own: polling it takes no lock that another session holds.
        let stopped = Box::pin(stop.token.child_token().cancelled_owned());
        Self { stop: stop.clone(), stopped, registration: Registration::default(), limits: None }
    }

    /// Returns true once the server stops: requests not yet begun are refused.
    pub(super) const fn is_stopping(&self) -> bool {
        self.limits.is_some()
    }

    /// Returns true when the server has just stopped; otherwise the task is woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let will_wake = || self.registration.is_of(context) && !self.stop.has_begun();
        if self.is_stopping() || will_wake() {
            return false;
        }
        let has_stopped = self.stopped.as_mut().poll(context).is_ready();
        if !has_stopped {
            self.registration.note_pending(context);
        }
        has_stopped
    }

    /// Begins to wait for silence.
    pub(super) fn begin(&mut self, now: Instant) {
        self.limits = Some((now + SILENCE, now + STOP_ANSWERING));
    }

    /// Notes that the client has sent something.
    pub(super) fn note_read(&mut self, now: Instant) {
        if let Some((silent_at, _)) = &mut self.limits {
            *silent_at = now + SILENCE;
        }
    }

    /// Returns true if the connection should end: the client is silent, or has had its time.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.limits.is_some_and(|(silent_at, stop_by)| now >= silent_at.min(stop_by))
    }

    /// Returns when it will be over, unless it is.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let (silent_at, stop_by) = self.limits.filter(|_| !self.is_over(now))?;
        Some(silent_at.min(stop_by))
    }
}

/// Gives a client that did not read its account events some time to take what is left.
#[derive(Debug, Default)]
pub(super) struct SlowConsumer {
    give_up_at: Option<Instant>,
}

impl SlowConsumer {
    /// Notes whether the client is too slow. Returns true if it was not before.
    pub(super) fn note(&mut self, too_slow: bool, now: Instant) -> bool {
        let is_new = too_slow && self.give_up_at.is_none();
        if is_new {
            self.give_up_at = Some(now + Duration::from_millis(LINGER_MS));
        }
        is_new
    }

    /// Ends the session of a client whose time is over.
    ///
    /// # Errors
    /// `TimedOut`.
    pub(super) fn check(&self, now: Instant) -> io::Result<()> {
        if self.give_up_at.is_some_and(|at| at <= now) {
            let message = "the client did not read its account events";
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        Ok(())
    }

    /// Returns when its time is over, if it is too slow.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}
