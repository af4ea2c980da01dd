//! Where cursors stood: a sample when one has moved, for an hour.
//!
//! A cursor that stands still has no new samples, so what is kept follows what happens, not what there
//! is. Kafka: none.

use std::collections::{HashMap, VecDeque};

/// How long a sample is kept, in ms; the last one of each cursor stays.
pub(crate) const KEPT_MS: i64 = 3_600_000;

/// Most samples of one cursor: one a second.
const ONE_MAX: usize = 3_600;

/// Most samples of all cursors, about 32 MB.
const ALL_MAX: usize = 2_000_000;

/// Where a cursor stood from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since when, in ms.
    pub time_ms: i64,
    /// Where.
    pub offset: i64,
}

/// Where the cursors of a partition stood, as far as they were seen to move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CursorsThen {
    /// The end of the log.
    pub(crate) end: Option<i64>,
    /// The last stable offset, where it was not at the end.
    pub(crate) stable: Option<i64>,
    /// The start of the log.
    pub(crate) start: Option<i64>,
}

/// When a record came, as the ends of its partition say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// In the second before this time, in ms.
    At(i64),
    /// Before anybody looked, which was from this time on; never where it is `None`.
    Before(Option<i64>),
}

/// All samples.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    ends: HashMap<(String, i32), VecDeque<Sample>>,
    /// Where transactions are open: the last stable offset, and −1 from when it is at the end.
    stables: HashMap<(String, i32), VecDeque<Sample>>,
    starts: HashMap<(String, i32), VecDeque<Sample>>,
    groups: HashMap<String, HashMap<(String, i32), VecDeque<Sample>>>,
    count: usize,
}

impl Samples {
    /// The end of a partition has moved.
    pub(super) fn end(&mut self, (topic, partition): (&str, i32), from: i64, to: i64, now_ms: i64) {
        self.make_room(now_ms);
        let series = self.ends.entry((topic.to_owned(), partition)).or_default();
        if series.is_empty() {
            series.push_back(Sample { time_ms: now_ms.saturating_sub(1_000), offset: from });
            self.count += 1;
        }
        self.count = push(series, Sample { time_ms: now_ms, offset: to }, self.count);
    }

    /// The last stable offset of a partition; −1 where it is at the end.
    pub(super) fn stable(&mut self, (topic, partition): (&str, i32), offset: i64, now_ms: i64) {
        let key = (topic.to_owned(), partition);
        if offset < 0 && !self.stables.contains_key(&key) {
            return;
        }
        self.make_room(now_ms);
        let series = self.stables.entry(key).or_default();
        if series.back().is_none_or(|last| last.offset != offset) {
            self.count = push(series, Sample { time_ms: now_ms, offset }, self.count);
        }
    }

    /// The start of a partition has moved.
    pub(super) fn start(
        &mut self,
        (topic, partition): (&str, i32),
        from: i64,
        to: i64,
        now_ms: i64,
    ) {
        self.make_room(now_ms);
        let series = self.starts.entry((topic.to_owned(), partition)).or_default();
        if series.is_empty() {
            series.push_back(Sample { time_ms: 0, offset: from });
            self.count += 1;
        }
        self.count = push(series, Sample { time_ms: now_ms, offset: to }, self.count);
    }

    /// The offsets of a group as they are now. Gives how many have moved.
    pub(super) fn group(
        &mut self,
        group_id: &str,
        offsets: &[(String, i32, i64)],
        now_ms: i64,
    ) -> usize {
        self.make_room(now_ms);
        let group = self.groups.entry(group_id.to_owned()).or_default();
        let mut moved = 0;
        for (topic, partition, offset) in offsets {
            let series = group.entry((topic.clone(), *partition)).or_default();
            if series.back().is_none_or(|last| last.offset != *offset) {
                moved += 1;
                let sample = Sample { time_ms: now_ms, offset: *offset };
                self.count = push(series, sample, self.count);
            }
        }
        moved
    }

    pub(super) fn ends(&self, topic: &str, partition: i32) -> Vec<Sample> {
        let series = self.ends.get(&(topic.to_owned(), partition));
        series.into_iter().flatten().copied().collect()
    }

    /// Where the cursors of a partition stood at a time.
    pub(crate) fn cursors_at(&self, topic: &str, partition: i32, time_ms: i64) -> CursorsThen {
        let key = (topic.to_owned(), partition);
        let of = |all: &HashMap<(String, i32), VecDeque<Sample>>| {
            all.get(&key).and_then(|series| at(series, time_ms)).map(|sample| sample.offset)
        };
        // Before an end was first seen to move, it was where it moved from.
        let first = || self.ends.get(&key)?.front().map(|first| first.offset);
        CursorsThen {
            end: of(&self.ends).or_else(first),
            stable: of(&self.stables).filter(|offset| *offset >= 0),
            start: of(&self.starts),
        }
    }

    /// Where the end of a partition stood at each time; `None` where it never moved.
    pub(crate) fn ends_at(&self, topic: &str, partition: i32, times: &[i64]) -> Option<Vec<i64>> {
        let series = self.ends.get(&(topic.to_owned(), partition))?;
        let first = series.front()?.offset;
        let of = |time: &i64| at(series, *time).map_or(first, |sample| sample.offset);
        Some(times.iter().map(of).collect())
    }

    /// When the record at an offset came.
    pub(crate) fn arrival(&self, topic: &str, partition: i32, offset: i64) -> Arrival {
        let Some(series) = self.ends.get(&(topic.to_owned(), partition)) else {
            return Arrival::Before(None);
        };
        let behind = series.partition_point(|end| end.offset <= offset);
        match (behind.checked_sub(1), series.get(behind)) {
            (Some(_), Some(came)) => Arrival::At(came.time_ms),
            _ => Arrival::Before(series.front().map(|first| first.time_ms)),
        }
    }

    /// Where a group stood in a partition at each time; `None` where it
    /// never moved.
    pub(crate) fn position_at(
        &self,
        group_id: &str,
        (topic, partition): (&str, i32),
        times: &[i64],
    ) -> Option<Vec<Option<i64>>> {
        let series = self.groups.get(group_id)?.get(&(topic.to_owned(), partition))?;
        Some(times.iter().map(|time| at(series, *time).map(|sample| sample.offset)).collect())
    }

    /// When a group was first seen to move.
    pub(crate) fn first_moved(&self, group_id: &str) -> Option<i64> {
        let group = self.groups.get(group_id)?;
        group.values().filter_map(|series| series.front()).map(|first| first.time_ms).min()
    }

    /// Where a group stood in each partition at a time, and since when.
    pub(crate) fn positions_at(
        &self,
        group_id: &str,
        time_ms: i64,
    ) -> Vec<((String, i32), Sample)> {
        let group = self.groups.get(group_id).into_iter().flatten();
        group.filter_map(|(key, series)| Some((key.clone(), at(series, time_ms)?))).collect()
    }

    pub(super) fn positions(&self, group_id: &str) -> Vec<((String, i32), Vec<Sample>)> {
        let group = self.groups.get(group_id).into_iter().flatten();
        group.map(|(key, series)| (key.clone(), series.iter().copied().collect())).collect()
    }

    /// Throws away what is too old, when there is too much; if that is not enough, everything.
    fn make_room(&mut self, now_ms: i64) {
        if self.count < ALL_MAX {
            return;
        }
        let is_old = |series: &VecDeque<Sample>| {
            series.back().is_none_or(|last| last.time_ms < now_ms.saturating_sub(KEPT_MS))
        };
        let of_partitions = [&mut self.ends, &mut self.stables, &mut self.starts];
        for all in of_partitions {
            all.retain(|_, series| !is_old(series));
        }
        self.groups.values_mut().for_each(|group| group.retain(|_, series| !is_old(series)));
        self.groups.retain(|_, group| !group.is_empty());
        let of_groups = self.groups.values().flat_map(HashMap::values);
        let of_partitions = [&self.ends, &self.stables, &self.starts];
        let of_partitions = of_partitions.into_iter().flat_map(HashMap::values);
        self.count = of_partitions.chain(of_groups).map(VecDeque::len).sum();
        if self.count >= ALL_MAX {
            *self = Self::default();
        }
    }
}

/// The last sample up to a time.
fn at(series: &VecDeque<Sample>, time_ms: i64) -> Option<Sample> {
    let behind = series.partition_point(|it| it.time_ms <= time_ms);
    series.get(behind.checked_sub(1)?).copied()
}

/// Adds a sample and drops those that are too old; gives the new count of all.
fn push(series: &mut VecDeque<Sample>, sample: Sample, mut count: usize) -> usize {
    series.push_back(sample);
    count += 1;
    let oldest = sample.time_ms.saturating_sub(KEPT_MS);
    // Of those before the hour, the last says where the hour began.
    while series.len() > ONE_MAX || series.get(1).is_some_and(|second| second.time_ms <= oldest) {
        series.pop_front();
        count = count.saturating_sub(1);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_where_it_began() {
        let mut samples = Samples::default();
        for second in 0..7_200 {
            samples.end(("t", 0), second, second + 1, second * 1_000);
        }
        let ends = samples.ends("t", 0);
        assert!(ends.len() <= ONE_MAX, "{}", ends.len());
        assert_eq!(ends.last(), Some(&Sample { time_ms: 7_199_000, offset: 7_200 }));
        assert_eq!(samples.count, ends.len());
    }

    #[test]
    fn a_group_that_stands_still_costs_nothing() {
        let mut samples = Samples::default();
        assert_eq!(samples.group("g", &[("t".into(), 0, 5)], 1_000), 1);
        assert_eq!(samples.group("g", &[("t".into(), 0, 5)], 2_000), 0);
        assert_eq!(samples.group("g", &[("t".into(), 0, 6)], 3_000), 1);
        let positions = samples.positions("g");
        assert_eq!(positions[0].1.iter().map(|it| it.offset).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(samples.count, 2);
    }

    #[test]
    fn a_record_came_when_the_end_passed_it() {
        let mut samples = Samples::default();
        samples.end(("t", 0), 10, 20, 2_000);
        samples.end(("t", 0), 20, 30, 5_000);
        assert_eq!(samples.arrival("t", 0, 10), Arrival::At(2_000));
        assert_eq!(samples.arrival("t", 0, 19), Arrival::At(2_000));
        assert_eq!(samples.arrival("t", 0, 20), Arrival::At(5_000));
        assert_eq!(samples.arrival("t", 0, 3), Arrival::Before(Some(1_000)));
        assert_eq!(samples.arrival("t", 1, 3), Arrival::Before(None));
        assert_eq!(samples.ends_at("t", 0, &[0, 1_500, 4_000, 9_000]), Some(vec![10, 10, 20, 30]));
    }

    #[test]
    fn the_last_stable_offset_is_kept_while_it_is_behind() {
        let mut samples = Samples::default();
        samples.stable(("t", 0), -1, 1_000);
        assert_eq!(samples.count, 0);
        samples.end(("t", 0), 0, 9, 2_000);
        samples.stable(("t", 0), 4, 2_000);
        samples.stable(("t", 0), -1, 3_000);
        let stable = |time_ms| samples.cursors_at("t", 0, time_ms).stable;
        assert_eq!((stable(1_500), stable(2_500), stable(3_500)), (None, Some(4), None));
        assert_eq!(samples.cursors_at("t", 0, 2_500).end, Some(9));
    }
}
