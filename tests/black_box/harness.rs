//! Starts the programs and talks to them. Nothing here waits for time to pass, only for things to
//! happen.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program of this workspace, built in this test's own profile: `cargo test -p daytrade-tests`
/// alone must not meet an old one.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(Path::parent).unwrap().to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "--package",
            "daytrade-server",
            "--package",
            "daytrade-tui",
            "--bins",
        ]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(workspace()).status().unwrap();
        assert!(built.success(), "the programs do not build");
        folder
    });
    folder.join(name)
}

/// The top of the project.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A workload of the project.
pub fn workload(name: &str) -> PathBuf {
    workspace().join("workloads").join(name)
}

/// A server process on a port of its own; killed when it goes out of scope.
pub struct Daemon {
    child: Child,
    pub port: u16,
}

impl Daemon {
    /// Starts a server on a data folder and waits until it listens.
    pub fn start(data_dir: &Path, args: &[&str]) -> Self {
        Self::try_start(data_dir, args)
            .unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    /// As `start`; Err is what a server that ends instead has said.
    pub fn try_start(data_dir: &Path, args: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(program("daytraded"));
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(args);
        Self::spawn(&mut command)
    }

    /// Runs a program that logs the address it listens on.
    #[expect(clippy::zombie_processes, reason = "Drop waits for it")]
    pub fn spawn(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if log.read_line(&mut line).unwrap() == 0 {
                child.wait().unwrap();
                return Err(said);
            }
            if let Some((_, rest)) = line.split_once("address=127.0.0.1:") {
                let port = rest.split_whitespace().next().unwrap().parse().unwrap();
                // Read on, so that a full pipe never stops the server.
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Ok(Self { child, port });
            }
            said.push_str(&line);
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address()).unwrap())
    }

    /// Sends everything at once, half-closes, and returns everything that comes back.
    pub fn talk(&self, text: &str) -> String {
        let mut client = self.connect();
        client.send(text);
        client.half_close();
        client.rest()
    }

    /// What the process holds in memory.
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for it to end by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A signal by name; the server is expected to end by it.
    pub fn signal(mut self, name: &str) -> ExitStatus {
        let sent =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// The sending half, for another thread.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next line, without its LF; empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    /// Sends a line and returns the last line of its reply.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\n"));
        loop {
            let line = self.line();
            let continued = line.starts_with('-')
                || line.split_once(']').is_some_and(|(_, rest)| rest.starts_with('-'));
            if !continued && !line.starts_with("* ") {
                return line;
            }
        }
    }

    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> String {
        let mut text = String::new();
        self.reader.read_to_string(&mut text).unwrap();
        text
    }
}

/// Runs `daytrade` in a folder with something on its standard input.
pub fn daytrade(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program("daytrade"));
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A program that ends without reading its input is no failure of the harness.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The value of a line of STATS.
pub fn stat(daemon: &Daemon, name: &str) -> String {
    let stats = daemon.talk("STATS\n");
    let prefix = format!("-STAT,{name},");
    stats
        .lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap_or_else(|| panic!("{name} in {stats}"))
        .to_owned()
}

/// Whether a tool is installed; a test that needs one says so and passes without.
pub fn has_tool(name: &str) -> bool {
    let there = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    assert!(there || std::env::var_os("CI").is_none(), "CI has to have {name}");
    there
}
