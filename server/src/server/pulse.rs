//! Whether a running server works: every shard answers.

use crate::message::ShardEvent;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Asks the shards of a server whether they work.
#[derive(Clone)]
pub(crate) struct Pulse {
    shards: Vec<UnboundedSender<ShardEvent>>,
}

impl Pulse {
    pub(super) const fn new(shards: Vec<UnboundedSender<ShardEvent>>) -> Self {
        Self { shards }
    }

    /// Returns true if every shard answers within this time.
    pub(crate) async fn beats(&self, within: Duration) -> bool {
        let ask = |shard: &UnboundedSender<ShardEvent>| {
            let (answer, answered) = oneshot::channel();
            shard.send(ShardEvent::Probe(answer)).is_ok().then_some(answered)
        };
        let asked: Option<Vec<_>> = self.shards.iter().map(ask).collect();
        let Some(asked) = asked else { return false };
        let all = async {
            for answered in asked {
                answered.await.ok()?;
            }
            Some(())
        };
        matches!(timeout(within, all).await, Ok(Some(())))
    }
}
