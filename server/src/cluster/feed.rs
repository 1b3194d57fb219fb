//! Reads the stream of one shard for a follower: checks every frame's place, and hands frames on in
//! parts of bounded size.

use super::nats::Nats;
use crate::journal::{CheckedFrame, Fault, Tip};
use crate::limits::{
    FOLLOWED_BYTES_SOFT, FOLLOWED_FRAMES_MAX, FOLLOWED_PARTS_WAITING, LOG_PAUSE, LOG_TRY,
};
use crate::message::{ClusterOrder, Followed, ShardEvent};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// Tries to read a frame before the stream is asked for another leader.
const TRIES_OF_A_REPLICA: u32 = 3;
/// Longest time that a reader may take to begin.
const OPENING: Duration = Duration::from_secs(5);
/// Most pauses between two tries.
const PAUSES_MAX: u32 = 30;

/// Missing frames that are read one by one.
const READ_ONE_BY_ONE_MAX: u64 = 256;

/// Reads one shard's stream.
pub(super) struct Feed {
    nats: Nats,
    shard: u16,
    tip: Tip,
    to: UnboundedSender<ShardEvent>,
    permits: Arc<Semaphore>,
    /// Notified when somebody waits for the end of the stream.
    hurry: Arc<Notify>,
    /// Tries to read the next frame that failed.
    failures: u32,
    /// True if the stream is known to be gone.
    is_gone: bool,
}

/// Why reading has to begin again.
enum Broken {
    /// The connection, or the stream has no leader.
    Silent(anyhow::Error),
    /// The message is not the next frame, or a message is missing: a replica may be damaged.
    Damaged(Fault),
}

/// Waits until nothing has come for a while, or somebody is in a hurry.
async fn quiet(hurry: &Notify) {
    let _ = timeout(LOG_TRY, hurry.notified()).await;
}

impl Feed {
    /// Creates the reader of the frames after `tip`.
    pub(super) fn new(
        nats: Nats,
        (shard, tip): (u16, Tip),
        to: UnboundedSender<ShardEvent>,
        hurry: Arc<Notify>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(FOLLOWED_PARTS_WAITING));
        Self { nats, shard, tip, to, permits, hurry, failures: 0, is_gone: false }
    }

    /// Reads until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            match self.read().await {
                Ok(()) => return,
                Err(Broken::Silent(error)) => {
                    tracing::debug!(shard = self.shard, error = %error, "the stream is silent");
                    self.tell_if_gone().await;
                }
                Err(Broken::Damaged(fault)) => {
                    if !self.look_elsewhere(fault).await {
                        return;
                    }
                }
            }
            tokio::time::sleep(LOG_PAUSE).await;
        }
    }

    /// Says once that the stream is gone.
    async fn tell_if_gone(&mut self) {
        let shard = self.shard;
        if self.nats.is_gone(shard).await {
            if !std::mem::replace(&mut self.is_gone, true) {
                tracing::error!(
                    shard,
                    "its stream is gone: nobody can take over; see daytraded cluster restore"
                );
            }
        } else {
            self.is_gone = false;
        }
    }

    /// Reads as long as every message is the next frame. Returns if the shard is gone.
    async fn read(&mut self) -> Result<(), Broken> {
        if !self.catch_up().await? {
            return Ok(());
        }
        let first = self.tip.frame + 1;
        let opened = tokio::select! {
            opened = timeout(OPENING, self.nats.messages(self.shard, first)) => opened,
            // The stream's leader answers somebody, so what is missing can be read from it.
            () = self.hurry.notified() => return Err(Broken::Silent(anyhow::anyhow!("hurry"))),
        };
        let silent = |_| Broken::Silent(anyhow::anyhow!("no reader was made in time"));
        let messages = opened.map_err(silent)?.map_err(Broken::Silent)?;
        let mut messages = std::pin::pin!(messages);
        loop {
            let mut message = tokio::select! {
                message = messages.next() => message,
                () = quiet(&self.hurry) => {
                    match self.last().await {
                        Some(last) if last <= self.tip.frame => continue,
                        Some(_) => {}
                        None => {
                            self.tell_if_gone().await;
                            continue;
                        }
                    }
                    return Err(Broken::Silent(anyhow::anyhow!("the reader gives no more")));
                }
            };
            let (mut frames, mut bytes) = (Vec::new(), 0);
            let ended = loop {
                match self.take(message) {
                    Ok(frame) => {
                        bytes += frame.bytes().len();
                        frames.push(frame);
                    }
                    Err(broken) => break Some(broken),
                }
                if frames.len() >= FOLLOWED_FRAMES_MAX || bytes >= FOLLOWED_BYTES_SOFT {
                    break None;
                }
                match messages.next().now_or_never() {
                    Some(next) => message = next,
                    None => break None,
                }
            };
            if !frames.is_empty() {
                self.failures = 0;
                if !self.hand_on(frames).await {
                    return Ok(());
                }
            }
            if let Some(broken) = ended {
                return Err(broken);
            }
        }
    }

    /// Returns the last frame of the stream; None if it has no leader now. A reader dies with the
    /// NATS server that holds it, which the client library notices much later.
    async fn last(&self) -> Option<u64> {
        timeout(LOG_TRY, self.nats.last(self.shard)).await.ok()?.ok()
    }

    /// Reads the few frames that are missing one by one, which takes less than making a reader, and
    /// needs the stream's leader alone. Returns false if the shard is gone.
    async fn catch_up(&mut self) -> Result<bool, Broken> {
        let Some(last) = self.last().await else { return Ok(true) };
        if last.saturating_sub(self.tip.frame) > READ_ONE_BY_ONE_MAX {
            return Ok(true);
        }
        let mut frames = Vec::new();
        while self.tip.frame < last {
            let Some(bytes) = self.nats.read(self.shard, self.tip.frame + 1).await else { break };
            // What is wrong with it is found again by the reader, which asks other replicas.
            let Ok(frame) = self.take_frame(bytes) else { break };
            frames.push(frame);
        }
        Ok(frames.is_empty() || self.hand_on(frames).await)
    }

    /// Checks that a message is the next frame.
    fn take(
        &mut self,
        message: Option<anyhow::Result<(u64, Bytes)>>,
    ) -> Result<CheckedFrame, Broken> {
        let (number, bytes) = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(Broken::Silent(error)),
            None => return Err(Broken::Silent(anyhow::anyhow!("the reader ended"))),
        };
        if number <= self.tip.frame {
            // The client library begins at the start again if it loses its consumer before the
            // first message.
            return Err(Broken::Silent(anyhow::anyhow!("the reader began again")));
        }
        if number != self.tip.frame + 1 {
            return Err(Broken::Damaged(Fault::Gap(number)));
        }
        self.take_frame(bytes).map_err(Broken::Damaged)
    }

    fn take_frame(&mut self, bytes: Bytes) -> Result<CheckedFrame, Fault> {
        let frame = CheckedFrame::after(&self.tip, self.shard, bytes)?;
        self.tip = frame.tip();
        Ok(frame)
    }

    /// Asks the leader, and then another one, for a frame that a replica does not have. Returns
    /// false if there is no use in reading on.
    async fn look_elsewhere(&mut self, fault: Fault) -> bool {
        self.failures += 1;
        let number = self.tip.frame + 1;
        tracing::error!(
            shard = self.shard,
            frame = number,
            %fault,
            tries = self.failures,
            "the stream does not give the next frame; another replica is asked"
        );
        let mut leader_is_damaged = true;
        if let Some(bytes) = self.nats.read(self.shard, number).await {
            match self.take_frame(bytes) {
                Ok(frame) => {
                    self.failures = 0;
                    return self.hand_on(vec![frame]).await;
                }
                Err(fault) if fault.may_be_torn() => {}
                // It is whole, so it is what was appended: the copy is of something else.
                Err(fault) => {
                    leader_is_damaged = false;
                    if self.failures >= TRIES_OF_A_REPLICA {
                        let message = format!("the stream does not continue this copy: {fault}");
                        let order = ClusterOrder::Diverged(message);
                        let _ = self.to.send(ShardEvent::Cluster(Box::new(order)));
                        return false;
                    }
                }
            }
        }
        if leader_is_damaged && self.failures.is_multiple_of(TRIES_OF_A_REPLICA) {
            self.nats.ask_another(self.shard).await;
        }
        tokio::time::sleep(LOG_TRY * self.failures.min(PAUSES_MAX)).await;
        true
    }

    /// Hands frames on. Returns false if the shard is gone.
    async fn hand_on(&self, frames: Vec<CheckedFrame>) -> bool {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return false };
        let order = ClusterOrder::Follow(Followed { frames, permit });
        self.to.send(ShardEvent::Cluster(Box::new(order))).is_ok()
    }
}
