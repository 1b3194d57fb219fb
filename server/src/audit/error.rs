//! Reasons why a dump was not written.

use crate::journal::ReadError;
use std::io;

/// Reason why no dump was written.
#[derive(Debug)]
pub(super) enum DumpError {
    /// The file name leads out of the dump folder.
    LeadsOut,
    /// The journal could not be read, or the file could not be written.
    Failed(String),
}

impl From<io::Error> for DumpError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ReadError> for DumpError {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}
