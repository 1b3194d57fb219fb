//! What the server is doing at a moment: whether it lives, whether it is ready, what it measures.

use crate::server::{Exposed, Unready};
use crate::stats::{Measure, Value, metrics};
use parking_lot::RwLock;
use std::sync::Arc;

metrics! {
    BUILD: Gauge "daytrade_build_info" / 1, "The version that runs";
    READY: Gauge "daytrade_ready" / 1, "1 if /readyz answers 200";
}

/// What the server is doing.
enum Phase {
    Recovering,
    Running(Arc<Exposed>),
    Stopping(Arc<Exposed>),
}

/// What is known of the server.
#[derive(Clone)]
pub(crate) struct Health(Arc<RwLock<Phase>>);

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Phase::Recovering)))
    }
}

impl Health {
    /// Notes that the server has started.
    pub(crate) fn running(&self, server: Exposed) {
        *self.0.write() = Phase::Running(Arc::new(server));
    }

    /// Notes that the server is about to stop.
    pub(crate) fn stopping(&self) {
        let mut phase = self.0.write();
        if let Phase::Running(server) = &*phase {
            *phase = Phase::Stopping(Arc::clone(server));
        }
    }

    /// Returns true unless a shard does not answer. A server that recovers or stops lives.
    pub(super) async fn lives(&self) -> bool {
        let server = match &*self.0.read() {
            Phase::Running(server) => Arc::clone(server),
            Phase::Recovering | Phase::Stopping(_) => return true,
        };
        // It may have begun to stop meanwhile.
        server.lives().await || matches!(&*self.0.read(), Phase::Stopping(_))
    }

    /// Lets a running server look at what it only notices when it works.
    pub(super) async fn look(&self) {
        let server = match &*self.0.read() {
            Phase::Running(server) => Arc::clone(server),
            Phase::Recovering | Phase::Stopping(_) => return,
        };
        server.look().await;
    }

    /// Returns what clients can expect.
    ///
    /// # Errors
    /// Why they should go elsewhere.
    pub(super) fn ready(&self) -> Result<&'static str, Unready> {
        match &*self.0.read() {
            Phase::Recovering => Err("recovering: the server is starting".to_owned()),
            Phase::Stopping(_) => Err("stopping".to_owned()),
            Phase::Running(server) => server.ready(),
        }
    }

    /// Returns everything that is measured now.
    pub(super) fn measures(&self) -> Vec<Measure> {
        let mut measures = match &*self.0.read() {
            Phase::Running(server) | Phase::Stopping(server) => server.measures(),
            Phase::Recovering => Vec::new(),
        };
        let version = vec![("version", env!("CARGO_PKG_VERSION").into())];
        measures.push(Measure::metric(&BUILD, version, Value::Count(1)));
        let ready = Value::Count(u64::from(self.ready().is_ok()));
        measures.push(Measure::metric(&READY, Vec::new(), ready));
        measures
    }
}
