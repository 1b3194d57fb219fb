//! Counts the requests of a connection that are read and not yet answered.
//!
//! The session reads the counts as its backpressure; they must never be changed by anything but a
//! request that is sent and a reply that is handed over.

use crate::limits::{
    IN_FLIGHT_MAX, SUMMARIES_AT_ONCE_MIN, SUMMARIES_BYTES_MAX, SUMMARY_BYTES_GUESS,
};
use crate::message::Replies;

/// Requests in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Requests read and not yet answered.
    pub in_flight: usize,
    /// Requests for a summary among them.
    pub summaries: usize,
    /// Size of the longest summary so far in bytes, 0 before the first.
    pub summary_bytes: usize,
}

impl Flow {
    /// Counts requests, and requests for a summary among them, that are sent to a shard.
    pub(super) const fn begin(&mut self, requests: usize, summaries: usize) {
        self.in_flight += requests;
        self.summaries += summaries;
    }

    /// Counts the requests that these replies answer.
    pub(super) fn answer(&mut self, replies: &Replies) {
        let (summaries, summary_bytes) = replies.summaries();
        self.in_flight = self.in_flight.saturating_sub(replies.answered());
        self.summaries = self.summaries.saturating_sub(summaries);
        self.summary_bytes = self.summary_bytes.max(summary_bytes);
    }

    /// Returns how many summaries may be requested at once, by the size of those seen. They are the
    /// only replies whose size the number of requests does not bound.
    pub fn summaries_max(&self) -> usize {
        let bytes = if self.summary_bytes == 0 { SUMMARY_BYTES_GUESS } else { self.summary_bytes };
        (SUMMARIES_BYTES_MAX / bytes).clamp(SUMMARIES_AT_ONCE_MIN, IN_FLIGHT_MAX)
    }
}
