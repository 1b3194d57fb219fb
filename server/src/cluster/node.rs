//! One server of a cluster: hears the others, and tells its shards what to do.
//!
//! All shards have one owner. A takeover begins with the first shard; whoever loses one shard lets
//! all go.

mod parts;
mod shards;
mod takeover;

use super::feed::Feed;
use super::heartbeat::Heartbeat;
use super::nats::Nats;
use super::roster::Roster;
use crate::clock::Clock;
use crate::engine::Owner;
use crate::journal::Positions;
use crate::limits::{FOLLOWER_LAG_MAX, HEARTBEAT, LOG_TRY, OWNER_SILENCE};
use crate::message::{ClusterOrder, Route, ShardNews, ShardReport};
use futures_util::StreamExt as _;
pub(crate) use parts::{ClusterHandle, NodeParts};
use shards::{Role, ShardState};
use std::sync::Arc;
use std::time::Duration;
use takeover::Takeover;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Interval of decisions.
const TICK: Duration = Duration::from_millis(50);

/// A server of a cluster.
pub(crate) struct Node {
    nats: Nats,
    owner: Owner,
    roster: Roster,
    shards: Vec<ShardState>,
    positions: Vec<Positions>,
    route: watch::Sender<Route>,
    clock: Arc<Clock>,
    began: Instant,
    takeover: Option<Takeover>,
    /// What to answer when it has left.
    leaving: Option<oneshot::Sender<()>>,
    /// True since it has let the shards go of its own accord.
    released: bool,
    /// Failures of the log since it last answered: whoever gave up does not try at once again.
    quiet_until: Option<Duration>,
    /// True once it has reached the ends of all streams.
    has_caught_up: bool,
    tasks: JoinSet<()>,
}

impl Node {
    /// Starts following.
    ///
    /// # Errors
    /// If nobody answers.
    pub(crate) async fn start(parts: NodeParts) -> anyhow::Result<ClusterHandle> {
        let NodeParts { nats, owner, shards, tips, positions, reports, route, clock } = parts;
        let beats = nats.hear().await?;
        let mut lasts = Vec::new();
        for shard in 0..shards.len() {
            let info = nats.info(shard as u16).await?;
            lasts.push(info.map_or(0, |info| info.state.last_sequence));
        }
        let came_with_copy = tips.iter().zip(&lasts).all(|(tip, last)| tip.frame > 0 || *last == 0);
        let states = shards.into_iter().zip(tips).zip(lasts).map(|((to, tip), last)| ShardState {
            tip,
            role: Role::Follows,
            feed: None,
            hurry: Arc::default(),
            last,
            to,
        });
        let began = Instant::now();
        let mut node = Self {
            roster: Roster::new(&owner.node, owner.incarnation, came_with_copy, Duration::ZERO),
            shards: states.collect(),
            nats,
            owner,
            positions,
            route,
            clock,
            began,
            takeover: None,
            leaving: None,
            released: false,
            quiet_until: None,
            has_caught_up: false,
            tasks: JoinSet::new(),
        };
        node.follow_all();
        let (leave, orders) = mpsc::channel(1);
        tokio::spawn(node.run(reports, orders, beats));
        Ok(ClusterHandle::new(leave))
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn run(
        mut self,
        mut reports: UnboundedReceiver<ShardReport>,
        mut orders: mpsc::Receiver<oneshot::Sender<()>>,
        beats: impl futures_util::Stream<Item = Heartbeat>,
    ) {
        let mut beats = std::pin::pin!(beats);
        let mut ticks = tokio::time::interval(TICK);
        let mut beat_at = Duration::ZERO;
        let (send_last, mut lasts) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                biased;
                report = reports.recv() => match report {
                    Some(report) => self.on_report(report),
                    None => return,
                },
                Some((shard, last)) = lasts.recv() => self.on_last(shard, last),
                Some(done) = orders.recv() => self.leave(done),
                Some(beat) = beats.next() => self.on_beat(beat),
                _ = ticks.tick() => {}
            }
            while self.tasks.try_join_next().is_some() {}
            self.decide(&send_last);
            if self.now() >= beat_at || self.must_say() {
                beat_at = self.now() + HEARTBEAT;
                self.say();
            }
        }
    }

    /// Decides what to do next.
    fn decide(&mut self, lasts: &UnboundedSender<(u16, Option<u64>)>) {
        let now = self.now();
        self.follow_all();
        if self.owns_all() {
            self.set_route(Route::Here);
            if self.roster.is_superseded(self.epoch()) {
                self.release_all();
            }
            return;
        }
        if !self.has_caught_up && self.is_able() {
            self.has_caught_up = true;
            let took_ms = now.as_millis() as u64;
            let frames: u64 = self.shards.iter().map(|shard| shard.tip.frame).sum();
            tracing::info!(frames, took_ms, "has reached the ends of all streams");
        }
        self.step_takeover(lasts);
        let route = self.roster.route(now);
        let is_free = self.shards.iter().all(|shard| shard.role == Role::Follows);
        if is_free
            && (matches!(route, Route::At(_)) || !self.roster.has_successor(now))
            && let Some(done) = self.leaving.take()
        {
            let _ = done.send(());
        }
        self.set_route(route);
    }

    fn set_route(&self, route: Route) {
        self.route.send_if_modified(|current| {
            let changes = *current != route;
            if changes {
                tracing::info!(?route, "commands are carried out");
                *current = route;
            }
            changes
        });
    }

    fn owns_all(&self) -> bool {
        self.shards.iter().all(|shard| shard.role == Role::Owns)
    }

    /// Returns true if it could take over: it follows all shards and is close to their ends. A busy
    /// owner is always some frames ahead; a takeover reads them first.
    fn is_able(&self) -> bool {
        let is_at_end = |shard: &ShardState| {
            matches!(shard.role, Role::Follows | Role::Taking | Role::Owns)
                && shard.tip.frame + FOLLOWER_LAG_MAX >= shard.last
        };
        !self.released
            && self.quiet_until.is_none_or(|until| until <= self.now())
            && self.shards.iter().all(is_at_end)
    }

    fn epoch(&self) -> u64 {
        self.shards.first().map_or(0, |shard| shard.tip.epoch)
    }

    fn on_beat(&mut self, beat: Heartbeat) {
        for (shard, frame) in self.shards.iter_mut().zip(&beat.frames) {
            shard.last = shard.last.max(if beat.owns { *frame } else { 0 });
        }
        if beat.node == *self.owner.node && !self.roster.has_twin(self.now()) {
            self.warn_of_twin(&beat);
        }
        self.roster.hear(beat, self.clock.system_ms(), self.began.elapsed());
    }

    /// Says once that another server has the same name.
    fn warn_of_twin(&self, beat: &Heartbeat) {
        if beat.incarnation != format!("{:032x}", self.owner.incarnation) {
            let Heartbeat { node, address, .. } = beat;
            tracing::error!(
                node,
                address,
                "another server has this name: its data folder is a copy of this one, or was; \
                 while both run, neither takes over. Give one of them an empty folder"
            );
        }
    }

    fn on_report(&mut self, report: ShardReport) {
        let ShardReport { shard, tip, news } = report;
        let now = self.now();
        let Some(state) = self.shards.get_mut(usize::from(shard)) else { return };
        state.tip = tip;
        state.last = state.last.max(tip.frame);
        match news {
            ShardNews::Followed(owner) => {
                if let (0, Some(owner)) = (shard, owner) {
                    self.roster.note_owner(&owner, tip.epoch, now);
                }
            }
            ShardNews::Owns => {
                if state.role == Role::Taking {
                    state.role = Role::Owns;
                }
                if shard == 0 {
                    self.roster.note_owner(&self.owner, tip.epoch, now);
                }
                if self.owns_all() {
                    self.takeover = None;
                    tracing::info!(epoch = self.epoch(), "this server owns the accounts");
                    self.say();
                }
            }
            ShardNews::Released if state.role != Role::Releasing => {}
            ShardNews::Released => {
                state.role = Role::Follows;
                if self.quiet_until.is_none_or(|until| until <= now) {
                    self.roster.note_lost(now);
                }
            }
            ShardNews::Fenced(fence) => {
                state.role = Role::Follows;
                tracing::warn!(shard, epoch = fence.epoch, "another server owns the shard");
                if let (0, Some(owner)) = (shard, &fence.owner) {
                    self.roster.note_owner(owner, fence.epoch, now);
                }
                self.roster.note_lost(now);
                self.release_all();
            }
            ShardNews::GaveUp => {
                state.role = Role::Follows;
                tracing::error!(shard, "the log did not answer; the shards are let go");
                self.roster.note_nobody(now);
                self.quiet_until = Some(now + OWNER_SILENCE);
                self.release_all();
            }
            ShardNews::Broken(message) => {
                state.role = Role::Broken;
                state.stop_feed();
                tracing::error!(shard, frame = tip.frame + 1, message, "the log is damaged");
            }
        }
    }

    /// Begins a takeover if this server should, or takes the next steps of one.
    fn step_takeover(&mut self, lasts: &UnboundedSender<(u16, Option<u64>)>) {
        let now = self.now();
        if self.takeover.as_ref().is_some_and(|takeover| takeover.is_late(now)) {
            tracing::warn!("the takeover did not end in time; another server may try");
            self.quiet_until = Some(now + 2 * OWNER_SILENCE);
            return self.release_all();
        }
        if self.takeover.is_none() {
            let is_idle = self.shards.iter().all(|shard| shard.role == Role::Follows);
            if !is_idle || !self.roster.should_take_over(self.is_able(), now) {
                return;
            }
            tracing::info!("nobody owns the accounts; taking over");
            if let Some(time_ms) = self.roster.owner_time_ms(now) {
                self.clock.adopt(time_ms.cast_signed() - self.clock.now_ms().cast_signed());
            }
            let newest = self.shards.iter().map(|shard| shard.tip.time_ms).max();
            self.clock.raise_to(newest.unwrap_or(0));
            self.takeover = Some(Takeover::new(self.shards.len(), now));
        }
        let Some(takeover) = &mut self.takeover else { return };
        for shard in takeover.step(&mut self.shards, &self.owner, now) {
            let (nats, lasts) = (self.nats.clone(), lasts.clone());
            self.tasks.spawn(async move {
                let answered = timeout(LOG_TRY / 2, nats.last(shard)).await;
                let _ = lasts.send((shard, answered.ok().and_then(Result::ok)));
            });
        }
    }

    /// Takes the answer of a stream that was asked for its last frame.
    fn on_last(&mut self, number: u16, last: Option<u64>) {
        let (at, now) = (usize::from(number), self.now());
        let heard = self.roster.last_frame_heard(at);
        if let (Some(takeover), Some(shard)) = (&mut self.takeover, self.shards.get_mut(at)) {
            takeover.on_last((number, shard), (last, heard), now);
            if last.is_some_and(|last| last > shard.tip.frame) {
                shard.hurry.notify_one();
            }
        }
    }

    /// Reads the stream of each shard that follows and is not read.
    fn follow_all(&mut self) {
        for (number, shard) in self.shards.iter_mut().enumerate() {
            if shard.role == Role::Follows && shard.feed.is_none() {
                let hurry = Arc::clone(&shard.hurry);
                let place = (number as u16, shard.tip);
                let feed = Feed::new(self.nats.clone(), place, shard.to.clone(), hurry);
                shard.feed = Some(self.tasks.spawn(feed.run()));
            }
        }
    }

    /// Tells every shard that is or may become an owner to let go.
    fn release_all(&mut self) {
        self.takeover = None;
        for shard in &mut self.shards {
            if matches!(shard.role, Role::Owns | Role::Taking) {
                shard.role = Role::Releasing;
                shard.order(ClusterOrder::Release);
            }
        }
    }

    fn leave(&mut self, done: oneshot::Sender<()>) {
        let is_owner = self.shards.iter().any(|shard| shard.role != Role::Follows);
        self.released = true;
        self.release_all();
        if is_owner {
            tracing::info!("the shards are handed over");
            self.leaving = Some(done);
        } else {
            self.say();
            let _ = done.send(());
        }
    }

    /// Returns true if the others should hear something at once: the shards have been let go.
    fn must_say(&self) -> bool {
        self.leaving.is_some() && self.shards.iter().all(|shard| shard.role == Role::Follows)
    }

    /// Sends a heartbeat.
    fn say(&mut self) {
        let owns = self.owns_all();
        let is_free = self.shards.iter().all(|shard| shard.role == Role::Follows);
        let beat = Heartbeat {
            node: self.owner.node.to_string(),
            incarnation: format!("{:032x}", self.owner.incarnation),
            address: self.owner.address.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock_ms: self.clock.now_ms(),
            system_ms: self.clock.system_ms(),
            owns,
            epoch: self.epoch(),
            released: !owns && is_free,
            able: self.is_able() && self.roster.may_own(self.now()),
            frames: self.positions.iter().map(|position| position.get().frame).collect(),
        };
        let nats = self.nats.clone();
        self.tasks.spawn(async move {
            nats.beat(&beat).await;
            // A server that was paused is left for another one.
            nats.ping().await;
        });
    }
}
