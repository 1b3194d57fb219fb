//! The threads that serve the sockets. Shards have their own threads.

use std::io;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

/// Creates a runtime with one thread for every two cores. Shards do more than half of the work and
/// write short replies themselves; more threads than cores would only compete.
///
/// # Errors
/// Returns an error if the system cannot create a thread.
pub fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build()
}
