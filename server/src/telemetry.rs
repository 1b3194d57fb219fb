//! The runtime log: one line per event, with file and line of the code.

use anyhow::Context as _;
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Starts logging to a file or to stderr. The returned guard must live as long as the program.
///
/// # Errors
/// Returns an error if the file cannot be opened.
pub(crate) fn init(file: Option<&Path>, level: tracing::Level) -> anyhow::Result<WorkerGuard> {
    let (writer, guard) = match file {
        Some(path) => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            tracing_appender::non_blocking(
                file.with_context(|| format!("log file {}", path.display()))?,
            )
        }
        None => tracing_appender::non_blocking(std::io::stderr()),
    };
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false)
        .with_file(true)
        .with_line_number(true)
        .with_env_filter(EnvFilter::new(level.to_string()))
        .init();
    Ok(guard)
}
