//! A closed-loop client for both servers: each connection sends a durable command, waits for its
//! reply, and sends the next.

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest time without any reply.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

#[derive(Clone, Copy)]
pub enum Dialect {
    Daytrade,
    Redis,
}

pub struct Run {
    latencies: Histogram<u64>,
    took: Duration,
    /// Number of commands of each connection.
    counts: Vec<u64>,
}

impl Run {
    pub fn per_second(&self) -> u64 {
        (u128::from(self.latencies.len()) * 1_000_000 / self.took.as_micros().max(1)) as u64
    }

    #[expect(clippy::float_arithmetic, reason = "a percentile, not money")]
    pub fn percentile_us(&self, per_mille: u32) -> u64 {
        self.latencies.value_at_percentile(f64::from(per_mille) / 10.0)
    }

    /// Returns the commands of the slowest connection relative to the mean, percent.
    pub fn fairness_percent(&self) -> u64 {
        let (least, all) =
            (self.counts.iter().min().copied().unwrap_or(0), self.counts.iter().sum::<u64>());
        least * 100 * self.counts.len() as u64 / all.max(1)
    }

    pub fn describe(&self) -> String {
        format!(
            "{} commands/s, p50 {} us, p99 {} us, max {} us; \
             the slowest connection had {} % of the mean",
            self.per_second(),
            self.percentile_us(500),
            self.percentile_us(990),
            self.latencies.max(),
            self.fairness_percent()
        )
    }
}

/// Runs one thread that does as little as possible for each command: what it takes, the servers
/// on the same cores lack.
pub fn closed_loop(address: &str, dialect: Dialect, connections: usize, time: Duration) -> Run {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    // All connections open first, so that none runs alone.
    let mut loops: Vec<Loop> =
        (0..connections).map(|number| Loop::open(address, dialect, number)).collect();
    for (number, one) in loops.iter().enumerate() {
        let data = EventData::new_u64(number as u64);
        epoll::add(&poll, &one.stream, data, EventFlags::IN).unwrap();
    }
    let (started, mut latencies) = (Instant::now(), Histogram::new(3).unwrap());
    for one in &mut loops {
        one.send();
    }
    let mut events = Vec::with_capacity(connections);
    while started.elapsed() < time {
        epoll::wait(&poll, spare_capacity(&mut events), Some(&PATIENCE)).unwrap();
        assert!(!events.is_empty(), "no reply within {PATIENCE:?}");
        for event in events.drain(..) {
            let one = &mut loops[event.data.u64() as usize];
            if let Some(took) = one.receive() {
                latencies.record(took.as_micros() as u64).unwrap();
                one.send();
            }
        }
    }
    let took = started.elapsed();
    Run { latencies, took, counts: loops.iter().map(|one| one.answered).collect() }
}

/// One connection with a command in flight.
struct Loop {
    stream: TcpStream,
    request: String,
    sent: Instant,
    reply: Vec<u8>,
    answered: u64,
}

impl Loop {
    fn open(address: &str, dialect: Dialect, number: usize) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let request = match dialect {
            Dialect::Daytrade => format!("ADD,user{number},1.00\n"),
            Dialect::Redis => {
                let key = format!("user{number}");
                format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$4\r\n1.00\r\n", key.len())
            }
        };
        Self { stream, request, sent: Instant::now(), reply: Vec::new(), answered: 0 }
    }

    fn send(&mut self) {
        self.sent = Instant::now();
        self.stream.write_all(self.request.as_bytes()).unwrap();
    }

    /// Reads what has arrived. Returns how long the command took if its reply is complete.
    fn receive(&mut self) -> Option<Duration> {
        let mut bytes = [0; 512];
        let read = self.stream.read(&mut bytes).unwrap();
        assert!(read > 0, "the server closed a connection");
        self.reply.extend_from_slice(&bytes[..read]);
        if self.reply.last() != Some(&b'\n') {
            return None;
        }
        let is_ok = self.reply.starts_with(b"OK") || self.reply.starts_with(b"+OK");
        assert!(is_ok, "{}", String::from_utf8_lossy(&self.reply));
        self.reply.clear();
        self.answered += 1;
        Some(self.sent.elapsed())
    }
}
