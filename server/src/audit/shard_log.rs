//! One shard's part of the log, formatted in batches.

use super::error::DumpError;
use super::filter::LogFilter;
use super::query::LogQuery;
use super::xml::AuditWriter;
use crate::journal::{FrameReader, FrameRecords};
use crate::limits::DUMP_BATCH_BYTES;
use crate::message::spare_chunk;

/// A shard's part of the log. It ends at the shard's noted position, or at the time and record of
/// the DUMPLOG.
pub(super) struct ShardLog<'a> {
    reader: Box<dyn FrameReader + 'a>,
    audit: AuditWriter,
    filter: Option<&'a LogFilter>,
    from_ms: u64,
    until_ms: u64,
    /// The DUMPLOG's own record, which is the last one to be read.
    last: u64,
    /// The rest of the current frame, and its time.
    records: Option<(u64, FrameRecords)>,
    ended: bool,
}

impl<'a> ShardLog<'a> {
    /// Creates the part of a shard's log, whose name is `server`, up to a frame.
    pub(super) fn new(
        reader: Box<dyn FrameReader + 'a>,
        server: String,
        query: &'a LogQuery,
        own: Option<u64>,
    ) -> Self {
        Self {
            reader,
            audit: AuditWriter::new(server),
            filter: Some(&query.filter).filter(|one| !matches!(one, LogFilter::Everything)),
            from_ms: query.from_ms,
            until_ms: query.until_ms,
            last: own.unwrap_or(u64::MAX),
            records: None,
            ended: false,
        }
    }

    /// Returns the next elements, or None at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, DumpError> {
        let mut batch = Batch::default();
        while !self.ended && self.audit.bytes() < DUMP_BATCH_BYTES {
            let Some((time_ms, records)) = &mut self.records else {
                self.ended = !self.next_frame()?;
                continue;
            };
            let (time_ms, last) = (*time_ms, self.last);
            let next =
                records.next_record().map_err(|fault| DumpError::Failed(fault.to_string()))?;
            match next.filter(|(number, _)| *number <= last) {
                None => self.records = None,
                Some((number, record)) => {
                    let filter = self.filter.filter(|_| number != last);
                    self.audit.record(time_ms, &record, filter);
                }
            }
            batch.end_at(time_ms, self.audit.bytes());
        }
        let batch = batch.take(self.audit.take(spare_chunk()));
        Ok(Some(batch).filter(|batch| !batch.times.is_empty() || !self.ended))
    }

    fn next_frame(&mut self) -> Result<bool, DumpError> {
        let (until_ms, last) = (self.until_ms, self.last);
        let mut frame = self.reader.next_frame()?;
        while frame.as_ref().is_some_and(|frame| frame.header.time_ms < self.from_ms) {
            frame = self.reader.next_frame()?;
        }
        let frame = frame
            .filter(|frame| frame.header.time_ms <= until_ms && frame.header.first_record <= last);
        self.records = frame.map(|frame| (frame.header.time_ms, frame.records()));
        Ok(self.records.is_some())
    }
}

/// Consecutive elements of one or more frames. A frame may hold one command or thousands.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub xml: Vec<u8>,
    pub events: u64,
    /// Distinct times in the batch, each with the offset in `xml` where its elements end.
    pub times: Vec<(u64, usize)>,
}

impl Batch {
    /// Records that the elements of this time end at offset `end`.
    pub(super) fn end_at(&mut self, time_ms: u64, end: usize) {
        match self.times.last_mut() {
            Some((time, before)) if *time == time_ms => *before = end,
            Some((_, before)) if *before == end => {}
            _ if end == 0 => {}
            _ => self.times.push((time_ms, end)),
        }
    }

    /// Returns the current batch with these elements and their number, and starts a new one.
    pub(super) fn take(&mut self, (xml, events): (Vec<u8>, u64)) -> Self {
        Self { xml, events, times: std::mem::take(&mut self.times) }
    }
}
