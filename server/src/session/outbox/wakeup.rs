//! Wakes the session of an outbox, and only if it has something to do.

use std::task::{Context, Waker};

/// The session's waker, and what it waits for.
#[derive(Default)]
pub(super) struct Wakeup {
    /// The session's waker; None while the session is awake.
    waker: Option<Waker>,
    /// True if the session waits for requests to be answered.
    wants_answers: bool,
    /// True if something was handed over since the session last looked.
    changed: bool,
}

impl Wakeup {
    /// Notes that something was handed over. Returns the waker if the session must be woken:
    /// `urgent` means that it has bytes to write or must close.
    pub(super) fn notify(&mut self, urgent: bool) -> Option<Waker> {
        self.changed = true;
        if urgent || self.wants_answers { self.waker.take() } else { None }
    }

    /// Returns true if the session has to act on something handed over since the last call.
    /// Otherwise registers the session to be woken. A reply that is already written needs no
    /// attention unless the session `wants_answers`.
    pub(super) fn poll(
        &mut self,
        context: &Context<'_>,
        wants_answers: bool,
        is_waiting: bool,
        must_close: bool,
    ) -> bool {
        self.wants_answers = wants_answers;
        let changed = std::mem::take(&mut self.changed);
        if is_waiting || changed && (wants_answers || must_close) {
            return true;
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.waker = Some(context.waker().clone());
        }
        false
    }

    /// Forgets the waker: the session has ended.
    pub(super) fn clear(&mut self) {
        self.waker = None;
    }
}
