//! A server process. Every wait for it has a deadline.

use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Maximum duration of one wait for the server.
pub(super) const TIMEOUT: Duration = Duration::from_mins(1);

/// Builds the server in the profile of this program and returns the path of its executable.
///
/// # Errors
/// Returns an error if the build fails.
pub fn daytraded() -> anyhow::Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder.pop();
    }
    let mut build = Command::new(env!("CARGO"));
    // As the other tests do, which use the same file.
    build.args(["build", "--quiet", "--bins", "-p", "daytrade-server", "-p", "daytrade-tui"]);
    build.args(["--features", "daytrade-server/cluster"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    ensure!(build.current_dir(workspace).status()?.success(), "daytraded does not build");
    Ok(folder.join("daytraded"))
}

/// A server process, killed on drop.
pub(super) struct Server {
    child: Child,
    address: String,
    log: Receiver<String>,
}

impl Server {
    /// Starts a server on a data folder and waits until it listens.
    pub(super) fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(["--listen", "127.0.0.1:0", "--shards", "2", "--snapshot-every", "3000"])
            .arg("--data-dir")
            .arg(folder);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = BufReader::new(child.stderr.take().context("no log")?);
        let (lines, log) = channel();
        // The thread reads until the process ends, so that a full pipe never blocks the server.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        // The drop of an incomplete server kills the process, also after an error.
        let mut server = Self { child, address: String::new(), log };
        server.address = server.read_address()?;
        Ok(server)
    }

    fn read_address(&self) -> anyhow::Result<String> {
        let (deadline, mut printed) = (Instant::now() + TIMEOUT, String::new());
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(remaining) else {
                bail!("the server does not listen; it printed: {printed}");
            };
            if let Some((_, rest)) = line.split_once("address=") {
                return Ok(rest.split_whitespace().next().unwrap_or_default().to_owned());
            }
            printed.push_str(&line);
            printed.push('\n');
        }
    }

    /// Opens a connection whose reads and writes have a timeout.
    pub(super) fn connect(&self) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(stream)
    }

    /// Sends a signal by name.
    pub(super) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "no signal could be sent");
        Ok(())
    }

    /// Kills the server with SIGKILL and waits for its end.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until the server exits, which closes its log.
    pub(super) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + TIMEOUT;
        while self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        ensure!(Instant::now() < deadline, "the server has not exited within {TIMEOUT:?}");
        Ok(self.child.wait()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
