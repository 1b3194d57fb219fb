//! Three NATS servers and the servers of a cluster on this machine.

use crate::harness::{Daemon, eventually, program};
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Number of NATS servers.
const NATS: usize = 3;

/// How long NATS servers may take to find each other after their start.
const NO_PEERS_WAIT: Duration = Duration::from_secs(8);

/// The first start of NATS servers. Servers of version 2.10 sometimes do not find each other until
/// they are started again, as docs/CLUSTER.md says.
pub struct FirstStart(Instant);

impl FirstStart {
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Returns true, and begins anew, if the servers have to be started again. `error` is what
    /// making a stream has printed.
    pub fn is_stuck(&mut self, error: &str) -> bool {
        let is_stuck = error.contains("no suitable peers") && self.0.elapsed() > NO_PEERS_WAIT;
        if is_stuck {
            println!("the NATS servers are started again: {error}");
            *self = Self::begin();
        }
        is_stuck
    }
}

/// Returns the path of nats-server. None, with a word, if the tests are to be skipped.
pub fn nats_server() -> Option<PathBuf> {
    let path = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    if path.is_none() {
        println!("SKIPPED: NATS_SERVER is not set; see tests/cluster/nats-server.sh");
    }
    path
}

/// Returns ports that nobody uses, below those that the system gives to outgoing connections.
fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 8_000) as u16;
    let mut candidates =
        std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed) % 4_000);
    std::array::from_fn(|_| {
        candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
    })
}

/// The ports of one NATS server.
#[derive(Clone, Copy)]
struct Ports {
    clients: u16,
    routes: u16,
    monitor: u16,
}

/// Three NATS servers, stopped on drop.
pub struct Nats {
    program: PathBuf,
    pub folder: TempDir,
    ports: Vec<Ports>,
    running: Vec<Option<Child>>,
}

impl Nats {
    /// Starts three servers and waits until they are one cluster. None if there is no nats-server.
    pub fn start() -> Option<Self> {
        Self::start_with("always")
    }

    /// As [`Nats::start`], with this interval of syncs.
    pub fn start_with(sync_interval: &str) -> Option<Self> {
        let program = nats_server()?;
        let folder = TempDir::new().unwrap();
        let ports: [u16; 3 * NATS] = free_ports();
        let ports: Vec<_> = ports
            .chunks(3)
            .map(|of| Ports { clients: of[0], routes: of[1], monitor: of[2] })
            .collect();
        for (number, own) in ports.iter().enumerate() {
            let others = ports.iter().filter(|other| other.routes != own.routes);
            let routes: Vec<_> = others
                .map(|other| format!("\"nats-route://127.0.0.1:{}\"", other.routes))
                .collect();
            let text = format!(
                "server_name: n{number}\nlisten: \"127.0.0.1:{}\"\nhttp: \"127.0.0.1:{}\"\n\
                 max_payload: 8MB\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: {sync_interval} }}\n\
                 cluster {{ name: t, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
                own.clients,
                own.monitor,
                folder.path().join(format!("store{number}")).display(),
                own.routes,
                routes.join(", ")
            );
            std::fs::write(folder.path().join(format!("n{number}.conf")), text).unwrap();
        }
        let running = (0..NATS).map(|_| None).collect();
        let mut nats = Self { program, folder, ports, running };
        for number in 0..NATS {
            nats.run(number);
        }
        Some(nats)
    }

    /// Starts a server that does not run.
    pub fn run(&mut self, number: usize) {
        let log = self.folder.path().join(format!("n{number}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.path().join(format!("n{number}.conf")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running[number] = Some(child);
    }

    /// Kills a server.
    pub fn kill(&mut self, number: usize) {
        if let Some(mut child) = self.running[number].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops a server for this long, as a machine that swaps would be.
    pub fn pause_for(&self, number: usize, time: Duration) {
        let pid = self.running[number].as_ref().unwrap().id();
        crate::harness::send_signal(pid, "STOP");
        std::thread::sleep(time);
        crate::harness::send_signal(pid, "CONT");
    }

    pub fn store(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("store{number}"))
    }

    /// Returns the options that name the servers.
    pub fn options(&self) -> Vec<String> {
        let hosts: Vec<_> =
            self.ports.iter().map(|of| format!("127.0.0.1:{}", of.clients)).collect();
        let monitors: Vec<_> =
            self.ports.iter().map(|of| format!("127.0.0.1:{}", of.monitor)).collect();
        vec![
            format!("nats://{}", hosts.join(",")),
            "--cluster-monitor".to_owned(),
            monitors.join(","),
        ]
    }

    /// Runs `daytraded cluster COMMAND SERVERS …`.
    pub fn cluster(&self, command: &str, args: &[&str]) -> Output {
        let mut run = Command::new(program("daytraded"));
        run.args(["cluster", command]);
        if command == "restore" {
            run.arg("--cluster");
        }
        run.args(self.options()).args(args).output().unwrap()
    }

    /// As [`Nats::cluster`]; it must succeed. Returns what it printed.
    pub fn cluster_ok(&self, command: &str, args: &[&str]) -> String {
        let output = self.cluster(command, args);
        let printed = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "cluster {command} {args:?}: {printed}{errors}");
        printed
    }

    /// Deletes a stream, as an operator could by mistake.
    pub fn delete_stream(&self, name: &str) {
        use std::io::{BufRead as _, BufReader, Write as _};
        let mut socket = TcpStream::connect(("127.0.0.1", self.ports[0].clients)).unwrap();
        socket.set_read_timeout(Some(crate::harness::TIMEOUT)).unwrap();
        let request = format!(
            "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\n\
             PUB $JS.API.STREAM.DELETE.{name} answer 0\r\n\r\nPING\r\n"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let deleted = BufReader::new(socket)
            .lines()
            .map(Result::unwrap)
            .find(|line| line.contains("stream_delete_response"));
        assert!(deleted.unwrap().contains("\"success\":true"));
    }

    /// Makes a cluster of `shards` shards.
    pub fn init(&mut self, shards: u16) {
        self.make(&["--shards", &shards.to_string()]);
    }

    /// Makes a cluster as soon as the NATS servers have found each other.
    pub fn make(&mut self, args: &[&str]) {
        let mut start = FirstStart::begin();
        eventually("cluster of NATS servers", || {
            let output = self.cluster("init", args);
            if start.is_stuck(&String::from_utf8_lossy(&output.stderr)) {
                (0..NATS).for_each(|number| self.kill(number));
                (0..NATS).for_each(|number| self.run(number));
            }
            output.status.success()
        });
    }

    /// Starts one of our servers, or says why it did not start.
    pub fn try_member(&self, data_dir: &Path, args: &[&str]) -> Result<Daemon, String> {
        Self::member_of(&self.options(), data_dir, args)
    }

    /// Returns the ports of clients.
    pub fn client_ports(&self) -> Vec<u16> {
        self.ports.iter().map(|of| of.clients).collect()
    }

    /// Starts one of our servers with these options in place of [`Nats::options`].
    pub fn member_of(options: &[String], data_dir: &Path, args: &[&str]) -> Result<Daemon, String> {
        let mut command = Command::new(program("daytraded"));
        command.arg("--cluster").args(options);
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(args);
        Daemon::spawn(&mut command)
    }

    /// Starts one of our servers.
    pub fn member(&self, data_dir: &Path) -> Daemon {
        self.try_member(data_dir, &[]).unwrap_or_else(|printed| panic!("no start: {printed}"))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for number in 0..NATS {
            self.kill(number);
        }
    }
}

/// Returns true if the server owns the accounts now.
pub fn owns(daemon: &Daemon) -> bool {
    let reply = daemon.talk("QUOTE,nobody,ABC\n");
    reply.starts_with("OK,") || reply.starts_with("ERR,NO_ACCOUNT")
}

/// Waits until one of the servers owns the accounts. Returns its position.
pub fn owner_of(daemons: &[Option<Daemon>]) -> usize {
    let mut found = None;
    eventually("owner", || {
        found = daemons.iter().position(|daemon| {
            let Some(daemon) = daemon else { return false };
            // A server without an owner lets commands wait: PING tells that nothing is amiss.
            let reply = ask_within(daemon, "QUOTE,nobody,ABC\n");
            reply.is_some_and(|reply| reply.starts_with("OK,QUOTE"))
        });
        found.is_some()
    });
    found.unwrap()
}

/// Sends a line and returns the first line of the answer, if it comes within half a second.
fn ask_within(daemon: &Daemon, line: &str) -> Option<String> {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut stream = std::net::TcpStream::connect(daemon.address()).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.write_all(line.as_bytes()).ok()?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).ok()?;
    Some(reply)
}
