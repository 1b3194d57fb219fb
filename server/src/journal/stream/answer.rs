//! What a stream on other machines can do, and what it answers.

use std::time::Duration;

/// A replicated stream of messages, numbered from 1. All calls block.
pub trait Stream: Send + Sync {
    /// Tries once to append message `number`, if the last one is the one before it.
    fn append(&self, number: u64, bytes: &[u8]) -> Answer;

    /// Reads a message from the stream's leader. Returns None if the leader has no such message or
    /// does not answer.
    fn read(&self, number: u64) -> Option<Vec<u8>>;

    /// Returns the time since a fixed moment.
    fn now(&self) -> Duration;

    /// Waits.
    fn pause(&self, time: Duration);
}

/// What a stream answers to an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is durable on most replicas, under this number.
    Stored(u64),
    /// Another message is the last one than the one that was named.
    WrongLast,
    /// Nothing, or nothing that says what became of the message.
    Unknown,
}
