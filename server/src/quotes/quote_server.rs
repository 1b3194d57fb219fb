//! `daytraded quote-server`: an emulator of the legacy quote server with the same protocol.

use super::simulated::{SimulatedSource, mix};
use crate::limits::QUOTE_ANSWER_BYTES_MAX;
use daytrade_protocol::{Symbol, UserName};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Delay of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Delay {
    /// No delay.
    None,
    /// The delays of the real server: 7 to 26 ms, and 1 to 4 whole seconds more for one third of
    /// the answers, random for each connection.
    Legacy,
}

/// A fault in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuoteFault {
    /// Answers `NA`.
    Na,
    /// Answers for another symbol, with an invalid number, or incompletely.
    Wrong,
    /// Closes the connection without an answer.
    Early,
    /// Never answers.
    Silent,
    /// Resets the connection.
    Refuse,
}

/// Probability of each fault, in percent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuoteFaults(Vec<(QuoteFault, u64)>);

impl std::str::FromStr for QuoteFaults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let bad = || {
                format!("{part:?} must be na, wrong, early, silent or refuse, followed by :PERCENT")
            };
            let (name, percent) = part.split_once(':').ok_or_else(bad)?;
            let fault = match name {
                "na" => QuoteFault::Na,
                "wrong" => QuoteFault::Wrong,
                "early" => QuoteFault::Early,
                "silent" => QuoteFault::Silent,
                "refuse" => QuoteFault::Refuse,
                _ => return Err(bad()),
            };
            faults.push((fault, percent.parse().map_err(|_| bad())?));
        }
        let sum: u64 = faults.iter().map(|(_, percent)| *percent).fold(0, u64::saturating_add);
        if sum > 100 {
            Err(format!("the percentages add up to {sum}, more than 100"))
        } else {
            Ok(Self(faults))
        }
    }
}

impl QuoteFaults {
    /// Returns the fault for this answer, if any.
    fn draw(&self, random: u64) -> Option<QuoteFault> {
        let mut at = random % 100;
        for (fault, percent) in &self.0 {
            if at < *percent {
                return Some(*fault);
            }
            at -= percent;
        }
        None
    }
}

/// An emulator of the legacy quote server.
pub struct QuoteServer {
    source: SimulatedSource,
    delay: Delay,
    seed: u64,
    faults: QuoteFaults,
    /// Offset of its clock from the real time.
    clock_skew_ms: i64,
    requests: AtomicU64,
}

impl QuoteServer {
    /// Creates a server that quotes from this market.
    pub fn new(source: SimulatedSource, delay: Delay, seed: u64) -> Self {
        let (faults, requests) = (QuoteFaults::default(), AtomicU64::new(0));
        Self { source, delay, seed, faults, clock_skew_ms: 0, requests }
    }

    /// Adds faults and a clock offset. The faults are drawn from the same seed.
    pub fn with_faults(self, faults: QuoteFaults, clock_skew_ms: i64) -> Self {
        Self { faults, clock_skew_ms, ..self }
    }

    /// Answers requests until the task is dropped.
    ///
    /// # Errors
    /// Returns an error if the listener fails.
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

    #[expect(clippy::string_slice, reason = "an answer is ASCII")]
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
        let fault = self.faults.draw(random >> 32);
        match fault {
            Some(QuoteFault::Silent) => {
                // The client closes the connection after its timeout.
                while stream.read_buf(&mut request).await? > 0 {
                    request.clear();
                }
                return Ok(());
            }
            Some(QuoteFault::Early) => return stream.shutdown().await,
            Some(QuoteFault::Refuse) => return stream.set_zero_linger(),
            _ => {}
        }
        let line = String::from_utf8_lossy(&request);
        let fields: Option<(Symbol, UserName)> =
            line.trim().split_once(',').and_then(|(symbol, user)| {
                Some((
                    Symbol::parse(symbol.trim().as_bytes())?,
                    // A server asks under its own name for those who only watch.
                    UserName::parse_recorded(user.trim().as_bytes())?,
                ))
            });
        let reply = match fields {
            None => "NA\n".to_owned(),
            Some(_) if fault == Some(QuoteFault::Na) => "NA\n".to_owned(),
            Some((symbol, user)) => {
                let quote = self.source.next_quote(symbol);
                let time_ms = quote.time_ms.saturating_add_signed(self.clock_skew_ms);
                let good = format!("{},{symbol},{user},{time_ms},{} \n", quote.price, quote.key);
                match (fault, random >> 48 & 3) {
                    (Some(QuoteFault::Wrong), 0) => {
                        good.replacen(&format!(",{symbol},"), ",@@,", 1)
                    }
                    (Some(QuoteFault::Wrong), 1) => format!("-{good}"),
                    (Some(QuoteFault::Wrong), 2) => "\u{fffd}\u{fffd}\n".to_owned(),
                    (Some(QuoteFault::Wrong), _) => good[..good.len() / 3].to_owned(),
                    _ => good,
                }
            }
        };
        stream.write_all(reply.as_bytes()).await?;
        stream.shutdown().await
    }
}

/// Returns a delay of the real server: around 9 ms, and 1 to 4 seconds more for one answer in
/// three.
fn legacy_delay(random: u64) -> Duration {
    let quick = if random % 10 < 8 { 7 + (random >> 8) % 5 } else { 12 + (random >> 8) % 15 };
    let slow = if (random >> 16).is_multiple_of(3) { 1 + (random >> 24) % 4 } else { 0 };
    Duration::from_millis(quick + 1_000 * slow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_parsed_and_occur_at_the_given_rate() {
        let faults: QuoteFaults = "na:10,silent:5".parse().unwrap();
        let drawn = |fault| (0..10_000).filter(|n| faults.draw(mix(*n)) == Some(fault)).count();
        assert!(
            (900..1_100).contains(&drawn(QuoteFault::Na))
                && (400..600).contains(&drawn(QuoteFault::Silent))
        );
        assert_eq!(drawn(QuoteFault::Early), 0);
        for bad in ["na", "na:x", "odd:5", "na:60,wrong:60"] {
            assert!(bad.parse::<QuoteFaults>().is_err(), "{bad}");
        }
    }

    #[test]
    fn delays_are_those_of_the_real_server() {
        let delays: Vec<_> = (0..3_000).map(|n| legacy_delay(mix(n)).as_millis()).collect();
        let quick = delays.iter().filter(|ms| **ms < 1_000).count();
        assert!((1_900..2_100).contains(&quick), "{quick} of 3000 were quick");
        assert!(delays.iter().all(|ms| (7..=26).contains(&(ms % 1_000)) && *ms < 5_000));
    }
}
