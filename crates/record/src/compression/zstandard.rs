//! Zstandard frames.
//!
//! A frame is decompressed in one go, straight into the output. That needs no window buffer, so a
//! frame that asks for a large window costs nothing, and the output's limit is the only bound.
//! Kafka: `org.apache.kafka.common.compress.ZstdCompression`.

use zstd::zstd_safe::{self, DCtx};

use super::output::{Failure, Output};

const LEVEL_DEFAULT: i32 = 3;
/// How zstd says that the output does not fit: its error 70, as the negative number it returns.
const OUTPUT_TOO_SMALL: usize = 70_usize.wrapping_neg();
/// First guess for a frame that does not say its size: this many times the input.
const RATIO_GUESS: usize = 4;
/// How much larger the next guess is.
const GUESS_GROWTH: usize = 4;
const GUESS_MIN: usize = 64 << 10;

/// Compresses into one frame that says its size.
pub(crate) fn compress(level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, String> {
    let range = zstd::compression_level_range();
    let level = level.unwrap_or(LEVEL_DEFAULT).clamp(*range.start(), *range.end());
    zstd::bulk::compress(input, level).map_err(|error| error.to_string())
}

/// The context of a decoder, used again.
pub(crate) struct Decoder(DCtx<'static>);

impl Decoder {
    /// The decoder that is there, or a new one.
    pub(crate) fn reuse(slot: &mut Option<Self>) -> Result<&mut Self, Failure> {
        if slot.is_none() {
            *slot = DCtx::try_create().map(Self);
        }
        slot.as_mut().ok_or(Failure::corrupt("no memory for a zstd context"))
    }

    pub(crate) fn decompress(&mut self, input: &[u8], output: &mut Output) -> Result<(), Failure> {
        let limit = output.room();
        // What the first frame says of itself. Not to be believed, only to start with.
        let told = zstd_safe::get_frame_content_size(input).ok().flatten();
        // A frame cannot expand by more than its blocks allow: 128 KiB per 4 bytes.
        let most = input.len().saturating_mul(32 << 10).max(1);
        let mut guess = match told.map(usize::try_from) {
            Some(Ok(size)) if size <= limit => size,
            Some(_) => return Err(Failure::TooLarge),
            None => input.len().saturating_mul(RATIO_GUESS).max(GUESS_MIN),
        };
        loop {
            let (_, spare) = output.spare(guess.clamp(1, most));
            let size = spare.len();
            match self.0.decompress(spare, input) {
                Ok(written) => {
                    output.advance(written);
                    return Ok(());
                }
                Err(OUTPUT_TOO_SMALL) if size >= limit => return Err(Failure::TooLarge),
                Err(OUTPUT_TOO_SMALL) if size >= most => {
                    return Err(Failure::corrupt("it asks for more room than it can fill"));
                }
                Err(OUTPUT_TOO_SMALL) => guess = size.saturating_mul(GUESS_GROWTH).max(GUESS_MIN),
                Err(code) => {
                    return Err(Failure::Corrupt(zstd_safe::get_error_name(code).into()));
                }
            }
        }
    }
}
