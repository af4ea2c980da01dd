//! Where cursors stood: a sample when one has moved, for an hour.
//!
//! A cursor that stands still has no new samples, so what is kept follows what happens, not what
//! there is. Kafka: none.

use std::{
    collections::{HashMap, VecDeque},
    ops::RangeInclusive,
};

/// How long a sample is kept, in ms; the last one of each cursor stays.
pub(crate) const KEPT_MS: i64 = 3_600_000;

/// Most samples of one cursor: one a second.
const ONE_MAX: usize = 3_600;

/// Most samples of all cursors, and groups that have any: 48 MB.
const ALL_MAX: usize = 2_000_000;

/// What a cursor takes besides its samples, as if it were so many of them: its name, its place in a
/// table that is not full, and room for samples to come.
const SERIES: usize = 8;

/// Where a cursor stood from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since when, in ms.
    pub time_ms: i64,
    /// Where; −1 is nowhere.
    pub offset: i64,
    /// How long before this sample it came there, at the latest.
    pub late_ms: u32,
    /// How much earlier still it may have come there, or have passed what lies before.
    pub within_ms: u32,
}

impl Sample {
    /// A cursor that came there just then.
    pub fn new(time_ms: i64, offset: i64) -> Self {
        Self { time_ms, offset, late_ms: 0, within_ms: 0 }
    }

    fn is_somewhere(&self) -> bool {
        self.offset >= 0
    }
}

/// What a group has committed in a partition.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) commit_ms: i64,
}

/// The commits of a group since somebody looked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commits {
    /// When the first of them began.
    pub(super) began_ms: i64,
    pub(super) count: u32,
    /// When a transaction ended that committed some, in ms: its offsets do not count before.
    pub(super) ended_ms: Option<i64>,
}

/// When a cursor passed an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// Not before, in ms; `None` where that is not known.
    pub from_ms: Option<i64>,
    /// Not after, in ms.
    pub until_ms: i64,
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
    groups: HashMap<String, Positions>,
    /// Of samples and groups, and [`SERIES`] for each cursor.
    count: usize,
}

/// Where a group stood.
#[derive(Debug)]
struct Positions {
    series: HashMap<(String, i32), VecDeque<Sample>>,
    /// Whether it had committed nothing before its first sample, where it has a series.
    is_whole: bool,
}

impl Samples {
    /// The end of a partition has moved.
    pub(super) fn end(&mut self, (topic, partition): (&str, i32), from: i64, to: i64, now_ms: i64) {
        self.make_room(now_ms);
        let series = self.ends.entry((topic.to_owned(), partition)).or_default();
        if series.is_empty() {
            series.push_back(Sample::new(now_ms.saturating_sub(1_000), from));
            self.count += SERIES + 1;
        }
        self.count = push(series, Sample::new(now_ms, to), self.count);
    }

    /// The last stable offset of a partition; −1 where it is at the end.
    pub(super) fn stable(&mut self, (topic, partition): (&str, i32), offset: i64, now_ms: i64) {
        let key = (topic.to_owned(), partition);
        if offset < 0 && !self.stables.contains_key(&key) {
            return;
        }
        self.make_room(now_ms);
        let series = self.stables.entry(key).or_default();
        if series.is_empty() {
            self.count += SERIES;
        }
        if series.back().is_none_or(|last| last.offset != offset) {
            self.count = push(series, Sample::new(now_ms, offset), self.count);
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
            series.push_back(Sample::new(0, from));
            self.count += SERIES + 1;
        }
        self.count = push(series, Sample::new(now_ms, to), self.count);
    }

    /// Whether it is known where a group stood before what it commits now.
    pub(super) fn knows(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// Where a group stands of which nothing is known yet.
    pub(super) fn begin(&mut self, group_id: &str, positions: Vec<Position>, now_ms: i64) {
        self.make_room(now_ms);
        if self.knows(group_id) {
            return;
        }
        let series = positions.into_iter().map(|it| {
            let sample = Sample::new(it.commit_ms, it.offset);
            ((it.topic, it.partition), VecDeque::from([sample]))
        });
        let begun = Positions { series: series.collect(), is_whole: true };
        self.count += 1 + begun.series.len() * (SERIES + 1);
        self.groups.insert(group_id.to_owned(), begun);
    }

    /// The offsets of a group as they are now, after some commits. Gives how many have moved.
    pub(super) fn group(
        &mut self,
        group_id: &str,
        positions: &[Position],
        commits: Commits,
        now_ms: i64,
    ) -> usize {
        self.make_room(now_ms);
        let unknown = || Positions { series: HashMap::new(), is_whole: false };
        let group = self.groups.entry(group_id.to_owned()).or_insert_with(unknown);
        let mut moved = 0;
        for it in positions {
            let series = group.series.entry((it.topic.clone(), it.partition)).or_default();
            if series.is_empty() {
                self.count += SERIES;
            }
            if series.is_empty() && group.is_whole {
                self.count = push(series, Sample::new(it.commit_ms.min(now_ms), -1), self.count);
            }
            if series.back().is_none_or(|last| last.offset != it.offset) {
                moved += 1;
                self.count = push(series, it.sample(commits, now_ms), self.count);
            }
        }
        moved
    }

    /// When a group committed more than an offset for the first time, as far as is known, but not
    /// before it was there; `None` where it was never seen to.
    pub(crate) fn committed(
        &self,
        group_id: &str,
        (topic, partition): (&str, i32),
        offset: i64,
        there_ms: Option<i64>,
    ) -> Option<Past> {
        let series = self.groups.get(group_id)?.series.get(&(topic.to_owned(), partition))?;
        let mut before: Option<i64> = None;
        for sample in series {
            let until_ms = sample.time_ms.saturating_sub(sample.late_ms.into());
            let is_of_another = there_ms.is_some_and(|there_ms| until_ms < there_ms);
            if sample.offset > offset && !is_of_another {
                let from_ms = before.map(|before| {
                    until_ms.saturating_sub(sample.within_ms.into()).max(before).min(until_ms)
                });
                return Some(Past { from_ms: from_ms.max(there_ms), until_ms });
            }
            before = Some(until_ms);
        }
        None
    }

    /// Between when and when the end of a partition passed an offset, if it was seen before and
    /// after.
    pub(crate) fn appended(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Option<RangeInclusive<i64>> {
        let series = self.ends.get(&(topic.to_owned(), partition))?;
        let behind = series.partition_point(|end| end.offset <= offset);
        let (before, after) = (series.get(behind.checked_sub(1)?)?, series.get(behind)?);
        Some(before.time_ms..=after.time_ms)
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
        let series = self.groups.get(group_id)?.series.get(&(topic.to_owned(), partition))?;
        let position = |time: &i64| at(series, *time).filter(Sample::is_somewhere);
        Some(times.iter().map(|time| position(time).map(|sample| sample.offset)).collect())
    }

    /// When a group was first seen to move.
    pub(crate) fn first_moved(&self, group_id: &str) -> Option<i64> {
        let all = self.groups.get(group_id)?.series.values();
        let first = all.filter_map(|series| series.iter().find(|sample| sample.is_somewhere()));
        first.map(|first| first.time_ms).min()
    }

    /// Where a group stood in each partition at a time, and since when.
    pub(crate) fn positions_at(
        &self,
        group_id: &str,
        time_ms: i64,
    ) -> Vec<((String, i32), Sample)> {
        let all = self.groups.get(group_id).into_iter().flat_map(|group| &group.series);
        let then = |series| at(series, time_ms).filter(Sample::is_somewhere);
        all.filter_map(|(key, series)| Some((key.clone(), then(series)?))).collect()
    }

    pub(super) fn positions(&self, group_id: &str) -> Vec<((String, i32), Vec<Sample>)> {
        let all = self.groups.get(group_id).into_iter().flat_map(|group| &group.series);
        let known = |series: &VecDeque<Sample>| {
            series.iter().filter(|sample| sample.is_somewhere()).copied().collect()
        };
        all.map(|(key, series)| (key.clone(), known(series))).collect()
    }

    /// Throws away what is too old, when there is too much; if that is not enough, the older half
    /// of each cursor's samples, and where there are too many cursors, everything.
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
        for group in self.groups.values_mut() {
            let before = group.series.len();
            group.series.retain(|_, series| !is_old(series));
            group.is_whole &= group.series.len() == before;
        }
        self.groups.retain(|_, group| !group.series.is_empty());
        self.recount();
        if self.count >= ALL_MAX / 4 * 3 {
            let of_groups = self.groups.values_mut().flat_map(|group| group.series.values_mut());
            let of_partitions = [&mut self.ends, &mut self.stables, &mut self.starts];
            let of_partitions = of_partitions.into_iter().flat_map(HashMap::values_mut);
            for series in of_partitions.chain(of_groups) {
                series.drain(..series.len() / 2);
                series.shrink_to_fit();
            }
            self.recount();
        }
        if self.count >= ALL_MAX / 4 * 3 {
            *self = Self::default();
        }
    }

    fn recount(&mut self) {
        let of_groups = self.groups.values().flat_map(|group| group.series.values());
        let of_partitions = [&self.ends, &self.stables, &self.starts];
        let of_partitions = of_partitions.into_iter().flat_map(HashMap::values);
        self.count = of_partitions.chain(of_groups).map(|series| series.len() + SERIES).sum();
        self.count += self.groups.len();
    }
}

impl Position {
    fn sample(&self, commits: Commits, now_ms: i64) -> Sample {
        // Of several commits only the last one's time is known.
        let commit_ms = commits.ended_ms.map_or(self.commit_ms, |ended| ended.max(self.commit_ms));
        let began_ms = if commits.count > 1 { commits.began_ms } else { commit_ms };
        let u32_of = |ms: i64| u32::try_from(ms.max(0)).unwrap_or(u32::MAX);
        Sample {
            time_ms: now_ms,
            offset: self.offset,
            late_ms: u32_of(now_ms.saturating_sub(commit_ms)),
            within_ms: u32_of(commit_ms.saturating_sub(began_ms)),
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
        assert_eq!(ends.last(), Some(&Sample::new(7_199_000, 7_200)));
        assert_eq!(samples.count, ends.len() + SERIES);
    }

    fn stands_at(offset: i64, commit_ms: i64) -> [Position; 1] {
        [Position { topic: "t".into(), partition: 0, offset, commit_ms }]
    }

    const ONE: Commits = Commits { began_ms: 0, count: 1, ended_ms: None };

    #[test]
    fn topics_that_come_and_go_leave_no_more_than_there_is_room_for() {
        let mut samples = Samples::default();
        for number in 0..400_000_i32 {
            samples.end(("t", number), 0, 1, i64::from(number));
            assert!(samples.ends.len() <= ALL_MAX / SERIES, "{number}");
        }
        let exact: usize = samples.ends.values().map(|series| series.len() + SERIES).sum();
        assert_eq!(samples.count, exact);
    }

    #[test]
    fn where_there_is_too_much_the_older_half_goes() {
        const CURSORS: i32 = 1_000;
        let mut samples = Samples::default();
        for second in 0..2_100_i64 {
            for number in 0..CURSORS {
                samples.end(("t", number), second, second + 1, second * 1_000);
            }
        }
        for number in [0, CURSORS - 1] {
            let series = samples.ends("t", number);
            assert!((900..1_400).contains(&series.len()), "{}", series.len());
            assert_eq!(series.last(), Some(&Sample::new(2_099_000, 2_100)));
        }
    }

    #[test]
    fn a_group_that_stands_still_costs_nothing() {
        let mut samples = Samples::default();
        samples.begin("g", Vec::new(), 0);
        assert_eq!(samples.group("g", &stands_at(5, 900), ONE, 1_000), 1);
        assert_eq!(samples.group("g", &stands_at(5, 900), ONE, 2_000), 0);
        assert_eq!(samples.group("g", &stands_at(6, 2_900), ONE, 3_000), 1);
        let positions = samples.positions("g");
        assert_eq!(positions[0].1.iter().map(|it| it.offset).collect::<Vec<_>>(), [5, 6]);
        let expected = 4 + SERIES;
        assert_eq!(samples.count, expected, "the group, where it was not yet, and two samples");
        assert_eq!(samples.first_moved("g"), Some(1_000));
        assert_eq!(samples.position_at("g", ("t", 0), &[950, 1_000]), Some(vec![None, Some(5)]));
    }

    #[test]
    fn a_commit_is_known_by_its_own_time() {
        let mut samples = Samples::default();
        let past = |samples: &Samples, offset, there_ms| {
            let past = samples.committed("g", ("t", 0), offset, there_ms)?;
            Some((past.from_ms, past.until_ms))
        };
        samples.begin("g", stands_at(3, 500).into(), 1_000);
        samples.group("g", &stands_at(5, 1_200), ONE, 2_000);
        let four = Commits { began_ms: 2_300, count: 4, ..ONE };
        samples.group("g", &stands_at(9, 2_700), four, 3_000);
        let transaction = Commits { ended_ms: Some(3_900), ..ONE };
        samples.group("g", &stands_at(12, 3_100), transaction, 4_000);
        assert_eq!(past(&samples, 2, None), Some((None, 500)), "or long before");
        assert_eq!(past(&samples, 4, None), Some((Some(1_200), 1_200)));
        assert_eq!(past(&samples, 8, None), Some((Some(2_300), 2_700)));
        assert_eq!(past(&samples, 11, None), Some((Some(3_900), 3_900)));
        assert_eq!(past(&samples, 12, None), None);
        assert_eq!(
            past(&samples, 2, Some(1_000)),
            Some((Some(1_200), 1_200)),
            "of a topic of that name"
        );
    }

    #[test]
    fn the_first_commit_of_a_new_group_is_known_too() {
        let mut samples = Samples::default();
        samples.begin("g", Vec::new(), 1_000);
        samples.group("g", &stands_at(5, 1_200), ONE, 2_000);
        let past = samples.committed("g", ("t", 0), 4, None).unwrap();
        assert_eq!((past.from_ms, past.until_ms), (Some(1_200), 1_200));
        samples.group("unseen", &stands_at(5, 1_200), ONE, 2_000);
        let past = samples.committed("unseen", ("t", 0), 4, None).unwrap();
        assert_eq!((past.from_ms, past.until_ms), (None, 1_200));
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
