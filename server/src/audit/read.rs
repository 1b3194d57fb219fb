//! Sends the audit log, or the records of one account, to a client: READLOG and REPORT. A client on
//! another machine cannot read the files of DUMPLOG.
//!
//! It holds a part or two of the log in memory, however long the log and however slow the client.

use super::entries::{LastPrices, entries};
use super::error::DumpError;
use super::merge::LogMerger;
use super::query::LogQuery;
use crate::limits::{LOG_PART_BYTES, LOG_PARTS_WAITING, LOG_READERS_MAX};
use crate::runtime::NO_THREAD;
use daytrade_protocol::{DetailWriter, LineBuffer, Refusal, Tag, UserName};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::Builder;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// A part of the reply to a READLOG.
#[derive(Debug)]
pub enum LogPart {
    /// Lines of the reply.
    Lines(Vec<u8>),
    /// The number of events, or why the log could not be read to its end.
    End(Result<u64, Refusal>),
}

/// Reads the log for clients.
#[derive(Clone)]
pub struct LogReader {
    merger: Arc<LogMerger>,
    places: Arc<Semaphore>,
}

impl LogReader {
    /// Creates the reader of these journals.
    pub(crate) fn new(merger: Arc<LogMerger>) -> Self {
        Self { merger, places: Arc::new(Semaphore::new(LOG_READERS_MAX)) }
    }

    /// Begins to read, on a thread of its own. It ends when the parts are dropped.
    ///
    /// # Errors
    /// A refusal if too many logs are being read, or the system has no thread left.
    pub(crate) fn read(
        &self,
        query: LogQuery,
        tag: Option<Tag>,
    ) -> Result<Receiver<LogPart>, Refusal> {
        self.start(tag, move |merger, out| merger.merge(&query, out))
    }

    /// Begins to read the records of one account, in order of time, on a thread of its own. The
    /// times are Unix milliseconds.
    ///
    /// # Errors
    /// As [`LogReader::read`].
    pub(crate) fn report(
        &self,
        shard: usize,
        user: UserName,
        times_ms: RangeInclusive<u64>,
        tag: Option<Tag>,
    ) -> Result<Receiver<LogPart>, Refusal> {
        self.start(tag, move |merger, out| {
            let (mut lines, mut prices) = (0, LastPrices::default());
            merger.records(shard, &times_ms, |time_ms, record| {
                prices.take(record, time_ms);
                entries(record, time_ms, &user, |entry| {
                    prices.note(entry);
                    DetailWriter::new(tag, &mut out.part).event(entry);
                    lines += 1;
                });
                if out.part.len() >= LOG_PART_BYTES { out.send() } else { Ok(()) }
            })?;
            let mut out = DetailWriter::new(tag, &mut out.part);
            prices.of_holdings(|symbol, price, at_ms| out.price(symbol, price, at_ms));
            Ok(lines + out.lines())
        })
    }

    /// Begins to read on a thread of its own.
    fn start(
        &self,
        tag: Option<Tag>,
        read: impl FnOnce(&LogMerger, &mut LogLines) -> Result<u64, DumpError> + Send + 'static,
    ) -> Result<Receiver<LogPart>, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Refusal::TooManyReaders(LOG_READERS_MAX as u32))?;
        let (sender, parts) = channel(LOG_PARTS_WAITING);
        let merger = Arc::clone(&self.merger);
        let work = move || {
            let _place = place;
            super::direct_io::lower_thread_priority();
            let mut out = LogLines { tag, line: Vec::new(), part: LineBuffer::default(), sender };
            let read = read(&merger, &mut out).and_then(|events| {
                out.send()?;
                Ok(events)
            });
            let end = read.map_err(|error| {
                let DumpError::Failed(cause) = error else { return Refusal::FilenameLeadsOut };
                Refusal::DumpFailed(cause.into())
            });
            let _ = out.sender.blocking_send(LogPart::End(end));
        };
        match Builder::new().name("readlog".to_owned()).spawn(work) {
            Ok(_) => Ok(parts),
            Err(_) => Err(Refusal::DumpFailed(NO_THREAD.into())),
        }
    }
}

/// Turns the log into lines of a reply.
struct LogLines {
    tag: Option<Tag>,
    /// A line whose end is not written yet.
    line: Vec<u8>,
    part: LineBuffer,
    sender: Sender<LogPart>,
}

impl LogLines {
    fn send(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.part).into_bytes();
        let sent = self.sender.blocking_send(LogPart::Lines(lines));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if let Some(line) = self.line.strip_suffix(b"\n") {
                DetailWriter::new(self.tag, &mut self.part).log(line);
                self.line.clear();
            }
            if self.part.len() >= LOG_PART_BYTES {
                self.send()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
