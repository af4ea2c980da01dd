//! The last offset of each key, in 12 bytes per key.
//!
//! Keys are told apart by a hash alone, as in Kafka, so two keys must never hash to the same. 54
//! bits of one hash are stored, and the home of an entry, which its distance from home tells, is
//! another hash: with ten million keys together 77 bits, where the chance that any two of them
//! collide is one in three thousand million. The hashes are keyed at random, so nobody can make
//! keys that do. Kafka stores 128 bits in 24 bytes.
//!
//! Invariants: entries are sorted by home within a run of occupied slots (Robin Hood), so a search
//! ends where an entry is nearer to its home than the key would be; no entry is further from its
//! home than [`DISTANCE_MAX`].
//! Kafka: `SkimpyOffsetMap`.

use std::hash::{BuildHasher, RandomState};

use ottla_types::Offset;

/// The upper half of the word, its lower half, and the offset relative to the map's base. The word
/// is the distance from home plus one, then bits of the hash; 0 in an empty slot.
type Slot = [u32; 3];

const SLOT_BYTES: usize = size_of::<Slot>();
const REMAINDER_BITS: u32 = 54;
const REMAINDER_MASK: u64 = (1 << REMAINDER_BITS) - 1;
const ONE_FURTHER: u64 = 1 << REMAINDER_BITS;
/// Furthest that an entry may be from its home, in slots.
const DISTANCE_MAX: u64 = (1 << (64 - REMAINDER_BITS)) - 2;
/// Fewest slots: less would not let a round get anywhere.
const SLOTS_MIN: usize = 16;
/// Fullest that the map may get. Beyond that entries are too far from home.
const LOAD_FACTOR_MAX: f64 = 0.95;

/// What is known of the keys in a range of offsets.
#[derive(Debug)]
pub(crate) struct OffsetMap {
    slots: Vec<Slot>,
    hashers: [RandomState; 2],
    entries: usize,
    entries_max: usize,
    base: Offset,
    next_offset: Offset,
}

/// Where a key is or would be.
enum Place {
    Occupied(usize),
    Vacant { at: usize, word: u64 },
    TooFar,
}

impl OffsetMap {
    /// An empty map for the offsets from `base` to `end`, exclusive. It takes up to `bytes` of
    /// memory, or less where fewer do for that many offsets, and is full when `load_factor` of it
    /// is used.
    pub(crate) fn new(bytes: usize, load_factor: f64, base: Offset, end: Offset) -> Self {
        let load_factor = if load_factor > 0.0 { load_factor.min(LOAD_FACTOR_MAX) } else { 0.5 };
        let offsets = usize::try_from(end.0.saturating_sub(base.0)).unwrap_or(0);
        let needed = scaled(offsets, 1.0 / load_factor).saturating_add(SLOTS_MIN);
        let slots = (bytes / SLOT_BYTES).min(needed).max(SLOTS_MIN);
        Self {
            slots: vec![[0; 3]; slots],
            hashers: [RandomState::new(), RandomState::new()],
            entries: 0,
            entries_max: scaled(slots, load_factor).max(1),
            base,
            next_offset: base,
        }
    }

    /// Keys in the map.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Keys that the map takes.
    pub(crate) fn entries_max(&self) -> usize {
        self.entries_max
    }

    /// Bytes that the map takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.len().saturating_mul(SLOT_BYTES)
    }

    /// Exclusive: the map knows of every key before it, from its base on.
    pub(crate) fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// Says that everything before `offset` was put.
    pub(crate) fn advance(&mut self, offset: Offset) {
        self.next_offset = self.next_offset.max(offset);
    }

    /// Notes that a key is at this offset, which is after those put before. `false` if the map is
    /// full; nothing has changed then.
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let relative = offset.0.checked_sub(self.base.0);
        let Some(relative) = relative.and_then(|relative| u32::try_from(relative).ok()) else {
            return false;
        };
        match self.find(key) {
            Place::Occupied(at) => {
                if let Some([.., known]) = self.slots.get_mut(at) {
                    *known = relative;
                }
            }
            Place::Vacant { at, word } => {
                if self.entries >= self.entries_max || !self.run_can_shift(at) {
                    return false;
                }
                self.insert(at, slot(word, relative));
                self.entries += 1;
            }
            Place::TooFar => return false,
        }
        self.advance(offset.plus(1));
        true
    }

    /// The last offset of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Offset> {
        match self.find(key) {
            Place::Occupied(at) => {
                let [.., relative] = self.slots.get(at)?;
                Some(self.base.plus(i64::from(*relative)))
            }
            Place::Vacant { .. } | Place::TooFar => None,
        }
    }

    fn find(&self, key: &[u8]) -> Place {
        let [home, remainder] = self.hashers.each_ref().map(|hasher| hasher.hash_one(key));
        let mut at = scale(home, self.slots.len());
        let mut word = remainder & REMAINDER_MASK | ONE_FURTHER;
        for _ in 0..=DISTANCE_MAX {
            let found = self.slots.get(at).map_or(0, word_of);
            if found == word {
                return Place::Occupied(at);
            }
            if found >> REMAINDER_BITS < word >> REMAINDER_BITS {
                return Place::Vacant { at, word };
            }
            at = self.after(at);
            word = word.wrapping_add(ONE_FURTHER);
        }
        Place::TooFar
    }

    /// Whether the entries from here to the next empty slot may all go one further from home.
    fn run_can_shift(&self, mut at: usize) -> bool {
        loop {
            match self.slots.get(at).map_or(0, word_of) {
                0 => return true,
                word if word >> REMAINDER_BITS > DISTANCE_MAX => return false,
                _ => at = self.after(at),
            }
        }
    }

    /// Puts an entry here and moves those from here to the next empty slot one further.
    fn insert(&mut self, mut at: usize, mut entry: Slot) {
        while let Some(place) = self.slots.get_mut(at) {
            std::mem::swap(place, &mut entry);
            let [.., relative] = entry;
            match word_of(&entry) {
                0 => return,
                word => entry = slot(word.wrapping_add(ONE_FURTHER), relative),
            }
            at = self.after(at);
        }
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}

fn word_of(slot: &Slot) -> u64 {
    let [high, low, _] = *slot;
    u64::from(high) << 32 | u64::from(low)
}

#[expect(clippy::cast_possible_truncation, reason = "the word is cut in two halves")]
fn slot(word: u64, relative: u32) -> Slot {
    [(word >> 32) as u32, word as u32, relative]
}

/// A hash as a number below `count`.
fn scale(hash: u64, count: usize) -> usize {
    let scaled = (u128::from(hash) * count as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count of slots need not be exact"
)]
fn scaled(count: usize, factor: f64) -> usize {
    (count as f64 * factor) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const END: Offset = Offset(i64::MAX);

    #[test]
    fn the_last_offset_of_every_key_is_found() {
        let mut map = OffsetMap::new(12 * 5000, 0.9, Offset(1000), END);
        let mut model: HashMap<Vec<u8>, Offset> = HashMap::new();
        for n in 0..20_000_i64 {
            let key = format!("key-{}", n * 7919 % 4500).into_bytes();
            let offset = Offset(1000 + n);
            assert!(map.put(&key, offset), "{n}");
            model.insert(key, offset);
        }
        assert_eq!((map.entries(), map.entries_max()), (4500, 4500));
        assert_eq!(map.next_offset(), Offset(21_000));
        for (key, offset) in &model {
            assert_eq!(map.get(key), Some(*offset));
        }
        for n in 0..10_000 {
            assert_eq!(map.get(format!("other-{n}").as_bytes()), None);
        }
    }

    #[test]
    fn a_full_map_still_takes_keys_it_knows() {
        let mut map = OffsetMap::new(12 * 100, 0.9, Offset(0), END);
        assert_eq!(map.memory_bytes(), 1200);
        let taken = (0..200).take_while(|n: &i64| map.put(&n.to_be_bytes(), Offset(*n))).count();
        assert_eq!(taken, 90);
        assert_eq!(map.next_offset(), Offset(90));
        assert!(!map.put(b"another", Offset(500)));
        assert!(map.put(&0_i64.to_be_bytes(), Offset(600)));
        assert_eq!(map.get(&0_i64.to_be_bytes()), Some(Offset(600)));
        for n in 1..90_i64 {
            assert_eq!(map.get(&n.to_be_bytes()), Some(Offset(n)));
        }
    }

    #[test]
    fn a_map_takes_no_more_memory_than_its_offsets_can_fill() {
        let map = OffsetMap::new(128 << 20, 0.9, Offset(50), Offset(140));
        assert!(map.entries_max() >= 90);
        assert!(map.memory_bytes() < 12 * 120);
    }

    #[test]
    fn ten_million_keys_are_put_into_the_default_buffer_and_found() {
        let count = 10_000_000_u32;
        let mut map = OffsetMap::new(128 << 20, 0.9, Offset::ZERO, Offset(count.into()));
        for key in 0..count {
            assert!(map.put(&key.to_be_bytes(), Offset(key.into())), "{key}");
        }
        assert!(map.memory_bytes() <= 128 << 20);
        for key in (0..count).step_by(1001) {
            assert_eq!(map.get(&key.to_be_bytes()), Some(Offset(key.into())), "{key}");
        }
    }

    #[test]
    fn an_offset_too_far_from_the_first_is_not_taken() {
        let mut map = OffsetMap::new(1200, 0.9, Offset(10), END);
        assert!(map.put(b"a", Offset(10 + i64::from(u32::MAX))));
        assert!(!map.put(b"b", Offset(11 + i64::from(u32::MAX))));
        assert!(!map.put(b"b", Offset(9)));
    }
}
