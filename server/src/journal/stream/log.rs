//! Appends frames to a stream, and then to the copy.

use super::answer::{Answer, Stream};
use crate::engine::{Owner, Record};
use crate::journal::fault::{ReadError, RecoveryError};
use crate::journal::frame::FrameHeader;
use crate::journal::frame_log::{
    Anchor, AppendError, Fence, Frame, FrameLog, FrameReader, LogStore, LogTraits, Place,
    Recovered, Start, TakeRecord,
};
use crate::journal::storage::Storage;
use crate::limits::{LOG_PATIENCE, LOG_PAUSE, SHARED_FRAME_BYTES_SOFT};
use std::io;
use std::sync::Arc;

/// The log of a shard: a stream, and its copy, which is all that is read here.
pub struct StreamStore {
    copy: Arc<dyn LogStore>,
    stream: Arc<dyn Stream>,
}

impl StreamStore {
    /// Creates the store of a stream with a copy of it.
    pub fn new(copy: Arc<dyn LogStore>, stream: Arc<dyn Stream>) -> Self {
        Self { copy, stream }
    }
}

impl LogStore for StreamStore {
    fn recover(
        &self,
        start: Start<'_>,
        repair: bool,
        take: TakeRecord<'_>,
    ) -> Result<Recovered, RecoveryError> {
        self.copy.recover(start, repair, take)
    }

    fn open(&self, end: &Recovered) -> io::Result<Box<dyn FrameLog>> {
        let (stream, copy) = (Arc::clone(&self.stream), self.copy.open(end)?);
        Ok(Box::new(StreamLog { stream, copy, copy_failure: None }))
    }

    fn read_from<'a>(
        &'a self,
        start: Start<'_>,
        until: Option<u64>,
    ) -> Result<Box<dyn FrameReader + 'a>, ReadError> {
        self.copy.read_from(start, until)
    }

    fn first_record(&self) -> io::Result<Option<u64>> {
        self.copy.first_record()
    }

    fn contains(&self, anchor: &Anchor) -> io::Result<bool> {
        self.copy.contains(anchor)
    }

    fn remove_before(&self, anchor: &Anchor, keep_bytes: u64) -> io::Result<()> {
        self.copy.remove_before(anchor, keep_bytes)
    }

    fn folder(&self) -> &dyn Storage {
        self.copy.folder()
    }
}

/// The appending end of a stream.
struct StreamLog {
    stream: Arc<dyn Stream>,
    copy: Box<dyn FrameLog>,
    /// Set when a durable frame could not be written to the copy: the server has to stop.
    copy_failure: Option<String>,
}

impl StreamLog {
    /// Appends a frame to the stream, until it is known what became of it.
    fn publish(&self, number: u64, sealed: &[u8]) -> Result<(), AppendError> {
        let give_up_at = self.stream.now() + LOG_PATIENCE;
        loop {
            match self.stream.append(number, sealed) {
                Answer::Stored(stored) if stored == number => return Ok(()),
                Answer::Stored(stored) => {
                    let message = format!("the stream stored frame {number} as message {stored}");
                    return Err(io::Error::other(message).into());
                }
                // An earlier try may have been stored although its answer was lost.
                Answer::WrongLast => match self.stream.read(number) {
                    Some(stored) if stored == sealed => return Ok(()),
                    Some(stored) => return Err(AppendError::Fenced(fence_of(&stored))),
                    None => {}
                },
                Answer::Unknown => {}
            }
            if self.stream.now() >= give_up_at {
                return Err(AppendError::GaveUp);
            }
            self.stream.pause(LOG_PAUSE);
        }
    }
}

/// Reads who has appended a frame.
fn fence_of(stored: &[u8]) -> Fence {
    let Ok((header, ..)) = FrameHeader::parse(stored) else { return Fence::default() };
    let mut owner: Option<Box<Owner>> = None;
    let read = Frame::of_checked(header, stored).each_record(|_, record| {
        if let Record::Owner(found) = record {
            owner.get_or_insert(found);
        }
    });
    Fence { epoch: header.epoch, owner: owner.filter(|_| read.is_ok()) }
}

impl FrameLog for StreamLog {
    /// The copy prepares for a frame once the stream has it.
    fn prepare(&mut self, _: &FrameHeader) -> Result<bool, AppendError> {
        Ok(false)
    }

    fn append(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        self.publish(header.number, sealed)?;
        // The frame is durable: its replies leave, whatever becomes of the copy.
        if self.copy_failure.is_none()
            && let Err(error) = self.follow(header, sealed)
        {
            tracing::error!(%error, "the copy of the journal cannot be written");
            self.copy_failure = Some(error.to_string());
        }
        Ok(())
    }

    fn follow(&mut self, header: &FrameHeader, sealed: &[u8]) -> Result<(), AppendError> {
        self.copy.prepare(header)?;
        self.copy.append(header, sealed)
    }

    fn traits(&self) -> LogTraits {
        let readable = self.copy_failure.is_none();
        let frame_bytes_soft = SHARED_FRAME_BYTES_SOFT;
        LogTraits { durable_at_once: true, readable, frame_bytes_soft }
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        self.copy.sync()
    }

    fn last_place(&self) -> Option<Place> {
        self.copy.last_place()
    }

    fn check_free_space(&mut self) -> Result<bool, AppendError> {
        match &self.copy_failure {
            Some(failure) => Err(io::Error::other(failure.clone()).into()),
            None => self.copy.check_free_space(),
        }
    }
}
