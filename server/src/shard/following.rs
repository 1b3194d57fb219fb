//! What a shard does in a cluster besides its own work: follows the owner's frames, becomes the
//! owner, and lets go.
//!
//! As long as another server owns the shard, its commands are refused or wait here. A follower must
//! never decide anything, and never keep accounts whose last frame may not be in the log.

use super::degraded::Health;
use super::execute::Executor;
use super::inbox::Inbox;
use super::ledger::FollowError;
use super::wait_queue::Waiting;
use crate::engine::{Hit, Owner};
use crate::journal::{AppendError, LogStore, Positions, Tip};
use crate::message::{
    Batch, ClusterOrder, Followed, Job, Quote, Route, ShardNews, ShardReport, Work,
};
use daytrade_protocol::Refusal;
use hashbrown::HashMap;
use smallvec::smallvec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// What a shard of a cluster shares with it.
#[derive(Clone)]
pub struct Membership {
    /// Receiver of its reports.
    pub reports: UnboundedSender<ShardReport>,
    /// The next transaction number.
    pub numbers: Arc<AtomicU64>,
    /// Its log, for reading the copy again.
    pub store: Arc<dyn LogStore>,
    /// The position of its journal.
    pub positions: Positions,
    /// Address at which this server takes clients.
    pub address: Arc<str>,
    /// Where commands are carried out.
    pub route: watch::Receiver<Route>,
}

/// What the next round does first.
#[derive(Debug)]
pub(super) enum Turn {
    /// Become the owner.
    TakeOver(Box<Owner>),
    /// Let go.
    Release,
}

/// The membership of one shard.
pub(super) struct Following {
    id: u16,
    membership: Membership,
    route: Route,
    turn: Option<Turn>,
    /// True once this server is the owner in the log. It answers when it owns all shards.
    owned: bool,
    /// Commands that waited for a price when the ownership ended, in the order of each user.
    backlog: Vec<Waiting>,
    failure: Option<AppendError>,
    /// True if the frames could not be followed: the accounts are not those of the owner.
    broken: bool,
    /// True once the server stops.
    stopping: bool,
    /// Numbers below this were assigned before the shard was owned, and may be in its journal.
    floor: u64,
}

impl Following {
    pub(super) const fn new(id: u16, membership: Membership) -> Self {
        Self {
            id,
            membership,
            route: Route::Sought,
            turn: None,
            owned: false,
            backlog: Vec::new(),
            failure: None,
            broken: false,
            stopping: false,
            floor: 0,
        }
    }

    pub(super) const fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Takes an order. What concerns the journal is done in the next round.
    pub(super) fn take_order(&mut self, order: ClusterOrder, executor: &mut Executor) {
        match order {
            ClusterOrder::TakeOver(owner) if !self.broken && !self.owned => {
                self.turn = Some(Turn::TakeOver(owner));
            }
            ClusterOrder::TakeOver(_) => {}
            ClusterOrder::Diverged(message) => self.break_off(executor.ledger.tip(), message),
            ClusterOrder::Release => self.turn = Some(Turn::Release),
            ClusterOrder::Follow(followed) => self.follow(&followed, executor),
        }
    }

    fn follow(&mut self, followed: &Followed, executor: &mut Executor) {
        // What was on its way when the shard took over is not for it.
        if self.broken
            || self.failure.is_some()
            || executor.health != Health::Following
            || self.owned
        {
            return;
        }
        let (mut newest, mut hits) = (None, HashMap::new());
        for frame in &followed.frames {
            let taken = executor.ledger.follow(frame, |hit, at_ms| {
                hits.insert(hit.symbol, quote_of(hit, at_ms));
            });
            match taken {
                Ok(owner) => newest = owner.or(newest),
                Err(FollowError::Log(error)) => {
                    self.failure = Some(error);
                    return;
                }
                Err(FollowError::Frame(message)) => {
                    return self.break_off(executor.ledger.tip(), message);
                }
            }
        }
        let now_ms = executor.ledger.now_ms();
        for (_, quote) in hits.into_iter().filter(|(_, quote)| quote.is_fresh(now_ms)) {
            executor.know(quote);
        }
        let next = executor.ledger.book().assigned_max().saturating_add(1);
        self.membership.numbers.fetch_max(next, Ordering::Relaxed);
        self.report(executor.ledger.tip(), ShardNews::Followed(newest));
    }

    /// Follows no more: the accounts are not those of the log, or the log is not that of the copy.
    fn break_off(&mut self, tip: Tip, message: String) {
        self.broken = true;
        self.report(tip, ShardNews::Broken(message));
    }

    /// Returns true if the accounts may hold a part of a frame only.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Notes that this server is the owner in the log, or is not.
    pub(super) const fn set_owned(&mut self, owned: bool) {
        self.owned = owned;
    }

    /// Returns true if the shard should begin to answer: this server owns all shards.
    pub(super) fn may_answer(&self) -> bool {
        self.owned && self.route == Route::Here
    }

    /// Takes the route as it is now; an owner that has lost a shard does not answer.
    pub(super) fn find_route(&mut self) {
        let route = self.membership.route.borrow().clone();
        self.route = if route == Route::Here { Route::Sought } else { route };
    }

    pub(super) fn report(&self, tip: Tip, news: ShardNews) {
        let _ = self.membership.reports.send(ShardReport { shard: self.id, tip, news });
    }

    /// Notes where commands are carried out.
    pub(super) fn set_route(&mut self, route: Route) {
        self.route = route;
    }

    /// Notes that the server stops: nothing waits any more.
    pub(super) const fn stop(&mut self) {
        self.stopping = true;
    }

    pub(super) const fn take_turn(&mut self) -> Option<Turn> {
        self.turn.take()
    }

    pub(super) const fn take_failure(&mut self) -> Option<AppendError> {
        self.failure.take()
    }

    /// Returns true if a follower's next round has something to do besides commands.
    pub(super) const fn is_due(&self) -> bool {
        self.turn.is_some() || self.failure.is_some()
    }

    /// Returns why a follower refuses commands; None while they wait.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match &self.route {
            Route::At(address) => Some(Refusal::Moved(address.clone())),
            _ if self.stopping => Some(Refusal::ShuttingDown),
            Route::Nowhere => Some(Refusal::NoOwner),
            Route::Here | Route::Sought => None,
        }
    }

    /// Returns the refusal of what a connection has sent after it was told to go elsewhere.
    pub(super) fn refusal_of_moved(&self) -> Refusal {
        let here = || Box::from(&*self.membership.address);
        Refusal::Moved(match &self.route {
            Route::At(address) => address.clone(),
            _ => here(),
        })
    }

    /// Keeps commands until it is known where they are carried out.
    pub(super) fn keep(&mut self, waiting: Vec<Waiting>) {
        self.backlog.extend(waiting);
    }

    pub(super) fn take_backlog(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.backlog)
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Makes the shard ready to own: what waited goes first, with numbers of its own.
    pub(super) fn begin_owning(&mut self, inbox: &mut Inbox) {
        self.floor = self.membership.numbers.load(Ordering::Relaxed);
        let later = std::mem::take(inbox).into_batches();
        let earlier = self.take_backlog();
        let earlier =
            earlier.into_iter().map(|(target, job)| Batch { target, jobs: smallvec![job] });
        for mut batch in earlier.chain(later) {
            self.renumber(&mut batch);
            inbox.push(batch);
        }
    }

    /// Gives jobs other numbers whose numbers may be in the journal.
    pub(super) fn renumber(&self, batch: &mut Batch) {
        let is_old = |job: &&mut Job| {
            let is_numbered = !matches!(job.work, Work::Subscribe(_) | Work::Unsubscribe(_));
            is_numbered && job.assigned && job.number < self.floor
        };
        for job in batch.jobs.iter_mut().filter(is_old) {
            job.number = self.membership.numbers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn quote_of(hit: Hit, arrived_ms: u64) -> Quote {
    let Hit { symbol, price, key, .. } = hit;
    Quote { symbol, price, arrived_ms, key: key.as_ref().into() }
}
