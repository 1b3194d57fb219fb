//! Three machines on a network of their own: network namespaces with a cable each to a switch. It
//! needs root and `ip`. The machines are set up as docs/CLUSTER.md says.

use crate::harness::{Daemon, eventually, program, run, text};
use crate::servers::{FirstStart, nats_server};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Number of machines.
const MACHINES: usize = 3;
/// Password of NATS' clients.
const PASSWORD: &str = "clientsofnats";

/// Three machines with a NATS server and one of ours each. All end on drop.
pub struct Lan {
    switch: String,
    names: Vec<String>,
    folder: TempDir,
    nats: Vec<Child>,
    servers: Vec<Daemon>,
}

fn ip(args: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(args.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn address(machine: usize) -> String {
    format!("10.213.78.{}", machine + 1)
}

impl Lan {
    /// Starts the machines with a cluster of `shards` shards. Returns None without a nats-server,
    /// or if this user may not make network namespaces.
    pub fn start(shards: u16) -> Option<Self> {
        let program = nats_server()?;
        let number = std::process::id();
        let names = (0..MACHINES).map(|machine| format!("dt{number}-{machine}")).collect();
        let mut lan = Self {
            switch: format!("dt{number}-s"),
            names,
            folder: TempDir::new().unwrap(),
            nats: Vec::new(),
            servers: Vec::new(),
        };
        if !lan.connect() {
            // Not a defect of a machine for tests: it takes privileges.
            let _ = writeln!(std::io::stderr(), "SKIPPED: no network namespace can be made here");
            return None;
        }
        for machine in 0..MACHINES {
            let started = lan.start_nats(&program, machine);
            lan.nats.push(started);
        }
        let credentials = lan.folder.path().join("creds");
        let mut options = File::options();
        let mut file = options.write(true).create_new(true).mode(0o600).open(credentials).unwrap();
        file.write_all(format!("daytrade\n{PASSWORD}\n").as_bytes()).unwrap();
        lan.make(&program, shards);
        for machine in 0..MACHINES {
            let started = lan.start_server(machine);
            lan.servers.push(started);
        }
        Some(lan)
    }

    /// Makes a cluster, as [`crate::servers::Nats::make`] does.
    fn make(&mut self, nats_server: &Path, shards: u16) {
        let mut start = FirstStart::begin();
        eventually("cluster of NATS servers", || {
            let made = self.cluster(0, &["init"], &["--shards", &shards.to_string()]);
            if made.as_ref().is_err_and(|error| start.is_stuck(error)) {
                self.stop_nats();
                self.nats =
                    (0..MACHINES).map(|machine| self.start_nats(nats_server, machine)).collect();
            }
            made.is_ok()
        });
    }

    fn stop_nats(&mut self) {
        for mut server in self.nats.drain(..) {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Lays the cables.
    fn connect(&self) -> bool {
        let switch = &self.switch;
        let mut steps = vec![
            format!("netns add {switch}"),
            format!("-n {switch} link add lan type bridge"),
            format!("-n {switch} link set lan up"),
        ];
        for (machine, name) in self.names.iter().enumerate() {
            steps.extend([
                format!("netns add {name}"),
                format!("-n {name} link add eth type veth peer name port{machine} netns {switch}"),
                format!("-n {switch} link set port{machine} master lan"),
                format!("-n {switch} link set port{machine} up"),
                format!("-n {name} addr add {}/24 dev eth", address(machine)),
                format!("-n {name} link set eth up"),
                format!("-n {name} link set lo up"),
            ]);
        }
        steps.iter().all(|step| ip(step))
    }

    /// A program on a machine.
    fn on(&self, machine: usize, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[machine]]).arg(program);
        command
    }

    fn path(&self, name: &str, machine: usize) -> PathBuf {
        self.folder.path().join(format!("{name}{machine}"))
    }

    fn start_nats(&self, nats_server: &Path, machine: usize) -> Child {
        let peers: Vec<_> =
            (0..MACHINES).map(|peer| format!("n{peer}={}", address(peer))).collect();
        let mut conf = Command::new(program("daytraded"));
        conf.env("NATS_ROUTE_PASSWORD", "between9").args(["cluster", "conf", "--node"]);
        conf.arg(format!("n{machine}")).arg("--peers").arg(peers.join(","));
        let printed = conf.arg("--store").arg(self.path("store", machine)).output().unwrap();
        assert!(printed.status.success(), "{}", text(&printed.stderr));
        let path = self.path("conf", machine);
        std::fs::write(&path, printed.stdout).unwrap();
        let log = File::create(self.path("log", machine)).unwrap();
        let mut server = self.on(machine, nats_server);
        server.env("NATS_PASSWORD", PASSWORD).env("NATS_ROUTE_PASSWORD", "between9");
        server.arg("-c").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        server.spawn().unwrap()
    }

    /// The options that name the servers of NATS.
    fn options(&self) -> Vec<String> {
        let hosts: Vec<_> = (0..MACHINES).map(address).collect();
        let credentials = self.folder.path().join("creds").display().to_string();
        vec![format!("nats://{}", hosts.join(",")), "--cluster-creds".to_owned(), credentials]
    }

    /// Runs `daytraded cluster COMMAND` on a machine. Returns what it printed.
    pub fn cluster(
        &self,
        machine: usize,
        command: &[&str],
        args: &[&str],
    ) -> Result<String, String> {
        let mut run = self.on(machine, &program("daytraded"));
        run.arg("cluster").args(command).args(self.options()).args(args).stdin(Stdio::null());
        let output = run.output().unwrap();
        let printed = text(&output.stdout);
        if output.status.success() { Ok(printed) } else { Err(text(&output.stderr)) }
    }

    fn start_server(&self, machine: usize) -> Daemon {
        let mut command = self.on(machine, &program("daytraded"));
        command.arg("--cluster").args(self.options());
        command.args(["--listen", "127.0.0.1:4462", "--advertise"]);
        command.arg(Self::advertised(machine)).arg("--data-dir").arg(self.path("data", machine));
        Daemon::spawn(&mut command).unwrap_or_else(|printed| panic!("no start: {printed}"))
    }

    /// The address to which the others send clients of this machine.
    pub fn advertised(machine: usize) -> String {
        format!("{}:4462", address(machine))
    }

    /// Sends the text on a machine to its server. Returns all replies.
    pub fn talk(&self, machine: usize, lines: &str) -> String {
        let mut client = self.on(machine, Path::new("nc"));
        text(&run(client.args(["-N", "127.0.0.1", "4462"]), lines.as_bytes()).stdout)
    }

    /// Waits until one of these machines' servers owns the accounts.
    pub fn owner_among(&self, machines: &[usize]) -> usize {
        let mut found = None;
        eventually("owner", || {
            found = machines.iter().copied().find(|machine| {
                let mut client = self.on(*machine, Path::new("timeout"));
                client.args(["1", "nc", "-N", "127.0.0.1", "4462"]);
                text(&run(&mut client, b"QUOTE,nobody,ABC\n").stdout).starts_with("OK,QUOTE")
            });
            found.is_some()
        });
        found.unwrap()
    }

    /// Sends a command to these machines' servers, one after the other, until one carries it out.
    /// Returns its reply. Two servers may take over one after the other, so it need not be the one
    /// that owned the accounts a moment ago.
    pub fn carried_out(&self, machines: &[usize], line: &str) -> String {
        let mut reply = String::new();
        eventually("reply of an owner", || {
            machines.iter().any(|machine| {
                reply = self.talk(*machine, line);
                assert!(!reply.starts_with("ERR,UNKNOWN,"), "{line}: {reply}");
                reply.starts_with("OK,")
            })
        });
        reply
    }

    /// Waits until the servers follow or own, as seen from a machine.
    pub fn settle(&self, machine: usize) {
        eventually("whole cluster", || {
            self.cluster(machine, &["status"], &[]).is_ok_and(|status| {
                status.matches("could take over").count() == MACHINES - 1
                    && status.contains("owns the accounts")
                    && !status.contains("behind:")
            })
        });
    }

    /// Pulls the cable of a machine.
    pub fn cut(&self, machine: usize) {
        assert!(ip(&format!("-n {} link set port{machine} down", self.switch)));
    }

    /// Puts it back.
    pub fn mend(&self, machine: usize) {
        assert!(ip(&format!("-n {} link set port{machine} up", self.switch)));
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.servers.clear();
        self.stop_nats();
        for name in self.names.iter().chain([&self.switch]) {
            ip(&format!("netns del {name}"));
        }
    }
}
