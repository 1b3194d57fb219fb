//! The transport of a session, the bytes that are being written to it, and what is ready.

use super::login::Interrupt;
use super::outbox::{Chunk, Load, Outbox};
use super::timer::Timer;
use crate::audit::LogPart;
use bytes::Buf as _;
use std::collections::VecDeque;
use std::io::{self, Cursor};

/// The transport, and the bytes that are being written to it.
pub(super) struct Link<R> {
    pub(super) reader: R,
    chunks: VecDeque<Chunk>,
    pub(super) writing: Cursor<Chunk>,
    /// True if the transport keeps written bytes until a flush.
    pub(super) has_buffer: bool,
    /// True if it may hold such bytes now.
    pub(super) is_unflushed: bool,
    pub(super) timer: Timer,
}

impl<R> Link<R> {
    /// Creates the link of a transport.
    pub(super) fn new(reader: R, has_buffer: bool) -> Self {
        Self {
            reader,
            chunks: VecDeque::new(),
            writing: Cursor::default(),
            has_buffer,
            is_unflushed: false,
            timer: Timer::default(),
        }
    }

    /// Takes the next bytes to write, and returns how much is in flight.
    pub(super) fn refill(&mut self, outbox: &Outbox) -> Load {
        if self.writing.has_remaining() {
            return outbox.load();
        }
        let load = if self.chunks.is_empty() {
            let (chunks, load) = outbox.take();
            self.chunks = chunks;
            load
        } else {
            outbox.load()
        };
        let next = self.chunks.pop_front().unwrap_or_default();
        std::mem::replace(&mut self.writing, Cursor::new(next)).into_inner().reuse();
        load
    }

    /// Returns true if a part of lines that many connections receive is written: they write at the
    /// same time, and others should not wait for all they have.
    pub(super) fn should_yield(&self) -> bool {
        !self.writing.has_remaining() && matches!(self.writing.get_ref(), Chunk::Shared(_))
    }
}

/// Everything that is ready after one wait.
#[derive(Debug, Default)]
pub(super) struct ReadyEvents {
    pub(super) written: Option<io::Result<usize>>,
    pub(super) flushed: Option<io::Result<()>>,
    pub(super) log: Option<LogPart>,
    pub(super) interrupt: Option<Interrupt>,
    pub(super) moved: Option<Box<str>>,
    pub(super) read: Option<io::Result<usize>>,
    pub(super) changed: bool,
    pub(super) stop: bool,
    pub(super) timer: bool,
}

impl ReadyEvents {
    pub(super) const fn is_none(&self) -> bool {
        let is_quiet = !self.stop && !self.changed && !self.timer && self.interrupt.is_none();
        let is_quiet = is_quiet && self.moved.is_none();
        is_quiet
            && self.written.is_none()
            && self.read.is_none()
            && self.flushed.is_none()
            && self.log.is_none()
    }
}
