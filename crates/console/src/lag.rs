//! How far behind a group is, in time.
//!
//! The lag of a partition in time is how long ago the first record came that the group has not read. When
//! it came is known from the journal, to the second; where it came before the journal looked, its own
//! timestamp is taken. The lag of a group is that of its worst partition. Kafka: none; the same as what
//! exporters of lag estimate from outside.

use ottla_broker::views::{CommittedView, Moment, Sample, Views};

use crate::clock::now_ms;

/// How long ago the lag is compared with that of now.
const TREND_MS: i64 = 300_000;

/// How far back a small picture of the lag goes.
const PICTURE_MS: i64 = 3_600_000;

/// The least that it goes back.
const PICTURE_MIN_MS: i64 = 30_000;

/// Points of a small picture.
pub(crate) const PICTURE_POINTS: i64 = 30;

/// How far a group is behind in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeLag {
    /// So many ms.
    Known(i64),
    /// The record came before the journal looked: at least so many ms.
    AtLeast(i64),
}

impl TimeLag {
    pub(crate) fn ms(self) -> i64 {
        match self {
            Self::Known(ms) | Self::AtLeast(ms) => ms,
        }
    }
}

/// Since when the record at `offset` lies in the log, as the ends of its partition say.
pub(crate) fn time_lag(ends: &[Sample], offset: i64, now: i64, started_ms: i64) -> TimeLag {
    let behind = ends.partition_point(|end| end.offset <= offset);
    match (behind, ends.get(behind)) {
        (0, _) | (_, None) => {
            let first = ends.first().map_or(started_ms, |first| first.time_ms);
            TimeLag::AtLeast(now.saturating_sub(first).max(0))
        }
        (_, Some(came)) => TimeLag::Known(now.saturating_sub(came.time_ms).max(0)),
    }
}

/// The lag of a group in time. `look` finds the age of a record that came before the journal looked.
pub(crate) fn of_group(
    views: &Views,
    committed: &[CommittedView],
    moment: Option<Moment>,
    mut look: impl FnMut(&CommittedView) -> Option<i64>,
) -> Option<TimeLag> {
    let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
    let mut worst: Option<TimeLag> = None;
    for it in committed {
        let Some(end) = end_at(views, &it.topic, it.partition, moment) else { continue };
        let offset = it.committed_offset.get();
        let own = if end <= offset {
            TimeLag::Known(0)
        } else {
            let ends = views.ends(&it.topic, it.partition);
            match time_lag(&ends, offset, now, views.started_ms()) {
                TimeLag::AtLeast(ms) => look(it).map_or(TimeLag::AtLeast(ms), TimeLag::Known),
                known @ TimeLag::Known(_) => known,
            }
        };
        if worst.is_none_or(|worst| worst.ms() < own.ms()) {
            worst = Some(own);
        }
    }
    worst
}

fn end_at(views: &Views, topic: &str, partition: i32, moment: Option<Moment>) -> Option<i64> {
    let cursors = match moment {
        Some(moment) => views.cursors_at(topic, partition, moment),
        None => views.cursors(topic, partition),
    };
    cursors.map(|cursors| cursors.high_watermark.get())
}

/// The lag of a group in records over the last hour or since it was first seen, oldest first, and how it was a while ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) points: Vec<u64>,
    pub(crate) before: Option<u64>,
}

/// What the lag of a group was lately.
pub(crate) fn picture(
    views: &Views,
    group_id: &str,
    committed: &[CommittedView],
    moment: Option<Moment>,
) -> Picture {
    let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
    let samples = views.group_samples(group_id);
    // A group that was first seen a minute ago has a picture of that minute.
    let first = samples.iter().filter_map(|(_, own)| own.first()).map(|it| it.time_ms).min();
    let seen_ms = first.map_or(PICTURE_MS, |first| now.saturating_sub(first));
    let step = seen_ms.clamp(PICTURE_MIN_MS, PICTURE_MS) / (PICTURE_POINTS - 1);
    let mut times: Vec<i64> =
        (0..PICTURE_POINTS).map(|place| now - (PICTURE_POINTS - 1 - place) * step).collect();
    times.push(now - TREND_MS);
    let mut sums: Vec<Option<u64>> = vec![None; times.len()];
    for it in committed {
        let key = (it.topic.clone(), it.partition);
        let own = samples.iter().find(|(other, _)| *other == key);
        let still = [Sample { time_ms: it.commit_ms, offset: it.committed_offset.get() }];
        let own = own.map_or(&still[..], |(_, samples)| samples.as_slice());
        let ends = views.ends(&it.topic, it.partition);
        let Some(end_now) = end_at(views, &it.topic, it.partition, moment) else { continue };
        let first = ends.first().map_or(end_now, |first| first.offset);
        for (time, sum) in times.iter().zip(&mut sums) {
            let Some(position) = at(own, *time) else { continue };
            let end = at(&ends, *time).unwrap_or(first);
            let lag = u64::try_from(end.saturating_sub(position)).unwrap_or(0);
            *sum = Some(sum.unwrap_or(0).saturating_add(lag));
        }
    }
    let before = sums.pop().flatten();
    Picture { points: sums.into_iter().flatten().collect(), before }
}

/// Where a cursor stood at a time.
pub(crate) fn at(samples: &[Sample], time_ms: i64) -> Option<i64> {
    let behind = samples.partition_point(|it| it.time_ms <= time_ms);
    samples.get(behind.checked_sub(1)?).map(|it| it.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_in_time_is_the_age_of_the_first_unread_record() {
        let ends: Vec<Sample> = [(1_000, 10), (2_000, 20), (5_000, 30)]
            .map(|(time_ms, offset)| Sample { time_ms, offset })
            .into();
        assert_eq!(time_lag(&ends, 10, 9_000, 0), TimeLag::Known(7_000));
        assert_eq!(time_lag(&ends, 19, 9_000, 0), TimeLag::Known(7_000));
        assert_eq!(time_lag(&ends, 20, 9_000, 0), TimeLag::Known(4_000));
        assert_eq!(time_lag(&ends, 3, 9_000, 0), TimeLag::AtLeast(8_000));
        assert_eq!(time_lag(&[], 3, 9_000, 4_000), TimeLag::AtLeast(5_000));
    }
}
