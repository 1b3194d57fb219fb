//! The log of a shard as a stream on other machines, with a copy in a folder.
//!
//! One message is one frame, byte for byte, and the number of the message is that of the frame. A
//! frame is appended only if the message before it is the newest, so of two servers that believe
//! they own the shard one is refused. [`log`] resolves what the stream answers and keeps the copy;
//! [`copy`] says what may be believed of a copy. Nothing here knows which program keeps the stream.

mod answer;
mod copy;
#[cfg(feature = "test-support")]
mod fake;
mod log;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Stream};
pub use copy::cut_at_damage;
#[cfg(feature = "test-support")]
pub use fake::{FakeStream, StreamFault, StreamFaults};
pub use log::StreamStore;
