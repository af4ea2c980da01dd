//! Whole batches as owned records, for those who want all of them: clients and coordinators.
//!
//! Kafka: iterating a `RecordBatch`.

use bytes::Bytes;
use ottla_types::Offset;

use crate::{
    BATCH_OVERHEAD, BatchError, BatchHeader, Compression, Header, Record, check_crc, records,
};

/// Checks and decodes exactly one batch of magic 2.
///
/// Keys and values are slices of `batch`, or of one buffer if it was compressed, in which case it
/// must not decompress to more than `decompressed_max` bytes.
pub fn decode_batch(
    batch: &Bytes,
    decompressed_max: usize,
) -> Result<(BatchHeader, Vec<(Offset, Record)>), BatchError> {
    let header = BatchHeader::parse(batch)?;
    if header.size() > batch.len() {
        return Err(BatchError::Truncated { needed: header.size(), have: batch.len() });
    }
    if header.size() < batch.len() {
        return Err(BatchError::InvalidLength(header.batch_length));
    }
    check_crc(batch)?;
    let body = match header.compression_of_body()? {
        Compression::None => batch.slice(BATCH_OVERHEAD..),
        compression => Bytes::from(compression.decompress(crate::body(batch), decompressed_max)?),
    };
    let owned = |slice: &[u8]| body.slice_ref(slice);
    let mut decoded = Vec::new();
    for record in records(&header, &body) {
        let record = record?;
        let headers = record.headers().map(|header| Header {
            key: String::from_utf8_lossy(header.key).into_owned(),
            value: header.value.map(owned),
        });
        let owned = Record {
            timestamp: record.timestamp(&header),
            key: record.key.map(owned),
            value: record.value.map(owned),
            headers: headers.collect(),
        };
        decoded.push((record.offset(&header), owned));
    }
    Ok((header, decoded))
}
