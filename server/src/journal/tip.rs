//! The end of a shared log as a follower sees it: which frame must come next.

use super::frame::{Fault, FrameHeader};
use super::frame_log::{Frame, Recovered};
use bytes::Bytes;

/// The end of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// Number of the last frame, or 0.
    pub frame: u64,
    /// Number of the last record, or 0.
    pub record: u64,
    /// Checksum of the last frame.
    pub chain: u32,
    /// Epoch of the last frame.
    pub epoch: u64,
    /// Time of the last frame, Unix milliseconds.
    pub time_ms: u64,
}

impl From<&Recovered> for Tip {
    fn from(end: &Recovered) -> Self {
        let Recovered { frame, record, chain, epoch, time_ms, .. } = *end;
        Self { frame, record, chain, epoch, time_ms }
    }
}

/// A sealed frame whose checksum and place in the chain were checked.
#[derive(Clone, Debug)]
pub struct CheckedFrame {
    bytes: Bytes,
    header: FrameHeader,
    checksum: u32,
}

impl CheckedFrame {
    /// Checks that the bytes are the frame after `tip` of this shard, and nothing else.
    ///
    /// # Errors
    /// Returns the [`Fault`].
    pub fn after(tip: &Tip, shard: u16, bytes: Bytes) -> Result<Self, Fault> {
        let (header, _, checksum) = FrameHeader::parse(&bytes)?;
        if bytes.len() != header.frame_bytes() {
            return Err(Fault::Length);
        }
        if header.shard != shard {
            return Err(Fault::Shard(header.shard));
        }
        let follows = (header.number, header.first_record) == (tip.frame + 1, tip.record + 1);
        if !follows || header.epoch < tip.epoch {
            return Err(Fault::Gap(header.number));
        }
        if header.chain != tip.chain {
            return Err(Fault::Chain(header.number));
        }
        Ok(Self { bytes, header, checksum })
    }

    /// Returns the header.
    pub const fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Returns the whole frame as it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the checksum.
    pub const fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Returns the frame for reading its records.
    pub fn frame(&self) -> Frame<'_> {
        Frame::of_checked(self.header, &self.bytes)
    }

    /// Returns the end of the log after this frame.
    pub const fn tip(&self) -> Tip {
        let FrameHeader { number, first_record, records, epoch, time_ms, .. } = self.header;
        let record = first_record + records as u64 - 1;
        Tip { frame: number, record, chain: self.checksum, epoch, time_ms }
    }
}
