//! Bytes on the wire: where lines begin and end, and how fields are read and written.
//!
//! Nothing here knows a command. [`LineBuffer`] is the only buffer with spare capacity and
//! [`decimal`] the only printer of numbers.

pub(crate) mod codec;
pub(crate) mod decimal;
pub(crate) mod fields;
pub(crate) mod label;
pub(crate) mod line_buffer;
pub(crate) mod perfect_hash;
pub(crate) mod plain;
pub(crate) mod scanner;
pub mod short_copy;

pub use codec::{LINE_BYTES_MAX, LineBlock, LineCodec};
pub use line_buffer::LineBuffer;
pub use scanner::trim;
