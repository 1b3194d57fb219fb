//! The memory of all outboxes together, and its bound.
//!
//! It must never end a connection whose output is small: what is ended first is the largest.

use super::Outbox;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// The output of all connections that waits to be written.
#[derive(Debug)]
pub struct OutputMemory {
    used: AtomicUsize,
    limit: AtomicUsize,
    /// Notified when the limit is passed.
    passed: Notify,
    next_id: AtomicU64,
    outboxes: Mutex<BTreeMap<u64, Weak<Outbox>>>,
}

impl OutputMemory {
    /// Creates the count with a limit, bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            passed: Notify::new(),
            next_id: AtomicU64::new(0),
            outboxes: Mutex::default(),
        }
    }

    /// Returns the output that waits, bytes.
    #[cfg(feature = "metrics")]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Changes the limit, bytes.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
        self.passed.notify_one();
    }

    /// Adds an outbox. Returns the number to remove it by.
    pub(in crate::session) fn add(&self, outbox: &Arc<Outbox>) -> u64 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.outboxes.lock().insert(id, Arc::downgrade(outbox));
        id
    }

    /// Removes an outbox.
    pub(in crate::session) fn remove(&self, id: u64) {
        self.outboxes.lock().remove(&id);
    }

    /// Counts a change of an outbox from one size to another.
    pub(super) fn change(&self, from: usize, to: usize) {
        if from > to {
            self.used.fetch_sub(from - to, Ordering::Relaxed);
        } else if from < to {
            let used = self.used.fetch_add(to - from, Ordering::Relaxed) + (to - from);
            if used > self.limit.load(Ordering::Relaxed) {
                self.passed.notify_one();
            }
        }
    }

    /// Ends the connections with the largest output while the limit is passed. Never returns.
    pub async fn keep(self: Arc<Self>) {
        loop {
            self.passed.notified().await;
            let mut by_size: Vec<(usize, Arc<Outbox>)> = self
                .outboxes
                .lock()
                .values()
                .filter_map(Weak::upgrade)
                .map(|outbox| (outbox.held_bytes(), outbox))
                .collect();
            by_size.sort_by_key(|(bytes, _)| *bytes);
            // By the same sizes as those that decide which connections are ended.
            let held: usize = by_size.iter().map(|(bytes, _)| bytes).sum();
            let mut excess = held.saturating_sub(self.limit.load(Ordering::Relaxed));
            // Each of them is closed by its session, which frees its memory.
            while excess > 0
                && let Some((bytes, outbox)) = by_size.pop()
            {
                excess = excess.saturating_sub(bytes);
                if outbox.give_up() {
                    tracing::warn!(bytes, "closed a connection: the memory for replies is used up");
                }
            }
        }
    }
}
