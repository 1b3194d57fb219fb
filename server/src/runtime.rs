//! The threads that serve the sockets. Shards have their own threads.

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::thread::Pid;
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Why a thread cannot be created, for messages.
pub(crate) const NO_THREAD: &str =
    "the system has no thread left for this user; raise its limit (ulimit -u)";

/// Longest time that the creation of a thread may take.
const CREATION: Duration = Duration::from_secs(5);

/// Creates a runtime with one thread for every two cores. Shards do more than half of the work and
/// write short replies themselves; more threads than cores would only compete.
///
/// One more thread looks up names of hosts. It is created now and kept, so that nothing that
/// happens later needs a thread that the system may not have.
///
/// # Errors
/// Returns an error if the system cannot create the threads.
pub fn runtime() -> anyhow::Result<Runtime> {
    let cores = available_parallelism().map_or(1, usize::from);
    let workers = cores.div_ceil(2);
    // The runtime panics, or waits for ever, if it does not get its threads.
    ensure_threads(workers + 1)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::from_secs(u64::MAX >> 8))
        // Before a thread sleeps, others run once: shards and clients on the same cores then have
        // more for it at a time, and it sleeps thirty times less often.
        .on_thread_park(thread::yield_now)
        .enable_all()
        .build()
        .context(NO_THREAD)?;
    let created =
        async { tokio::time::timeout(CREATION, tokio::task::spawn_blocking(|| ())).await };
    runtime.block_on(created).context(NO_THREAD)??;
    Ok(runtime)
}

/// Checks that the system can create this many threads at the same time, for code that panics if it
/// does not get them.
///
/// # Errors
/// Returns an error if it cannot.
pub(crate) fn ensure_threads(count: usize) -> anyhow::Result<()> {
    let gate = Mutex::new(());
    let created: Vec<Pid> = thread::scope(|scope| {
        // The threads wait for the gate, so that all exist at once.
        let closed = gate.lock();
        let wait = || {
            drop(gate.lock());
            rustix::thread::gettid()
        };
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, wait).ok();
        let created: Vec<_> = (0..count).map_while(spawn).collect();
        drop(closed);
        created.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    // The system counts a thread for a moment after it has been joined.
    let deadline = Instant::now() + CREATION;
    let exists = |thread: &Pid| {
        std::fs::exists(format!("/proc/self/task/{}", thread.as_raw_nonzero())).unwrap_or(false)
    };
    while created.iter().any(exists) && Instant::now() < deadline {
        thread::yield_now();
    }
    anyhow::ensure!(created.len() == count, "{NO_THREAD}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn threads_that_others_start_meanwhile_are_not_waited_for() {
        let (done, kept) = (AtomicBool::new(false), Mutex::new(()));
        let began = Instant::now();
        thread::scope(|scope| {
            let closed = kept.lock();
            scope.spawn(|| {
                for _ in 0..200 {
                    if !done.load(Ordering::Relaxed) {
                        scope.spawn(|| drop(kept.lock()));
                    }
                }
            });
            ensure_threads(2).unwrap();
            done.store(true, Ordering::Relaxed);
            drop(closed);
        });
        assert!(began.elapsed() < CREATION, "waited for the threads of others");
    }
}
