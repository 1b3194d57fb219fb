//! Clients that add money and note what became of each line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest time that a client waits for a reply before it tries another server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pauses up to this are not noted.
const LEAST_STALL: Duration = Duration::from_millis(20);

/// Where the servers are; a server that was started again has another port.
pub type Ports = Arc<Mutex<Vec<u16>>>;

/// What became of the lines of one client.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub user: String,
    /// Lines answered OK.
    pub done: u64,
    /// Lines that may have taken effect.
    pub unknown: u64,
    /// Times of the first reply after more than [`LEAST_STALL`] without one, and how long that was.
    pub stalls: Vec<(Instant, Duration)>,
}

struct Trader {
    account: Account,
    ports: Ports,
    next: usize,
    connection: Option<BufReader<TcpStream>>,
    last: Instant,
}

impl Trader {
    fn connect(&mut self) {
        let port = {
            let ports = self.ports.lock().unwrap();
            self.next += 1;
            ports[self.next % ports.len()]
        };
        self.connect_to(&format!("127.0.0.1:{port}"));
    }

    fn connect_to(&mut self, address: &str) {
        self.connection = TcpStream::connect(address).ok().map(|stream| {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        if self.connection.is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a line. Returns the last line of its reply; None if the connection ended.
    fn ask(&mut self, line: &str, mut take: impl FnMut(&str)) -> Option<String> {
        let connection = self.connection.as_mut()?;
        connection.get_mut().write_all(line.as_bytes()).ok()?;
        loop {
            let mut reply = String::new();
            connection.read_line(&mut reply).ok().filter(|read| *read > 0)?;
            if reply.starts_with('-') {
                take(&reply);
            } else if !reply.starts_with("* ") {
                return Some(reply.trim_end().to_owned());
            }
        }
    }

    /// Goes where a refusal says. Returns true if the line was not carried out.
    fn is_refused(&mut self, reply: &str) -> bool {
        if let Some(address) = reply.strip_prefix("ERR,MOVED,") {
            let address = address.to_owned();
            self.connect_to(&address);
            return true;
        }
        if reply.starts_with("ERR,READ_ONLY") || reply.starts_with("ERR,SHUTTING_DOWN") {
            self.connection = None;
            std::thread::sleep(Duration::from_millis(20));
            return true;
        }
        false
    }

    fn add(&mut self) {
        if self.connection.is_none() {
            return self.connect();
        }
        let line = format!("ADD,{},1.00\n", self.account.user);
        match self.ask(&line, |_| {}) {
            Some(reply) if reply.starts_with("OK,") => {
                self.account.done += 1;
                let stall = self.last.elapsed();
                self.last = Instant::now();
                if stall > LEAST_STALL {
                    self.account.stalls.push((self.last, stall));
                }
            }
            Some(reply) if self.is_refused(&reply) => {}
            _ => {
                self.account.unknown += 1;
                self.connection = None;
            }
        }
    }

    /// Returns the cash of the account, in dollars.
    fn cash(&mut self) -> u64 {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            assert!(Instant::now() < deadline, "no summary within a minute");
            let line = format!("DISPLAY_SUMMARY,{}\n", self.account.user);
            let mut cash = None;
            let reply = self.ask(&line, |detail| {
                let amount =
                    detail.strip_prefix("-ACCOUNT,").and_then(|rest| rest.split(',').nth(1));
                cash = cash.or_else(|| amount?.strip_suffix(".00")?.parse().ok());
            });
            match (reply, cash) {
                (Some(reply), Some(cash)) if reply.starts_with("OK,") => return cash,
                (Some(reply), _) if reply.starts_with("ERR,NO_ACCOUNT") => return 0,
                (Some(reply), _) if self.is_refused(&reply) => {}
                _ => self.connect(),
            }
        }
    }
}

/// Clients at work.
pub struct Traders {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Trader>>,
}

impl Traders {
    /// Starts clients with a user each.
    pub fn start(count: usize, ports: &Ports) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|number| {
            let (stop, ports) = (Arc::clone(&stop), Arc::clone(ports));
            let account = Account { user: format!("trader{number}"), ..Account::default() };
            let last = Instant::now();
            let mut trader = Trader { account, ports, next: number, connection: None, last };
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    trader.add();
                }
                trader
            })
        });
        Self { threads: threads.collect(), stop }
    }

    /// Stops them, and checks that each account has what was answered and nothing that was not
    /// sent. Returns what became of their lines.
    pub fn check(self) -> Vec<Account> {
        self.stop.store(true, Ordering::Relaxed);
        let check = |thread: JoinHandle<Trader>| {
            let mut trader = thread.join().unwrap();
            let cash = trader.cash();
            let Account { done, unknown, user, .. } = &trader.account;
            assert!(*done > 0, "{user} was never answered");
            assert!(cash >= *done, "{user}: {done} lines were answered, and {cash} took effect");
            assert!(
                cash <= done + unknown,
                "{user}: of {done} + {unknown} lines {cash} took effect"
            );
            trader.account
        };
        self.threads.into_iter().map(check).collect()
    }
}
