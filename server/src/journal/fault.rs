//! Reasons why a journal or a snapshot cannot be read.

use super::frame::{Fault, VERSION};
use std::io;

/// Version of snapshots and of the accounts in them. In version 1, histories also hold commands
/// /// that only read. Versions before 3 say nothing of the market.
pub(crate) const SNAPSHOT_VERSION: u16 = 4;

/// Reason why a file is not the expected segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// The header is cut short or its checksum does not match.
    #[error("the segment's header is damaged")]
    Damaged,
    /// The header is complete, but its format is unknown to this program.
    #[error("format version {0}; this program knows up to {VERSION}")]
    Version(u16),
    /// The header is complete, but belongs to another shard.
    #[error("the segment belongs to shard {0}")]
    Shard(u16),
    /// The header is complete, but does not continue where the previous segment ended.
    #[error(
        "the segment begins with record {found} and does not follow the one before it, \
         which ended before record {expected}"
    )]
    Gap {
        /// First record of the segment.
        found: u64,
        /// Record expected at this position.
        expected: u64,
    },
}

/// Reason why a snapshot cannot be used, for [`super::decision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// The file ends early, or a checksum does not match.
    #[error("the snapshot is damaged")]
    Damaged,
    /// The header is complete, but the version is unknown to this program.
    #[error("the snapshot has format version {0}; this program knows up to {SNAPSHOT_VERSION}")]
    Version(u16),
    /// The snapshot belongs to another shard.
    #[error("the snapshot belongs to shard {0}")]
    Shard(u16),
    /// The journal does not contain the last frame that the snapshot covers.
    #[error("the journal does not contain the last frame that the snapshot covers")]
    Unanchored,
}

/// Reason why a journal cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("{file}: {error}")]
    Io {
        /// Name of the file.
        file: String,
        /// Error of the file system.
        error: io::Error,
    },
    /// The bytes are not the expected frame.
    #[error("{file} at byte {offset}: {fault}")]
    Frame {
        /// Name of the file.
        file: String,
        /// Offset in the file.
        offset: u64,
        /// Fault of the frame.
        fault: Fault,
    },
    /// The beginning of the segment is faulty.
    #[error("{file}: {fault}")]
    Segment {
        /// Name of the file.
        file: String,
        /// Fault of the segment.
        fault: SegmentFault,
    },
}

/// Reason why a start is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The journal has damage that no interrupted write explains.
    #[error("the journal is damaged: {0}")]
    Damaged(ReadError),
    /// A snapshot prevents the start.
    #[error("{file}: {fault}")]
    Snapshot {
        /// Name of the file.
        file: String,
        /// Fault of the snapshot.
        fault: SnapshotFault,
    },
    /// The checksums match, but a record cannot follow the ones before it: a defect of the program
    /// that wrote it.
    #[error("{folder}: record {record} does not fit the accounts before it")]
    Unfit {
        /// Folder of the journal.
        folder: String,
        /// Number of the record.
        record: u64,
    },
    /// The disk failed.
    #[error("the journal cannot be recovered: {0}")]
    Io(io::Error),
}

// Both messages include the source's, so neither reports it as its source again.
impl From<ReadError> for RecoveryError {
    fn from(error: ReadError) -> Self {
        Self::Damaged(error)
    }
}

impl From<io::Error> for RecoveryError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
