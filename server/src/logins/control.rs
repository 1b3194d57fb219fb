//! `control.sock`: how `daytraded user` tells a running server that something has changed.
//!
//! Only the server's own user and root are heard. A request is the line `reload`; the answer is
//! `OK` or `ERR,` and why, once the change is in force.

use crate::limits::CONTROL_TIMEOUT;
use anyhow::{Context as _, bail};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

const FILE: &str = "control.sock";
const RELOAD: &[u8] = b"reload\n";
/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest answer, bytes.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// What a request makes the server do.
type Reload = Arc<dyn Fn() -> anyhow::Result<()> + Send + Sync>;

/// Whether a running server has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notified {
    /// The change is in force.
    InForce,
    /// No server runs.
    NoServer,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// Listens for requests until the server stops. Must be called within a tokio runtime, with the
/// data folder locked.
///
/// # Errors
/// If the socket cannot be made.
pub(crate) fn serve(
    data_dir: &Path,
    stop: CancellationToken,
    reload: impl Fn() -> anyhow::Result<()> + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let path = path(data_dir);
    // The folder is locked: a socket that is there was left behind.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| path.display().to_string());
        }
        _ => {}
    }
    let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
    let reload: Reload = Arc::new(reload);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            // One after the other: there is one file to read.
            match accepted {
                Ok((stream, _)) => {
                    let answered = answer(stream, &reload);
                    let _ = tokio::time::timeout(CONTROL_TIMEOUT, answered).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a request to control.sock was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        let _ = std::fs::remove_file(path);
    });
    Ok(())
}

async fn answer(mut stream: UnixStream, reload: &Reload) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != rustix::process::geteuid().as_raw() {
        return stream.write_all(b"ERR,only the server's user and root may do that\n").await;
    }
    let mut request = [0; RELOAD.len()];
    stream.read_exact(&mut request).await?;
    let text = if request == RELOAD {
        match reload() {
            Ok(()) => "OK\n".to_owned(),
            Err(error) => format!("ERR,{error:#}\n"),
        }
    } else {
        "ERR,unknown request\n".to_owned()
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// Tells the server of a data folder, if one runs, to read its files again.
///
/// # Errors
/// The server's reason, or that it does not answer.
pub(crate) fn notify(data_dir: &Path) -> anyhow::Result<Notified> {
    let path = path(data_dir);
    let mut stream = match StdUnixStream::connect(&path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(Notified::NoServer);
        }
        connected => connected.with_context(|| path.display().to_string())?,
    };
    stream.set_read_timeout(Some(CONTROL_TIMEOUT))?;
    stream.write_all(RELOAD).context("the server does not answer")?;
    let mut text = String::new();
    let mut answer = (&stream).take(ANSWER_BYTES_MAX);
    answer.read_to_string(&mut text).context("the server does not answer")?;
    match text.trim_end().strip_prefix("ERR,") {
        None if text.starts_with("OK") => Ok(Notified::InForce),
        None => bail!("the server did not answer"),
        Some(cause) => bail!("the server goes on with the logins it had: {cause}"),
    }
}
