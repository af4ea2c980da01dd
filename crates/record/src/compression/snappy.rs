//! Snappy: blocks in the framing of snappy-java, which Kafka's Java client writes, or one bare
//! block, as some other clients do.
//!
//! Kafka: `org.apache.kafka.common.compress.SnappyCompression`.

use super::output::{Failure, Output};
use crate::cursor::Cursor;

/// What a framed stream starts with.
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// The version of the framing, and the oldest that can read it.
const VERSION: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes of input per block that snappy-java takes.
const BLOCK_SIZE: usize = 32 << 10;
/// No element of the format gives more bytes of output per byte of input.
const EXPANSION_MAX: usize = 64;

/// Compresses into framed blocks.
pub(crate) fn compress(input: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(input.len() / 2 + 64);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION);
    let mut encoder = snap::raw::Encoder::new();
    let mut block = vec![0; snap::raw::max_compress_len(BLOCK_SIZE)];
    for chunk in input.chunks(BLOCK_SIZE) {
        let size = encoder.compress(chunk, &mut block).map_err(|error| error.to_string())?;
        let length = u32::try_from(size).map_err(|error| error.to_string())?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(block.get(..size).unwrap_or(&[]));
    }
    Ok(out)
}

/// Decompresses either form.
pub(crate) fn decompress(input: &[u8], output: &mut Output) -> Result<(), Failure> {
    if !input.starts_with(&MAGIC) {
        return decompress_block(input, output);
    }
    let short = || Failure::corrupt("a snappy block ends early");
    let mut cursor = Cursor::new(input);
    while cursor.remaining() > 0 {
        // Streams may stand one after the other, each with its own header.
        if cursor.rest().starts_with(&MAGIC) {
            cursor.take(MAGIC.len() + VERSION.len()).ok_or_else(short)?;
            continue;
        }
        let length = cursor.u32().ok_or_else(short)?;
        let length = usize::try_from(length).map_err(|_| short())?;
        decompress_block(cursor.take(length).ok_or_else(short)?, output)?;
    }
    Ok(())
}

fn decompress_block(block: &[u8], output: &mut Output) -> Result<(), Failure> {
    let corrupt = |error: snap::Error| Failure::Corrupt(error.to_string().into());
    let size = snap::raw::decompress_len(block).map_err(corrupt)?;
    if size > output.room() {
        return Err(Failure::TooLarge);
    }
    if size > block.len().saturating_mul(EXPANSION_MAX) {
        return Err(Failure::corrupt("a snappy block promises more than it can hold"));
    }
    let written =
        snap::raw::Decoder::new().decompress(block, output.spare(size).1).map_err(corrupt)?;
    output.advance(written);
    Ok(())
}
