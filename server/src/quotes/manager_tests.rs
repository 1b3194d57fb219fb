//! Tests of the quote manager with a source whose fetches the test answers.

use super::super::source::Fetch;
use super::*;
use daytrade_protocol::Money;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot};

type Answer = oneshot::Sender<Result<SourceQuote, SourceError>>;

/// A source that answers a fetch when the test does.
#[derive(Default)]
struct Scripted {
    fetches: Mutex<VecDeque<(String, Answer)>>,
}

impl QuoteSource for Scripted {
    fn fetch<'a>(&'a self, symbol: Symbol, user: &'a UserName) -> Fetch<'a> {
        let (answer, answered) = oneshot::channel();
        self.fetches.lock().push_back((format!("{symbol} for {user}"), answer));
        Box::pin(async move {
            answered.await.unwrap_or(Err(SourceError::Timeout)).map(crate::quotes::Fetched::from)
        })
    }

    fn describe(&self) -> String {
        "scripted".to_owned()
    }
}

/// A running manager, its shards' queues and its source.
struct World {
    source: Arc<Scripted>,
    requests: UnboundedSender<QuoteRequest>,
    events: Vec<UnboundedReceiver<ShardEvent>>,
    stats: Arc<QuoteStats>,
}

impl World {
    fn new(shards: usize) -> Self {
        let source = Arc::new(Scripted::default());
        let (requests, queue) = mpsc::unbounded_channel();
        let (shards, events): (Vec<_>, Vec<_>) =
            (0..shards).map(|_| mpsc::unbounded_channel()).unzip();
        let stats = Arc::new(QuoteStats::default());
        let handles = QuoteManagerHandles {
            opens: Opens::default(),
            requests: queue,
            shards,
            clock: Arc::default(),
            stats: Arc::clone(&stats),
            refresh_budget: 50,
            speed_milli: 1_000,
            numbers: Arc::new(AtomicU64::new(1)),
        };
        spawn_manager(Arc::clone(&source) as Arc<dyn QuoteSource>, handles);
        Self { source, requests, events, stats }
    }

    /// Requests a quote for a user of a shard.
    fn want(&self, shard: u16, user: &str) {
        let user = UserName::parse(user.as_bytes()).unwrap();
        self.requests
            .send(QuoteRequest::Want { shard, symbol: symbol(), user, number: 7 })
            .unwrap();
    }

    /// Returns the next fetch. Yields to other tasks until there is one, without a clock.
    async fn next_fetch(&self) -> (String, Answer) {
        loop {
            let next = self.source.fetches.lock().pop_front();
            match next {
                Some(fetch) => return fetch,
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Returns the next price that a shard receives, None for a failed fetch, and whether it is to
    /// record a hit.
    async fn next_price(&mut self, shard: usize) -> (Option<i64>, bool) {
        match self.events[shard].recv().await {
            Some(ShardEvent::Quote(QuoteEvent::Arrived(quote, hit))) => {
                (Some(quote.price.cents()), hit.is_some())
            }
            Some(ShardEvent::Quote(QuoteEvent::Failed(_))) => (None, false),
            other => panic!("{other:?}"),
        }
    }
}

fn symbol() -> Symbol {
    Symbol::parse(b"S").unwrap()
}

fn quote(cents: i64) -> SourceQuote {
    SourceQuote { price: Money::from_cents(cents), time_ms: 5, key: "k".into() }
}

#[tokio::test]
async fn concurrent_requests_share_one_fetch_and_one_shard_records_the_hit() {
    let mut world = World::new(2);
    world.want(1, "alice");
    world.want(0, "bob");
    let (fetch, answer) = world.next_fetch().await;
    assert_eq!(fetch, "S for alice");
    answer.send(Ok(quote(123))).unwrap();
    assert_eq!(world.next_price(0).await, (Some(123), false));
    assert_eq!(world.next_price(1).await, (Some(123), true));
    world.want(0, "carol");
    assert_eq!(world.next_price(0).await, (Some(123), false), "from the cache");
    assert!(world.source.fetches.lock().is_empty());
    assert_eq!((world.stats.hits.load(Ordering::Relaxed), world.stats.cost_cents()), (1, 5));
}

#[tokio::test]
async fn a_failed_fetch_is_reported_to_the_waiting_shard_and_the_next_request_retries() {
    let mut world = World::new(2);
    world.want(0, "alice");
    world.next_fetch().await.1.send(Err(SourceError::Timeout)).unwrap();
    assert_eq!(world.next_price(0).await, (None, false));
    assert!(world.events[1].try_recv().is_err(), "the other shard did not wait");
    world.want(0, "alice");
    world.next_fetch().await.1.send(Ok(quote(5))).unwrap();
    assert_eq!(world.next_price(0).await, (Some(5), true));
    assert_eq!(world.stats.failures.load(Ordering::Relaxed), 1);
}

/// A symbol has one entry in the queue of re-quotes, regardless of the number of failed requests.
/// After failures it is still fetched once a minute.
#[tokio::test]
async fn failures_do_not_add_fetches_later() {
    let mut manager = manager_of_one_shard();
    let alice = UserName::parse(b"alice").unwrap();
    manager.take(QuoteRequest::Interest {
        shard: 0,
        symbol: symbol(),
        asker: Some((alice.clone(), 9)),
    });
    for _ in 0..3 {
        manager.take(QuoteRequest::Want {
            shard: 0,
            symbol: symbol(),
            user: alice.clone(),
            number: 1,
        });
        let asker = Asker { shard: 0, user: alice.clone(), number: 1 };
        manager.fetched((symbol(), asker, Instant::now(), Err(SourceError::Timeout)));
        assert_eq!(manager.due.len(), 1);
    }
    let due = manager.due.first().unwrap().0;
    assert!(
        due >= manager.handles.clock.now_ms() + REQUOTE_PAUSE_MS - 100,
        "retried only after the pause"
    );
}

/// A thousand symbols that are due at the same time are fetched gradually, and STATS counts those
/// that wait.
#[tokio::test]
async fn requotes_follow_the_rate_limit() {
    let mut manager = manager_of_one_shard();
    let user = UserName::parse(b"alice").unwrap();
    for n in 0..1_000 {
        let symbol = Symbol::parse(format!("{n:03}").as_bytes()).unwrap();
        manager.take(QuoteRequest::Interest { shard: 0, symbol, asker: Some((user.clone(), 9)) });
    }
    manager.requote_due();
    let fetching = manager.handles.stats.fetching.load(Ordering::Relaxed);
    assert!((5..50).contains(&fetching), "a burst of a tenth of a second, not {fetching}");
    assert_eq!(manager.handles.stats.overdue.load(Ordering::Relaxed) + fetching, 1_000);
    assert!(manager.next_requote_in_ms() <= 20);
}

fn manager_of_one_shard() -> Manager {
    let (shard, _events) = mpsc::unbounded_channel();
    let (_requests, queue) = mpsc::unbounded_channel();
    let handles = QuoteManagerHandles {
        opens: Opens::default(),
        requests: queue,
        shards: vec![shard],
        clock: Arc::default(),
        stats: Arc::default(),
        refresh_budget: 50,
        speed_milli: 1_000,
        numbers: Arc::new(AtomicU64::new(1)),
    };
    let source: Arc<dyn QuoteSource> = Arc::new(Scripted::default());
    Manager::new(source.into(), handles)
}

#[tokio::test]
async fn a_symbol_with_triggers_is_fetched_at_once_and_all_shards_and_watchers_get_the_price() {
    let mut world = World::new(2);
    let outbox: Arc<crate::session::Outbox> = Arc::default();
    let target = ReplyTarget::new(Arc::clone(&outbox));
    world
        .requests
        .send(QuoteRequest::Watch { symbol: symbol(), target, to: ReplyTo::Nobody })
        .unwrap();
    let alice = UserName::parse(b"alice").unwrap();
    let interest = QuoteRequest::Interest { shard: 1, symbol: symbol(), asker: Some((alice, 9)) };
    world.requests.send(interest).unwrap();
    let (_, answer) = world.next_fetch().await;
    answer.send(Ok(quote(77))).unwrap();
    assert_eq!(world.next_price(0).await.0, Some(77));
    assert_eq!(world.next_price(1).await.0, Some(77));
    let pushed = String::from_utf8(outbox.take_bytes()).unwrap();
    assert!(pushed.starts_with("* QUOTE,S,0.77,"), "{pushed}");
}
