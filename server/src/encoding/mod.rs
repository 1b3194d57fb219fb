//! Serializes the values of the journal and of snapshots in postcard's format. postcard itself
//! deserializes them.
//!
//! Every command writes a record, so the serializer is our own: it writes a number as one word,
//! postcard's writes byte by byte. The bytes are the same.

mod encoder;

use encoder::Encoder;
use serde::Serialize;

/// Appends a serialized value.
///
/// # Panics
/// Never panics: the types of the journal and of snapshots use only what `Encoder` supports.
pub(crate) fn append<T: Serialize + std::fmt::Debug>(value: &T, out: &mut Vec<u8>) {
    let mut encoder = Encoder::append_to(out);
    let written = value.serialize(&mut encoder);
    drop(encoder);
    assert!(written.is_ok(), "a value could not be serialized: {value:?}");
}
