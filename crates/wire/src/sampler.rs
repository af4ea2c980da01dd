//! Random messages for tests: a source of fields that makes them up.
//!
//! Invariant: the same seed gives the same message.

use std::ops::RangeInclusive;

use bytes::Bytes;
use ottla_types::Uuid;

use crate::{
    DecodeError, EncodeError, Message, Reader, Str, Writer,
    source::{Decoded, Source},
};

/// Makes up values from a seed.
#[derive(Clone, Debug)]
pub struct Sampler {
    state: u64,
}

impl Sampler {
    /// Starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits (`SplitMix64`).
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits() % end).unwrap_or(0)
    }

    fn eight(&mut self) -> [u8; 8] {
        // Small numbers as often as large ones, since that is where special values are.
        let shift = self.bits() % 64;
        let bits = self.bits() >> shift;
        if self.below(4) == 0 { (!bits).to_le_bytes() } else { bits.to_le_bytes() }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let eight = self.eight();
        std::array::from_fn(|index| eight.get(index % 8).copied().unwrap_or(0))
    }

    fn is_null(&mut self, null: bool) -> bool {
        null && self.below(4) == 0
    }
}

impl Source for Sampler {
    fn bool(&mut self) -> Decoded<bool> {
        Ok(self.below(2) == 1)
    }
    fn i8(&mut self) -> Decoded<i8> {
        Ok(i8::from_le_bytes(self.take()))
    }
    fn i16(&mut self) -> Decoded<i16> {
        Ok(i16::from_le_bytes(self.take()))
    }
    fn u16(&mut self) -> Decoded<u16> {
        Ok(u16::from_le_bytes(self.take()))
    }
    fn i32(&mut self) -> Decoded<i32> {
        Ok(i32::from_le_bytes(self.take()))
    }
    fn i64(&mut self) -> Decoded<i64> {
        Ok(i64::from_le_bytes(self.take()))
    }
    fn f64(&mut self) -> Decoded<f64> {
        // No NaN, which is not equal to itself.
        Ok(f64::from(self.i32()?) / 8.0)
    }
    fn uuid(&mut self) -> Decoded<Uuid> {
        Ok(if self.below(4) == 0 { Uuid::ZERO } else { Uuid(self.take()) })
    }

    fn nullable_string(&mut self, _flexible: bool, null: bool) -> Decoded<Option<Str>> {
        if self.is_null(null) {
            return Ok(None);
        }
        let letters = ['a', 'Z', '0', '-', '.', 'é', '漢', '🦀'];
        // Now and then long enough for a length of two bytes.
        let length_max = if self.below(16) == 0 { 200 } else { 12 };
        let length = self.below(length_max);
        let text: String =
            (0..length).filter_map(|_| letters.get(self.below(letters.len()))).collect();
        Ok(Some(Str::from(text)))
    }

    fn nullable_bytes(&mut self, _flexible: bool, null: bool) -> Decoded<Option<Bytes>> {
        if self.is_null(null) {
            return Ok(None);
        }
        let length = self.below(40);
        Ok(Some((0..length).map(|_| self.take::<1>()).flat_map(IntoIterator::into_iter).collect()))
    }

    fn nullable_array<T>(
        &mut self,
        _flexible: bool,
        null: bool,
        _min_size: usize,
        mut element: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<Vec<T>>> {
        if self.is_null(null) {
            return Ok(None);
        }
        let count = self.below(4);
        (0..count).map(|_| element(self)).collect::<Decoded<Vec<T>>>().map(Some)
    }

    fn nullable_struct<T>(
        &mut self,
        null: bool,
        _mark: i8,
        read: impl FnOnce(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<T>> {
        if self.is_null(null) { Ok(None) } else { read(self).map(Some) }
    }

    fn tags(&mut self, mut known: impl FnMut(&mut Self, u32) -> Decoded<bool>) -> Decoded<()> {
        for tag in 0..32 {
            if self.below(2) == 0 {
                known(self, tag)?;
            }
        }
        Ok(())
    }
}

/// One message type with its type erased, for tests that go through all of them.
#[derive(Clone, Debug)]
pub struct MessageType {
    /// Kafka's name for it.
    pub name: &'static str,
    /// The versions, both ends included.
    pub versions: RangeInclusive<i16>,
    /// A default message, encoded in a version.
    pub default: fn(version: i16) -> Result<Vec<u8>, EncodeError>,
    /// A made-up message with the fields of one version, encoded in another or the same.
    pub sample: fn(seed: u64, version: i16, encoded_in: i16) -> Result<Vec<u8>, EncodeError>,
    /// Decodes a message and encodes it again.
    pub decode: fn(frame: Bytes, version: i16) -> Result<Decoding, DecodeError>,
    /// Decodes a message and drops it; how many bytes it took.
    pub size: fn(frame: Bytes, version: i16) -> Result<usize, DecodeError>,
    /// Whether a made-up message is the same after it was encoded and decoded.
    pub round_trips: fn(seed: u64, version: i16) -> bool,
}

/// What came of decoding a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoding {
    /// How many bytes followed it.
    pub remaining: usize,
    /// The message, encoded again in the same version.
    pub again: Result<Vec<u8>, EncodeError>,
}

impl MessageType {
    pub(crate) fn of<M: Message>(name: &'static str) -> Self {
        Self {
            name,
            versions: M::VERSIONS,
            default: |version| encoded(&M::default(), version),
            sample: |seed, version, encoded_in| encoded(&sampled::<M>(seed, version), encoded_in),
            decode: |frame, version| {
                let mut reader = Reader::new(frame);
                let message = M::decode(&mut reader, version)?;
                let again = encoded(&message, version);
                Ok(Decoding { remaining: reader.remaining(), again })
            },
            size: |frame, version| {
                let length = frame.len();
                let mut reader = Reader::new(frame);
                M::decode(&mut reader, version)?;
                Ok(length - reader.remaining())
            },
            round_trips: |seed, version| {
                let message = sampled::<M>(seed, version);
                let Ok(bytes) = encoded(&message, version) else { return false };
                let mut reader = Reader::new(Bytes::from(bytes));
                M::decode(&mut reader, version) == Ok(message) && reader.remaining() == 0
            },
        }
    }

    /// Every message type, in the order of their names.
    pub fn all() -> Vec<Self> {
        crate::generated::message_types()
    }
}

fn sampled<M: Message>(seed: u64, version: i16) -> M {
    // The sampler never fails: failing is for bytes.
    M::sample(&mut Sampler::new(seed), version).unwrap_or_default()
}

fn encoded<M: Message>(message: &M, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    Ok(writer.finish().0.to_vec())
}
