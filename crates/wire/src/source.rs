//! What generated code reads from: the frame, or in tests a maker of random values.
//!
//! One generated `read` serves both, so the test values need no generated code of their own.

use bytes::Bytes;
use ottla_types::Uuid;

use crate::{DecodeError, EncodeError, Records, Str, Writer};

/// Shorthand for what reading gives.
pub(crate) type Decoded<T> = Result<T, DecodeError>;
/// Shorthand for what writing gives.
pub(crate) type Encoded = Result<(), EncodeError>;

/// Where the fields of a message come from, in order. `flexible` asks for the compact form of
/// lengths; `null` says whether null is allowed.
pub(crate) trait Source: Sized {
    fn bool(&mut self) -> Decoded<bool>;
    fn i8(&mut self) -> Decoded<i8>;
    fn i16(&mut self) -> Decoded<i16>;
    fn u16(&mut self) -> Decoded<u16>;
    fn i32(&mut self) -> Decoded<i32>;
    fn i64(&mut self) -> Decoded<i64>;
    fn f64(&mut self) -> Decoded<f64>;
    fn uuid(&mut self) -> Decoded<Uuid>;
    fn nullable_string(&mut self, flexible: bool, null: bool) -> Decoded<Option<Str>>;
    fn nullable_bytes(&mut self, flexible: bool, null: bool) -> Decoded<Option<Bytes>>;

    /// An array whose elements take at least `min_size` bytes each.
    fn nullable_array<T>(
        &mut self,
        flexible: bool,
        null: bool,
        min_size: usize,
        element: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<Vec<T>>>;

    /// A struct; where it may be null, a byte in front of it says whether it is: 1, or for null
    /// `mark` or less. (Kafka marks null with -1, and where the field is tagged with 0.)
    fn nullable_struct<T>(
        &mut self,
        null: bool,
        mark: i8,
        read: impl FnOnce(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<T>>;

    /// The tagged fields: `known` reads the one with the tag given or says that it does not know
    /// it.
    fn tags(&mut self, known: impl FnMut(&mut Self, u32) -> Decoded<bool>) -> Decoded<()>;

    fn string(&mut self, flexible: bool) -> Decoded<Str> {
        self.nullable_string(flexible, false)?.ok_or(DecodeError::UnexpectedNull)
    }

    fn bytes(&mut self, flexible: bool) -> Decoded<Bytes> {
        self.nullable_bytes(flexible, false)?.ok_or(DecodeError::UnexpectedNull)
    }

    fn nullable_records(&mut self, flexible: bool, null: bool) -> Decoded<Option<Records>> {
        Ok(self.nullable_bytes(flexible, null)?.map(Records::Bytes))
    }

    fn array<T>(
        &mut self,
        flexible: bool,
        min_size: usize,
        element: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Vec<T>> {
        self.nullable_array(flexible, false, min_size, element)?.ok_or(DecodeError::UnexpectedNull)
    }
}

/// What is generated for every struct.
pub(crate) trait Body: Sized {
    /// No version of this struct has fewer bytes.
    const MIN_SIZE: usize;

    fn read<S: Source>(s: &mut S, ver: i16) -> Decoded<Self>;
    fn write(&self, w: &mut Writer, ver: i16) -> Encoded;
}

/// Refuses to leave out a field that is set and that the version does not have.
pub(crate) fn absent(is_set: bool, field: &'static str, version: i16) -> Encoded {
    if is_set { Err(EncodeError::UnsupportedField { field, version }) } else { Ok(()) }
}

/// Makes the outermost struct of a message a [`Message`](crate::Message).
macro_rules! message {
    ($name:ident, $versions:expr) => {
        impl $crate::Message for $name {
            const VERSIONS: ::std::ops::RangeInclusive<i16> = $versions;

            fn decode(
                reader: &mut $crate::Reader,
                version: i16,
            ) -> Result<Self, $crate::DecodeError> {
                if !Self::VERSIONS.contains(&version) {
                    return Err($crate::DecodeError::UnsupportedVersion(version));
                }
                $crate::source::Body::read(reader, version)
            }

            fn encode(
                &self,
                writer: &mut $crate::Writer,
                version: i16,
            ) -> Result<(), $crate::EncodeError> {
                if !Self::VERSIONS.contains(&version) {
                    return Err($crate::EncodeError::UnsupportedVersion(version));
                }
                $crate::source::Body::write(self, writer, version)
            }

            #[cfg(any(test, feature = "testing"))]
            fn sample(
                sampler: &mut $crate::Sampler,
                version: i16,
            ) -> Result<Self, $crate::DecodeError> {
                $crate::source::Body::read(sampler, version)
            }
        }
    };
}
pub(crate) use message;
