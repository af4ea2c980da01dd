//! Codecs: names, limits and refusals. Round trips are among the properties of the crate.

use lz4_flex::block::compress_with_dict;

use super::*;

const MIB: usize = 1 << 20;

fn packed(compression: Compression, input: &[u8]) -> Vec<u8> {
    compression.compress(None, input).unwrap()
}

#[test]
fn codecs_have_their_ids_and_names() {
    for compression in Compression::ALL {
        assert_eq!(Compression::from_id(compression.id()), Some(compression));
        assert_eq!(Compression::from_name(compression.name()), Some(compression));
    }
    assert_eq!(Compression::from_id(5), None);
    assert_eq!(Compression::from_name("producer"), None);
}

#[test]
fn a_bomb_is_refused_without_room_for_it() {
    let bomb = vec![0; 64 * MIB];
    for compression in Compression::ALL.into_iter().skip(1) {
        let small = packed(compression, &bomb);
        let mut scratch = Scratch::new();
        let refused = scratch.decompress(compression, &small, MIB).map(<[u8]>::len);
        assert_eq!(refused, Err(BatchError::TooLarge { limit: MIB }), "{compression:?}");
        assert!(scratch.output.capacity() <= MIB, "{compression:?}");
    }
}

#[test]
fn what_a_header_promises_is_not_believed() {
    // A zstd frame and a snappy block that say they are a gigabyte long.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x40, 1, 0, 0];
    let snappy = [0x80, 0x80, 0x80, 0x80, 0x04, 0x00, b'a'];
    for (compression, bytes) in [(Compression::Zstd, &zstd[..]), (Compression::Snappy, &snappy[..])]
    {
        let mut scratch = Scratch::new();
        assert!(scratch.decompress(compression, bytes, 2 << 30).is_err(), "{compression:?}");
        assert!(scratch.output.capacity() <= MIB, "{compression:?}");
    }
}

/// Found by fuzzing: for some of what is no frame, zstd asks for more room without end.
#[test]
fn a_damaged_frame_gets_no_more_room_than_one_of_its_size_could_fill() {
    let whole = packed(Compression::Zstd, b"what is compressed, what is compressed");
    // The buffer doubles.
    let most = 2 * whole.len() * (32 << 10);
    for at in 0..whole.len() {
        for byte in 0..16 {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            let mut scratch = Scratch::new();
            drop(scratch.decompress(Compression::Zstd, &damaged, 2 << 30).map(<[u8]>::len));
            assert!(scratch.output.capacity() <= most, "byte {at} is {byte}");
        }
    }
}

#[test]
fn cut_input_is_refused() {
    let input = b"some bytes that are here some times, some bytes".repeat(20);
    for compression in Compression::ALL.into_iter().skip(1) {
        let whole = packed(compression, &input);
        for end in 0..whole.len() {
            let cut = compression.decompress(&whole[..end], MIB);
            // The framing of snappy has no end, so it may stop between its blocks.
            let may_be = end == 16 && compression == Compression::Snappy
                || end == 0 && compression == Compression::Zstd;
            assert_eq!(cut == Ok(Vec::new()), may_be, "{compression:?} cut at {end}: {cut:?}");
        }
    }
}

#[test]
fn a_buffer_is_used_again() {
    let mut scratch = Scratch::new();
    let large = vec![7; MIB];
    for compression in Compression::ALL {
        for input in [&large[..], b"small", b""] {
            let bytes = packed(compression, input);
            assert_eq!(scratch.decompress(compression, &bytes, MIB), Ok(input));
            assert_eq!(scratch.output(), input);
        }
    }
    let refused = scratch.decompress(Compression::Gzip, b"no gzip at all", MIB).err();
    let reason = "not a gzip header".to_owned();
    let compression = Compression::Gzip;
    assert_eq!(refused, Some(BatchError::Decompression { compression, reason }));
    assert!(scratch.decompress(Compression::Gzip, &packed(Compression::Gzip, b"x"), MIB).is_ok());
}

#[test]
fn bare_and_framed_snappy_are_read() {
    let bare = snap::raw::Encoder::new().compress_vec(b"bare").unwrap();
    assert_eq!(Compression::Snappy.decompress(&bare, MIB).unwrap(), b"bare");
    let framed = packed(Compression::Snappy, b"framed");
    assert!(framed.starts_with(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"));
    let twice = [&framed[..], &framed[..]].concat();
    assert_eq!(Compression::Snappy.decompress(&twice, MIB).unwrap(), b"framedframed");
}

#[test]
fn linked_lz4_blocks_reach_back_into_each_other() {
    let first = (0..=255u8).collect::<Vec<_>>().repeat(4);
    let second = first.iter().rev().copied().chain(first.iter().copied()).collect::<Vec<_>>();
    let mut frame = vec![0x04, 0x22, 0x4d, 0x18];
    let described = [0x40, 0x40];
    frame.extend_from_slice(&described);
    frame.push(xxh32::xxh32(&described).to_le_bytes()[1]);
    let blocks = [compress_with_dict(&first, b""), compress_with_dict(&second, &first)];
    for block in &blocks {
        frame.extend_from_slice(&u32::try_from(block.len()).unwrap().to_le_bytes());
        frame.extend_from_slice(block);
    }
    frame.extend_from_slice(&[0; 4]);
    assert!(lz4_flex::block::decompress(&blocks[1], 4096).is_err(), "the second needs the first");
    let whole = [first, second].concat();
    assert_eq!(Compression::Lz4.decompress(&frame, MIB).unwrap(), whole);
}

#[test]
fn lz4_headers_are_checked_unless_they_are_old() {
    let mut frame = packed(Compression::Lz4, b"old");
    frame[6] ^= 0xff;
    let mut scratch = Scratch::new();
    assert!(scratch.decompress(Compression::Lz4, &frame, MIB).is_err());
    let ignored = HeaderChecksum::Ignored;
    let read = scratch.decompress_with(Compression::Lz4, &frame, MIB, ignored);
    assert_eq!(read, Ok(&b"old"[..]));
    // Blocks of a size that does not exist, a version of the future, a dictionary.
    for (at, byte) in [(5, 0x30), (4, 0xa0), (4, 0x61)] {
        let mut frame = packed(Compression::Lz4, b"odd");
        frame[at] = byte;
        assert!(scratch.decompress_with(Compression::Lz4, &frame, MIB, ignored).is_err());
    }
}

#[test]
fn gzip_headers_may_hold_more() {
    let plain = packed(Compression::Gzip, b"inside");
    let mut full = vec![0x1f, 0x8b, 8, 0b0001_1110, 0, 0, 0, 0, 0, 255];
    full.extend_from_slice(b"\x03\0abcname\0comment\0\x12\x34");
    full.extend_from_slice(&plain[10..]);
    assert_eq!(Compression::Gzip.decompress(&full, MIB).unwrap(), b"inside");
    let mut wrong = plain;
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    assert!(Compression::Gzip.decompress(&wrong, MIB).is_err());
}

#[test]
fn levels_change_the_size() {
    let input = (0..60_000u32).map(|at| (at * at / 7).to_le_bytes()[0]).collect::<Vec<_>>();
    for (compression, low, high) in [(Compression::Gzip, 1, 9), (Compression::Zstd, -50, 19)] {
        let size = |level| compression.compress(Some(level), &input).unwrap().len();
        assert!(size(low) > size(high), "{compression:?}");
        assert_eq!(size(high + 100), size(if high == 9 { 9 } else { 22 }), "{compression:?}");
    }
    let gzip = |level| Compression::Gzip.compress(level, &input).unwrap();
    assert_eq!(gzip(Some(-1)), gzip(None));
}
