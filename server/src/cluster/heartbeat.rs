//! What servers of a cluster say about themselves twice a second. Nothing of it is stored, and any
//! of it may be lost.

use serde::{Deserialize, Serialize};

/// A heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heartbeat {
    /// Name of the server.
    pub node: String,
    /// Drawn at random by the process, in hexadecimal.
    pub incarnation: String,
    /// Address at which it takes clients.
    pub address: String,
    /// Version of the program.
    pub version: String,
    /// Time by which it decides, Unix milliseconds.
    pub clock_ms: u64,
    /// Time of its system, Unix milliseconds.
    pub system_ms: u64,
    /// True if it owns all shards.
    pub owns: bool,
    /// Epoch in which it owns the first shard, or has released it.
    pub epoch: u64,
    /// True if it has released the shards and leaves them to others.
    pub released: bool,
    /// True if it could take over: it follows all shards and has reached their ends.
    pub able: bool,
    /// The last frame of each shard in its copy.
    pub frames: Vec<u64>,
}

impl Heartbeat {
    /// Encodes it for the wire.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Decodes what has arrived; None if it is no heartbeat.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
