//! The two places where Java's string hash is part of Kafka's behaviour.
//!
//! Kafka: `GroupCoordinatorService.partitionFor`, `ClassicGroup.selectProtocol`.

/// The partition of `__consumer_offsets` that holds a group, of `partitions` in all (at least one).
pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
    // Java's `abs` of the smallest integer is negative; Kafka takes it for zero.
    string_hash(group_id).checked_abs().unwrap_or(0) % partitions.max(1)
}

/// Where a small Java `HashMap` puts this key: the order in which it lists its keys.
pub(crate) fn hash_map_slot(key: &str) -> u32 {
    let hash = string_hash(key).cast_unsigned();
    (hash ^ (hash >> 16)) & 15
}

fn string_hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hash_as_in_java() {
        for (text, hash) in [
            ("", 0),
            ("a", 97),
            ("weather", 1_223_440_372),
            ("polygenelubricants", i32::MIN),
            ("å😀", 1_992_968),
        ] {
            assert_eq!(string_hash(text), hash, "{text}");
        }
    }

    #[test]
    fn a_group_lives_where_kafka_puts_it() {
        assert_eq!(partition_for("weather", 50), 22);
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        assert_eq!(partition_for("x", 0), 0);
    }
}
