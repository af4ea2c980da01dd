//! The codecs of record batches.
//!
//! Invariant: no decompressor gives, or allocates, more than the limit it is given plus one fixed
//! buffer, whatever its input says.
//! Kafka: `org.apache.kafka.common.compress.Compression`, `CompressionType`.

use crate::BatchError;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// A gzip stream.
    Gzip,
    /// Snappy in the framing of snappy-java.
    Snappy,
    /// An LZ4 frame.
    Lz4,
    /// A Zstandard frame.
    Zstd,
}

impl Compression {
    /// Every codec, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in the attributes of a batch.
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec with this number.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.id() == id)
    }

    /// The value of `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec with this value of `compression.type`. (`producer` and `uncompressed` are a
    /// topic's choices, not codecs.)
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// Compresses `input` the way Kafka's producer does, at `level` or at the codec's default.
    pub fn compress(self, level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, BatchError> {
        let _ = level;
        match self {
            Self::None => Ok(input.to_vec()),
            Self::Gzip | Self::Snappy | Self::Lz4 | Self::Zstd => {
                Err(BatchError::Compression { compression: self, reason: "not there yet".into() })
            }
        }
    }

    /// Decompresses `input`, which must not give more than `limit` bytes.
    pub fn decompress(self, input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
        let mut scratch = Scratch::new();
        scratch.decompress(self, input, limit)?;
        Ok(scratch.into_output())
    }
}

/// Buffers and codec states that one thread uses again for one batch after the other.
#[derive(Debug, Default)]
pub struct Scratch {
    output: Vec<u8>,
}

impl Scratch {
    /// Nothing allocated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses `input`, which must not give more than `limit` bytes, into the buffer that the
    /// next call overwrites.
    pub fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        limit: usize,
    ) -> Result<&[u8], BatchError> {
        if input.len() > limit {
            return Err(BatchError::TooLarge { limit });
        }
        self.output.clear();
        match compression {
            Compression::None => self.output.extend_from_slice(input),
            Compression::Gzip | Compression::Snappy | Compression::Lz4 | Compression::Zstd => {
                let reason = "not there yet".into();
                return Err(BatchError::Decompression { compression, reason });
            }
        }
        Ok(&self.output)
    }

    /// The bytes decompressed last.
    pub fn into_output(self) -> Vec<u8> {
        self.output
    }
}
