//! The event loop of a shard: waits for messages, for the next order to expire and for the next
//! sync, and never for anything else.

use super::core::Shard;
use super::job_queue::{JobReceiver, JobSender, job_queue};
use crate::clock::Clock;
use crate::journal::{AppendError, SnapshotKeeper, SyncMode};
use crate::limits::GATHER_TURNS_MAX;
use crate::message::{Route, ShardEvent};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::Instant;

/// The channels to a shard.
#[derive(Clone, Debug)]
pub struct ShardHandle {
    /// Jobs: bounded, so that sessions wait for a busy shard.
    pub jobs: JobSender,
    /// Events: never more than the shard itself has asked for.
    pub events: UnboundedSender<ShardEvent>,
}

/// A failed journal, which stops the server.
#[derive(Debug)]
pub struct Fatal {
    /// The shard.
    pub shard: u16,
    /// The error of its journal.
    pub error: AppendError,
}

/// The receiving ends of a shard's channels.
#[derive(Debug)]
pub struct Queues {
    jobs: JobReceiver,
    events: UnboundedReceiver<ShardEvent>,
}

impl ShardHandle {
    /// Creates the channels of a shard.
    pub fn channel() -> (Self, Queues) {
        let (jobs, jobs_queue) = job_queue();
        let (events, events_queue) = mpsc::unbounded_channel();
        (Self { jobs, events }, Queues { jobs: jobs_queue, events: events_queue })
    }
}

/// Everything that the event loop of a shard needs.
pub struct ShardTask {
    /// The shard.
    pub shard: Shard,
    /// Its channels.
    pub queues: Queues,
    /// The server's clock.
    pub clock: Arc<Clock>,
    /// When frames are synced.
    pub mode: SyncMode,
    /// Receiver of a failure.
    pub fatal: UnboundedSender<Fatal>,
    /// Writer of the last snapshot.
    pub keeper: Arc<Mutex<SnapshotKeeper>>,
    /// Where the commands of a cluster are carried out.
    pub route: Option<watch::Receiver<Route>>,
}

/// Runs a shard until it is told to stop, then writes a last snapshot. It looks for messages for
/// the time `spin` before it waits for one.
pub async fn run_shard(task: ShardTask, spin: Duration) {
    let ShardTask { shard, queues, clock, mode, fatal, keeper, route } = task;
    let event_loop = EventLoop { shard, queues, clock, mode, fatal, sync_due: None, route, spin };
    let mut shard = event_loop.run().await;
    if let Err(error) = shard.last_snapshot(&keeper) {
        tracing::warn!(shard = shard.number(), %error, "a snapshot could not be written");
    }
}

/// Waits for the next change of where commands are carried out; for ever, if that never changes.
async fn next_route(route: &mut Option<watch::Receiver<Route>>) -> Route {
    if let Some(route) = route
        && route.changed().await.is_ok()
    {
        return route.borrow_and_update().clone();
    }
    std::future::pending().await
}

struct EventLoop {
    shard: Shard,
    queues: Queues,
    clock: Arc<Clock>,
    mode: SyncMode,
    fatal: UnboundedSender<Fatal>,
    sync_due: Option<Instant>,
    route: Option<watch::Receiver<Route>>,
    spin: Duration,
}

impl EventLoop {
    async fn run(mut self) -> Shard {
        let mut stopping = false;
        while !stopping {
            if !self.shard.has_work() && !self.arrives_soon() {
                stopping = self.wait().await;
            }
            stopping |= self.drain() || self.gather();
            self.round();
        }
        // No new jobs are sent, but those still in the channel must be carried out.
        if self.route.is_some() {
            // A follower answers what waits for an owner.
            self.shard.on_event(ShardEvent::Closing);
        }
        while self.shard.has_work() || !self.queues.jobs.is_empty() {
            self.drain();
            self.round();
        }
        if let Err(error) = self.shard.sync() {
            self.fail(error);
        }
        self.shard
    }

    /// Looks for the next message a short while, and lets other threads run meanwhile. A client
    /// that sends one command at a time sends the next one before a waiting thread would have been
    /// woken; of several clients, one is always about to. Returns true if there is a message.
    fn arrives_soon(&self) -> bool {
        if self.spin.is_zero() || self.shard.serves_several() || self.shard.is_holding() {
            return false;
        }
        let begun = std::time::Instant::now();
        while begun.elapsed() < self.spin {
            if !self.queues.jobs.is_empty() || !self.queues.events.is_empty() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Waits for the first message or deadline. Returns true if told to stop.
    async fn wait(&mut self) -> bool {
        let is_holding = self.shard.is_holding();
        let Queues { jobs, events } = &mut self.queues;
        let now = Instant::now();
        let until = |at: u64| Duration::from_millis(at.saturating_sub(self.clock.now_ms()));
        let expiry = self.shard.next_due_ms().map(|at| now + until(at));
        let due = [expiry, self.sync_due].into_iter().flatten().min();
        let sleep = tokio::time::sleep_until(due.unwrap_or(now + Duration::from_hours(1)));
        tokio::select! {
            biased;
            event = events.recv() => match event {
                None | Some(ShardEvent::Stop) => return true,
                Some(event) => self.shard.on_event(event),
            },
            route = next_route(&mut self.route) => self.shard.set_route(route),
            batch = jobs.recv(), if !is_holding => match batch {
                None => return true,
                Some(batch) => self.shard.accept(batch),
            },
            () = sleep => {}
        }
        false
    }

    /// Takes the messages that have arrived, as many as a round can use, without waiting. Returns
    /// true if told to stop.
    fn drain(&mut self) -> bool {
        // An event may add records to the next frame, whose size is bounded.
        while !self.shard.frame_is_full()
            && let Ok(event) = self.queues.events.try_recv()
        {
            if matches!(event, ShardEvent::Stop) {
                return true;
            }
            self.shard.on_event(event);
        }
        if self.shard.is_holding() {
            return false;
        }
        while !self.shard.is_full()
            && let Some(batch) = self.queues.jobs.try_recv()
        {
            self.shard.accept(batch);
        }
        self.queues.jobs.make_room();
        false
    }

    /// Yields to the sessions as long as that brings more jobs, so that one sync serves them all.
    /// With as many threads as cores, a shard woken by the first of a thousand requests would
    /// otherwise write a frame for each of them. A single connection never waits for this. Returns
    /// true if told to stop.
    fn gather(&mut self) -> bool {
        for _ in 0..GATHER_TURNS_MAX {
            let before = self.shard.queued();
            if before == 0 || self.shard.is_full() || !self.shard.serves_several() {
                break;
            }
            std::thread::yield_now();
            if self.drain() {
                return true;
            }
            if self.shard.queued() == before {
                break;
            }
        }
        false
    }

    fn round(&mut self) {
        if let Err(error) = self.shard.round(self.clock.now_ms()) {
            self.fail(error);
        }
        if let SyncMode::Interval(pause) = self.mode {
            self.sync_if_due(pause);
        }
    }

    fn sync_if_due(&mut self, pause: Duration) {
        let now = Instant::now();
        match self.sync_due {
            Some(due) if due <= now => {
                self.sync_due = None;
                if let Err(error) = self.shard.sync() {
                    self.fail(error);
                }
            }
            None if self.shard.is_unsynced() => self.sync_due = Some(now + pause),
            _ => {}
        }
    }

    fn fail(&self, error: AppendError) {
        let _ = self.fatal.send(Fatal { shard: self.shard.number(), error });
    }
}
