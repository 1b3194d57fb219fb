//! The serializer. It writes whole words into a buffer that is longer than its contents.
//!
//! The format is postcard's. Integers are variable-length: groups of seven bits, the lowest first,
//! each but the last with its highest bit set. Signed integers are zigzag-encoded. Strings and
//! sequences follow their length; the fields of a variant follow its index. Floating-point numbers,
//! characters, 128-bit integers and maps are errors: neither journal nor snapshots contain them.

use daytrade_protocol::short_copy;
use postcard::Error;
use serde::ser::{
    Impossible, Serialize, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Spare bytes added at once: most values are shorter.
const SPARE_BYTES: usize = 128;
/// Longest byte string that is copied as whole words.
const SHORT_BYTES: usize = 32;
/// Space for an integer: one word, or up to ten bytes written singly.
const NUMBER_BYTES: usize = 16;

/// Appends values to a buffer. Dropping it removes the spare bytes.
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    /// Offset of the next byte.
    at: usize,
}

impl<'a> Encoder<'a> {
    /// Creates an encoder that appends to the buffer.
    #[inline]
    pub(super) fn append_to(out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        out.resize(at + SPARE_BYTES, 0);
        Self { out, at }
    }

    /// Lets `write` fill in the next bytes. It returns how many of them it used.
    #[inline]
    fn put<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N]) -> usize) {
        if self.out.len() - self.at < N {
            self.out.resize(self.at + SPARE_BYTES, 0);
        }
        if let Some(space) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            self.at += write(space);
        }
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.put(|space: &mut [u8; 1]| {
            space[0] = byte;
            1
        });
    }

    #[inline]
    fn number(&mut self, value: u64) {
        self.put(|space| number_at(space, value));
    }

    /// Writes an integer that is nearly always small: a length or the index of a variant.
    #[inline]
    fn small_number(&mut self, value: u64) {
        if value < 0x80 {
            self.byte(value as u8);
        } else {
            self.number(value);
        }
    }

    #[inline]
    fn signed(&mut self, value: i64) {
        self.number((value << 1 ^ value >> 63) as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.small_number(bytes.len() as u64);
        if bytes.len() <= SHORT_BYTES {
            return self.put(|space: &mut [u8; SHORT_BYTES]| short_copy::copy(space, bytes));
        }
        self.out.truncate(self.at);
        self.out.extend_from_slice(bytes);
        self.at = self.out.len();
        self.out.resize(self.at + SPARE_BYTES, 0);
    }
}

impl Drop for Encoder<'_> {
    #[inline]
    fn drop(&mut self) {
        self.out.truncate(self.at);
    }
}

/// Writes an integer in groups of seven bits. Returns the number of bytes.
#[inline]
fn number_at(space: &mut [u8; NUMBER_BYTES], value: u64) -> usize {
    const MORE: u64 = 0x8080_8080_8080_8080;
    if value >> 56 != 0 {
        return long_number_at(space, value);
    }
    // Spreads the bits: halves, quarters, then groups of seven, all of a kind at once.
    let halves = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let groups = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let last = 7 - (groups | 1).leading_zeros() / 8;
    let before_last = (1 << (8 * last)) - 1;
    if let Some(word) = space.first_chunk_mut() {
        *word = (groups | MORE & before_last).to_le_bytes();
    }
    last as usize + 1
}

#[cold]
fn long_number_at(space: &mut [u8; NUMBER_BYTES], mut value: u64) -> usize {
    for (at, byte) in space.iter_mut().enumerate() {
        if value < 0x80 {
            *byte = value as u8;
            return at + 1;
        }
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    0
}

/// The error of types that neither journal nor snapshots contain.
const UNSUPPORTED: Error = Error::WontImplement;

macro_rules! numbers {
    ($($method:ident $type:ty),+) => {
        $(#[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            self.number(u64::from(value));
            Ok(())
        })+
    };
}

macro_rules! unsupported {
    ($($method:ident $type:ty),+) => {
        $(fn $method(self, _: $type) -> Result<(), Error> {
            Err(UNSUPPORTED)
        })+
    };
}

impl Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers!(serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    unsupported!(
        serialize_i128 i128, serialize_u128 u128, serialize_f32 f32,
        serialize_f64 f64, serialize_char char
    );

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.byte(u8::from(value));
        Ok(())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.byte(value);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.byte(value.to_le_bytes()[0]);
        Ok(())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.signed(value);
        Ok(())
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.serialize_bytes(text.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes(bytes);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_bool(false)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.byte(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Error> {
        self.small_number(u64::from(index));
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.small_number(u64::from(index));
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Error> {
        self.small_number(length.ok_or(Error::SerializeSeqLengthUnknown)? as u64);
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        self.small_number(u64::from(index));
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Error> {
        Err(UNSUPPORTED)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        self.small_number(u64::from(index));
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Implements the traits that write the fields of a value in order.
macro_rules! compound {
    ($($trait:ident $method:ident $(($name:ty))?),+ $(,)?) => {
        $(impl $trait for &mut Encoder<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                field: &T,
            ) -> Result<(), Error> {
                field.serialize(&mut **self)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })+
    };
}

compound!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
    SerializeStruct serialize_field (&'static str),
    SerializeStructVariant serialize_field (&'static str),
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    /// Every type that the encoder supports.
    #[derive(Clone, Debug, Serialize)]
    enum Value {
        Nothing,
        Whole(u64),
        Signed(i64),
        Small(u8, u16, u32, bool),
        SmallSigned(i8, i16, i32),
        Named { text: String, bytes: Option<Box<[u8]>> },
        List(Vec<Value>),
        Pair((i64, [u8; 3])),
    }

    fn value() -> impl Strategy<Value = Value> {
        let whole =
            || prop_oneof![any::<u64>(), (0..64_u32, any::<u64>()).prop_map(|(bits, n)| n >> bits)];
        let leaf = prop_oneof![
            Just(Value::Nothing),
            whole().prop_map(Value::Whole),
            whole().prop_map(|n| Value::Signed(n as i64)),
            (any::<u8>(), any::<u16>(), any::<u32>(), any::<bool>())
                .prop_map(|(a, b, c, d)| Value::Small(a, b, c, d)),
            (any::<i8>(), any::<i16>(), any::<i32>())
                .prop_map(|(a, b, c)| Value::SmallSigned(a, b, c)),
            (".{0,40}", prop::option::of(prop::collection::vec(any::<u8>(), 0..300)))
                .prop_map(|(text, bytes)| Value::Named { text, bytes: bytes.map(Into::into) }),
            (any::<i64>(), any::<[u8; 3]>()).prop_map(Value::Pair),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop::collection::vec(inner, 0..6).prop_map(Value::List)
        })
    }

    proptest! {
        #[test]
        fn values_are_written_as_postcard_writes_them(
            values in prop::collection::vec(value(), 1..5),
        ) {
            let (mut ours, mut theirs) = (b"before".to_vec(), b"before".to_vec());
            for value in &values {
                crate::encoding::append(value, &mut ours);
                theirs.extend(postcard::to_stdvec(value).unwrap());
            }
            prop_assert_eq!(ours, theirs);
        }
    }
}
