//! Storms of quotes against slow and faulty sources: which part of the prices comes, and how many
//! requests each costs.

use super::legacy::{LegacyOptions, LegacySource};
use super::source::QuoteSource as _;
use daytrade_protocol::{Symbol, UserName};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const QUOTES: u32 = 981;

/// How a source answers.
#[derive(Clone, Copy)]
struct Manner {
    /// Requests it works on at the same time; the others queue.
    at_once: usize,
    /// Time that it works on a request, or that a slow one takes.
    works: Duration,
    /// Percentage of requests that take `slow` instead.
    slow_percent: u32,
    slow: Duration,
    /// Percentage of answers that are cut.
    cut_percent: u32,
}

async fn serve(listener: TcpListener, manner: Manner) {
    let places = Arc::new(Semaphore::new(manner.at_once));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let mut below = |bound: u32| random.next_u32() % bound;
        let (is_slow, is_cut) = (below(100) < manner.slow_percent, below(100) < manner.cut_percent);
        let slow = manner.slow * (below(300) + 100) / 400;
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let _place = places.acquire().await.ok()?;
            tokio::time::sleep(if is_slow { slow } else { manner.works }).await;
            let (symbol, user) = line.trim().split_once(',')?;
            let answer = format!("5.5,{symbol},{user},1,key\n");
            if !is_cut {
                stream.get_mut().write_all(answer.as_bytes()).await.ok()?;
            }
            Some(())
        });
    }
}

/// Storms measure times: one runs after the other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Asks for all symbols at once. Returns the percentage of prices, and the requests a quote in
/// hundredths.
async fn storm(manner: Manner) -> (u64, u64, Duration) {
    let _alone = ALONE.lock().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // The usual queue of connections is shorter than the storm: some would be tried again after a
    // second.
    rustix::net::listen(&listener, 1_024).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The source has a thread of its own, as a real one has.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            tokio::select! {
                () = serve(listener, manner) => {}
                _ = stopped => {}
            }
        });
    });
    let options = LegacyOptions {
        timeout: Duration::from_secs(5),
        hedge_after: Some(Duration::from_millis(30)),
        connections: 256,
    };
    let source = Arc::new(LegacySource::new(address, options));
    let begun = std::time::Instant::now();
    let mut fetches = JoinSet::new();
    for number in 0..QUOTES {
        let source = Arc::clone(&source);
        fetches.spawn(async move {
            let digit = |at: u32| b'A' + (number / 10_u32.pow(at) % 10) as u8;
            let symbol = Symbol::parse(&[digit(2), digit(1), digit(0)]).unwrap();
            let user = UserName::parse(b"alice").unwrap();
            source.fetch(symbol, &user).await.is_ok()
        });
    }
    let fetched = fetches.join_all().await.into_iter().filter(|fetched| *fetched).count();
    let took = begun.elapsed();
    drop(stop);
    serving.join().unwrap();
    let quotes = u64::from(QUOTES);
    (fetched as u64 * 100 / quotes, source.requests().unwrap() * 100 / quotes, took)
}

const QUEUED: Manner = Manner {
    at_once: 4,
    works: Duration::from_millis(10),
    slow_percent: 0,
    slow: Duration::ZERO,
    cut_percent: 0,
};

#[tokio::test]
async fn a_source_that_serves_four_at_a_time_gives_every_price() {
    let (prices, requests, _) = storm(QUEUED).await;
    assert!(prices == 100 && requests <= 170, "{prices} % of the prices, {requests}/100 requests");
}

#[tokio::test]
async fn a_source_that_cuts_half_of_its_answers_gives_most_prices() {
    let cuts = Manner { at_once: 256, cut_percent: 50, ..QUEUED };
    let (prices, requests, _) = storm(cuts).await;
    assert!(prices >= 75 && requests <= 170, "{prices} % of the prices, {requests}/100 requests");
}

#[tokio::test]
async fn a_source_that_is_slow_for_all_is_not_asked_more_than_needed() {
    let slow = Manner { at_once: 256, works: Duration::from_millis(100), ..QUEUED };
    let (prices, requests, _) = storm(slow).await;
    assert!(prices == 100 && requests <= 130, "{prices} % of the prices, {requests}/100 requests");
}

/// The delays of the real quote server: two thirds take 9 ms, the others one to four seconds.
#[tokio::test]
async fn a_source_that_is_slow_for_a_third_is_hedged() {
    let slow = Duration::from_secs(4);
    let real =
        Manner { at_once: 512, works: Duration::from_millis(9), slow_percent: 33, slow, ..QUEUED };
    // Without hedging each would take four seconds at least. On a busy machine every answer takes
    // long, and so does the pause before a further request: the best of three counts.
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let (prices, requests, took) = storm(real).await;
        assert!(prices == 100 && requests <= 165, "{prices} %, {requests}/100 requests");
        best = best.min(took);
        if best < Duration::from_millis(1_500) {
            return;
        }
    }
    panic!("{best:?}");
}
