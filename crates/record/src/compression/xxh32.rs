//! The xxHash checksum of 32 bits, which LZ4 frames use for their headers and blocks.

const PRIME1: u32 = 0x9e37_79b1;
const PRIME2: u32 = 0x85eb_ca77;
const PRIME3: u32 = 0xc2b2_ae3d;
const PRIME4: u32 = 0x27d4_eb2f;
const PRIME5: u32 = 0x1656_67b1;

/// The hash of `input` with seed 0.
pub(crate) fn xxh32(input: &[u8]) -> u32 {
    let (stripes, mut tail) = input.as_chunks::<16>();
    let mut hash = if stripes.is_empty() {
        PRIME5
    } else {
        let mut lanes = [PRIME1.wrapping_add(PRIME2), PRIME2, 0, PRIME1.wrapping_neg()];
        for stripe in stripes {
            let (words, _) = stripe.as_chunks::<4>();
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane = round(*lane, u32::from_le_bytes(*word));
            }
        }
        let turns = [1, 7, 12, 18];
        lanes
            .iter()
            .zip(turns)
            .fold(0, |sum: u32, (lane, turn)| sum.wrapping_add(lane.rotate_left(turn)))
    };
    // The format counts the length modulo 2^32.
    hash = hash.wrapping_add(u32::try_from(input.len() & 0xffff_ffff).unwrap_or(u32::MAX));
    while let Some((word, rest)) = tail.split_first_chunk::<4>() {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME3));
        hash = hash.rotate_left(17).wrapping_mul(PRIME4);
        tail = rest;
    }
    for &byte in tail {
        hash = hash.wrapping_add(u32::from(byte).wrapping_mul(PRIME5));
        hash = hash.rotate_left(11).wrapping_mul(PRIME1);
    }
    hash = (hash ^ (hash >> 15)).wrapping_mul(PRIME2);
    hash = (hash ^ (hash >> 13)).wrapping_mul(PRIME3);
    hash ^ (hash >> 16)
}

fn round(lane: u32, word: u32) -> u32 {
    lane.wrapping_add(word.wrapping_mul(PRIME2)).rotate_left(13).wrapping_mul(PRIME1)
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    #[test]
    fn the_hash_is_that_of_the_reference() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
    }
}
