//! Values appended to a buffer in the form journal and snapshots keep them in.

use daytrade_protocol::short;
use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// The room that is made for a value at once: most are shorter.
const ROOM_BYTES: usize = 128;
/// What is at most this long is copied as whole words.
const SHORT_BYTES: usize = 32;

/// Appends a value.
///
/// # Panics
/// Never: what is kept holds nothing that postcard cannot write to memory.
pub fn append<T: Serialize + std::fmt::Debug>(value: &T, out: &mut Vec<u8>) {
    let before = out.len();
    let mut bytes = std::mem::take(out);
    bytes.resize(before + ROOM_BYTES, 0);
    *out = postcard::serialize_with_flavor(value, Appender { bytes, at: before }).unwrap_or_default();
    assert!(out.len() > before, "a value could not be serialized: {value:?}");
}

/// Lets postcard append to a buffer that already holds something. The buffer is longer than what it holds, and cut in the end.
struct Appender {
    bytes: Vec<u8>,
    at: usize,
}

impl Flavor for Appender {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.at == self.bytes.len() {
            self.bytes.resize(self.at + ROOM_BYTES, 0);
        }
        if let Some(place) = self.bytes.get_mut(self.at) {
            *place = byte;
            self.at += 1;
        }
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let place = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut::<SHORT_BYTES>);
        match place {
            Some(place) if bytes.len() <= SHORT_BYTES => {
                short::copy(place, bytes);
            }
            _ => {
                self.bytes.truncate(self.at);
                self.bytes.extend_from_slice(bytes);
                self.bytes.resize(self.bytes.len() + ROOM_BYTES, 0);
            }
        }
        self.at += bytes.len();
        Ok(())
    }

    fn finalize(mut self) -> postcard::Result<Vec<u8>> {
        self.bytes.truncate(self.at);
        Ok(self.bytes)
    }
}
