//! `daytraded quote-server`: stands in for the legacy quote server, over its own protocol.

use super::simulated::{SimulatedSource, mix};
use crate::limits::QUOTE_ANSWER_BYTES_MAX;
use daytrade_protocol::{Symbol, UserName};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long answers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Delay {
    /// No time at all.
    None,
    /// As the real one: two thirds 7 to 26 ms, the rest 1 to 4 whole seconds more, drawn anew for each connection.
    Legacy,
}

/// A stand-in for the legacy quote server.
pub struct QuoteServer {
    source: SimulatedSource,
    delay: Delay,
    seed: u64,
    requests: AtomicU64,
}

impl QuoteServer {
    /// A server that quotes from this market.
    pub fn new(source: SimulatedSource, delay: Delay, seed: u64) -> Self {
        Self { source, delay, seed, requests: AtomicU64::new(0) }
    }

    /// Answers requests until the task is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                if let Err(error) = server.answer(stream).await {
                    tracing::debug!(%error, "a quote connection ended early");
                }
            });
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut request = Vec::with_capacity(QUOTE_ANSWER_BYTES_MAX);
        while !request.contains(&b'\n') && request.len() < QUOTE_ANSWER_BYTES_MAX {
            if stream.read_buf(&mut request).await? == 0 {
                break;
            }
        }
        let random = mix(self.seed ^ mix(self.requests.fetch_add(1, Ordering::Relaxed)));
        if self.delay == Delay::Legacy {
            tokio::time::sleep(legacy_delay(random)).await;
        }
        let line = String::from_utf8_lossy(&request);
        let fields: Option<(Symbol, UserName)> = line.trim().split_once(',').and_then(|(symbol, user)| {
            Some((Symbol::parse(symbol.trim().as_bytes())?, UserName::parse(user.trim().as_bytes())?))
        });
        let reply = match fields {
            None => "NA\n".to_owned(),
            Some((symbol, user)) => {
                let quote = self.source.next_quote(symbol);
                format!("{},{symbol},{user},{},{} \n", quote.price, quote.time_ms, quote.key)
            }
        };
        stream.write_all(reply.as_bytes()).await?;
        stream.shutdown().await
    }
}

/// The real server's delays: around 9 ms, and for one answer in three 1 to 4 seconds more.
fn legacy_delay(random: u64) -> Duration {
    let quick = if random % 10 < 8 { 7 + (random >> 8) % 5 } else { 12 + (random >> 8) % 15 };
    let slow = if (random >> 16).is_multiple_of(3) { 1 + (random >> 24) % 4 } else { 0 };
    Duration::from_millis(quick + 1_000 * slow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_those_of_the_real_server() {
        let delays: Vec<_> = (0..3_000).map(|n| legacy_delay(mix(n)).as_millis()).collect();
        let quick = delays.iter().filter(|ms| **ms < 1_000).count();
        assert!((1_900..2_100).contains(&quick), "{quick} of 3000 were quick");
        assert!(delays.iter().all(|ms| (7..=26).contains(&(ms % 1_000)) && *ms < 5_000));
    }
}
