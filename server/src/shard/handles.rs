//! The way from a shard to the services.

use crate::journal::SnapshotJob;
use crate::message::{DumpRequest, QuoteRequest};
use tokio::sync::mpsc::UnboundedSender;

/// The services that a shard sends requests to. No channel has a bound of its own: a shard asks for
/// a symbol once however many wait, a dump is a request in flight, and one piece of a snapshot is
/// in progress at a time.
#[derive(Clone, Debug)]
pub struct ShardHandles {
    /// The quote manager.
    pub quotes: UnboundedSender<QuoteRequest>,
    /// The dump service.
    pub dumps: UnboundedSender<DumpRequest>,
    /// The thread that writes snapshots.
    pub snapshots: UnboundedSender<SnapshotJob>,
}
