//! Busy polling: while one or two clients send one command at a time, the thread of the sockets
//! looks for the next command instead of sleeping until the system wakes it. Waking it takes a
//! quarter of the time of a durable command.
//!
//! More clients, or several commands at once, keep the thread awake by themselves. It must never
//! poll for long without success: that takes processor time from others.

use crate::limits::{BUSY_POLL_ATTEMPTS, BUSY_POLL_PAUSE, SESSION_SPIN};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task;

/// Keeps the thread of the sockets awake. The numbers are estimates: a race costs one command the
/// time of a wake-up.
#[derive(Debug, Default)]
pub struct BusyPoll {
    /// The two connections that have sent last, in one word: the last one in the lower half. 0 is
    /// none.
    senders: AtomicU64,
    /// Commands sent by those two alone, one at a time.
    lone_commands: AtomicU64,
    /// Number of such commands from which on polling may begin.
    begins_at: AtomicU64,
    /// True if polling is useful.
    is_useful: AtomicBool,
    is_asleep: AtomicBool,
    wake: Notify,
}

impl BusyPoll {
    /// Notes that a connection has sent this many commands at once. Connections whose numbers have
    /// the same low 31 bits count as one.
    pub(super) fn note(&self, connection: u64, commands: usize) {
        let id = connection & u64::from(u32::MAX) | 1 << 31;
        let senders = self.senders.load(Ordering::Relaxed);
        let (last, before) = (senders & u64::from(u32::MAX), senders >> 32);
        let is_useful = commands == 1 && (id == last || id == before);
        if id != last {
            self.senders.store(last << 32 | id, Ordering::Relaxed);
        }
        if is_useful != self.is_useful.load(Ordering::Relaxed) {
            self.is_useful.store(is_useful, Ordering::Relaxed);
        }
        if !is_useful {
            return;
        }
        let lone_commands = self.lone_commands.fetch_add(1, Ordering::Relaxed) + 1;
        if self.is_asleep.load(Ordering::Relaxed)
            && lone_commands >= self.begins_at.load(Ordering::Relaxed)
        {
            self.is_asleep.store(false, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Polls as long as it is useful; otherwise waits until it is. Returns only if the sockets have
    /// several threads: those that sleep would be woken by the one that polls, and one of them
    /// would take the sockets from it.
    pub async fn run(&self) {
        if Handle::current().metrics().num_workers() > 1 {
            return;
        }
        let mut in_vain = 0;
        loop {
            self.is_asleep.store(true, Ordering::Relaxed);
            self.wake.notified().await;
            in_vain = if self.poll().await { 0 } else { in_vain + 1 };
            // A trader at a screen, or a slow disk: the next command always comes later.
            let pause = if in_vain < BUSY_POLL_ATTEMPTS { 0 } else { BUSY_POLL_PAUSE };
            let lone_commands = self.lone_commands.load(Ordering::Relaxed);
            self.begins_at.store(lone_commands + pause, Ordering::Relaxed);
        }
    }

    /// Polls until it is not useful, or no lone command has come for a while. Returns true if one
    /// has come meanwhile.
    async fn poll(&self) -> bool {
        let first = self.lone_commands.load(Ordering::Relaxed);
        let (mut seen, mut since) = (first, Instant::now());
        while self.is_useful.load(Ordering::Relaxed) {
            let lone_commands = self.lone_commands.load(Ordering::Relaxed);
            if lone_commands != seen {
                (seen, since) = (lone_commands, Instant::now());
            } else if since.elapsed() >= SESSION_SPIN {
                break;
            }
            // The runtime looks at its sockets before it goes on with a task that has yielded.
            task::yield_now().await;
            // Sessions that it has woken run first.
            run_after_others().await;
            // Clients and shards may share the core.
            thread::yield_now();
        }
        seen != first
    }
}

/// Goes on after the tasks that can run already.
async fn run_after_others() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes each `(connection, commands)` in turn. Returns `is_useful` after each.
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
    async fn it_polls_until_no_lone_command_has_come_for_the_spin_time() {
        let busy_poll = BusyPoll::default();
        assert!(!busy_poll.poll().await, "nothing was sent");
        busy_poll.note(1, 1);
        busy_poll.note(1, 1);
        let begun = Instant::now();
        assert!(!busy_poll.poll().await, "no more was sent");
        assert!(begun.elapsed() >= SESSION_SPIN);
        let sends = async {
            for _ in 0..1_000 {
                busy_poll.note(1, 1);
                task::yield_now().await;
            }
        };
        assert!(tokio::join!(busy_poll.poll(), sends).0);
    }

    #[tokio::test]
    async fn another_connection_ends_the_polling_at_once() {
        let busy_poll = BusyPoll::default();
        busy_poll.note(1, 1);
        busy_poll.note(1, 1);
        let ended = std::cell::Cell::new(false);
        let poll = async {
            busy_poll.poll().await;
            ended.set(true);
        };
        // Commands keep coming, which alone would keep it polling.
        let commands = async {
            for turn in 0..40 {
                busy_poll.lone_commands.fetch_add(1, Ordering::Relaxed);
                task::yield_now().await;
                assert!(if ended.get() { turn > 20 } else { turn < 25 }, "turn {turn}");
                if turn == 20 {
                    busy_poll.note(2, 5);
                }
            }
        };
        tokio::join!(biased; poll, commands);
    }

    /// Commands that always come too late are soon not waited for.
    #[tokio::test]
    async fn polling_in_vain_pauses() {
        let busy_poll = std::sync::Arc::new(BusyPoll::default());
        let polling = tokio::spawn({
            let busy_poll = std::sync::Arc::clone(&busy_poll);
            async move { busy_poll.run().await }
        });
        let is_asleep = || busy_poll.is_asleep.load(Ordering::Relaxed);
        let mut woken = 0;
        for _ in 0..u64::from(BUSY_POLL_ATTEMPTS) + 2 * BUSY_POLL_PAUSE {
            while !is_asleep() {
                task::yield_now().await;
            }
            busy_poll.note(1, 1);
            woken += u64::from(!is_asleep());
        }
        polling.abort();
        assert_eq!(woken, u64::from(BUSY_POLL_ATTEMPTS) + 1);
    }
}
