//! `control.sock`: how `daytraded user` tells a running server that something has changed, and how
//! `daytraded backup` asks how far its journals are.
//!
//! Only the server's own user and root are heard. A request is a line. `reload` is answered `OK`
//! once the change of the logins is in force, `config` once everything that can change is;
//! `frames` is answered `OK,` and the last durable frame of each shard. An error is `ERR,` and why.

use crate::limits::CONTROL_TIMEOUT;
use crate::message::ReloadRequest;
use anyhow::{Context as _, bail};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

const FILE: &str = "control.sock";
const RELOAD: &[u8] = b"reload\n";
const FRAMES: &[u8] = b"frames\n";
const CONFIG: &[u8] = b"config\n";
/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest answer, bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What requests are answered with.
pub(crate) trait Control: Send + Sync {
    /// Reads the logins again.
    ///
    /// # Errors
    /// Why they stay as they were.
    fn reload(&self) -> anyhow::Result<()>;

    /// Asks the program to read everything again that can change.
    fn reload_all(&self, request: ReloadRequest);

    /// Returns the last durable frame of each shard. Everything answered before is in them.
    fn frames(&self) -> Vec<u64>;
}

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
    control: Arc<dyn Control>,
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
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            // One after the other: there is one file to read.
            match accepted {
                Ok((stream, _)) => {
                    let answered = answer(stream, &*control);
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

async fn answer(mut stream: UnixStream, control: &dyn Control) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != rustix::process::geteuid().as_raw() {
        return stream.write_all(b"ERR,only the server's user and root may do that\n").await;
    }
    let mut request = [0; RELOAD.len()];
    stream.read_exact(&mut request).await?;
    let text = match &request[..] {
        RELOAD => match control.reload() {
            Ok(()) => "OK\n".to_owned(),
            Err(error) => format!("ERR,{error:#}\n"),
        },
        CONFIG => {
            let (request, answer) = oneshot::channel();
            control.reload_all(request);
            match answer.await {
                Ok(Ok(())) => "OK\n".to_owned(),
                Ok(Err(error)) => format!("ERR,{}\n", error.replace('\n', " ")),
                Err(_) => "ERR,the server is stopping\n".to_owned(),
            }
        }
        FRAMES => {
            let frames: Vec<_> = control.frames().iter().map(u64::to_string).collect();
            format!("OK,{}\n", frames.join(","))
        }
        _ => "ERR,unknown request\n".to_owned(),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// Tells the server of a data folder, if one runs, to read its files again.
///
/// # Errors
/// The server's reason, or that it does not answer.
pub(crate) fn notify(data_dir: &Path) -> anyhow::Result<Notified> {
    let Some(answer) = ask(data_dir, RELOAD)? else { return Ok(Notified::NoServer) };
    match answer.strip_prefix("ERR,") {
        None => Ok(Notified::InForce),
        Some(cause) => bail!("the server goes on with the logins it had: {cause}"),
    }
}

/// Tells the server of a data folder to read everything again that can change. Returns false if no
/// server runs.
///
/// # Errors
/// The server's reason, or that it does not answer.
pub(crate) fn reload_all(data_dir: &Path) -> anyhow::Result<bool> {
    let Some(answer) = ask(data_dir, CONFIG)? else { return Ok(false) };
    match answer.strip_prefix("ERR,") {
        None => Ok(true),
        Some(cause) => bail!("{cause}"),
    }
}

/// Asks the server of a data folder for the last durable frame of each shard; None if no server
/// runs.
///
/// # Errors
/// The server's reason, or that it does not answer.
pub(crate) fn durable_frames(data_dir: &Path) -> anyhow::Result<Option<Vec<u64>>> {
    let Some(answer) = ask(data_dir, FRAMES)? else { return Ok(None) };
    let numbers = answer.strip_prefix("OK,").with_context(|| answer.clone())?;
    let frames = numbers.split(',').map(str::parse).collect::<Result<_, _>>();
    Ok(Some(frames.context("the server's answer")?))
}

/// Sends a request to the server of a data folder; None if no server runs.
fn ask(data_dir: &Path, request: &[u8]) -> anyhow::Result<Option<String>> {
    let path = path(data_dir);
    let mut stream = match StdUnixStream::connect(&path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        connected => connected.with_context(|| path.display().to_string())?,
    };
    stream.set_read_timeout(Some(CONTROL_TIMEOUT))?;
    stream.write_all(request).context("the server does not answer")?;
    let mut text = String::new();
    let mut answer = (&stream).take(ANSWER_BYTES_MAX);
    answer.read_to_string(&mut text).context("the server does not answer")?;
    anyhow::ensure!(text.ends_with('\n'), "the server did not answer");
    Ok(Some(text.trim_end().to_owned()))
}
