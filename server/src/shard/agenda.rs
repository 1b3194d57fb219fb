//! Work that events have left behind. It is done in slices, so that no round grows without bound.

use crate::engine::{Price, TriggerKey};
use crate::message::DumpDone;
use daytrade_protocol::{Money, Side, Symbol, UserName};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a hit says of a price that a market has shown.
#[derive(Clone, Debug)]
pub(super) struct ShownPrice {
    /// Time of the market's clock, Unix milliseconds.
    pub time_ms: u64,
    /// Key of the quote.
    pub key: Arc<str>,
}

/// A task of the agenda.
#[derive(Debug)]
pub(super) enum Task {
    /// Fire the triggers that a price reaches, after the last one fired.
    Fire {
        symbol: Symbol,
        price: Money,
        side: Side,
        after: Option<TriggerKey>,
        /// Set if a market has shown the price and no hit of it is recorded yet.
        shown: Option<ShownPrice>,
    },
    /// Resume a user's waiting commands; the first of them is decided at this price.
    Resume { user: UserName, price: Price },
    /// Answer a DUMPLOG.
    DumpDone(Box<DumpDone>),
}

/// The queue of tasks.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    tasks: VecDeque<Task>,
    /// Triggers to fire once the disk has enough free space to record it.
    deferred: VecDeque<Task>,
}

impl Agenda {
    /// Appends a task.
    pub(super) fn push(&mut self, task: Task) {
        self.tasks.push_back(task);
    }

    /// Appends a task for each user whose command waited for a price.
    pub(super) fn resume_all(&mut self, users: Vec<UserName>, price: Price) {
        self.tasks.extend(users.into_iter().map(|user| Task::Resume { user, price }));
    }

    /// Puts back what is left of the first task.
    pub(super) fn put_back(&mut self, task: Task) {
        self.tasks.push_front(task);
    }

    /// Takes the first task.
    pub(super) fn pop(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// Keeps a task until [`Agenda::restore_deferred`].
    pub(super) fn defer(&mut self, task: Task) {
        self.deferred.push_back(task);
    }

    /// Returns the deferred tasks to the head of the queue: older prices fire first.
    pub(super) fn restore_deferred(&mut self) {
        self.deferred.append(&mut self.tasks);
        std::mem::swap(&mut self.deferred, &mut self.tasks);
    }

    /// Drops all tasks but answers to DUMPLOGs: the accounts are another server's.
    pub(super) fn keep_dumps(&mut self) {
        self.deferred.clear();
        self.tasks.retain(|task| matches!(task, Task::DumpDone(_)));
    }

    /// Returns true if there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
