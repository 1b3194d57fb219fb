//! The threads that serve the sockets. Shards have threads of their own.

use std::io;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

/// A runtime with a thread for every two cores: shards do more than half of the work, replies that
/// are short are written by them, and more threads than cores would only take turns.
///
/// # Errors
/// When the system has no thread left.
pub fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build()
}
