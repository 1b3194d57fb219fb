//! Appends the frames of a folder to a stream, and checks that both are the same.

use crate::cluster::Nats;
use crate::engine::{Book, Known, Stamp};
use crate::journal::{Answer, CheckedFrame, LogStore, Start, Tip};
use crate::limits::{LOG_PATIENCE, LOG_PAUSE, LOG_TRY};
use crate::shard::recover_copy;
use anyhow::Context as _;
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// What was published of a shard.
pub(super) struct Published {
    /// Frames of the folder.
    pub frames: u64,
    /// Those that the stream did not have.
    pub appended: u64,
}

/// Checks that every journal begins with its first frame and has no frame that is too large for a
/// message.
///
/// # Errors
/// A message for the user.
pub(super) fn check_whole(stores: &[Arc<dyn LogStore>], max_payload: usize) -> anyhow::Result<()> {
    for (shard, store) in stores.iter().enumerate() {
        let first = store.first_record()?;
        anyhow::ensure!(
            first.is_none_or(|first| first == 1),
            "the journal of shard {shard} begins at record {}: older parts were removed, so a \
             stream of it would not be whole",
            first.unwrap_or_default()
        );
        let mut reader = store.read_from(Start::First, None)?;
        while let Some(frame) = reader.next_frame()? {
            let bytes = frame.header.frame_bytes();
            anyhow::ensure!(
                bytes < max_payload,
                "frame {} of shard {shard} has {bytes} bytes; NATS takes {max_payload}: raise its \
                 max_payload",
                frame.header.number
            );
        }
    }
    Ok(())
}

/// Appends the frames that the stream of a shard does not have.
///
/// # Errors
/// If the stream has other frames, or more of them, or nobody answers.
pub(super) async fn publish(
    nats: &Nats,
    shard: u16,
    store: &dyn LogStore,
) -> anyhow::Result<Published> {
    let last = nats.last(shard).await?;
    let (mut frames, mut appended) = (0, 0);
    let mut reader = store.read_from(Start::First, None)?;
    while let Some(frame) = reader.next_frame()? {
        let (number, bytes) = (frame.header.number, frame.sealed());
        frames = number;
        if number < last {
            continue;
        }
        if number == last {
            let stored = nats.read(shard, number).await.context("nobody answers")?;
            anyhow::ensure!(stored == bytes, "the stream of shard {shard} has other frames");
            continue;
        }
        append(nats, shard, number, Bytes::from(bytes)).await?;
        appended += 1;
    }
    anyhow::ensure!(
        frames >= last,
        "the stream of shard {shard} has {last} frames, and this folder has {frames}"
    );
    Ok(Published { frames, appended })
}

async fn append(nats: &Nats, shard: u16, number: u64, bytes: Bytes) -> anyhow::Result<()> {
    let give_up_at = Instant::now() + LOG_PATIENCE;
    loop {
        match nats.append(shard, number, bytes.clone()).await {
            Answer::Stored(stored) if stored == number => return Ok(()),
            Answer::Stored(stored) => {
                anyhow::bail!("the stream stored frame {number} as message {stored}")
            }
            Answer::WrongLast => match nats.read(shard, number).await {
                Some(stored) if stored == bytes => return Ok(()),
                Some(_) => anyhow::bail!("somebody else appends to the stream of shard {shard}"),
                None => {}
            },
            Answer::Unknown => {}
        }
        anyhow::ensure!(Instant::now() < give_up_at, "nobody answers for shard {shard}");
        tokio::time::sleep(LOG_PAUSE).await;
    }
}

/// Reads a stream to its end and checks that it gives the accounts of the folder.
///
/// # Errors
/// If it does not.
pub(super) async fn check_state(
    nats: &Nats,
    shard: u16,
    store: &dyn LogStore,
) -> anyhow::Result<()> {
    let folder = recover_copy(store, shard)?;
    let last = nats.last(shard).await?;
    let (mut book, mut tip) = (Book::default(), Tip::default());
    let messages = nats.messages(shard, 1).await?;
    let mut messages = std::pin::pin!(messages);
    while tip.frame < last {
        let next = timeout(LOG_TRY * 5, messages.next()).await.ok().flatten();
        let (number, bytes) = next.context("the stream is silent")??;
        anyhow::ensure!(number == tip.frame + 1, "frame {} is missing", tip.frame + 1);
        let frame = CheckedFrame::after(&tip, shard, bytes)?;
        let at_ms = frame.header().time_ms;
        frame.frame().each_record(|record, entry| {
            if book.fits(&entry) {
                book.commit(&entry, Stamp { record, at_ms }, Known::Nothing, |_, _, _| {});
                book.take_interest();
            }
        })?;
        tip = frame.tip();
    }
    anyhow::ensure!(
        (tip, book.state_hash()) == (Tip::from(&folder.end), folder.book.state_hash()),
        "the stream of shard {shard} does not give the accounts of the folder"
    );
    Ok(())
}

/// Checks that a copy ends where its stream ends.
///
/// # Errors
/// If it does not.
pub(super) async fn ensure_same_end(
    nats: &Nats,
    shard: u16,
    store: &dyn LogStore,
) -> anyhow::Result<()> {
    let (last, end) = (nats.last(shard).await?, recover_copy(store, shard)?.end);
    anyhow::ensure!(
        end.frame == last,
        "the copy of shard {shard} ends at frame {}, the stream at {last}: start this server once \
         more, and wait until it has followed",
        end.frame
    );
    if last > 0 {
        let stored = nats.read(shard, last).await.context("nobody answers")?;
        let checksum = stored.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        anyhow::ensure!(checksum == end.chain, "the stream of shard {shard} has other frames");
    }
    Ok(())
}
