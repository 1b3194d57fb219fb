//! A redis-server with this project's durability: it syncs every write before the reply.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Number of requests of [`Redis::set_pipelined`].
pub const SET_REQUESTS: u64 = 1_000_000;

pub struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    pub fn is_installed() -> bool {
        let output = Command::new("redis-server")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        output.is_ok_and(|status| status.success())
    }

    /// Starts a server. Returns `None` if redis is not installed.
    pub fn start(folder: &Path) -> Option<Self> {
        if !Self::is_installed() {
            return None;
        }
        let data = folder.join("redis");
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &port.to_string(),
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ]);
        command.arg("--dir").arg(&data).stdout(Stdio::null());
        let redis = Self { child: command.spawn().unwrap(), port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(redis.address()).is_err() {
            assert!(Instant::now() < until, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(redis)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Lets redis-benchmark send SETs: 50 connections, 100 requests in flight each. Returns how
    /// long they took.
    pub fn set_pipelined(&self) -> Duration {
        let (port, requests) = (self.port.to_string(), SET_REQUESTS.to_string());
        let args = ["-p", &port, "-t", "set", "-c", "50", "-P", "100", "-n", &requests, "--csv"];
        let output = Command::new("redis-benchmark").args(args).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let line = output.lines().find(|line| line.starts_with("\"SET\"")).unwrap();
        let whole = line.split('"').nth(3).unwrap().split('.').next().unwrap();
        let per_second: u64 = whole.parse().unwrap();
        Duration::from_nanos(SET_REQUESTS * 1_000_000_000 / per_second)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
