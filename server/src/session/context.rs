//! What all sessions share.

use super::busy_poll::BusyPoll;
use super::outbox::OutputMemory;
use super::stop::StopSignal;
use crate::audit::LogReader;
use crate::config::Config;
use crate::message::{QuoteRequest, Route};
use crate::router::Router;
use crate::stats::Stats;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// What all sessions share. There is one of it, so that it stays in the processor's cache.
pub struct Context {
    /// Sends jobs to the shards.
    pub router: Router,
    /// Channel to the quote manager.
    pub quotes: UnboundedSender<QuoteRequest>,
    /// The server's counters.
    pub stats: Arc<Stats>,
    /// Fires when the server stops.
    pub stop: StopSignal,
    /// Memory for the output of all sessions.
    pub memory: Arc<OutputMemory>,
    /// Keeps a thread awake for clients that send one command at a time.
    pub busy_poll: Arc<BusyPoll>,
    /// Reads the audit log.
    pub logs: LogReader,
    /// Idle time after which a connection is closed; a change is for new connections.
    pub idle_timeout: Arc<RwLock<Option<Duration>>>,
    /// Where the commands of a cluster are carried out; None for a server of its own.
    pub route: Option<watch::Receiver<Route>>,
}

impl Context {
    /// Connects sessions to the parts of a server.
    pub fn new(
        config: &Config,
        router: Router,
        quotes: UnboundedSender<QuoteRequest>,
        stats: Stats,
        logs: LogReader,
        route: Option<watch::Receiver<Route>>,
    ) -> Self {
        Self {
            router,
            quotes,
            stats: Arc::new(stats),
            stop: StopSignal::default(),
            memory: Arc::new(OutputMemory::new(config.memory_limit)),
            busy_poll: Arc::default(),
            logs,
            idle_timeout: Arc::new(RwLock::new(config.idle_timeout)),
            route,
        }
    }

    /// Starts what sessions share, as tasks of the current runtime. `busy_polls` says that their
    /// time is real.
    pub fn start(&self, busy_polls: bool) {
        tokio::spawn(Arc::clone(&self.memory).keep());
        if busy_polls {
            let busy_poll = Arc::clone(&self.busy_poll);
            tokio::spawn(async move { busy_poll.run().await });
        }
    }
}
