//! Why bytes are not the record batch they should be.
//!
//! Kafka: `CorruptRecordException`, `InvalidRecordException`,
//! `UnsupportedCompressionTypeException`.

use ottla_types::ErrorCode;

use crate::Compression;

/// Why bytes are not a record batch, or not one that may be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("the batch needs {needed} bytes but only {have} are there")]
    Truncated {
        /// Bytes that the batch takes, as far as is known.
        needed: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// The batch is of another format than the one asked for.
    #[error("the batch has magic {0}, which is not supported here")]
    UnsupportedMagic(i8),
    /// The batch says of itself a length that cannot be.
    #[error("the batch length {0} is not possible")]
    InvalidLength(i32),
    /// The batch's bytes are not those its checksum was made of.
    #[error(
        "the batch is corrupt: its stored CRC is {stored:#010x}, its bytes give {computed:#010x}"
    )]
    CrcMismatch {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// The attributes name a compression that does not exist.
    #[error("unknown compression type id {0}")]
    UnknownCompression(u8),
    /// The batch says of itself a count of records that cannot be.
    #[error("the batch says it has {0} records")]
    InvalidCount(i32),
    /// The last offset of the batch lies before its first.
    #[error("the batch has the last offset delta {0}")]
    InvalidOffsetDelta(i32),
    /// A record in the batch is malformed.
    #[error("invalid record: {0}")]
    InvalidRecord(&'static str),
    /// The compressed records cannot be decompressed.
    #[error("the {} data is corrupt: {reason}", compression.name())]
    Decompression {
        /// The codec that refused.
        compression: Compression,
        /// What it said.
        reason: String,
    },
    /// The records cannot be compressed.
    #[error("compression with {} failed: {reason}", compression.name())]
    Compression {
        /// The codec that refused.
        compression: Compression,
        /// What it said.
        reason: String,
    },
    /// The batch, or what it decompresses to, is larger than its reader or the format allows.
    #[error("the records take more than {limit} bytes")]
    TooLarge {
        /// Most bytes allowed.
        limit: usize,
    },
}

impl BatchError {
    /// What a client is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Truncated { .. } | Self::InvalidLength(_) | Self::CrcMismatch { .. } => {
                ErrorCode::CorruptMessage
            }
            Self::UnsupportedMagic(magic) if !(0..=2).contains(magic) => ErrorCode::CorruptMessage,
            // A client would send what cannot be decompressed once more if it were told that the
            // batch is corrupt, though the checksum says that it arrived as it was sent.
            Self::UnsupportedMagic(_)
            | Self::Decompression { .. }
            | Self::InvalidCount(_)
            | Self::InvalidOffsetDelta(_)
            | Self::InvalidRecord(_) => ErrorCode::InvalidRecord,
            Self::UnknownCompression(_) => ErrorCode::UnsupportedCompressionType,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Compression { .. } => ErrorCode::UnknownServerError,
        }
    }
}
