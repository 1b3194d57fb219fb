//! Client of the legacy quote server. Each request uses its own TCP connection: it sends
//! `SYMBOL,user` and receives `price,SYMBOL,user,timestamp,cryptokey`.
//!
//! Two thirds of the answers take about 9 ms. The others take 1 to 4 seconds more; the delay is
//! random for each connection. A second connection after a short pause therefore usually answers
//! first, and the first good answer is used.

use super::breaker::Breaker;
use super::hedging::Hedging;
use super::host::Host;
use super::source::{Fetch, Fetched, QuoteSource, SourceError, SourceQuote};
use crate::limits::{QUOTE_ANSWER_BYTES_MAX, QUOTE_ATTEMPTS_MAX};
use daytrade_protocol::{Money, Symbol, UserName};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A client of the legacy quote server.
pub struct LegacySource {
    client: Arc<Client>,
    options: LegacyOptions,
    breaker: Mutex<Breaker>,
}

/// Options of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyOptions {
    /// Deadline for a quote, over all attempts.
    pub timeout: Duration,
    /// Pause before another attempt is started on a new connection. None disables hedging.
    pub hedge_after: Option<Duration>,
    /// Maximum number of open connections; further requests wait in order.
    pub connections: usize,
}

/// The open attempts at one quote.
type Attempts = JoinSet<Result<SourceQuote, SourceError>>;

struct Client {
    host: Host,
    /// Permits for requests in progress.
    turns: Semaphore,
    /// Permits for hedge connections. They are separate from the permits for requests: otherwise
    /// new requests could take every connection, and slow ones could not be hedged.
    hedges: Semaphore,
    hedging: Hedging,
    /// Requests sent.
    requests: AtomicU64,
    /// Complete answers that contained no usable price.
    unusable: AtomicU64,
}

impl LegacySource {
    /// Creates a client of the server at `HOST:PORT`, without connecting.
    pub fn new(address: String, options: LegacyOptions) -> Self {
        let hedges = if options.hedge_after.is_some() { options.connections / 2 } else { 0 };
        let turns = Semaphore::new(options.connections - hedges);
        let client = Client {
            host: Host::new(address),
            turns,
            hedges: Semaphore::new(hedges),
            hedging: Hedging::new(options.hedge_after.unwrap_or_default()),
            requests: AtomicU64::new(0),
            unusable: AtomicU64::new(0),
        };
        Self { client: Arc::new(client), options, breaker: Mutex::default() }
    }

    async fn ask(&self, symbol: Symbol, user: &UserName) -> Result<Fetched, SourceError> {
        if !self.breaker.lock().allows(Instant::now()) {
            return Err(SourceError::Down);
        }
        let asked =
            tokio::time::timeout(self.options.timeout, self.ask_until_answered(symbol, user)).await;
        let answer = asked.unwrap_or(Err(SourceError::Timeout));
        match &answer {
            // An invalid answer shows that the server is up.
            Ok(_) | Err(SourceError::Nonsense(_)) => self.breaker.lock().succeeded(),
            Err(SourceError::Unreachable(_)) => self.breaker.lock().failed(Instant::now()),
            // A timeout for one symbol does not mean that the server is down, and neither does a
            // connection that it has accepted and cut.
            Err(
                SourceError::Timeout
                | SourceError::Cut(_)
                | SourceError::Down
                | SourceError::Unknown,
            ) => {}
        }
        answer
    }

    /// Starts attempts until one returns a good answer, and closes the others.
    ///
    /// 1. A further attempt is started after each pause, and at once if the server cuts the
    ///    connection, as far as [`Hedging`] allows.
    /// 2. At most five attempts are open. If all five are slow (one quote in 243), each new attempt
    ///    replaces the oldest.
    /// 3. The pause then doubles with each attempt. This avoids flooding a server that is slow for
    ///    every request, and some attempt always gets the time it needs.
    async fn ask_until_answered(
        &self,
        symbol: Symbol,
        user: &UserName,
    ) -> Result<Fetched, SourceError> {
        let _wanted = self.client.hedging.want_quote();
        let mut turn = self.client.turn().await;
        self.client.hedging.begin_quote();
        let mut attempts = JoinSet::new();
        let attempt = |hedges: bool| {
            let (client, user) = (Arc::clone(&self.client), user.clone());
            async move {
                let _place = if hedges { client.hedges.acquire().await.ok() } else { None };
                client.ask(symbol, &user).await
            }
        };
        let mut open = VecDeque::from([attempts.spawn(attempt(false))]);
        let mut begun = 1_u32;
        loop {
            let beyond = begun.saturating_sub(QUOTE_ATTEMPTS_MAX - 1).min(16);
            let hedges = self.options.hedge_after.is_some() && self.options.connections > 1;
            let pause = self.client.hedging.pause().saturating_mul(1 << beyond);
            let another = hedges.then_some(pause);
            tokio::select! {
                Some(answer) = attempts.join_next() => match answer {
                    Ok(Ok(quote)) => return Ok(with_late_hits(quote, attempts)),
                    Ok(Err(SourceError::Cut(_)))
                        if hedges && begun < QUOTE_ATTEMPTS_MAX && self.client.hedging.take() =>
                    {
                        // The turn is the place of one attempt; others need their own.
                        let needs_place = !attempts.is_empty();
                        open.push_back(attempts.spawn(attempt(needs_place)));
                        begun += 1;
                    }
                    // The budget grows with each quote that is begun: this one lets the others
                    // that wait go first, and tries again if that leaves something for it.
                    Ok(Err(SourceError::Cut(error)))
                        if attempts.is_empty() && hedges && begun < QUOTE_ATTEMPTS_MAX =>
                    {
                        drop(turn);
                        turn = self.client.turn().await;
                        if !self.client.hedging.take() {
                            return Err(SourceError::Cut(error));
                        }
                        open.push_back(attempts.spawn(attempt(false)));
                        begun += 1;
                    }
                    // Attempts still open may succeed. If there are none, this error is the answer.
                    Ok(Err(error)) if attempts.is_empty() => return Err(error),
                    Ok(Err(_)) => {}
                    Err(stopped) if stopped.is_cancelled() => {}
                    Err(stopped) => return Err(std::io::Error::other(stopped).into()),
                },
                () = tokio::time::sleep(another.unwrap_or_default()), if another.is_some() => {
                    if !self.client.hedging.take_hedge() {
                        continue;
                    }
                    open.push_back(attempts.spawn(attempt(true)));
                    begun += 1;
                    if open.len() > QUOTE_ATTEMPTS_MAX as usize
                        && let Some(oldest) = open.pop_front()
                    {
                        oldest.abort();
                    }
                }
            }
        }
    }
}

/// Adds late hits: answers that have arrived by now are paid for, too. Other attempts are closed.
fn with_late_hits(quote: SourceQuote, mut attempts: Attempts) -> Fetched {
    let arrived = std::iter::from_fn(|| attempts.try_join_next());
    let late = arrived.filter_map(|answer| answer.ok()?.ok()).collect();
    Fetched { quote, late }
}

impl Client {
    /// Waits for the permit of a request. While hedging rests, the places for it are free. None
    /// never: the semaphore is not closed.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        if self.hedging.rests()
            && let Ok(turn) = self.hedges.try_acquire()
        {
            return Some(turn);
        }
        self.turns.acquire().await.ok()
    }

    /// Sends one request, and notes a cut answer.
    async fn ask(&self, symbol: Symbol, user: &UserName) -> Result<SourceQuote, SourceError> {
        let answer = self.ask_once(symbol, user).await;
        if matches!(answer, Err(SourceError::Cut(_))) {
            self.hedging.note_cut();
        }
        answer
    }

    /// Sends one request over a new connection and parses the answer.
    #[expect(clippy::indexing_slicing, reason = "the length is at most that of the answer")]
    async fn ask_once(&self, symbol: Symbol, user: &UserName) -> Result<SourceQuote, SourceError> {
        let mut stream = TcpStream::connect(&*self.host.addresses().await?).await?;
        let begun = Instant::now();
        // What a source charges for: every request that it has received.
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = stream.write_all(format!("{symbol},{user}\n").as_bytes()).await;
        sent.map_err(SourceError::Cut)?;
        let mut answer = Vec::with_capacity(QUOTE_ANSWER_BYTES_MAX);
        while !answer.contains(&b'\n') && answer.len() < QUOTE_ANSWER_BYTES_MAX {
            if stream.read_buf(&mut answer).await.map_err(SourceError::Cut)? == 0 {
                break;
            }
        }
        if answer.is_empty() {
            return Err(SourceError::Cut(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.hedging.note_answer(begun.elapsed());
        parse_answer(&answer, symbol, user).ok_or_else(|| {
            self.unusable.fetch_add(u64::from(answer.contains(&b'\n')), Ordering::Relaxed);
            let shown = &answer[..answer.len().min(QUOTE_ANSWER_BYTES_MAX)];
            SourceError::Nonsense(String::from_utf8_lossy(shown).into_owned())
        })
    }
}

/// Parses an answer. Returns None if it is not a valid quote for this symbol and user.
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
        Box::pin(self.ask(symbol, user))
    }

    fn requests(&self) -> Option<u64> {
        Some(self.client.requests.load(Ordering::Relaxed))
    }

    fn unusable(&self) -> u64 {
        self.client.unusable.load(Ordering::Relaxed)
    }

    fn is_down(&self) -> bool {
        self.breaker.lock().is_open()
    }

    fn describe(&self) -> String {
        format!("legacy:{}", self.client.host.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn source(address: std::net::SocketAddr, hedge_after_ms: u64) -> LegacySource {
        let hedge_after = Some(Duration::from_millis(hedge_after_ms));
        LegacySource::new(
            address.to_string(),
            LegacyOptions { timeout: Duration::from_secs(5), hedge_after, connections: 16 },
        )
    }

    fn parse(answer: &str) -> Option<SourceQuote> {
        parse_answer(
            answer.as_bytes(),
            Symbol::parse(b"S").unwrap(),
            &UserName::parse(b"alice").unwrap(),
        )
    }

    #[test]
    fn answers_are_validated() {
        let good = parse("828.8,S,alice,1795334400123, a2V5+/=  \n").unwrap();
        assert_eq!(
            (good.price, good.time_ms, &*good.key),
            (Money::from_cents(82_880), 1_795_334_400_123, "a2V5+/=")
        );
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
    async fn a_silent_server_ends_in_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = source(listener.local_addr().unwrap(), 30);
        let user = UserName::parse(b"alice").unwrap();
        let started = tokio::time::Instant::now();
        let answer = source.fetch(Symbol::parse(b"S").unwrap(), &user).await;
        assert!(matches!(answer, Err(SourceError::Timeout)));
        assert!(started.elapsed() >= Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_slow_request_is_hedged_and_the_first_good_answer_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = source(listener.local_addr().unwrap(), 1);
        let serve = async {
            // The first connection is never answered. The second gets an invalid answer, the third
            // a good one.
            let silent = listener.accept().await.unwrap();
            let (mut nonsense, _) = listener.accept().await.unwrap();
            nonsense.write_all(b"NA\n").await.unwrap();
            let (mut good, _) = listener.accept().await.unwrap();
            good.write_all(b"5.5,S,alice,1,key\n").await.unwrap();
            drop(silent);
        };
        let user = UserName::parse(b"alice").unwrap();
        let (answer, ()) = tokio::join!(source.fetch(Symbol::parse(b"S").unwrap(), &user), serve);
        let answer = answer.unwrap();
        assert_eq!((answer.quote.price, answer.late.len()), (Money::from_cents(550), 0));
        assert_eq!(source.unusable(), 1, "an invalid answer is billed too");
    }

    /// A server that takes two seconds for every request still answers. A server that never answers
    /// receives a bounded number of requests.
    #[tokio::test(start_paused = true)]
    async fn a_slow_server_answers_and_a_silent_server_is_asked_a_bounded_number_of_times() {
        for (delay, answered) in [(Duration::from_secs(2), true), (Duration::from_mins(1), false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let source = source(listener.local_addr().unwrap(), 30);
            let asked = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&asked);
            let serving = tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    counted.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        let _ = stream.write_all(b"5.5,S,alice,1,key\n").await;
                    });
                }
            });
            let user = UserName::parse(b"alice").unwrap();
            let answer = source.fetch(Symbol::parse(b"S").unwrap(), &user).await;
            assert_eq!(answer.is_ok(), answered, "{answer:?}");
            assert!(asked.load(Ordering::Relaxed) <= 13, "{asked:?}");
            serving.abort();
        }
    }

    #[tokio::test]
    async fn an_unreachable_server_opens_the_breaker() {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let source = source(address, 3_600_000);
        let user = UserName::parse(b"alice").unwrap();
        let answer = source.fetch(Symbol::parse(b"S").unwrap(), &user).await;
        assert!(matches!(answer, Err(SourceError::Unreachable(_))), "{answer:?}");
        let mut last = answer;
        while !source.is_down() {
            last = source.fetch(Symbol::parse(b"S").unwrap(), &user).await;
        }
        assert!(matches!(last, Err(SourceError::Unreachable(_))));
        let answer = source.fetch(Symbol::parse(b"S").unwrap(), &user).await;
        assert!(
            matches!(answer, Err(SourceError::Down)),
            "an open breaker fails the fetch at once: {answer:?}"
        );
    }
}
