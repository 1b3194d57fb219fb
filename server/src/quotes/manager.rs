//! The quote manager: one fetch per symbol regardless of the number of requesters, one shared
//! cache, and automatic re-quotes for triggers and watchers.
//!
//! A single task owns all of this state. Shards and sessions send it requests, and it sends them
//! the results. A symbol is fetched when its price is requested. It is fetched again whenever its
//! quote is 60 s old, while triggers or watchers need it.

use super::budget::Budget;
use super::playing::Playing;

use super::source::{Fetched as Answer, PriceSource, QuoteSource, SourceError, SourceQuote};
use super::stats::QuoteStats;
use super::symbol_state::{Asker, SymbolState};
use crate::clock::Clock;
use crate::engine::{Hit, MarketState, Opens};
use crate::limits::{LIFE_MS, REQUOTE_PAUSE_MS};
use crate::message::{Quote, QuoteEvent, QuoteRequest, Replies, ReplyTarget, ReplyTo, ShardEvent};
use daytrade_protocol::{Push, ReplyBody, Symbol, UserName};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

mod resuming;
mod showing;

/// Pause between two messages of the log that a symbol has no price.
const FAILURE_SAID: Duration = Duration::from_mins(1);

/// Handles that connect the manager to the rest of the server.
pub struct QuoteManagerHandles {
    /// Incoming requests.
    pub requests: UnboundedReceiver<QuoteRequest>,
    /// Channels to the shards, indexed by shard number.
    pub shards: Vec<UnboundedSender<ShardEvent>>,
    /// Clock of the server.
    pub clock: Arc<Clock>,
    /// Counters for STATS.
    pub stats: Arc<QuoteStats>,
    /// Rate limit of fetches that no command waits for, per second.
    pub refresh_budget: u64,
    /// Speed of a market at its start, in thousandths of real time.
    pub speed_milli: u64,
    /// The opening prices of the day as the journals have them, by the server's clock.
    pub opens: Opens,
    /// The next transaction number: a fetch for watchers has its own.
    pub numbers: Arc<AtomicU64>,
}

type Fetched = (Symbol, Asker, Instant, Result<Answer, SourceError>);

struct Manager {
    /// The source that is asked; None if a market shows its prices by itself.
    source: Option<Arc<dyn QuoteSource>>,
    market: Option<Playing>,
    handles: QuoteManagerHandles,
    entries: HashMap<Symbol, SymbolState>,
    /// Queue of re-quotes, sorted by the time they are due.
    due: BTreeSet<(u64, Symbol)>,
    /// Shards that cannot write hits to their journals.
    paused: BTreeSet<u16>,
    fetches: JoinSet<Fetched>,
    /// Rate limit for fetches that no command waits for.
    budget: Budget,
    watcher: UserName,
    /// Number of watches so far.
    watches: u64,
    /// What the journals of shards that were taken over say of the market.
    states: BTreeMap<u16, MarketState>,
    /// A word for people: SIMULATED, REPLAYED or LIVE.
    kind: &'static str,
}

/// Starts the manager. It ends when every sender of requests is dropped. Must be called within a
/// tokio runtime.
pub fn spawn_manager(source: impl Into<PriceSource>, handles: QuoteManagerHandles) {
    tokio::spawn(Manager::new(source.into(), handles).run());
}

impl Manager {
    fn new(source: PriceSource, handles: QuoteManagerHandles) -> Self {
        let now_ms = handles.clock.now_ms();
        let kind = source.kind();
        let (source, market) = match source {
            PriceSource::Asked(source) => (Some(source), None),
            PriceSource::Market(market) => {
                let stats = Arc::clone(&handles.stats.market);
                (None, Some(Playing::new(market, handles.speed_milli, now_ms, stats)))
            }
        };
        Self {
            source,
            market,
            entries: HashMap::new(),
            due: BTreeSet::new(),
            paused: BTreeSet::new(),
            fetches: JoinSet::new(),
            budget: Budget::new(handles.refresh_budget, now_ms),
            watcher: UserName::of_server(),
            watches: 0,
            states: BTreeMap::new(),
            kind,
            handles,
        }
    }

    async fn run(mut self) {
        loop {
            let wait_ms = self.next_requote_in_ms();
            if wait_ms == 0 {
                // The timer is not enough: under a stream of requests it might never be polled.
                self.requote_due();
            }
            let market_ms = self.market_due_in();
            if market_ms == 0 {
                self.run_market();
            }
            let wait_ms = wait_ms.min(market_ms).max(1);
            let sleep = tokio::time::sleep(Duration::from_millis(wait_ms));
            tokio::select! {
                // The order is fixed so that runs are repeatable. No branch starves, because each
                // source is bounded by a later one: every fetch belongs to a request, and a shard
                // sends one request a symbol.
                biased;
                Some(fetched) = self.fetches.join_next() => {
                    if let Ok(fetched) = fetched {
                        self.fetched(fetched);
                    }
                }
                request = self.handles.requests.recv() => match request {
                    Some(request) => self.take(request),
                    None => return,
                },
                () = sleep => {
                    self.requote_due();
                    self.run_market();
                }
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "shards send their own number")]
    fn take(&mut self, request: QuoteRequest) {
        match request {
            QuoteRequest::Want { shard, symbol, .. } if self.market.is_some() => {
                let event = match self.market_price(symbol) {
                    Some((quote, time_ms)) => QuoteEvent::Shown(quote, time_ms),
                    None => QuoteEvent::Failed(symbol),
                };
                let _ = self.handles.shards[usize::from(shard)].send(ShardEvent::Quote(event));
            }
            QuoteRequest::MarketRecorded(is) => self.show_market(is),
            QuoteRequest::Market { control, target, to } => {
                answer(&target, to, &self.control_market(control));
            }
            QuoteRequest::Want { shard, symbol, user, number } => {
                let entry = self.entries.entry(symbol).or_default();
                match &entry.quote {
                    Some(quote) if quote.is_fresh(self.handles.clock.now_ms()) => {
                        let news = QuoteEvent::Arrived(quote.clone(), None);
                        let _ =
                            self.handles.shards[usize::from(shard)].send(ShardEvent::Quote(news));
                    }
                    _ => {
                        entry.waiting.push(shard);
                        self.fetch(symbol, Asker { shard, user, number });
                    }
                }
            }
            QuoteRequest::Interest { shard, symbol, asker } => {
                // A symbol that somebody waits for begins to move.
                self.market_price(symbol);
                let interested = &mut self.entries.entry(symbol).or_default().interested;
                interested.retain(|known| known.shard != shard);
                interested.extend(asker.map(|(user, number)| Asker { shard, user, number }));
                self.reschedule(symbol);
            }
            QuoteRequest::Pause { shard, paused: true } => {
                self.paused.insert(shard);
            }
            QuoteRequest::Pause { shard, paused: false } => {
                self.paused.remove(&shard);
            }
            QuoteRequest::Known(quote) => self.know(quote),
            QuoteRequest::Resume { shard, state } => self.resume(shard, *state),
            QuoteRequest::Watch { symbol, target, to } => self.watch(symbol, target, to),
            QuoteRequest::Open { symbol, target, to } => {
                answer(&target, to, &self.open_of(symbol));
            }
            QuoteRequest::Unwatch { symbol, target, to } => {
                answer(&target, to, &ReplyBody::Unwatch { symbol });
                let entry = self.entries.entry(symbol).or_default();
                if let Some(number) = entry.watcher_numbers.remove(&target.key()) {
                    entry.watchers.remove(&number);
                }
                self.reschedule(symbol);
            }
        }
    }

    fn watch(&mut self, symbol: Symbol, target: ReplyTarget, to: ReplyTo) {
        // The reply first: the price, if there is one, follows it.
        answer(&target, to, &ReplyBody::Watch { symbol });
        let shown = self.market_price(symbol).map(|(quote, _)| quote);
        let entry = self.entries.entry(symbol).or_default();
        entry.quote = shown.or_else(|| entry.quote.take());
        if let Some(quote) =
            entry.quote.as_ref().filter(|quote| quote.is_fresh(self.handles.clock.now_ms()))
        {
            target.sink().push_quote(symbol, push(quote));
        }
        if let Entry::Vacant(place) = entry.watcher_numbers.entry(target.key()) {
            self.watches += 1;
            place.insert(self.watches);
            entry.watchers.insert(self.watches, target);
        }
        self.reschedule(symbol);
    }

    /// Updates the symbol's place in the queue of re-quotes. It is due when its quote expires, or
    /// at once if it has no quote.
    fn reschedule(&mut self, symbol: Symbol) {
        let now = self.handles.clock.now_ms();
        let Some(entry) = self.entries.get_mut(&symbol) else { return };
        if let Some(due) = entry.due_ms.take() {
            self.due.remove(&(due, symbol));
        }
        if self.source.is_some() && entry.is_kept_fresh() && !entry.fetching {
            let aged = entry.quote.as_ref().map_or(now, |quote| quote.arrived_ms + LIFE_MS);
            let due = aged.max(entry.pause_until_ms).max(now);
            entry.due_ms = Some(due);
            self.due.insert((due, symbol));
        }
        self.handles.stats.kept_fresh.store(self.due.len() as u64, Ordering::Relaxed);
    }

    /// Returns the time until a re-quote is due and the rate limit allows it, milliseconds.
    fn next_requote_in_ms(&self) -> u64 {
        match self.due.first().map(|(at, _)| at.saturating_sub(self.handles.clock.now_ms())) {
            _ if !self.paused.is_empty() => u64::from(u32::MAX),
            None => u64::from(u32::MAX),
            Some(0) => self.budget.wait_ms(self.handles.clock.now_ms()),
            Some(ms) => ms,
        }
    }

    fn requote_due(&mut self) {
        let now = self.handles.clock.now_ms();
        while let Some(&(due, symbol)) = self.due.first()
            && due <= now
        {
            if !self.budget.take(now) {
                let overdue = self.due.iter().take_while(|(due, _)| *due <= now).count();
                self.handles.stats.overdue.store(overdue as u64, Ordering::Relaxed);
                return;
            }
            self.due.pop_first();
            let Some(entry) = self.entries.get_mut(&symbol) else { continue };
            entry.due_ms = None;
            let numbers = &self.handles.numbers;
            let for_watcher = || {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                Asker { shard: 0, user: self.watcher.clone(), number }
            };
            let is_watched = !entry.watchers.is_empty();
            let asker = entry.interested.first().cloned();
            if let Some(asker) = asker.or_else(|| is_watched.then(for_watcher)) {
                self.fetch(symbol, asker);
            }
        }
        self.handles.stats.overdue.store(0, Ordering::Relaxed);
    }

    fn fetch(&mut self, symbol: Symbol, asker: Asker) {
        let Some(source) = self.source.clone() else { return };
        let Some(entry) = self.entries.get_mut(&symbol) else { return };
        if std::mem::replace(&mut entry.fetching, true) {
            return;
        }
        self.handles.stats.fetching.fetch_add(1, Ordering::Relaxed);
        if source.requests().is_none() {
            self.handles.stats.requests.fetch_add(1, Ordering::Relaxed);
        }
        let began = Instant::now();
        self.fetches.spawn(async move {
            let result = source.fetch(symbol, &asker.user).await;
            (symbol, asker, began, result)
        });
    }

    #[expect(clippy::indexing_slicing, reason = "shards send their own number")]
    fn fetched(&mut self, (symbol, asker, began, result): Fetched) {
        let took = began.elapsed();
        self.handles.stats.slowest_ms.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
        self.handles.stats.times.add(took, 1);
        let Some(source) = &self.source else { return };
        if let Some(requests) = source.requests() {
            self.handles.stats.requests.store(requests, Ordering::Relaxed);
        }
        self.handles.stats.unusable.store(source.unusable(), Ordering::Relaxed);
        self.handles.stats.fetching.fetch_sub(1, Ordering::Relaxed);
        self.handles.stats.source_down.store(u64::from(source.is_down()), Ordering::Relaxed);
        let Some(entry) = self.entries.get_mut(&symbol) else { return };
        entry.fetching = false;
        let waiting = std::mem::take(&mut entry.waiting);
        match result {
            Ok(Answer { quote, late }) => {
                self.arrived(symbol, &asker, &quote);
                for answer in late {
                    self.handles.stats.hits.fetch_add(1, Ordering::Relaxed);
                    self.handles.stats.late.fetch_add(1, Ordering::Relaxed);
                    let news = QuoteEvent::LateHit(hit(symbol, &asker, &answer));
                    let _ =
                        self.handles.shards[usize::from(asker.shard)].send(ShardEvent::Quote(news));
                }
            }
            Err(error) => {
                // While the source is down, the failures of single symbols are only debug messages.
                // So are repeated ones.
                let now = Instant::now();
                let said = entry.failure_said.is_some_and(|at| now - at < FAILURE_SAID);
                if matches!(error, SourceError::Down) || said {
                    tracing::debug!(%symbol, %error, "a quote could not be fetched");
                } else {
                    entry.failure_said = Some(now);
                    tracing::warn!(%symbol, %error, "a quote could not be fetched");
                }
                self.handles.stats.failures.fetch_add(1, Ordering::Relaxed);
                for shard in waiting {
                    let _ = self.handles.shards[usize::from(shard)]
                        .send(ShardEvent::Quote(QuoteEvent::Failed(symbol)));
                }
                entry.pause_until_ms = self.handles.clock.now_ms() + REQUOTE_PAUSE_MS;
                self.reschedule(symbol);
            }
        }
    }

    /// Stores a price and sends it to every shard, because triggers need each price, and to every
    /// watcher.
    fn arrived(&mut self, symbol: Symbol, asker: &Asker, answer: &SourceQuote) {
        self.handles.stats.hits.fetch_add(1, Ordering::Relaxed);
        let quote = Quote {
            symbol,
            price: answer.price,
            arrived_ms: self.handles.clock.now_ms(),
            key: answer.key.as_ref().into(),
        };
        self.handles.opens.note(symbol, quote.price, quote.arrived_ms);
        for (shard, control) in self.handles.shards.iter().enumerate() {
            let hit = (shard == usize::from(asker.shard)).then(|| hit(symbol, asker, answer));
            let _ = control.send(ShardEvent::Quote(QuoteEvent::Arrived(quote.clone(), hit)));
        }
        if let Some(entry) = self.entries.get_mut(&symbol) {
            for target in entry.watchers.values() {
                target.sink().push_quote(symbol, push(&quote));
            }
            entry.quote = Some(quote);
        }
        self.reschedule(symbol);
    }
}

fn answer(target: &ReplyTarget, to: ReplyTo, body: &ReplyBody) {
    let mut replies = Replies::default();
    replies.push(to, body);
    target.sink().deliver(&mut replies);
}

fn hit(symbol: Symbol, asker: &Asker, answer: &SourceQuote) -> Hit {
    Hit {
        number: asker.number,
        user: asker.user.clone(),
        symbol,
        price: answer.price,
        source_time_ms: answer.time_ms,
        key: answer.key.clone(),
    }
}

const fn push(quote: &Quote) -> Push {
    Push::Quote { symbol: quote.symbol, price: quote.price, at_ms: quote.arrived_ms }
}

#[cfg(test)]
#[path = "manager_tests.rs"]
mod tests;
