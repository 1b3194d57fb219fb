//! The time that the screen calculates with: the local clock, and how far the server's clock is
//! ahead of it.
//!
//! It is a plain value. It must never ask the operating system for the time: each event brings it.

/// The length of an order's reservation, in milliseconds.
const ORDER_LIFETIME_MS: u64 = 60_000;

/// The maximum offset of a server's clock that is believed: a year.
const OFFSET_MS_MAX: u64 = 31_536_000_000;

/// The local time of the current event and the offset of the server's clock.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in every name")]
pub(crate) struct Clock {
    started_ms: u64,
    now_ms: u64,
    offset_ms: i64,
}

impl Clock {
    /// Creates a clock that starts now, with the server's clock taken to be the same.
    pub(crate) const fn new(now_ms: u64) -> Self {
        Self { started_ms: now_ms, now_ms, offset_ms: 0 }
    }

    /// Moves the clock to the time of an event. It never moves backwards.
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Estimates the offset from a new order: the server set its expiry between the sending of the
    /// request and the arrival of the reply, and the midpoint is the best estimate.
    pub(super) fn synchronize(&mut self, sent_ms: u64, expires_at_ms: u64) {
        let midpoint = i64::try_from(u64::midpoint(sent_ms, self.now_ms)).unwrap_or(0);
        let decided_ms = expires_at_ms.saturating_sub(ORDER_LIFETIME_MS);
        let offset_ms = i64::try_from(decided_ms).unwrap_or(0).saturating_sub(midpoint);
        if offset_ms.unsigned_abs() <= OFFSET_MS_MAX {
            self.offset_ms = offset_ms;
        }
    }

    /// Returns the local time, Unix milliseconds.
    pub(crate) const fn now_ms(self) -> u64 {
        self.now_ms
    }

    /// Returns the local time at which the screen was opened, Unix milliseconds. Price changes are
    /// relative to it.
    pub(crate) const fn started_ms(self) -> u64 {
        self.started_ms
    }

    /// Returns how far the server's clock is ahead of the local one, in milliseconds.
    pub(crate) const fn offset_ms(self) -> i64 {
        self.offset_ms
    }

    /// Returns the server's time, Unix milliseconds.
    pub(crate) const fn server_ms(self) -> u64 {
        self.now_ms.saturating_add_signed(self.offset_ms)
    }

    /// Returns the time until a moment of the server's clock, in milliseconds; 0 once it has
    /// passed.
    pub(crate) const fn left_ms(self, server_ms: u64) -> u64 {
        server_ms.saturating_sub(self.server_ms())
    }

    /// Returns the local time since a moment, in milliseconds.
    pub(crate) const fn since_ms(self, local_ms: u64) -> u64 {
        self.now_ms.saturating_sub(local_ms)
    }
}
