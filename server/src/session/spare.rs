//! Memory that the sessions of a thread use in turn, so that it is in the processor's cache
//! whichever session has its turn, and sessions that wait need none.

use crate::limits::SPARE_OF_THREAD_MAX;
use std::cell::RefCell;

/// What no session of this thread needs at the moment.
pub(super) struct Spare<T>(RefCell<Vec<T>>);

impl<T: Default> Spare<T> {
    /// Creates an empty collection.
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Takes what was given back last; if there is nothing, a new one.
    pub(super) fn take(&self) -> T {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps something for the next session, unless there is enough.
    pub(super) fn give_back(&self, unused: T) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < SPARE_OF_THREAD_MAX {
            spare.push(unused);
        }
    }
}
