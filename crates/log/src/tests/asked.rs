//! What whoever runs the crash tests asks for: which seeds, and how much of each moment.
//!
//! Kafka: nothing.

use std::hash::{BuildHasher, Hasher};

const SEED: &str = "OTTLA_CRASH_SEED";
const SEEDS: &str = "OTTLA_CRASH_SEEDS";
const OUTCOMES: &str = "OTTLA_CRASH_OUTCOMES";

/// Nothing, everything, and something in between.
const OUTCOMES_DEFAULT: usize = 3;

/// The number that a variable says, if it is there.
pub(crate) fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let parsed = |text: String| text.parse().unwrap_or_else(|_| panic!("{name}={text}"));
    std::env::var(name).ok().map(parsed)
}

/// The seeds to run: those given, and as many new ones as asked for.
pub(crate) fn seeds(fixed: &[u64]) -> Vec<u64> {
    if let Some(seed) = number(SEED) {
        return vec![seed];
    }
    let fresh = std::hash::RandomState::new();
    let new = (0..number(SEEDS).unwrap_or(0)).map(|at| {
        let mut hasher = fresh.build_hasher();
        hasher.write_u64(at);
        hasher.finish() >> 16
    });
    fixed.iter().copied().chain(new).collect()
}

/// Whether one seed is to be repeated, and no other.
pub(crate) fn is_for_one_seed() -> bool {
    number::<u64>(SEED).is_some()
}

/// How many outcomes of a power cut are tried of each moment.
pub(crate) fn outcomes_of_a_moment() -> usize {
    number(OUTCOMES).unwrap_or(OUTCOMES_DEFAULT)
}

/// What to type to see the same again. The outcomes are drawn one after the other, so their number
/// belongs to the seed.
pub(crate) fn again(seed: u64, filter: &str) -> String {
    let count = outcomes_of_a_moment();
    let outcomes =
        if count == OUTCOMES_DEFAULT { String::new() } else { format!("{OUTCOMES}={count} ") };
    format!("again with: {SEED}={seed} {outcomes}cargo test -p ottla-log {filter}")
}
