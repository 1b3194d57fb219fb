//! The shards' journals as one log, in the order of time.
//!
//! It reads files that are being written, up to places it has noted before.

use super::dump::{DumpError, DumpService};
use super::xml::{self, AuditWriter, Origin};
use crate::journal::{FsStorage, JournalReader, Position, Start, first_kept};
use crate::limits::DUMP_BATCH_BYTES;
use crate::shard::DumpRequest;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender};

impl DumpService {
    /// Merges the journals by time, up to the DUMPLOG's own record, which comes last. Each journal
    /// is read and turned into elements on a thread of its own, a batch at a time and no more than
    /// one ahead. Returns how many elements there are.
    pub(super) fn merge(
        &self,
        request: &DumpRequest,
        out: &mut impl Write,
    ) -> Result<u64, DumpError> {
        let _reading = self.readers.read();
        let mut shards: Vec<usize> = match request.ticket.user {
            Some(_) => vec![usize::from(request.shard)],
            None => (0..self.journals.len()).collect(),
        };
        // Equal times keep this order: the DUMPLOG's shard last.
        shards.sort_by_key(|&shard| (shard == usize::from(request.shard), shard));
        // Everything that was answered before the DUMPLOG was received is at or before these
        // places.
        let places: Vec<(usize, Position)> =
            shards.iter().map(|&shard| (shard, self.positions[shard].get())).collect();
        out.write_all(xml::BEGIN)?;
        for &(shard, _) in &places {
            let first = first_kept(&FsStorage::new(&self.journals[shard]))?.unwrap_or(1);
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
            let mut streams: Vec<Stream> = Vec::new();
            for (shard, place) in places {
                let (send, batches) = std::sync::mpsc::sync_channel(0);
                scope.spawn(move || {
                    if let Err(error) = self.read(request, shard, place, &send) {
                        // Nobody listens when the dump has failed elsewhere.
                        let _ = send.send(Err(error));
                    }
                });
                streams.extend(Stream::begin(batches)?);
            }
            events = merged(streams, out)?;
            Ok::<(), DumpError>(())
        })?;
        out.write_all(xml::END)?;
        Ok(events)
    }

    /// Sends a shard's part of the log, a batch at a time, up to its place or the DUMPLOG's time
    /// and record.
    fn read(
        &self,
        request: &DumpRequest,
        shard: usize,
        place: Position,
        send: &SyncSender<Read>,
    ) -> Result<(), DumpError> {
        let storage = FsStorage::new(&self.journals[shard]);
        let mut reader = JournalReader::new(&storage, shard as u16, Start::FirstKept, Some(place))?;
        let server = format!("{}-{shard}", self.server_name);
        let only = request.ticket.user.as_ref();
        let last = if shard == usize::from(request.shard) { request.record } else { u64::MAX };
        let (mut audit, mut batch) = (AuditWriter::default(), Batch::default());
        while let Some(frame) = reader.next_frame()? {
            let time_ms = frame.header.time_ms;
            if time_ms > request.time_ms || frame.header.first_record > last {
                break;
            }
            let origin = Origin { time_ms, server: &server };
            let mut heard = true;
            let add = |number, record| {
                if number <= last && heard {
                    audit.record(origin, &record, only);
                    if audit.bytes() >= DUMP_BATCH_BYTES {
                        batch.end_at(time_ms, audit.bytes());
                        heard = send.send(Ok(batch.take(audit.take()))).is_ok();
                    }
                }
            };
            frame.each_record(add).map_err(|fault| DumpError::Failed(fault.to_string()))?;
            batch.end_at(time_ms, audit.bytes());
            if !heard {
                return Ok(());
            }
        }
        // Nobody listens when the dump has failed elsewhere.
        let _ = send.send(Ok(batch.take(audit.take())));
        Ok(())
    }
}

/// Some elements, of one frame or of many: a frame may hold one command, or thousands.
#[derive(Debug, Default)]
struct Batch {
    xml: Vec<u8>,
    events: u64,
    /// The times there are, each once, and where in the XML what is of that time ends.
    times: Vec<(u64, usize)>,
}

impl Batch {
    /// Notes where the elements of this time end.
    fn end_at(&mut self, time_ms: u64, end: usize) {
        match self.times.last_mut() {
            Some((time, before)) if *time == time_ms => *before = end,
            Some((_, before)) if *before == end => {}
            _ if end == 0 => {}
            _ => self.times.push((time_ms, end)),
        }
    }

    /// The batch, with its elements and how many they are; another one begins.
    fn take(&mut self, (xml, events): (Vec<u8>, u64)) -> Self {
        Self { xml, events, times: std::mem::take(&mut self.times) }
    }
}

type Read = Result<Batch, DumpError>;

/// One shard's part of the log, of which the next elements are known.
struct Stream {
    batches: Receiver<Read>,
    batch: Batch,
    /// Which of the batch's times is next, and where its elements begin.
    at: usize,
    from: usize,
    /// The elements in the batches so far.
    events: u64,
}

impl Stream {
    /// None where there is nothing.
    fn begin(batches: Receiver<Read>) -> Result<Option<Self>, DumpError> {
        let mut stream = Self { batches, batch: Batch::default(), at: 0, from: 0, events: 0 };
        Ok(stream.fetch()?.then_some(stream))
    }

    /// Fetches the next batch that holds anything; false behind the last.
    fn fetch(&mut self) -> Result<bool, DumpError> {
        while let Ok(batch) = self.batches.recv() {
            self.batch = batch?;
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

    /// The next elements, all of one time.
    fn next(&self) -> &[u8] {
        let end = self.batch.times.get(self.at).map_or(self.from, |(_, end)| *end);
        self.batch.xml.get(self.from..end).unwrap_or_default()
    }

    /// False after the last elements.
    fn advance(&mut self) -> Result<bool, DumpError> {
        self.from += self.next().len();
        self.at += 1;
        if self.at < self.batch.times.len() { Ok(true) } else { self.fetch() }
    }
}

/// Writes what the streams hold in the order of time, of equal times the first stream's first;
/// returns how many elements there are.
fn merged(mut streams: Vec<Stream>, out: &mut impl Write) -> Result<u64, DumpError> {
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

fn earliest(streams: &[Stream]) -> Option<usize> {
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

    /// What a shard's reader would send of these frames, each a time and its elements.
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

    fn stream(batches: Vec<Batch>) -> Option<Stream> {
        let (send, receive) = std::sync::mpsc::sync_channel(batches.len());
        for batch in batches {
            send.send(Ok(batch)).unwrap();
        }
        drop(send);
        Stream::begin(receive).unwrap()
    }

    proptest! {
        /// Wherever the batches are cut, the log is what sorting the frames by time would make.
        #[test]
        fn the_log_is_in_the_order_of_time(
            shards in prop::collection::vec(prop::collection::vec((0..3u64, 0..4usize), 0..12), 1..4),
            limit in 1..60usize,
        ) {
            let mut shards: Vec<Vec<(u64, Vec<String>)>> = shards.into_iter().enumerate().map(|(shard, frames)| {
                let mut time = 0;
                let frames = frames.into_iter().enumerate().map(|(frame, (later, elements))| {
                    time += later;
                    (time, (0..elements).map(|element| format!("<{shard}.{frame}.{element}>")).collect())
                });
                frames.collect()
            }).collect();
            let streams = shards.iter().filter_map(|frames| stream(batches(frames, limit))).collect();
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
