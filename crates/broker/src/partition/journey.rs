//! When the records of a partition were appended, could be read, were on the disk, and were sent to
//! whom.
//!
//! What a client was sent is told by where it goes on: up to there it had all that it asked for
//! before. Its last answer is only as long as it asked for, which whoever looks has to find out.
//! Invariants: nothing here is more than 9 KB for a partition, however many clients read it, mostly
//! half of that, and nothing where nothing is written or read. Budget: under a lock that is held
//! anyway, no allocation once a client is known. Kafka: none.

use std::{net::SocketAddr, ops::RangeInclusive};

use ottla_partition::{Effect, Replication};
use ottla_types::Offset;
use ottla_wire::Str;

use super::{Partition, track::Track};

/// Most clients of a partition whose reading is known: those that asked last.
const READERS_MAX: usize = 6;

/// When records of a partition got how far.
#[derive(Debug)]
pub(super) struct Tracks {
    appended: Track,
    readable: Track,
    durable: Track,
    readers: Vec<Reader>,
}

/// Who asks for records, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) remote: SocketAddr,
    /// Its own copy, which keeps no request alive.
    pub(crate) client_id: Option<&'a Str>,
    pub(crate) now_ms: i64,
}

/// What a client asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// From where on, inclusive.
    pub(crate) offset: i64,
    /// Up to where it could be answered, exclusive.
    pub(crate) end: i64,
    /// How many bytes it took at most, if a first batch is not larger.
    pub(crate) max_bytes: u32,
    /// When it was answered.
    pub(crate) at_ms: i64,
}

impl Asked {
    pub(super) fn new(offset: Offset, end: Offset, max_bytes: usize, at_ms: i64) -> Self {
        let max_bytes = u32::try_from(max_bytes).unwrap_or(u32::MAX);
        Self { offset: offset.get(), end: end.get(), max_bytes, at_ms }
    }
}

/// A connection that reads.
#[derive(Debug)]
struct Reader {
    remote: SocketAddr,
    client_id: Option<Str>,
    last: Asked,
    sent: Track,
}

impl Reader {
    fn is(&self, asking: &Asking<'_>) -> bool {
        self.remote == asking.remote && self.client_id.as_ref() == asking.client_id
    }

    /// It asks again: what it was sent before ends where it goes on, if it did not jump further.
    fn asks(&mut self, asked: Asked) {
        let last = std::mem::replace(&mut self.last, asked);
        if asked.offset > last.offset {
            self.sent.skip(last.offset);
            self.sent.pass(asked.offset.min(last.end), last.at_ms);
        }
    }
}

impl Tracks {
    fn new(replication: &Replication) -> Self {
        Self {
            appended: Track::new(replication.log_end_offset().get()),
            readable: Track::new(replication.high_watermark().get()),
            durable: Track::new(replication.durable_offset().get()),
            readers: Vec::new(),
        }
    }

    /// Those of a partition that stands like this, made where there are none.
    pub(super) fn of<'a>(
        tracks: &'a mut Option<Box<Self>>,
        replication: &Replication,
    ) -> &'a mut Self {
        tracks.get_or_insert_with(|| Box::new(Self::new(replication)))
    }

    pub(super) fn appended(&mut self, log_end_offset: Offset, now_ms: i64) {
        self.appended.pass(log_end_offset.get(), now_ms);
    }

    /// What followed from something that happened.
    pub(super) fn note(&mut self, effects: &[Effect], now_ms: i64) {
        for effect in effects {
            match effect {
                Effect::HighWatermarkAdvanced(offset) => self.readable.pass(offset.get(), now_ms),
                Effect::DurableAdvanced(offset) => self.durable.pass(offset.get(), now_ms),
                Effect::AcknowledgedAdvanced(_) | Effect::SyncWanted(_) => {}
            }
        }
    }

    /// Somebody asks for records.
    pub(super) fn asked(
        tracks: &mut Option<Box<Self>>,
        replication: &Replication,
        asking: &Asking<'_>,
        asked: Asked,
    ) {
        let known = tracks
            .as_mut()
            .and_then(|tracks| tracks.readers.iter_mut().find(|reader| reader.is(asking)));
        if let Some(reader) = known {
            reader.asks(asked);
        } else if asked.offset < asked.end {
            // Who only waits has been sent nothing.
            Self::of(tracks, replication).enter(asking, asked);
        }
    }

    fn enter(&mut self, asking: &Asking<'_>, asked: Asked) {
        let reader = Reader {
            remote: asking.remote,
            client_id: asking.client_id.cloned(),
            last: asked,
            sent: Track::new(asked.offset),
        };
        if self.readers.len() < READERS_MAX {
            self.readers.push(reader);
        } else if let Some(idle) = self.readers.iter_mut().min_by_key(|it| it.last.at_ms) {
            *idle = reader;
        }
    }
}

/// When a cursor passed an offset, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Between these times, in ms.
    Within(RangeInclusive<i64>),
    /// Before anybody looked.
    Earlier,
    /// Not yet.
    NotYet,
}

impl Passed {
    fn of(track: &Track, offset: i64) -> Self {
        match track.passed(offset) {
            Some(times) => Self::Within(times),
            None if offset < track.end() => Self::Earlier,
            None => Self::NotYet,
        }
    }
}

/// What is known of the way of one record.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) appended: Passed,
    pub(crate) readable: Passed,
    pub(crate) durable: Passed,
    pub(crate) readers: Vec<Sent>,
}

/// To whom a record was sent, or may have been.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) remote: SocketAddr,
    pub(crate) client_id: Option<Str>,
    /// When that was, where the client has asked for what follows.
    pub(crate) at_ms: Option<RangeInclusive<i64>>,
    /// What it asked for last.
    pub(crate) last: Asked,
}

impl Sent {
    fn of(reader: &Reader, offset: i64) -> Option<Self> {
        let at_ms = reader.sent.passed(offset);
        let is_last = (reader.last.offset..reader.last.end).contains(&offset);
        (at_ms.is_some() || is_last).then(|| Self {
            remote: reader.remote,
            client_id: reader.client_id.clone(),
            at_ms,
            last: reader.last,
        })
    }
}

impl Partition {
    /// What is known of the way of the record at an offset.
    pub(crate) fn trail(&self, offset: Offset) -> Trail {
        let inner = self.lock();
        let nothing = Tracks::new(&inner.replication);
        let tracks = inner.tracks.as_deref().unwrap_or(&nothing);
        let offset = offset.get();
        Trail {
            appended: Passed::of(&tracks.appended, offset),
            readable: Passed::of(&tracks.readable, offset),
            durable: Passed::of(&tracks.durable, offset),
            readers: tracks.readers.iter().filter_map(|it| Sent::of(it, offset)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(port: u16, now_ms: i64) -> Asking<'static> {
        Asking { remote: SocketAddr::from(([127, 0, 0, 1], port)), client_id: None, now_ms }
    }

    fn ask(tracks: &mut Option<Box<Tracks>>, port: u16, (offset, end): (i64, i64), now_ms: i64) {
        let replication =
            Replication::new(ottla_types::BrokerId(1), ottla_partition::Durability::Auto);
        let asked = Asked { offset, end, max_bytes: 1_000, at_ms: now_ms };
        Tracks::asked(tracks, &replication, &asking(port, now_ms), asked);
    }

    fn sent(tracks: Option<&Tracks>, offset: i64) -> Vec<Option<RangeInclusive<i64>>> {
        let readers = &tracks.unwrap().readers;
        readers.iter().filter_map(|it| Sent::of(it, offset)).map(|it| it.at_ms).collect()
    }

    #[test]
    fn what_was_sent_is_told_by_where_the_client_goes_on() {
        let mut tracks = None;
        ask(&mut tracks, 1, (0, 0), 1);
        assert!(tracks.is_none(), "who waits costs nothing");
        ask(&mut tracks, 1, (0, 5), 2);
        assert_eq!(sent(tracks.as_deref(), 3), [None]);
        ask(&mut tracks, 1, (5, 5), 3);
        ask(&mut tracks, 1, (5, 9), 7);
        ask(&mut tracks, 1, (9, 9), 8);
        assert_eq!(
            (sent(tracks.as_deref(), 4), sent(tracks.as_deref(), 5)),
            (vec![Some(2..=2)], vec![Some(7..=7)])
        );
        assert!(sent(tracks.as_deref(), 9).is_empty());
    }

    #[test]
    fn a_jump_says_nothing_of_what_lies_behind_the_end_it_could_see() {
        let mut tracks = None;
        ask(&mut tracks, 1, (0, 5), 1);
        ask(&mut tracks, 1, (50, 90), 2);
        ask(&mut tracks, 1, (2, 90), 3);
        ask(&mut tracks, 1, (90, 90), 4);
        assert_eq!(sent(tracks.as_deref(), 4), [Some(1..=1)]);
        assert_eq!(sent(tracks.as_deref(), 60), [Some(3..=3)]);
    }

    #[test]
    fn ten_thousand_partitions_stay_below_150_mb_however_busy_they_are() {
        let reader = size_of::<Reader>() - size_of::<Track>() + Track::BYTES_MAX;
        let room_for_readers = READERS_MAX.next_power_of_two() * size_of::<Reader>();
        let most =
            size_of::<Tracks>() + 3 * Track::BYTES_MAX + READERS_MAX * reader + room_for_readers;
        assert!(most <= 9_000, "{most} bytes for a partition with six busy readers");
        let with_one = size_of::<Tracks>() + 4 * Track::BYTES_MAX + 4 * size_of::<Reader>();
        assert!(with_one <= 4_096, "{with_one} bytes for a busy partition with one reader");
    }

    #[test]
    fn only_those_who_asked_last_are_known() {
        let mut tracks = None;
        for port in 1..=20 {
            ask(&mut tracks, port, (0, 5), i64::from(port));
        }
        let readers = &tracks.as_ref().unwrap().readers;
        assert_eq!(readers.len(), READERS_MAX);
        assert!(readers.iter().all(|it| it.last.at_ms > 14), "{readers:?}");
    }
}
