//! What a running server shows to whoever watches it.

use super::Pulse;
use super::remote::Remote;
use crate::data_dir::last_backup_ms;
use crate::limits::{LIVE_WITHIN, LOOK_WITHIN};
use crate::message::Route;
use crate::session::Context;
use crate::stats::{Measure, Metric, Stats, Value, metrics};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

metrics! {
    OUTBOX: Gauge "daytrade_outbox_bytes" / 1, "Replies and prices that clients have not read";
    DISK_FREE: Gauge "daytrade_disk_free_bytes" / 1, "Free space on the disk of the data folder";
    BACKUP: Gauge "daytrade_last_backup_timestamp_seconds" / 1000,
        "Time of the last backup of this data folder, 0 if there was none";
    OWNER: Gauge "daytrade_cluster_owner" / 1,
        "1 if this server carries commands out, 0 if it stands by in a cluster";
}

/// Why a server is not ready.
pub(crate) type Unready = String;

/// A running server, as it is shown.
pub(crate) struct Exposed {
    context: Arc<Context>,
    pulse: Pulse,
    remote: Option<Remote>,
    data_dir: PathBuf,
}

impl Exposed {
    pub(super) const fn new(
        context: Arc<Context>,
        pulse: Pulse,
        remote: Option<Remote>,
        data_dir: PathBuf,
    ) -> Self {
        Self { context, pulse, remote, data_dir }
    }

    fn stats(&self) -> &Stats {
        &self.context.stats
    }

    /// Returns true if every shard answers in time.
    pub(crate) async fn lives(&self) -> bool {
        self.pulse.beats(LIVE_WITHIN).await
    }

    /// Lets the shards look at their disks, as long as that takes no longer than a moment.
    pub(crate) async fn look(&self) {
        self.pulse.beats(LOOK_WITHIN).await;
    }

    /// Returns what clients can expect.
    ///
    /// # Errors
    /// Why they should go elsewhere.
    pub(crate) fn ready(&self) -> Result<&'static str, Unready> {
        for (number, shard) in self.stats().shards.iter().enumerate() {
            if shard.failed.load(Ordering::Relaxed) > 0 {
                return Err(format!("journal failed: shard {number} writes nothing any more"));
            }
            if shard.disk_low.load(Ordering::Relaxed) > 0 {
                return Err("disk low: commands that write are refused".to_owned());
            }
        }
        match self.route().as_deref() {
            None | Some(Route::Here) => Ok("ready"),
            Some(Route::At(_)) => Ok("ready: standby, clients are sent to the owner"),
            Some(Route::Sought | Route::Nowhere) => {
                Err("no owner: the cluster has no server that carries commands out".to_owned())
            }
        }
    }

    fn route(&self) -> Option<watch::Ref<'_, Route>> {
        self.context.route.as_ref().map(watch::Receiver::borrow)
    }

    /// Returns everything that is measured now.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let mut measures = self.stats().measures();
        let mut gauge = |metric: &'static Metric, count: Option<u64>| {
            if let Some(count) = count {
                measures.push(Measure::metric(metric, Vec::new(), Value::Count(count)));
            }
        };
        gauge(&OUTBOX, Some(self.context.memory.used() as u64));
        let free = rustix::fs::statvfs(&self.data_dir);
        gauge(&DISK_FREE, free.ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)));
        gauge(&BACKUP, Some(last_backup_ms(&self.data_dir).unwrap_or(0)));
        let is_here = |route: watch::Ref<'_, Route>| matches!(*route, Route::Here);
        gauge(&OWNER, Some(u64::from(self.route().is_none_or(is_here))));
        measures.extend(Remote::measures(self.remote.as_ref()));
        measures
    }
}
