//! One fetch per symbol however many wait, one cache for everybody, and fresh prices for those who
//! need them.
//!
//! A single task owns all of it; shards and sessions send it requests and hear of the outcome. A
//! symbol is fetched when somebody wants its price, and again whenever its quote is 60 s old for as
//! long as triggers or watchers wait for it.

use super::budget::Budget;
use super::source::{Fetched as Answer, QuoteSource, SourceError, SourceQuote};
use super::{Quote, QuoteNews};
use crate::clock::Clock;
use crate::engine::Hit;
use crate::limits::{LIFE_MS, REQUOTE_PAUSE_MS};
use crate::session::Outbox;
use crate::shard::Control;
use daytrade_protocol::{Push, Symbol, UserName};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What a hit costs, in cents.
const HIT_COST_CENTS: u64 = 5;

/// In whose name a price is fetched that only watchers want.
pub const WATCHER: &str = "daytraded";

/// What the manager is asked.
#[derive(Debug)]
pub enum QuoteRequest {
    /// A shard needs the price for this transaction. It asks once a symbol until it has heard of
    /// it.
    Want {
        /// Which shard.
        shard: u16,
        /// The stock.
        symbol: Symbol,
        /// In whose name.
        user: UserName,
        /// For which transaction.
        number: u64,
    },
    /// A shard's first trigger on the symbol was armed (by the asker), or its last is gone (None).
    Interest {
        /// Which shard.
        shard: u16,
        /// The stock.
        symbol: Symbol,
        /// In whose name and for which transaction to ask.
        asker: Option<(UserName, u64)>,
    },
    /// A shard cannot write down what is fetched (true), or can again: meanwhile nothing is fetched
    /// that no command waits for.
    Pause {
        /// Which shard.
        shard: u16,
        /// Whether to pause.
        paused: bool,
    },
    /// A connection wants to see the symbol's prices.
    Watch {
        /// The stock.
        symbol: Symbol,
        /// The transaction number a fetch for it is logged under.
        number: u64,
        /// Where to.
        outbox: Arc<Outbox>,
    },
    /// A connection does not any more.
    Unwatch {
        /// The stock.
        symbol: Symbol,
        /// Which connection.
        outbox: Arc<Outbox>,
    },
}

/// What the manager counts, for STATS.
#[derive(Debug, Default)]
pub struct QuoteStats {
    /// Answers of the source, each paid for.
    pub hits: AtomicU64,
    /// Those among them that came too late to count: what hedging costs.
    pub besides: AtomicU64,
    /// Whole answers that were no price, each paid for.
    pub unusable: AtomicU64,
    /// The longest fetch so far, in milliseconds.
    pub slowest_ms: AtomicU64,
    /// Fetches that gave no price.
    pub failures: AtomicU64,
    /// Fetches under way.
    pub fetching: AtomicU64,
    /// Symbols kept fresh.
    pub kept_fresh: AtomicU64,
    /// Symbols whose re-quote is due and waits for the budget.
    pub overdue: AtomicU64,
    /// Whether the source is taken to be down: 1 or 0.
    pub source_down: AtomicU64,
}

impl QuoteStats {
    /// What the answers cost, in cents.
    pub fn cost_cents(&self) -> u64 {
        (self.hits.load(Ordering::Relaxed) + self.unusable.load(Ordering::Relaxed)) * HIT_COST_CENTS
    }
}

/// What connects the manager to the rest of the server.
pub struct QuoteWire {
    /// Requests.
    pub requests: UnboundedReceiver<QuoteRequest>,
    /// The shards, by number.
    pub shards: Vec<UnboundedSender<Control>>,
    /// The time.
    pub clock: Arc<Clock>,
    /// The counts.
    pub stats: Arc<QuoteStats>,
    /// Re-quotes a second that no command waits for.
    pub refresh_budget: u64,
}

/// In whose name a fetch is made, and which shard writes the hit down.
#[derive(Clone, Debug)]
struct Asker {
    shard: u16,
    user: UserName,
    number: u64,
}

#[derive(Default)]
struct Entry {
    quote: Option<Quote>,
    fetching: bool,
    /// Shards that wait for the fetch under way.
    waiting: Vec<u16>,
    /// Shards with armed triggers.
    interested: Vec<Asker>,
    watchers: Vec<(Arc<Outbox>, u64)>,
    /// Its place in the queue of re-quotes.
    due_ms: Option<u64>,
    /// Until when it is left alone because a fetch has failed.
    pause_until_ms: u64,
}

impl Entry {
    fn is_kept_fresh(&self) -> bool {
        !self.interested.is_empty() || !self.watchers.is_empty()
    }
}

type Fetched = (Symbol, Asker, Instant, Result<Answer, SourceError>);

struct Manager {
    source: Arc<dyn QuoteSource>,
    wire: QuoteWire,
    entries: HashMap<Symbol, Entry>,
    /// When which symbol is to be quoted again.
    due: BTreeSet<(u64, Symbol)>,
    /// Shards that cannot write down what is fetched.
    paused: BTreeSet<u16>,
    fetches: JoinSet<Fetched>,
    /// For what no command waits for.
    budget: Budget,
    watcher: UserName,
}

/// Starts the manager; it ends when nobody can send to it any more. Must be called within a tokio
/// runtime.
///
/// # Errors
/// Never in practice: when the name it asks in for watchers were no user name.
pub fn spawn_manager(source: Arc<dyn QuoteSource>, wire: QuoteWire) -> anyhow::Result<()> {
    let watcher =
        UserName::parse(WATCHER.as_bytes()).ok_or_else(|| anyhow::anyhow!("not a user name"))?;
    let (entries, due, paused, fetches) =
        (HashMap::new(), BTreeSet::new(), BTreeSet::new(), JoinSet::new());
    let budget = Budget::new(wire.refresh_budget, wire.clock.now_ms());
    tokio::spawn(Manager { source, wire, entries, due, paused, fetches, budget, watcher }.run());
    Ok(())
}

impl Manager {
    async fn run(mut self) {
        loop {
            let wait_ms = self.next_requote_in_ms();
            if wait_ms == 0 {
                // Not left to the timer: under a stream of requests its turn might never come.
                self.requote_due();
            }
            let sleep = tokio::time::sleep(Duration::from_millis(wait_ms.max(1)));
            tokio::select! {
                // In a fixed order, so that a run can be repeated; nothing starves, because what
                // comes first is bounded by what comes later: a fetch ends once for a request, and
                // a shard asks once for a symbol.
                biased;
                Some(fetched) = self.fetches.join_next() => {
                    if let Ok(fetched) = fetched {
                        self.fetched(fetched);
                    }
                }
                request = self.wire.requests.recv() => match request {
                    Some(request) => self.take(request),
                    None => return,
                },
                () = sleep => self.requote_due(),
            }
        }
    }

    fn take(&mut self, request: QuoteRequest) {
        match request {
            QuoteRequest::Want { shard, symbol, user, number } => {
                let entry = self.entries.entry(symbol).or_default();
                match &entry.quote {
                    Some(quote) if quote.is_fresh(self.wire.clock.now_ms()) => {
                        let news = QuoteNews::Arrived(quote.clone(), None);
                        let _ = self.wire.shards[usize::from(shard)].send(Control::Quote(news));
                    }
                    _ => {
                        entry.waiting.push(shard);
                        self.fetch(symbol, Asker { shard, user, number });
                    }
                }
            }
            QuoteRequest::Interest { shard, symbol, asker } => {
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
            QuoteRequest::Watch { symbol, number, outbox } => {
                let entry = self.entries.entry(symbol).or_default();
                if let Some(quote) =
                    entry.quote.as_ref().filter(|quote| quote.is_fresh(self.wire.clock.now_ms()))
                {
                    outbox.push_quote(symbol, push(quote));
                }
                if !entry.watchers.iter().any(|(known, _)| Arc::ptr_eq(known, &outbox)) {
                    entry.watchers.push((outbox, number));
                }
                self.reschedule(symbol);
            }
            QuoteRequest::Unwatch { symbol, outbox } => {
                let watchers = &mut self.entries.entry(symbol).or_default().watchers;
                watchers.retain(|(known, _)| !Arc::ptr_eq(known, &outbox));
                self.reschedule(symbol);
            }
        }
    }

    /// Puts a symbol into the queue of re-quotes, or takes it out: at the end of its quote's life,
    /// at once if it has none.
    fn reschedule(&mut self, symbol: Symbol) {
        let now = self.wire.clock.now_ms();
        let Some(entry) = self.entries.get_mut(&symbol) else { return };
        if let Some(due) = entry.due_ms.take() {
            self.due.remove(&(due, symbol));
        }
        if entry.is_kept_fresh() && !entry.fetching {
            let aged = entry.quote.as_ref().map_or(now, |quote| quote.arrived_ms + LIFE_MS);
            let due = aged.max(entry.pause_until_ms).max(now);
            entry.due_ms = Some(due);
            self.due.insert((due, symbol));
        }
        self.wire.stats.kept_fresh.store(self.due.len() as u64, Ordering::Relaxed);
    }

    /// How long to sleep until something is due that the budget has room for.
    fn next_requote_in_ms(&self) -> u64 {
        match self.due.first().map(|(at, _)| at.saturating_sub(self.wire.clock.now_ms())) {
            _ if !self.paused.is_empty() => u64::from(u32::MAX),
            None => u64::from(u32::MAX),
            Some(0) => self.budget.wait_ms(self.wire.clock.now_ms()),
            Some(ms) => ms,
        }
    }

    fn requote_due(&mut self) {
        let now = self.wire.clock.now_ms();
        while let Some(&(due, symbol)) = self.due.first()
            && due <= now
        {
            if !self.budget.take(now) {
                let overdue = self.due.iter().take_while(|(due, _)| *due <= now).count();
                self.wire.stats.overdue.store(overdue as u64, Ordering::Relaxed);
                return;
            }
            self.due.pop_first();
            let Some(entry) = self.entries.get_mut(&symbol) else { continue };
            entry.due_ms = None;
            let watcher = entry.watchers.first().map(|(_, number)| (self.watcher.clone(), *number));
            let for_watcher = watcher.map(|(user, number)| Asker { shard: 0, user, number });
            if let Some(asker) = entry.interested.first().cloned().or(for_watcher) {
                self.fetch(symbol, asker);
            }
        }
        self.wire.stats.overdue.store(0, Ordering::Relaxed);
    }

    fn fetch(&mut self, symbol: Symbol, asker: Asker) {
        let Some(entry) = self.entries.get_mut(&symbol) else { return };
        if std::mem::replace(&mut entry.fetching, true) {
            return;
        }
        self.wire.stats.fetching.fetch_add(1, Ordering::Relaxed);
        let source = Arc::clone(&self.source);
        let began = Instant::now();
        self.fetches.spawn(async move {
            let result = source.fetch(symbol, &asker.user).await;
            (symbol, asker, began, result)
        });
    }

    fn fetched(&mut self, (symbol, asker, began, result): Fetched) {
        let took_ms = began.elapsed().as_millis() as u64;
        self.wire.stats.slowest_ms.fetch_max(took_ms, Ordering::Relaxed);
        self.wire.stats.unusable.store(self.source.unusable(), Ordering::Relaxed);
        self.wire.stats.fetching.fetch_sub(1, Ordering::Relaxed);
        self.wire.stats.source_down.store(u64::from(self.source.is_down()), Ordering::Relaxed);
        let Some(entry) = self.entries.get_mut(&symbol) else { return };
        entry.fetching = false;
        let waiting = std::mem::take(&mut entry.waiting);
        match result {
            Ok(Answer { quote, besides }) => {
                self.arrived(symbol, &asker, &quote);
                for answer in besides {
                    self.wire.stats.hits.fetch_add(1, Ordering::Relaxed);
                    self.wire.stats.besides.fetch_add(1, Ordering::Relaxed);
                    let news = QuoteNews::Paid(hit(symbol, &asker, &answer));
                    let _ = self.wire.shards[usize::from(asker.shard)].send(Control::Quote(news));
                }
            }
            Err(error) => {
                // A server that is known to be down is one event, not one for every symbol.
                if matches!(error, SourceError::Down) {
                    tracing::debug!(%symbol, %error, "no price");
                } else {
                    tracing::warn!(%symbol, %error, "no price");
                }
                self.wire.stats.failures.fetch_add(1, Ordering::Relaxed);
                for shard in waiting {
                    let _ = self.wire.shards[usize::from(shard)]
                        .send(Control::Quote(QuoteNews::Failed(symbol)));
                }
                entry.pause_until_ms = self.wire.clock.now_ms() + REQUOTE_PAUSE_MS;
                self.reschedule(symbol);
            }
        }
    }

    /// Remembers a price and tells everybody: every shard, because every price counts, and every
    /// watcher.
    fn arrived(&mut self, symbol: Symbol, asker: &Asker, answer: &SourceQuote) {
        self.wire.stats.hits.fetch_add(1, Ordering::Relaxed);
        let quote = Quote {
            symbol,
            price: answer.price,
            arrived_ms: self.wire.clock.now_ms(),
            key: answer.key.as_ref().into(),
        };
        for (shard, control) in self.wire.shards.iter().enumerate() {
            let hit = (shard == usize::from(asker.shard)).then(|| hit(symbol, asker, answer));
            let _ = control.send(Control::Quote(QuoteNews::Arrived(quote.clone(), hit)));
        }
        if let Some(entry) = self.entries.get_mut(&symbol) {
            for (outbox, _) in &entry.watchers {
                outbox.push_quote(symbol, push(&quote));
            }
            entry.quote = Some(quote);
        }
        self.reschedule(symbol);
    }
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
