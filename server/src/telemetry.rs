//! The runtime log: one line per event, with file and line of the code.

use crate::runtime::ensure_threads;
use anyhow::Context as _;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// The running log. It must live as long as the program.
pub(crate) struct Log {
    file: Option<LogFile>,
    _guard: WorkerGuard,
}

impl Log {
    /// Opens the log file again under its name, for example after it was renamed.
    pub(crate) fn reopen(&self) {
        let Some(file) = &self.file else { return };
        match open(&file.path) {
            Ok(opened) => {
                *file.file.lock() = opened;
                tracing::info!(file = %file.path.display(), "opened the log again");
            }
            Err(error) => {
                tracing::error!(%error, "the log could not be opened again; it goes on as before");
            }
        }
    }
}

/// A log file that can be replaced while it is in use.
#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.lock().flush()
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    let file = File::options().create(true).append(true).open(path);
    file.with_context(|| format!("log file {}", path.display()))
}

/// Starts logging to a file or to stderr.
///
/// # Errors
/// Returns an error if the file cannot be opened, or the system has no thread left.
pub(crate) fn init(path: Option<&Path>, level: tracing::Level) -> anyhow::Result<Log> {
    // The writer of the log panics if it does not get its thread.
    ensure_threads(1)?;
    let file = match path {
        Some(path) => {
            Some(LogFile { path: path.to_owned(), file: Arc::new(Mutex::new(open(path)?)) })
        }
        None => None,
    };
    let (writer, guard) = match &file {
        Some(file) => tracing_appender::non_blocking(file.clone()),
        None => tracing_appender::non_blocking(io::stderr()),
    };
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false)
        .with_file(true)
        .with_line_number(true)
        .with_env_filter(EnvFilter::new(level.to_string()))
        .init();
    Ok(Log { file, _guard: guard })
}
