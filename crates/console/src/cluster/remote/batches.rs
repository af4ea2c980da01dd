//! Batches of another cluster's logs, as they come over the wire.
//!
//! Kafka: `Fetch`.

use ottla_client::{Client, ConsumerConfig, ErrorCode, Offset, OutOfRange};
use ottla_record::BatchHeader;

use crate::{api::log::FoundBatch, error::ApiError};

/// Most bytes that a fetch brings, unless one batch alone is larger.
const PIECE_BYTES: i32 = 1 << 20;

/// Pieces that are read for one answer.
const PIECES_MAX: usize = 32;

/// Batches from the one that holds `from` on, handed to `take` as long as it wants more.
pub(in crate::cluster) async fn each_batch(
    client: &Client,
    (topic, partition): (&str, i32),
    from: Offset,
    mut take: impl FnMut(FoundBatch) -> bool,
) -> Result<(), ApiError> {
    let config = ConsumerConfig {
        out_of_range: OutOfRange::Fail,
        fetch_wait: std::time::Duration::ZERO,
        fetch_bytes_max: PIECE_BYTES,
        partition_bytes_max: PIECE_BYTES,
        ..ConsumerConfig::default()
    };
    let mut reader = client.reader(config);
    let mut at = from;
    for _ in 0..PIECES_MAX {
        let mut bytes = match reader.read_batches(topic, partition, at).await {
            Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => return Ok(()),
            piece => piece?,
        };
        let began_at = at;
        while let Ok(header) = BatchHeader::parse(&bytes)
            && header.size() <= bytes.len()
        {
            let batch = bytes.split_to(header.size());
            at = header.next_offset();
            if !take(FoundBatch { place: None, header, bytes: batch }) {
                return Ok(());
            }
        }
        if at <= began_at {
            return Ok(());
        }
    }
    Ok(())
}
