//! The stream of a shard for the shard's own thread, which may wait.

use super::nats::Nats;
use crate::journal::{Answer, Stream};
use crate::limits::{LOG_PAUSE, LOG_TRY};
use bytes::Bytes;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// The stream of a shard for the shard's own thread.
pub(crate) struct NatsStream {
    nats: Nats,
    shard: u16,
    runtime: Handle,
    began: Instant,
}

impl NatsStream {
    /// Creates it. Must be called within a tokio runtime, which carries out the requests.
    pub(crate) fn new(nats: Nats, shard: u16) -> Self {
        Self { nats, shard, runtime: Handle::current(), began: Instant::now() }
    }

    /// Runs a request on the runtime and waits for it on this thread.
    fn wait_for<T: Send + 'static>(
        &self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (send, done) = sync_channel(1);
        self.runtime.spawn(async move {
            let _ = send.send(request.await);
        });
        done.recv_timeout(LOG_TRY * 2).ok()
    }
}

impl Stream for NatsStream {
    fn append(&self, number: u64, bytes: &[u8]) -> Answer {
        let (nats, shard, bytes) = (self.nats.clone(), self.shard, Bytes::copy_from_slice(bytes));
        let answered = self.wait_for(async move { nats.append(shard, number, bytes).await });
        answered.unwrap_or(Answer::Unknown)
    }

    fn read(&self, number: u64) -> Option<Vec<u8>> {
        let (nats, shard) = (self.nats.clone(), self.shard);
        let read = self.wait_for(async move { nats.read(shard, number).await });
        read.flatten().map(|bytes| bytes.to_vec())
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn pause(&self, time: Duration) {
        debug_assert!(time <= LOG_PAUSE);
        std::thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NatsConfig, Plan};
    use crate::journal::conformance::{SHARD, check, options};
    use crate::journal::{FaultDisk, FileStore, StreamStore};
    use std::sync::Arc;

    /// Needs a NATS server with JetStream; its address is in `DAYTRADE_TEST_NATS`.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_stream_of_nats_with_a_copy_conforms() {
        let Ok(url) = std::env::var("DAYTRADE_TEST_NATS") else {
            tracing::warn!("SKIPPED: DAYTRADE_TEST_NATS is not set");
            return;
        };
        let cluster = format!("test{}", std::process::id());
        let config = NatsConfig { servers: vec![url], cluster, ..NatsConfig::default() };
        let nats = Nats::connect(&config).await.unwrap();
        let plan = Plan { id: "test".into(), shards: SHARD + 1, quote_seed: 1 };
        nats.create(SHARD, &plan, 1).await.unwrap();
        let stream = Arc::new(NatsStream::new(nats, SHARD));
        let checked = tokio::task::spawn_blocking(move || {
            let disk = FaultDisk::default();
            check(&|| {
                let copy = FileStore::new(Arc::new(disk.clone()), SHARD, options(400));
                let stream: Arc<dyn Stream> = stream.clone();
                Box::new(StreamStore::new(Arc::new(copy), stream))
            });
        });
        checked.await.unwrap();
    }
}
