//! A closed-loop client for both servers: each connection sends a durable command, waits for its
//! reply, and sends the next.

use hdrhistogram::Histogram;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

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

pub fn closed_loop(address: &str, dialect: Dialect, connections: usize, time: Duration) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // All connections open first, so that none runs alone.
        let mut streams = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let (started, mut tasks) = (Instant::now(), JoinSet::new());
        for (number, stream) in streams.into_iter().enumerate() {
            tasks.spawn(run_connection(stream, dialect, number, started + time));
        }
        let mut latencies = Histogram::new(3).unwrap();
        let mut counts = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let own: Histogram<u64> = done.unwrap();
            counts.push(own.len());
            latencies.add(own).unwrap();
        }
        Run { latencies, took: started.elapsed(), counts }
    })
}

async fn run_connection(
    stream: TcpStream,
    dialect: Dialect,
    number: usize,
    until: Instant,
) -> Histogram<u64> {
    let (reader, mut writer) = stream.into_split();
    let (mut reader, mut line) = (BufReader::new(reader), Vec::new());
    let request = match dialect {
        Dialect::Daytrade => format!("ADD,user{number},1.00\n"),
        Dialect::Redis => {
            let key = format!("user{number}");
            format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$4\r\n1.00\r\n", key.len())
        }
    };
    let mut latencies = Histogram::new(3).unwrap();
    while Instant::now() < until {
        let sent = Instant::now();
        writer.write_all(request.as_bytes()).await.unwrap();
        line.clear();
        reader.read_until(b'\n', &mut line).await.unwrap();
        assert!(
            line.starts_with(b"OK") || line.starts_with(b"+OK"),
            "{}",
            String::from_utf8_lossy(&line)
        );
        latencies.record(sent.elapsed().as_micros() as u64).unwrap();
    }
    latencies
}
