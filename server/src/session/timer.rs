//! One timer for all deadlines of a session.

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use tokio::time::{Instant, Sleep};

/// A timer that may fire early. Moving it to a later time costs nothing: it fires at the old time
/// and the session sets it again.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    is_set: bool,
}

impl Timer {
    /// Sets the timer to fire at this time or earlier, or not at all.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.is_set = at.is_some();
        let Some(at) = at else { return };
        match &mut self.sleep {
            Some(sleep) if sleep.is_elapsed() || at < sleep.deadline() => sleep.as_mut().reset(at),
            Some(_) => {}
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// Returns true if the timer has fired; otherwise the task is woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        self.is_set
            && self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready())
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
                    let fired = |context: &mut Context<'_>| {
                        if timer.poll(context) { Poll::Ready(()) } else { Poll::Pending }
                    };
                    poll_fn(fired).await;
                }
            });
            let fired = tokio::time::timeout(Duration::from_mins(1), waiting).await;
            assert!(matches!(fired, Ok(Ok(()))), "after {used}");
        }
    }
}
