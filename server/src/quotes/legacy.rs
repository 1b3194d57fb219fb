//! The legacy quote server: one TCP connection a request, `SYMBOL,user` out, `price,SYMBOL,user,timestamp,cryptokey` back.

use super::source::{Fetch, QuoteSource, SourceError, SourceQuote};
use crate::limits::{QUOTE_ANSWER_BYTES_MAX, QUOTE_CONNECTIONS_MAX, QUOTE_TIMEOUT_MS};
use daytrade_protocol::{Money, Symbol, UserName};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// A client of the legacy quote server.
pub struct LegacySource {
    address: String,
    connections: Semaphore,
    timeout: Duration,
}

impl LegacySource {
    /// A client of the server at `HOST:PORT`; nothing is connected yet.
    pub fn new(address: String) -> Self {
        let connections = Semaphore::new(QUOTE_CONNECTIONS_MAX);
        Self { address, connections, timeout: Duration::from_millis(QUOTE_TIMEOUT_MS) }
    }

    async fn ask(&self, symbol: Symbol, user: &UserName) -> Result<SourceQuote, SourceError> {
        // Waiting for a turn counts: whoever asked waits for the price, not for the connection.
        let Ok(_turn) = self.connections.acquire().await else { return Err(SourceError::Timeout) };
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(format!("{symbol},{user}\n").as_bytes()).await?;
        let mut answer = Vec::with_capacity(QUOTE_ANSWER_BYTES_MAX);
        while !answer.contains(&b'\n') && answer.len() < QUOTE_ANSWER_BYTES_MAX {
            if stream.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        parse_answer(&answer, symbol, user).ok_or_else(|| {
            let shown = &answer[..answer.len().min(QUOTE_ANSWER_BYTES_MAX)];
            SourceError::Nonsense(String::from_utf8_lossy(shown).into_owned())
        })
    }
}

/// The quote in an answer, if it is one for what was asked.
fn parse_answer(answer: &[u8], symbol: Symbol, user: &UserName) -> Option<SourceQuote> {
    let line = std::str::from_utf8(answer).ok()?.trim();
    let [price, for_symbol, for_user, time, key] =
        line.splitn(5, ',').map(str::trim).collect::<Vec<_>>().try_into().ok()?;
    let good = Symbol::parse(for_symbol.as_bytes()) == Some(symbol)
        && for_user == user.as_str()
        && !key.is_empty()
        && !key.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control());
    let price = Money::parse_amount(price.as_bytes()).ok()?;
    Some(SourceQuote { price, time_ms: time.parse().ok()?, key: key.into() }).filter(|_| good)
}

impl QuoteSource for LegacySource {
    fn fetch<'a>(&'a self, symbol: Symbol, user: &'a UserName) -> Fetch<'a> {
        Box::pin(async move {
            tokio::time::timeout(self.timeout, self.ask(symbol, user)).await.unwrap_or(Err(SourceError::Timeout))
        })
    }

    fn describe(&self) -> String {
        format!("legacy:{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn parse(answer: &str) -> Option<SourceQuote> {
        parse_answer(answer.as_bytes(), Symbol::parse(b"S").unwrap(), &UserName::parse(b"alice").unwrap())
    }

    #[test]
    fn answers_are_checked_before_they_are_believed() {
        let good = parse("828.8,S,alice,1795334400123, a2V5+/=  \n").unwrap();
        assert_eq!((good.price, good.time_ms, &*good.key), (Money::from_cents(82_880), 1_795_334_400_123, "a2V5+/="));
        let bad = [
            "",
            "NA",
            "NA\n",
            "828.8,S,alice,1",
            "828.8,T,alice,1,k",
            "828.8,S,bob,1,k",
            "0.00,S,alice,1,k",
            "-1,S,alice,1,k",
            "8e2,S,alice,1,k",
            "828.8,S,alice,now,k",
            "828.8,S,alice,1,",
            "828.8,S,alice,1,k,more",
        ];
        for answer in bad {
            assert_eq!(parse(answer), None, "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_given_up_after_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = LegacySource::new(listener.local_addr().unwrap().to_string());
        let user = UserName::parse(b"alice").unwrap();
        let started = tokio::time::Instant::now();
        let answer = source.fetch(Symbol::parse(b"S").unwrap(), &user).await;
        assert!(matches!(answer, Err(SourceError::Timeout)));
        assert!(started.elapsed() >= Duration::from_millis(QUOTE_TIMEOUT_MS));
    }
}
