//! How a connection of a replay ends: when everything is answered, because the accounts are with
//! another server, or by a loss.

use anyhow::{Context as _, bail};
use std::io;

/// What a connection was told about the accounts being elsewhere.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// True once it was.
    pub told: bool,
    /// The address that was named last.
    pub address: Option<String>,
    /// True once the server has said that it ends the connection.
    pub in_order: bool,
}

impl Moved {
    /// Notes the address that was named.
    pub(super) fn note(&mut self, address: &[u8]) {
        (self.told, self.address) = (true, Some(String::from_utf8_lossy(address).into_owned()));
    }

    /// Takes a line that the server has sent without being asked.
    pub(super) fn take_push(&mut self, line: &[u8]) {
        if let Some(address) = line.strip_prefix(b"* MOVED,") {
            self.note(address);
        } else if line == b"* BYE,MOVED" {
            (self.told, self.in_order) = (true, true);
        }
    }
}

/// Returns true if a read has found the end of the connection, and that was to be expected.
///
/// # Errors
/// If the connection is lost.
pub(super) fn has_ended(
    read: io::Result<usize>,
    in_flight: usize,
    is_answered: bool,
    has_moved: bool,
) -> anyhow::Result<bool> {
    match read {
        Ok(0) | Err(_) if has_moved => Ok(true),
        Ok(0) if is_answered => Ok(true),
        Ok(0) => bail!("the server closed with {in_flight} lines unanswered"),
        read => read.map(|_| false).context("lost the connection to the server"),
    }
}
