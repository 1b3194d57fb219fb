//! Values appended to a buffer in the form journal and snapshots keep them in.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// Appends a value.
///
/// # Panics
/// Never: what is kept holds nothing that postcard cannot write to memory.
pub fn append<T: Serialize + std::fmt::Debug>(value: &T, out: &mut Vec<u8>) {
    let before = out.len();
    *out = postcard::serialize_with_flavor(value, Appender(std::mem::take(out))).unwrap_or_default();
    assert!(out.len() > before, "a value could not be serialized: {value:?}");
}

/// Lets postcard append to a buffer that already holds something.
struct Appender(Vec<u8>);

impl Flavor for Appender {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}
