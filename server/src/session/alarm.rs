//! What wakes a session besides its socket and its outbox: one timer for all that it waits for, and
//! the server's stop. Each is asked once and then only looked at, because it goes on to wake the
//! task that asked.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Rings at the time it was last set to. Being set to a later time costs nothing: it rings early
/// and is set anew.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// It is not wanted at the moment.
    off: bool,
    /// Whom it wakes; None while it has not been asked since it was set.
    asked: Option<Waker>,
}

impl Alarm {
    /// Has it ring at this time, or not at all.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.off = at.is_none();
        let Some(at) = at else { return };
        match &mut self.sleep {
            Some(sleep) if sleep.is_elapsed() || at < sleep.deadline() => {
                sleep.as_mut().reset(at);
                self.asked = None;
            }
            Some(_) => {}
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// Whether it rings; if not, the task is woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let Some(sleep) = self.sleep.as_mut().filter(|_| !self.off) else { return false };
        if is_same(self.asked.as_ref(), context) {
            return sleep.is_elapsed();
        }
        self.asked = Some(context.waker().clone());
        // A task that has done enough for a turn would be told to come back, and be asked by
        // nobody: this poll has to count.
        pin!(unconstrained(sleep.as_mut())).poll(context).is_ready()
    }
}

/// The server's stop.
#[derive(Debug)]
pub(super) struct StopSignal {
    token: CancellationToken,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    asked: Option<Waker>,
}

impl StopSignal {
    /// A token of the session's own, so that looking at it is nobody else's business.
    pub(super) fn new(stop: &CancellationToken) -> Self {
        let token = stop.child_token();
        Self { stopped: Box::pin(token.clone().cancelled_owned()), token, asked: None }
    }

    /// Whether the server stops; if not, the task is woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if is_same(self.asked.as_ref(), context) {
            return self.token.is_cancelled();
        }
        self.asked = Some(context.waker().clone());
        self.stopped.as_mut().poll(context).is_ready()
    }
}

fn is_same(asked: Option<&Waker>, context: &Context<'_>) -> bool {
    asked.is_some_and(|waker| waker.will_wake(context.waker()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;
    use tokio::task::coop::consume_budget;

    #[tokio::test(start_paused = true)]
    async fn it_rings_however_much_its_task_has_done_before() {
        for done in 120..136 {
            let ringing = tokio::spawn(async move {
                let mut alarm = Alarm::default();
                for _ in 0..2 {
                    alarm.set(Some(Instant::now() + Duration::from_secs(1)));
                    for _ in 0..done {
                        consume_budget().await;
                    }
                    poll_fn(
                        |context| if alarm.poll(context) { Poll::Ready(()) } else { Poll::Pending },
                    )
                    .await;
                }
            });
            let rang = tokio::time::timeout(Duration::from_mins(1), ringing).await;
            assert!(matches!(rang, Ok(Ok(()))), "after {done}");
        }
    }
}
