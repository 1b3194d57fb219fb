//! Starts the programs and talks to them. A test waits for events, never for a fixed time, and
//! every wait has a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Maximum duration of one wait; a test that waits longer fails.
pub const TIMEOUT: Duration = Duration::from_secs(90);

/// Returns true in the long form of the tests, a step of its own in `.ci/run`.
pub fn is_long_form() -> bool {
    std::env::var_os("DAYTRADE_LONG_TESTS").is_some()
}

/// Pause between two polls of [`eventually`].
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Time limit of a loop that waits for events.
pub struct Deadline {
    at: Instant,
    what: String,
}

impl Deadline {
    /// Creates a deadline [`TIMEOUT`] from now; `what` completes "no ... within".
    pub fn new(what: impl Into<String>) -> Self {
        Self { at: Instant::now() + TIMEOUT, what: what.into() }
    }

    /// Fails the test if the deadline has passed; call it in each iteration.
    pub fn check(&self) {
        assert!(Instant::now() < self.at, "no {} within {TIMEOUT:?}", self.what);
    }

    /// Returns the next message of a channel, or `None` if its sender is gone.
    pub fn receive<T>(&self, messages: &Receiver<T>) -> Option<T> {
        match messages.recv_timeout(self.at.saturating_duration_since(Instant::now())) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no {} within {TIMEOUT:?}", self.what),
        }
    }
}

/// Polls a condition until it holds, and fails the test after [`TIMEOUT`]. For states that send no
/// event; `what` completes "no ... within".
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Deadline::new(what);
    while !holds() {
        deadline.check();
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Runs a blocking call on another thread, and fails the test if it has not returned after
/// [`TIMEOUT`]. `what` completes "no ... within".
pub fn within<T: Send + 'static>(what: &str, call: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, returned) = channel();
    let deadline = Deadline::new(what);
    std::thread::spawn(move || send.send(call()));
    deadline.receive(&returned).unwrap_or_else(|| panic!("no {what}: the call has panicked"))
}

/// Returns the path of a program of this workspace. Builds it first in the test's own profile,
/// because `cargo test -p daytrade-tests` alone does not.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(Path::parent).unwrap().to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--bins", "-p", "daytrade-server", "-p", "daytrade-tui"]);
        // As in the packages.
        build.args(["--features", "daytrade-server/cluster"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(workspace()).status().unwrap();
        assert!(built.success(), "the programs do not build");
        folder
    });
    folder.join(name)
}

/// Returns the root of the repository.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns the path of a file in `workloads/`.
pub fn workload(name: &str) -> PathBuf {
    workspace().join("workloads").join(name)
}

/// A server process on its own port, killed on drop.
pub struct Daemon {
    child: Child,
    /// Lines of its standard error; disconnected when it exits.
    log: Mutex<Receiver<String>>,
    pub port: u16,
}

impl Daemon {
    /// Starts a server on a data folder and waits until it listens.
    pub fn start(data_dir: &Path, args: &[&str]) -> Self {
        Self::try_start(data_dir, args)
            .unwrap_or_else(|printed| panic!("the server did not start: {printed}"))
    }

    /// Starts a server on a data folder. Returns its standard error if it exits instead.
    pub fn try_start(data_dir: &Path, args: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(program("daytraded"));
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(args);
        Self::spawn(&mut command)
    }

    /// Starts a server that logs to a file, and waits until it listens.
    pub fn start_logging(data_dir: &Path, log: &Path) -> Self {
        let mut command = Command::new(program("daytraded"));
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
        command.arg("--log-file").arg(log).stdin(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let mut daemon = Self { child, log: Mutex::new(channel().1), port: 0 };
        eventually("listening server", || {
            let written = std::fs::read_to_string(log).unwrap_or_default();
            let address = written.split_once("address=127.0.0.1:").map(|(_, rest)| rest);
            let port = address
                .filter(|rest| rest.contains(' '))
                .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            daemon.port = port.unwrap_or(0);
            daemon.port != 0
        });
        daemon
    }

    /// Starts a program that logs the address it listens on. Returns its standard error if it
    /// exits instead.
    pub fn spawn(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = channel();
        // The thread reads until the process exits, so that a full pipe never blocks the server.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut daemon = Self { child, log: Mutex::new(log), port: 0 };
        let deadline = Deadline::new("listening server");
        let mut printed = String::new();
        while let Some(line) = deadline.receive(daemon.log.get_mut().unwrap()) {
            if let Some((_, rest)) = line.split_once("address=127.0.0.1:") {
                daemon.port = rest.split_whitespace().next().unwrap().parse().unwrap();
                return Ok(daemon);
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        Err(printed)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn connect(&self) -> Client {
        Client::new(self.stream())
    }

    /// Opens a connection whose reads and writes fail after [`TIMEOUT`].
    pub fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends the text over a new connection, half-closes it, and returns all replies.
    pub fn talk(&self, text: &str) -> String {
        let mut client = self.connect();
        client.send(text);
        client.half_close();
        client.rest()
    }

    /// Takes what it has logged since it listened, or since the last call.
    pub fn log_lines(&self) -> Vec<String> {
        self.log.lock().unwrap().try_iter().collect()
    }

    /// Returns the resident memory of the process, KiB.
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process exits, which closes its standard error.
    pub fn wait(mut self) -> ExitStatus {
        let deadline = Deadline::new("exit of the server");
        while deadline.receive(self.log.get_mut().unwrap()).is_some() {
            deadline.check();
        }
        self.child.wait().unwrap()
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name and waits until the process exits.
    pub fn signal(self, name: &str) -> ExitStatus {
        send_signal(self.pid(), name);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by name to a process.
pub fn send_signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "no {name} could be sent to {pid}");
}

/// A connection to a server.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Wraps a stream of [`Daemon::stream`].
    pub fn new(stream: TcpStream) -> Self {
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    /// Returns the sending half, for another thread.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    pub fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    /// Sends a text to a server that may already have closed the connection.
    pub fn try_send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Returns the next line without its LF, or an empty string at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    /// Reads lines until one starts with `prefix`.
    pub fn skip_to(&mut self, prefix: &str) {
        let deadline = Deadline::new(format!("line {prefix}"));
        loop {
            let line = self.line();
            if line.starts_with(prefix) {
                return;
            }
            assert!(!line.is_empty(), "the connection ended before a line {prefix}");
            deadline.check();
        }
    }

    /// Sends a line and returns the last line of its reply.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\n"));
        let deadline = Deadline::new(format!("reply to {line}"));
        loop {
            let line = self.line();
            let continued = line.starts_with('-')
                || line.split_once(']').is_some_and(|(_, rest)| rest.starts_with('-'));
            if !continued && !line.starts_with("* ") {
                return line;
            }
            deadline.check();
        }
    }

    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Returns all bytes until the server closes the connection.
    pub fn rest(&mut self) -> String {
        let mut text = String::new();
        self.reader.read_to_string(&mut text).unwrap();
        text
    }
}

/// Runs `daytrade` in a folder with `input` on its standard input.
pub fn daytrade(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    run(Command::new(program("daytrade")).args(args).current_dir(folder), input)
}

/// Starts a replay of standard input and waits for the reply to its first line.
pub fn replay_after_first_reply(server: &Daemon) -> (Child, ChildStdin, ChildStdout) {
    let mut child = Command::new(program("daytrade"))
        .args(["replay", "-", "--connect", &server.address()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"[1] ADD,a,5\n").unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let stdout = within("first reply", move || {
        stdout.read_exact(&mut [0; b"[1] OK,ADD,5.00\n".len()]).unwrap();
        stdout
    });
    (child, stdin, stdout)
}

/// Runs a program with `input` on its standard input until it exits.
pub fn run(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A program may exit without reading its input, so an error here is expected.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = output(child);
    writer.join().unwrap();
    output
}

/// Waits until a process exits and returns its output.
pub fn output(child: Child) -> Output {
    within("exit of a process", move || child.wait_with_output().unwrap())
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns the value of a line of STATS.
pub fn stat(daemon: &Daemon, name: &str) -> String {
    let stats = daemon.talk("STATS\n");
    let prefix = format!("-STAT,{name},");
    stats
        .lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap_or_else(|| panic!("{name} in {stats}"))
        .to_owned()
}

/// Returns true if a tool is installed. In CI a missing tool fails the test.
pub fn has_tool(name: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if !found {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// Reports that a test, or a part of it, is skipped. In CI the test fails instead.
pub fn skip(reason: &str) {
    assert!(!in_ci(), "skipped tests are not allowed in CI: {reason}");
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // The print macros are captured in a test that passes; a direct write is not.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
