//! Gzip streams, of one member or several.
//!
//! Kafka: `org.apache.kafka.common.compress.GzipCompression`.

use std::io::Write;

use flate2::{Decompress, FlushDecompress, Status};

use super::output::{Failure, Output};
use crate::cursor::Cursor;

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
const LEVEL_DEFAULT: i32 = 6;

const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// Compresses into one member.
pub(crate) fn compress(level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, String> {
    let level = match level {
        None | Some(-1) => LEVEL_DEFAULT,
        Some(level) => level.clamp(1, 9),
    };
    let level = flate2::Compression::new(level.unsigned_abs());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(input).map_err(|error| error.to_string())?;
    encoder.finish().map_err(|error| error.to_string())
}

/// The state of a decoder, used again.
pub(crate) struct Decoder(Decompress);

impl Default for Decoder {
    fn default() -> Self {
        Self(Decompress::new(false))
    }
}

impl Decoder {
    pub(crate) fn decompress(&mut self, input: &[u8], output: &mut Output) -> Result<(), Failure> {
        let mut cursor = Cursor::new(input);
        self.member(&mut cursor, output)?;
        // What follows is another member or, as Java has it, something to be passed over.
        while cursor.rest().starts_with(&MAGIC) {
            self.member(&mut cursor, output)?;
        }
        Ok(())
    }

    fn member(&mut self, cursor: &mut Cursor<'_>, output: &mut Output) -> Result<(), Failure> {
        skip_header(cursor).ok_or(Failure::corrupt("not a gzip header"))?;
        let start = output.filled().len();
        self.inflate(cursor, output)?;
        let short = Failure::corrupt("the gzip trailer is missing");
        let Some((crc, size)) = cursor.array().zip(cursor.array()) else { return Err(short) };
        let member = output.filled().get(start..).unwrap_or(&[]);
        let wrapped = u32::try_from(member.len() & 0xffff_ffff).unwrap_or(u32::MAX);
        if crc_fast::crc32_iso_hdlc(member) != u32::from_le_bytes(crc)
            || wrapped != u32::from_le_bytes(size)
        {
            return Err(Failure::corrupt("the gzip checksum does not match"));
        }
        Ok(())
    }

    fn inflate(&mut self, cursor: &mut Cursor<'_>, output: &mut Output) -> Result<(), Failure> {
        self.0.reset(false);
        loop {
            let (read_before, written_before) = (self.0.total_in(), self.0.total_out());
            let status = self
                .0
                .decompress(cursor.rest(), output.spare_any(), FlushDecompress::None)
                .map_err(|error| Failure::Corrupt(error.to_string().into()))?;
            let read = usize::try_from(self.0.total_in() - read_before).unwrap_or(usize::MAX);
            let written =
                usize::try_from(self.0.total_out() - written_before).unwrap_or(usize::MAX);
            output.advance(written);
            cursor.take(read);
            match status {
                Status::StreamEnd => return Ok(()),
                // Nothing moves any more: there is no input, or no room, left.
                Status::Ok | Status::BufError if read == 0 && written == 0 => {
                    return Err(if output.room() == 0 {
                        Failure::TooLarge
                    } else {
                        Failure::corrupt("the gzip stream ends early")
                    });
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }
}

fn skip_header(cursor: &mut Cursor<'_>) -> Option<()> {
    let (magic, method, flags) = (cursor.array()?, cursor.u8()?, cursor.u8()?);
    if magic != MAGIC || method != DEFLATE || flags & FLAGS_RESERVED != 0 {
        return None;
    }
    // Time, extra flags, operating system.
    cursor.take(6)?;
    if flags & FLAG_EXTRA != 0 {
        let length = u16::from_le_bytes(cursor.array()?);
        cursor.take(usize::from(length))?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let length = cursor.rest().iter().position(|&byte| byte == 0)?;
            cursor.take(length + 1)?;
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        cursor.take(2)?;
    }
    Some(())
}
