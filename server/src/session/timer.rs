//! One timer for all deadlines of a session, and what it has in common with its other futures.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Waker};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

/// That a future will wake a task. As long as it is known not to be ready it need not be polled
/// again, which a session would otherwise do for every request.
#[derive(Debug, Default)]
pub(super) struct Registration(Option<Waker>);

impl Registration {
    /// Returns true if the future will wake this task.
    pub(super) fn is_of(&self, context: &Context<'_>) -> bool {
        self.0.as_ref().is_some_and(|waker| waker.will_wake(context.waker()))
    }

    /// Notes that the future was polled by this task and is pending.
    pub(super) fn note_pending(&mut self, context: &Context<'_>) {
        // A task that had used up its budget is only woken once more.
        if !has_budget_remaining() {
            self.0 = None;
        } else if !self.is_of(context) {
            self.0 = Some(context.waker().clone());
        }
    }
}

/// A timer that may fire early. Moving it to a later time costs nothing: it fires at the old time
/// and the session sets it again.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When it fires; None if it has fired or was never set.
    fires_at: Option<Instant>,
    is_set: bool,
    registration: Registration,
}

impl Timer {
    /// Sets the timer to fire at this time or earlier, or not at all.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.is_set = at.is_some();
        let Some(at) = at else { return };
        if self.fires_at.is_some_and(|fires_at| fires_at <= at) {
            return;
        }
        self.fires_at = Some(at);
        self.registration = Registration::default();
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// Returns true if the timer has fired; otherwise the task is woken when it does. `now` is None
    /// if the task may have been woken since the time was read.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, now: Option<Instant>) -> bool {
        let is_early = || self.fires_at.zip(now).is_some_and(|(fires_at, now)| now < fires_at);
        if !self.is_set || self.registration.is_of(context) && is_early() {
            return false;
        }
        let Some(sleep) = &mut self.sleep else { return false };
        let has_fired = sleep.as_mut().poll(context).is_ready();
        if has_fired {
            self.fires_at = None;
        } else {
            self.registration.note_pending(context);
        }
        has_fired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;
    use tokio::task::coop::consume_budget;

    #[tokio::test(start_paused = true)]
    async fn it_fires_even_if_its_task_has_used_up_its_budget() {
        for used in 120..136 {
            let waiting = tokio::spawn(async move {
                let mut timer = Timer::default();
                for _ in 0..2 {
                    timer.set(Some(Instant::now() + Duration::from_secs(1)));
                    for _ in 0..used {
                        consume_budget().await;
                    }
                    let mut now = Some(Instant::now());
                    let fired = |context: &mut Context<'_>| {
                        if timer.poll(context, now.take()) {
                            Poll::Ready(())
                        } else {
                            Poll::Pending
                        }
                    };
                    poll_fn(fired).await;
                }
            });
            let fired = tokio::time::timeout(Duration::from_mins(1), waiting).await;
            assert!(matches!(fired, Ok(Ok(()))), "after {used}");
        }
    }
}
