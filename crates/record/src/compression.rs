//! The codecs of record batches.
//!
//! Invariant: no decompressor gives, or allocates for, more than the limit it is given, whatever
//! its input says of itself.
//! Kafka: `org.apache.kafka.common.compress.Compression`, `CompressionType`.

mod gzip;
mod lz4;
mod output;
mod snappy;
mod xxh32;
mod zstandard;

use std::fmt;

pub(crate) use lz4::HeaderChecksum;
use output::{Failure, Output};

use crate::{BatchError, BatchHeader, RecordIter, body, records};

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// A gzip stream.
    Gzip,
    /// Snappy: written in the framing of snappy-java, read with or without it.
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

    /// The name, as in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec with this name. (`producer` and `uncompressed` are a topic's choices, not codecs.)
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// Compresses `input` as Kafka's producer and broker do.
    ///
    /// `level` is that of `compression.gzip.level` (1 to 9, −1 for the default), of
    /// `compression.zstd.level` (−131072 to 22) or of `compression.lz4.level` (1 to 17, which this
    /// codec takes but which changes nothing: there is no slower, denser LZ4 here). A level out of
    /// range counts as the nearest one within. `None` is the default.
    pub fn compress(self, level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, BatchError> {
        let failed = |reason: String| BatchError::Compression { compression: self, reason };
        match self {
            Self::None => Ok(input.to_vec()),
            Self::Gzip => gzip::compress(level, input).map_err(failed),
            Self::Snappy => snappy::compress(input).map_err(failed),
            Self::Lz4 => lz4::compress(input).map_err(failed),
            Self::Zstd => zstandard::compress(level, input).map_err(failed),
        }
    }

    /// Decompresses `input`, which must not give more than `limit` bytes.
    pub fn decompress(self, input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
        let mut scratch = Scratch::new();
        scratch.decompress(self, input, limit)?;
        Ok(scratch.into_output())
    }
}

/// Buffers and codec states that a thread uses again for one batch after the other, so that
/// decompression allocates only when a batch is larger than those before.
#[derive(Default)]
pub struct Scratch {
    output: Output,
    gzip: Option<gzip::Decoder>,
    zstd: Option<zstandard::Decoder>,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("output", &self.output).finish_non_exhaustive()
    }
}

impl Scratch {
    /// Nothing allocated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses `input`, which must not give more than `limit` bytes, into a buffer that the
    /// next call overwrites.
    pub fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        limit: usize,
    ) -> Result<&[u8], BatchError> {
        self.decompress_with(compression, input, limit, HeaderChecksum::Checked)
    }

    /// As [`Scratch::decompress`], with a say on LZ4's header checksum, which is wrong in batches
    /// of magic 0.
    pub(crate) fn decompress_with(
        &mut self,
        compression: Compression,
        input: &[u8],
        limit: usize,
        header_checksum: HeaderChecksum,
    ) -> Result<&[u8], BatchError> {
        let output = &mut self.output;
        output.restart(limit);
        let done = match compression {
            Compression::None => output.push(input),
            Compression::Gzip => self.gzip.get_or_insert_default().decompress(input, output),
            Compression::Snappy => snappy::decompress(input, output),
            Compression::Lz4 => lz4::decompress(input, output, header_checksum),
            Compression::Zstd => zstandard::Decoder::reuse(&mut self.zstd)
                .and_then(|decoder| decoder.decompress(input, output)),
        };
        match done {
            Ok(()) => Ok(self.output.filled()),
            Err(Failure::TooLarge) => Err(BatchError::TooLarge { limit }),
            Err(Failure::Corrupt(reason)) => {
                Err(BatchError::Decompression { compression, reason: reason.into_owned() })
            }
        }
    }

    /// The records of exactly one batch, whose `header` was parsed: read in place if it is not
    /// compressed, else decompressed into a buffer that the next call overwrites.
    ///
    /// They must not take more than `limit` bytes if they are compressed.
    pub fn records<'a>(
        &'a mut self,
        header: &BatchHeader,
        batch: &'a [u8],
        limit: usize,
    ) -> Result<RecordIter<'a>, BatchError> {
        let bytes = match header.compression_of_body()? {
            Compression::None => body(batch),
            compression => self.decompress(compression, body(batch), limit)?,
        };
        Ok(records(header, bytes))
    }

    /// The bytes decompressed last.
    pub fn output(&self) -> &[u8] {
        self.output.filled()
    }

    /// The bytes decompressed last, taken out.
    pub fn into_output(self) -> Vec<u8> {
        self.output.into_filled()
    }
}

#[cfg(test)]
mod tests;
