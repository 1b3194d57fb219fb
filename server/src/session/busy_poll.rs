//! Busy polling: while one or two clients send one command at a time, a thread of the runtime looks
//! for the next command instead of sleeping until the system wakes it. Waking it takes a quarter of
//! the time of a durable command.
//!
//! More clients, or several commands at once, keep the thread awake by themselves; polling would
//! then only take processor time from others.

use crate::limits::SESSION_SPIN;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::task;

/// Keeps a thread of the runtime awake. The numbers are estimates: a race costs one command the
/// time of a wake-up.
#[derive(Debug, Default)]
pub struct BusyPoll {
    /// The two connections that have sent last, in one word: the last one in the lower half. 0 is
    /// none.
    senders: AtomicU64,
    /// Commands sent by those two alone, one at a time.
    lone_commands: AtomicU64,
    /// True if polling is useful.
    is_useful: AtomicBool,
    is_asleep: AtomicBool,
    wake: Notify,
}

impl BusyPoll {
    /// Notes that a connection has sent this many commands at once. Connections whose numbers have
    /// the same low 32 bits count as one.
    pub(super) fn note(&self, connection: u64, commands: usize) {
        let id = connection & u64::from(u32::MAX) | 1 << 31;
        let senders = self.senders.load(Ordering::Relaxed);
        let (last, before) = (senders & u64::from(u32::MAX), senders >> 32);
        let is_useful = commands == 1 && (id == last || id == before);
        if id != last {
            self.senders.store(last << 32 | id, Ordering::Relaxed);
        }
        if is_useful {
            self.lone_commands.fetch_add(1, Ordering::Relaxed);
        }
        if is_useful != self.is_useful.load(Ordering::Relaxed) {
            self.is_useful.store(is_useful, Ordering::Relaxed);
        }
        if is_useful && self.is_asleep.load(Ordering::Relaxed) {
            self.is_asleep.store(false, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Polls as long as it is useful; otherwise waits until it is. Never returns.
    pub async fn run(&self) {
        loop {
            self.is_asleep.store(true, Ordering::Relaxed);
            self.wake.notified().await;
            self.poll().await;
        }
    }

    /// Polls until it is not useful, or no command has come for a while.
    async fn poll(&self) {
        let (mut seen, mut since) = (0, Instant::now());
        while self.is_useful.load(Ordering::Relaxed) {
            let commands = self.lone_commands.load(Ordering::Relaxed);
            if commands != seen {
                (seen, since) = (commands, Instant::now());
            } else if since.elapsed() >= SESSION_SPIN {
                break;
            }
            // The runtime polls its sockets before it goes on with a task that has yielded.
            task::yield_now().await;
            // Clients and shards may share the core.
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether polling was useful after each of these connections sent so many commands.
    fn useful_after(sent: &[(u64, usize)]) -> Vec<bool> {
        let busy_poll = BusyPoll::default();
        let after = |&(connection, commands)| {
            busy_poll.note(connection, commands);
            busy_poll.is_useful.load(Ordering::Relaxed)
        };
        sent.iter().map(after).collect()
    }

    #[test]
    fn polling_is_useful_for_one_or_two_connections_with_one_command_at_a_time() {
        assert_eq!(useful_after(&[(0, 1), (0, 1), (0, 1)]), [false, true, true]);
        assert_eq!(useful_after(&[(7, 1), (8, 1), (7, 1), (8, 1)]), [false, false, true, true]);
        assert_eq!(useful_after(&[(7, 1), (7, 1), (7, 30), (7, 1)]), [false, true, false, true]);
        let three: Vec<_> = (0..30).map(|n| (n % 3, 1)).collect();
        assert!(useful_after(&three).iter().all(|useful| !useful), "three connections in turn");
    }

    #[tokio::test]
    async fn it_polls_after_a_lone_command_and_ends_by_itself() {
        let busy_poll = BusyPoll::default();
        busy_poll.poll().await;
        busy_poll.note(1, 1);
        busy_poll.note(1, 1);
        let begun = Instant::now();
        busy_poll.poll().await;
        assert!(begun.elapsed() >= SESSION_SPIN);
        // Another connection ends it at once: this one would otherwise poll for ever.
        let sends_many = async {
            for _ in 0..1_000 {
                busy_poll.note(1, 1);
                task::yield_now().await;
            }
            busy_poll.note(2, 5);
        };
        tokio::join!(busy_poll.poll(), sends_many);
        assert!(!busy_poll.is_useful.load(Ordering::Relaxed));
    }
}
