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

/// All samples.
#[derive(Debug, Default)]
pub(super) struct Samples {
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

    pub(super) fn stables(&self, topic: &str, partition: i32) -> Vec<Sample> {
        let series = self.stables.get(&(topic.to_owned(), partition));
        series.into_iter().flatten().copied().collect()
    }

    pub(super) fn starts(&self, topic: &str, partition: i32) -> Vec<Sample> {
        let series = self.starts.get(&(topic.to_owned(), partition));
        series.into_iter().flatten().copied().collect()
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
}
