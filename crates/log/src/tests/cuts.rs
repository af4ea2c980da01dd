//! Power cuts after every change that something done has made to the disk.
//!
//! Kafka: nothing.

use super::{
    asked::{again, outcomes_of_a_moment},
    disk::SimDisk,
    power_cut::outcomes,
    random::Random,
};

/// What was done: in which step of which seed, and how the test is found that did it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) seed: u64,
    pub(crate) at: usize,
    pub(crate) what: &'a str,
    pub(crate) filter: &'a str,
}

/// Tries power cuts after every change. `check` gets what each has left, whether all was done by
/// then, and what to say if that is not right. Gives how many there were.
pub(crate) fn cut_after_each(
    history: &[SimDisk],
    Step { seed, at, what, filter }: Step<'_>,
    random: &mut Random,
    mut check: impl FnMut(&SimDisk, bool, String),
) -> usize {
    let (mut cuts, wanted) = (0, outcomes_of_a_moment());
    for (change, moment) in history.iter().enumerate() {
        let is_done = change + 1 == history.len();
        for (number, outcome) in outcomes(&moment.choices(), wanted, random).iter().enumerate() {
            let context = format!(
                "seed {seed}, step {at} ({what}), after change {change} of {}, outcome {number}; {}",
                history.len(),
                again(seed, filter),
            );
            cuts += 1;
            check(&moment.after_power_cut(outcome), is_done, context);
        }
    }
    cuts
}

/// Every now and then a disk after a power cut, to go on with.
pub(crate) fn cut_now_and_then(disk: &SimDisk, random: &mut Random) -> Option<SimDisk> {
    random.one_in(25).then(|| {
        let chosen = outcomes(&disk.choices(), 3, random).pop().unwrap();
        disk.after_power_cut(&chosen)
    })
}
