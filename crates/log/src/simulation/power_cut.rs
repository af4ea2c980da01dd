//! What a power cut may leave: chosen from all that it may.

#![expect(clippy::unwrap_used, reason = "what is asked for is there")]

use super::random::Random;

/// How much of what was not synced reached the disk: for each thing one of its states.
pub type Outcome = Vec<usize>;

/// Outcomes of a power cut: all of them if there are at most `most`, else the extremes and as many
/// others as a seed gives.
pub fn outcomes(choices: &[usize], most: usize, random: &mut Random) -> Vec<Outcome> {
    let total = choices.iter().try_fold(1_usize, |total, count| total.checked_mul(*count));
    let none: Outcome = vec![0; choices.len()];
    if let Some(total) = total.filter(|total| *total <= most) {
        let mut all = vec![none];
        while all.len() < total {
            let mut next = all.last().unwrap().clone();
            for (digit, count) in next.iter_mut().zip(choices) {
                *digit = (*digit + 1) % count;
                if *digit > 0 {
                    break;
                }
            }
            all.push(next);
        }
        return all;
    }
    let everything: Outcome = choices.iter().map(|count| count - 1).collect();
    let mut some = vec![none, everything];
    while some.len() < most {
        // Mostly kept, mostly lost, or anything: each finds other mistakes.
        let kind = random.below(3);
        let outcome = choices.iter().map(|count| match kind {
            0 if !random.one_in(6) => count - 1,
            1 if !random.one_in(6) => 0,
            _ => random.below(*count),
        });
        some.push(outcome.collect());
    }
    some
}
