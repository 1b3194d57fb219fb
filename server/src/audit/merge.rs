//! Merges the journals of the shards into one log, sorted by time.
//!
//! It reads journals that are still being written, up to positions noted in advance.

use super::error::DumpError;
use super::query::LogQuery;
use super::shard_log::{Batch, ShardLog};
use super::xml;
use crate::engine::Record;
use crate::journal::{LogStore, Positions, Start};
use crate::limits::DUMP_READERS_MAX;
use crate::message::give_back;
use parking_lot::{Mutex, RwLock};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{Builder, Scope};

/// The journals of all shards, read as one log.
pub(crate) struct LogMerger {
    /// The log of each shard.
    pub stores: Vec<Arc<dyn LogStore>>,
    /// Write position of each shard.
    pub positions: Vec<Positions>,
    /// Name of the server in the log. A shard's name is this and its number.
    pub server_name: String,
    /// Held while a journal is read, so that no part of it is removed.
    pub readers: Arc<RwLock<()>>,
}

impl LogMerger {
    /// Merges the journals by time, up to the DUMPLOG's own record, if there is one. The first
    /// journals are read and formatted on threads of their own, in batches and at most one batch
    /// ahead. Returns the number of elements.
    #[expect(
        clippy::indexing_slicing,
        reason = "the number is that of a shard, or of a stream found just before"
    )]
    pub(super) fn merge(&self, query: &LogQuery, out: &mut impl Write) -> Result<u64, DumpError> {
        let _reading = self.readers.read();
        let mut shards: Vec<usize> = match query.shard {
            Some(shard) => vec![shard],
            None => (0..self.stores.len()).collect(),
        };
        let own_shard = query.own.map(|(shard, _)| shard);
        // Elements with equal times keep this order: the DUMPLOG's own shard comes last.
        shards.sort_by_key(|&shard| (Some(shard) == own_shard, shard));
        // Everything answered before the request was received is at or before these positions.
        let ends: Vec<(usize, u64)> =
            shards.iter().map(|&shard| (shard, self.positions[shard].get().frame)).collect();
        out.write_all(xml::BEGIN)?;
        for &(shard, _) in &ends {
            let first = self.stores[shard].first_record()?.unwrap_or(1);
            if first > 1 {
                writeln!(
                    out,
                    "<!-- {}-{shard}: the records before {first} are no longer kept -->",
                    self.server_name
                )?;
            }
        }
        let mut events = 0;
        std::thread::scope(|scope| {
            let mut streams: Vec<Stream<'_>> = Vec::new();
            for (shard, end) in ends {
                let log = self.shard_log(query, shard, end)?;
                let source = if streams.len() < DUMP_READERS_MAX {
                    read_ahead(scope, log)
                } else {
                    Source::Here(Box::new(log))
                };
                streams.extend(Stream::begin(source)?);
            }
            events = merged(streams, out)?;
            Ok::<(), DumpError>(())
        })?;
        out.write_all(xml::END)?;
        Ok(events)
    }

    /// Opens a shard's part of the log, up to a frame.
    #[expect(clippy::indexing_slicing, reason = "the number is that of a shard")]
    fn shard_log<'a>(
        &'a self,
        query: &'a LogQuery,
        shard: usize,
        end: u64,
    ) -> Result<ShardLog<'a>, DumpError> {
        let reader = self.stores[shard].read_from(Start::Since(query.from_ms), Some(end))?;
        let own = query.own.filter(|(own, _)| *own == shard).map(|(_, last)| last);
        Ok(ShardLog::new(reader, format!("{}-{shard}", self.server_name), query, own))
    }

    /// Passes every record of a shard within these times to a function, in order.
    #[expect(clippy::indexing_slicing, reason = "the number is that of a shard")]
    pub(super) fn records(
        &self,
        shard: usize,
        times_ms: &RangeInclusive<u64>,
        mut take: impl FnMut(u64, &Record) -> io::Result<()>,
    ) -> Result<(), DumpError> {
        let _reading = self.readers.read();
        let end = self.positions[shard].get().frame;
        let start = Start::Since(*times_ms.start());
        let mut reader = self.stores[shard].read_from(start, Some(end))?;
        while let Some(frame) = reader.next_frame()? {
            let time_ms = frame.header.time_ms;
            if time_ms > *times_ms.end() {
                break;
            }
            if time_ms < *times_ms.start() {
                continue;
            }
            let mut records = frame.records();
            while let Some((_, record)) =
                records.next_record().map_err(|fault| DumpError::Failed(fault.to_string()))?
            {
                take(time_ms, &record)?;
            }
        }
        Ok(())
    }

    /// Returns the number of records so far.
    pub(super) fn record_count(&self) -> u64 {
        let kept = |(store, position): (&Arc<dyn LogStore>, &Positions)| {
            let first = store.first_record().ok().flatten().unwrap_or(1);
            (position.get().record + 1).saturating_sub(first)
        };
        self.stores.iter().zip(&self.positions).map(kept).sum()
    }
}

/// Reads a shard's part of the log on a thread of its own, at most one batch ahead; or here, if the
/// system has no thread left.
fn read_ahead<'scope>(scope: &'scope Scope<'scope, '_>, log: ShardLog<'scope>) -> Source<'scope> {
    let (send, batches) = std::sync::mpsc::sync_channel(0);
    let shared = Arc::new(Mutex::new(Some(log)));
    let taken = Arc::clone(&shared);
    let work = move || {
        let Some(mut log) = taken.lock().take() else { return };
        while let Some(batch) = log.next_batch().transpose() {
            let failed = batch.is_err();
            // The receiver is gone if the dump has failed elsewhere.
            if send.send(batch).is_err() || failed {
                return;
            }
        }
    };
    // A reader inherits the low priority of this thread.
    match Builder::new().name("dump".to_owned()).spawn_scoped(scope, work) {
        Ok(_) => Source::Thread(batches),
        Err(_) => {
            shared.lock().take().map_or(Source::Thread(batches), |log| Source::Here(Box::new(log)))
        }
    }
}

/// Where a stream's batches come from.
enum Source<'a> {
    /// A thread that reads ahead.
    Thread(Receiver<Result<Batch, DumpError>>),
    /// The journal, read when a batch is needed.
    Here(Box<ShardLog<'a>>),
    #[cfg(test)]
    Batches(std::vec::IntoIter<Batch>),
}

/// One shard's part of the log, with a cursor to its next elements.
struct Stream<'a> {
    source: Source<'a>,
    batch: Batch,
    /// Index of the next time in the batch, and the offset of its elements.
    at: usize,
    from: usize,
    /// Number of elements in the batches so far.
    events: u64,
}

impl<'a> Stream<'a> {
    /// Creates a stream, or returns None if it has no elements.
    fn begin(source: Source<'a>) -> Result<Option<Self>, DumpError> {
        let mut stream = Self { source, batch: Batch::default(), at: 0, from: 0, events: 0 };
        Ok(stream.fetch()?.then_some(stream))
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, DumpError> {
        match &mut self.source {
            Source::Thread(batches) => batches.recv().ok().transpose(),
            Source::Here(log) => log.next_batch(),
            #[cfg(test)]
            Source::Batches(batches) => Ok(batches.next()),
        }
    }

    /// Fetches the next batch that is not empty. Returns false after the last one.
    fn fetch(&mut self) -> Result<bool, DumpError> {
        while let Some(batch) = self.next_batch()? {
            give_back(std::mem::replace(&mut self.batch, batch).xml);
            self.events += self.batch.events;
            (self.at, self.from) = (0, 0);
            if !self.batch.times.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn time_ms(&self) -> u64 {
        self.batch.times.get(self.at).map_or(u64::MAX, |(time, _)| *time)
    }

    /// Returns the next elements, all with the same time.
    fn next(&self) -> &[u8] {
        let end = self.batch.times.get(self.at).map_or(self.from, |(_, end)| *end);
        self.batch.xml.get(self.from..end).unwrap_or_default()
    }

    /// Moves to the next elements. Returns false after the last ones.
    fn advance(&mut self) -> Result<bool, DumpError> {
        self.from += self.next().len();
        self.at += 1;
        if self.at < self.batch.times.len() { Ok(true) } else { self.fetch() }
    }
}

/// Writes all elements sorted by time; for equal times, earlier streams come first. Returns the
/// number of elements.
#[expect(
    clippy::indexing_slicing,
    reason = "the number is that of a shard, or of a stream found just before"
)]
fn merged(mut streams: Vec<Stream<'_>>, out: &mut impl Write) -> Result<u64, DumpError> {
    let mut events = 0;
    while let Some(index) = earliest(&streams) {
        let stream = &mut streams[index];
        out.write_all(stream.next())?;
        if !stream.advance()? {
            events += streams.remove(index).events;
        }
    }
    Ok(events)
}

fn earliest(streams: &[Stream<'_>]) -> Option<usize> {
    streams
        .iter()
        .enumerate()
        .min_by_key(|(index, stream)| (stream.time_ms(), *index))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the batches a shard's reader sends for these frames, each a time and its elements.
    fn batches(frames: &[(u64, Vec<String>)], limit: usize) -> Vec<Batch> {
        let (mut batches, mut batch, mut xml, mut events) =
            (Vec::new(), Batch::default(), Vec::new(), 0);
        for (time, elements) in frames {
            for element in elements {
                xml.extend_from_slice(element.as_bytes());
                events += 1;
                if xml.len() >= limit {
                    batch.end_at(*time, xml.len());
                    batches
                        .push(batch.take((std::mem::take(&mut xml), std::mem::take(&mut events))));
                }
            }
            batch.end_at(*time, xml.len());
        }
        batches.push(batch.take((xml, events)));
        batches
    }

    fn stream(batches: Vec<Batch>) -> Option<Stream<'static>> {
        Stream::begin(Source::Batches(batches.into_iter())).unwrap()
    }

    /// Returns the frames of a shard: each has a time and its elements, which name shard, frame and
    /// element. The input gives the time since the frame before and the number of elements.
    fn timed_frames(shard: usize, frames: Vec<(u64, usize)>) -> Vec<(u64, Vec<String>)> {
        let mut time = 0;
        let frames = frames.into_iter().enumerate().map(|(frame, (later, elements))| {
            time += later;
            let element = |element| format!("<{shard}.{frame}.{element}>");
            (time, (0..elements).map(element).collect())
        });
        frames.collect()
    }

    proptest! {
        /// The log equals the frames sorted by time, regardless of the batch limits.
        #[test]
        fn the_log_is_sorted_by_time(
            shards in prop::collection::vec(
                prop::collection::vec((0..3u64, 0..4usize), 0..12),
                1..4,
            ),
            limit in 1..60usize,
        ) {
            let mut shards: Vec<_> =
                (0..).zip(shards).map(|(shard, frames)| timed_frames(shard, frames)).collect();
            let streams =
                shards.iter().filter_map(|frames| stream(batches(frames, limit))).collect();
            let mut log = Vec::new();
            let events = merged(streams, &mut log).unwrap();
            let mut frames: Vec<_> = shards.drain(..).flatten().collect();
            frames.sort_by_key(|(time, _)| *time);
            let elements: Vec<_> = frames.into_iter().flat_map(|(_, elements)| elements).collect();
            prop_assert_eq!(events, elements.len() as u64);
            prop_assert_eq!(String::from_utf8(log).unwrap(), elements.concat());
        }
    }
}
