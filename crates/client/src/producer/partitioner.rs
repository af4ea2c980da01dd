//! Which partition a record goes to.
//!
//! Invariants: a key goes where Java's default partitioner sends it; records without a key stay on
//! one partition until its batch closes, so that batches fill.
//! Kafka: `org.apache.kafka.common.utils.Utils.murmur2`, `BuiltInPartitioner`.

use crate::topology::{PartitionInfo, TopicInfo};

/// The 32-bit Murmur2 hash with the seed that Kafka's clients use.
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Java's lengths are 32 bits wide, and so is what is mixed in here.
    let length = u32::try_from(data.len() & 0xffff_ffff).unwrap_or(0);
    let mut hash = SEED ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !tail.is_empty() {
        for (index, byte) in (0_u32..).zip(tail) {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key among `partitions`, which must be above 0.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    let hash = i32::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or(0);
    hash.checked_rem(partitions).unwrap_or(0)
}

/// Spreads records without a key: one partition until told to move on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sticky {
    choice: u32,
}

impl Sticky {
    /// `seed` decides where to begin.
    pub(crate) const fn new(seed: u32) -> Self {
        Self { choice: seed }
    }

    /// The partition to use now.
    pub(crate) fn partition(self, partitions: i32) -> i32 {
        let choice = i32::try_from(self.choice & 0x7fff_ffff).unwrap_or(0);
        choice.checked_rem(partitions).unwrap_or(0)
    }

    /// The partition to use now: the first from the choice on that has a leader, or the choice
    /// where none has.
    pub(crate) fn partition_with_leader(&mut self, topic: &TopicInfo) -> i32 {
        let partitions = topic.partition_count();
        let mut tried = *self;
        for _ in 0..partitions {
            let partition = tried.partition(partitions);
            if topic.partitions.get(&partition).is_some_and(PartitionInfo::is_led) {
                *self = tried;
                return partition;
            }
            tried.advance();
        }
        self.partition(partitions)
    }

    /// Moves on, because the batch is closed.
    pub(crate) const fn advance(&mut self) {
        self.choice = self.choice.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_gives_javas_hashes() {
        let golden: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, hash) in golden {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_key_lands_within_the_partitions() {
        for key in 0..1000_u32 {
            let partition = partition_for_key(&key.to_be_bytes(), 7);
            assert!((0..7).contains(&partition));
        }
    }

    #[test]
    fn records_without_a_key_visit_every_partition() {
        let mut sticky = Sticky::new(u32::MAX - 1);
        let mut seen = [0; 3];
        for _ in 0..9 {
            seen[usize::try_from(sticky.partition(3)).unwrap()] += 1;
            assert_eq!(sticky.partition(3), sticky.partition(3));
            sticky.advance();
        }
        assert!(seen.iter().all(|count| *count >= 2), "{seen:?}");
    }

    #[test]
    fn records_without_a_key_pass_over_partitions_without_a_leader() {
        let topic = TopicInfo::led_by(&[1, -1, -1, 1]);
        let mut sticky = Sticky::new(1);
        assert_eq!(sticky.partition_with_leader(&topic), 3);
        sticky.advance();
        assert_eq!(sticky.partition_with_leader(&topic), 0);
        assert_eq!(Sticky::new(1).partition_with_leader(&TopicInfo::led_by(&[-1, -1])), 1);
    }
}
