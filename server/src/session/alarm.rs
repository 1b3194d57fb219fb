//! One timer for all that a session waits for, so that a connection costs one entry in the runtime's wheel.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use tokio::time::{Instant, Sleep};

/// Rings at the time it was last set to. Being set to a later time costs nothing: it rings early and is set anew.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// It is not wanted at the moment.
    off: bool,
}

impl Alarm {
    /// Has it ring at this time, or not at all.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.off = at.is_none();
        let Some(at) = at else { return };
        match &mut self.sleep {
            Some(sleep) if sleep.is_elapsed() || at < sleep.deadline() => sleep.as_mut().reset(at),
            Some(_) => {}
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// Whether it rings; if not, the task is woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        !self.off && self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready())
    }
}
