//! Where a scan begins, as people and pages say it.
//!
//! Kafka: `OffsetSpec`.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use ottla_client::{Isolation, OffsetSpec};

use super::Lane;
use crate::{api::topics::TopicDetail, clock::now_ms, console::Console, error::ApiError};

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To larger offsets.
    Forward,
    /// To smaller offsets.
    Backward,
}

impl Direction {
    /// The other one.
    pub(crate) const fn reversed(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
        }
    }
}

/// Where to go on, per partition: forward the next offset, backward the one after the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) direction: Direction,
    pub(crate) offsets: BTreeMap<i32, i64>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.direction {
            Direction::Forward => "f",
            Direction::Backward => "b",
        })?;
        self.offsets.iter().try_for_each(|(partition, offset)| write!(f, ".{partition}-{offset}"))
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no cursor");
        let mut parts = text.split('.');
        let direction = match parts.next() {
            Some("f") => Direction::Forward,
            Some("b") => Direction::Backward,
            _ => return Err(wrong()),
        };
        let offsets = parts.map(|part| {
            let (partition, offset) = part.split_once('-')?;
            Some((partition.parse().ok()?, offset.parse().ok()?))
        });
        let offsets = offsets.collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { direction, offsets })
    }
}

/// Where a scan begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Beginning,
    End,
    /// This offset; below 0, that many before the end.
    Offset(i64),
    /// The first record at or after this time.
    Time(i64),
    /// Where a group goes on.
    Group(String),
    Cursor(Cursor),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number =
            |text: &str| text.parse::<i64>().map_err(|_| format!("'{text}' is not a whole number"));
        match text.split_once(':') {
            None if text == "beginning" => Ok(Self::Beginning),
            None if text == "end" => Ok(Self::End),
            Some(("offset", offset)) => Ok(Self::Offset(number(offset)?)),
            Some(("time", time)) => Ok(Self::Time(number(time)?)),
            Some(("ago", span)) => Ok(Self::Time(now_ms().saturating_sub(span_ms(span)?))),
            Some(("group", group)) => Ok(Self::Group(group.to_owned())),
            Some(("cursor", cursor)) => Ok(Self::Cursor(cursor.parse()?)),
            _ => Err(format!(
                "'{text}' is none of beginning, end, offset:, time:, ago:, group: and cursor:"
            )),
        }
    }
}

/// Such as `90s`, `15m`, `2h`, `1d`.
fn span_ms(text: &str) -> Result<i64, String> {
    let wrong = || format!("'{text}' is no span such as 90s, 15m, 2h or 1d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(wrong()),
    };
    let count: i64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    Ok(count.saturating_mul(ms))
}

/// Partitions as in `0,2-4`.
pub(crate) fn parse_partitions(text: &str) -> Result<Vec<i32>, String> {
    /// Nobody types more.
    const MAX: i32 = 100_000;
    let mut partitions = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            let number = text.trim().parse().ok().filter(|it| (0..MAX).contains(it));
            number.ok_or_else(|| format!("'{text}' is no partition"))
        };
        partitions.extend(number(first)?..=number(last)?);
    }
    partitions.sort_unstable();
    partitions.dedup();
    Ok(partitions)
}

/// The lanes of a scan: the partitions that are wanted and can be read, each from where it begins.
pub(crate) async fn lanes(
    console: &Console,
    topic: &TopicDetail,
    partitions: &[i32],
    (from, direction): (&From, Direction),
    isolation: Isolation,
) -> Result<Vec<Lane>, ApiError> {
    let bounds: BTreeMap<i32, (i64, i64)> = topic
        .partition_list
        .iter()
        .filter(|it| partitions.is_empty() || partitions.contains(&it.partition))
        .filter_map(|it| {
            let cursors = it.cursors?;
            let (start, high_watermark) = cursors.bounds();
            let end = match isolation {
                Isolation::Uncommitted => high_watermark,
                Isolation::Committed => cursors.last_stable_offset.get()?,
            };
            Some((it.partition, (start, end)))
        })
        .collect();
    let starts = starts(console, &topic.row.name, &bounds, (from, direction)).await?;
    let lane = |(partition, (start, end)): (&i32, &(i64, i64))| {
        let at = starts.get(partition).copied()?.clamp(*start, *end);
        Some(match direction {
            Direction::Forward => Lane::forward(*partition, at, *end),
            Direction::Backward => Lane::backward(*partition, at, *start),
        })
    };
    Ok(bounds.iter().filter_map(lane).collect())
}

/// Where each partition begins.
async fn starts(
    console: &Console,
    topic: &str,
    bounds: &BTreeMap<i32, (i64, i64)>,
    (from, direction): (&From, Direction),
) -> Result<BTreeMap<i32, i64>, ApiError> {
    let each = |of: &dyn Fn(i64, i64) -> i64| {
        bounds.iter().map(|(partition, (start, end))| (*partition, of(*start, *end))).collect()
    };
    // Backward, the offset that is named is the first to be seen.
    let included = |offset: i64| match direction {
        Direction::Forward => offset,
        Direction::Backward => offset.saturating_add(1),
    };
    Ok(match from {
        From::Beginning => each(&|start, _| start),
        From::End => each(&|_, end| end),
        From::Offset(offset) if *offset < 0 => each(&|_, end| end.saturating_add(*offset)),
        From::Offset(offset) => each(&|_, _| included(*offset)),
        From::Cursor(cursor) => cursor.offsets.clone(),
        From::Time(time) => {
            let topic: Arc<str> = topic.into();
            let asked: Vec<_> = bounds
                .keys()
                .map(|partition| (Arc::clone(&topic), *partition, OffsetSpec::Timestamp(*time)))
                .collect();
            let admin = console.admin().await?;
            let listed = admin.list_offsets(&asked, Isolation::Uncommitted).await?;
            let mut starts = BTreeMap::new();
            for (_, partition, result) in listed {
                let offset = result?.offset.get();
                let end = bounds.get(&partition).map_or(0, |(_, end)| *end);
                starts.insert(partition, if offset < 0 { end } else { offset });
            }
            starts
        }
        From::Group(group) => {
            let committed = console.admin().await?.list_group_offsets(group).await?;
            let topic: Arc<str> = topic.into();
            let start = |(partition, (start, _)): (&i32, &(i64, i64))| {
                let known = committed.get(&(Arc::clone(&topic), *partition));
                (*partition, known.map_or(*start, |it| it.offset.get()))
            };
            bounds.iter().map(start).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let cursor =
            Cursor { direction: Direction::Backward, offsets: [(0, 5), (3, i64::MAX)].into() };
        assert_eq!(cursor.to_string(), "b.0-5.3-9223372036854775807");
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert!("x.0-5".parse::<Cursor>().is_err());
        assert!("f.0".parse::<Cursor>().is_err());
    }

    #[test]
    fn places_are_said_in_words() {
        assert_eq!("beginning".parse(), Ok(From::Beginning));
        assert_eq!("offset:-100".parse(), Ok(From::Offset(-100)));
        assert_eq!("time:9007199254740993".parse(), Ok(From::Time(9_007_199_254_740_993)));
        assert!("yesterday".parse::<From>().unwrap_err().contains("none of"));
        assert_eq!(span_ms("15m"), Ok(900_000));
        assert!(span_ms("15").is_err());
        assert_eq!(parse_partitions("2,0,1-2"), Ok(vec![0, 1, 2]));
        assert!(parse_partitions("-1").is_err());
    }
}
