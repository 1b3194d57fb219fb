//! The runtime log: one line per event, with file and line of the code, as text or JSON.

use crate::limits::{LOG_FILE_BYTES_MAX, LOG_LINES_WAITING_MAX};
use crate::runtime::ensure_threads;
use anyhow::Context as _;
use clap::ValueEnum;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, reload};

/// The running log. It must live as long as the program.
pub(crate) struct Log {
    file: Option<LogFile>,
    /// Changes the level.
    set_level: Box<dyn Fn(Level) + Send>,
    _guard: WorkerGuard,
}

/// The form of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    #[cfg(feature = "remote")]
    Json,
}

impl Log {
    /// Changes the level.
    pub(crate) fn set_level(&self, level: Level) {
        (self.set_level)(level);
    }

    /// Opens the log file again under its name, for example after it was renamed.
    pub(crate) fn reopen(&self) {
        let Some(file) = &self.file else { return };
        match OpenLog::open(&file.path) {
            Ok(opened) => {
                *file.open.lock() = opened;
                tracing::info!(file = %file.path.display(), "opened the log again");
            }
            Err(error) => {
                tracing::error!(%error, "the log could not be opened again; it goes on as before");
            }
        }
    }
}

/// A log file that can be replaced while it is in use. One that has become too large is renamed to
/// the same name with `.1`, in place of the one before.
#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    open: Arc<Mutex<OpenLog>>,
    bytes_max: u64,
}

struct OpenLog {
    file: File,
    /// Size of the file.
    bytes: u64,
}

impl OpenLog {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let opened = File::options().create(true).append(true).open(path).and_then(|file| {
            let bytes = file.metadata()?.len();
            Ok(Self { file, bytes })
        });
        opened.with_context(|| format!("log file {}", path.display()))
    }
}

impl LogFile {
    fn open(path: &Path, bytes_max: u64) -> anyhow::Result<Self> {
        let open = Arc::new(Mutex::new(OpenLog::open(path)?));
        Ok(Self { path: path.to_owned(), open, bytes_max })
    }

    /// Begins another file. If that fails, the log goes on in the one it has, and another one is
    /// tried after as much again.
    fn rotate(&self, open: &mut OpenLog) {
        let mut older = self.path.clone().into_os_string();
        older.push(".1");
        open.bytes = 0;
        let is_free = !self.path.is_file() || std::fs::rename(&self.path, older).is_ok();
        if is_free && let Ok(opened) = OpenLog::open(&self.path) {
            *open = opened;
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut open = self.open.lock();
        if open.bytes >= self.bytes_max {
            self.rotate(&mut open);
        }
        let written = open.file.write(bytes)?;
        open.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.lock().file.flush()
    }
}

/// Starts logging to a file or to stderr.
///
/// # Errors
/// Returns an error if the file cannot be opened, or the system has no thread left.
pub(crate) fn init(path: Option<&Path>, level: Level, format: LogFormat) -> anyhow::Result<Log> {
    // The writer of the log panics if it does not get its thread.
    ensure_threads(1)?;
    let file = match path {
        Some(path) => Some(LogFile::open(path, LOG_FILE_BYTES_MAX)?),
        None => None,
    };
    let waiting = NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_WAITING_MAX);
    let (writer, guard) = match &file {
        Some(file) => waiting.finish(file.clone()),
        None => waiting.finish(io::stderr()),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false)
        .with_file(true)
        .with_line_number(true);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        #[cfg(feature = "remote")]
        LogFormat::Json => lines.json().boxed(),
    };
    let (filter, changes) = reload::Layer::new(filter_of(level));
    tracing_subscriber::registry().with(filter).with(lines).init();
    let set_level = Box::new(move |level| {
        let _ = changes.reload(filter_of(level));
    });
    Ok(Log { file, set_level, _guard: guard })
}

fn filter_of(level: Level) -> EnvFilter {
    EnvFilter::new(format!("{level},async_nats=error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_too_large_is_continued_in_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogFile::open(&path, 20).unwrap();
        for number in 0..9 {
            writeln!(log, "line {number} of it").unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("log.1"), "line 6 of it\nline 7 of it\n");
        assert_eq!(read("log"), "line 8 of it\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
