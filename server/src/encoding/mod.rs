//! Values appended to a buffer in the form journal and snapshots keep them in: that of postcard,
//! which reads them back.
//!
//! A record is written for every command. So they are written by `Encoder`, which puts a number
//! down as one word where postcard's own serializer goes byte by byte; what it writes is the same.

mod encoder;

use encoder::Encoder;
use serde::Serialize;

/// Appends a value.
///
/// # Panics
/// Never: what is kept has only forms that `Encoder` writes.
pub(crate) fn append<T: Serialize + std::fmt::Debug>(value: &T, out: &mut Vec<u8>) {
    let mut encoder = Encoder::behind(out);
    let written = value.serialize(&mut encoder);
    drop(encoder);
    assert!(written.is_ok(), "a value could not be serialized: {value:?}");
}
