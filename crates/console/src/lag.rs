//! How far behind a group is, in time.
//!
//! The lag of a partition in time is how long ago the first record came that the group has not
//! read. When it came is known from the journal, to the second; where it came before the journal
//! looked, its own timestamp is taken. The lag of a group is that of its worst partition. Kafka:
//! none; the same as what exporters of lag estimate from outside.

use ottla_broker::views::{Arrival, CommittedView, Moment, Sample, Views};

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

/// How long ago a record came.
pub(crate) fn time_lag(arrival: Arrival, now: i64, started_ms: i64) -> TimeLag {
    match arrival {
        Arrival::At(came) => TimeLag::Known(now.saturating_sub(came).max(0)),
        Arrival::Before(first) => {
            TimeLag::AtLeast(now.saturating_sub(first.unwrap_or(started_ms)).max(0))
        }
    }
}

/// The lag of a group in time. `look` finds the age of a record that came before the journal
/// looked.
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
            let arrival = views.arrival(&it.topic, it.partition, offset);
            match time_lag(arrival, now, views.started_ms()) {
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

/// The lag of a group in records over the last hour or since it was first seen, oldest first, and
/// how it was a while ago.
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
    // A group that was first seen a minute ago has a picture of that minute.
    let first = views.first_moved(group_id);
    let seen_ms = first.map_or(PICTURE_MS, |first| now.saturating_sub(first));
    let step = seen_ms.clamp(PICTURE_MIN_MS, PICTURE_MS) / (PICTURE_POINTS - 1);
    let mut times: Vec<i64> =
        (0..PICTURE_POINTS).map(|place| now - (PICTURE_POINTS - 1 - place) * step).collect();
    times.push(now - TREND_MS);
    let mut sums: Vec<Option<u64>> = vec![None; times.len()];
    for it in committed {
        let place = (it.topic.as_str(), it.partition);
        let Some(end_now) = end_at(views, place.0, place.1, moment) else { continue };
        // What was committed before anybody watched has stood since then.
        let still = |time: &i64| (it.commit_ms <= *time).then(|| it.committed_offset.get());
        let positions = views.position_at(group_id, place, &times);
        let positions = positions.unwrap_or_else(|| times.iter().map(still).collect());
        let ends = views.ends_at(place.0, place.1, &times);
        let ends = ends.unwrap_or_else(|| vec![end_now; times.len()]);
        for ((position, end), sum) in positions.into_iter().zip(ends).zip(&mut sums) {
            let Some(position) = position else { continue };
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
