//! Incremental fetch sessions (KIP-227): the broker remembers what a client fetches, so that a
//! request names only what changed and a response only what is new.
//!
//! Transitions: epoch 0 opens a session (an old one named in the request is closed), the next
//! request carries epoch 1, then 2, up to the largest `i32` and then 1 again; epoch −1 closes.
//! Invariant: at most `slots` sessions; a new one pushes out the one unused for longest, once that
//! has been idle for [`IDLE_MS_MIN`], and otherwise the client is served without a session.
//! Kafka: `FetchManager`, `FetchSession`.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ottla_types::{ErrorCode, Uuid};
use ottla_wire::Str;

/// How long a session is safe from being pushed out.
/// Kafka: `min.incremental.fetch.session.eviction.ms`.
const IDLE_MS_MIN: i64 = 120_000;

/// What a client fetches of one partition.
#[derive(Clone, Debug)]
pub(crate) struct FetchItem {
    pub(crate) topic: Str,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) fetch_offset: i64,
    pub(crate) current_leader_epoch: i32,
    pub(crate) last_fetched_epoch: i32,
    pub(crate) max_bytes: i32,
}

/// What tells partitions apart: a topic's name or id, as the version has it, and a number.
pub(crate) type PartitionKey = (Str, Uuid, i32);

impl FetchItem {
    /// Which partition it is.
    pub(crate) fn key(&self) -> PartitionKey {
        (self.topic.clone(), self.topic_id, self.partition)
    }
}

/// What the client was told last about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) log_start_offset: i64,
}

impl Told {
    /// Nothing yet.
    pub(crate) const NOTHING: Self =
        Self { high_watermark: -1, last_stable_offset: -1, log_start_offset: -1 };
}

/// A partition in a session.
#[derive(Clone, Debug)]
pub(crate) struct SessionItem {
    pub(crate) item: FetchItem,
    pub(crate) told: Told,
}

impl SessionItem {
    /// A copy that does not keep the request's frame alive.
    fn detached(&self) -> Self {
        let item = FetchItem { topic: self.item.topic.detached(), ..self.item.clone() };
        Self { item, told: self.told }
    }
}

/// One client's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) items: Vec<SessionItem>,
    uses_topic_ids: bool,
    next_epoch: i32,
}

/// A shared session; the lock is held while one request updates it.
pub(crate) type SharedSession = Arc<Mutex<Session>>;

#[derive(Debug)]
struct Slot {
    session: SharedSession,
    used_ms: i64,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: Mutex<HashMap<i32, Slot>>,
    max: usize,
    /// How many ids were tried so far.
    opened: AtomicU64,
    random: RandomState,
}

/// How a request is to be served.
#[derive(Debug)]
pub(crate) enum Opened {
    /// Without a session.
    Sessionless,
    /// The first request of a session: everything is answered.
    Full(i32, SharedSession),
    /// A later request: only what changed is answered.
    Incremental(i32, SharedSession),
}

/// What a request says about its session.
#[derive(Debug)]
pub(crate) struct SessionRequest<'a> {
    pub(crate) session_id: i32,
    pub(crate) session_epoch: i32,
    pub(crate) uses_topic_ids: bool,
    pub(crate) items: &'a [SessionItem],
    pub(crate) forgotten: &'a [PartitionKey],
}

impl FetchSessions {
    /// At most `max` sessions (inclusive).
    pub(crate) fn new(max: usize) -> Self {
        Self { slots: Mutex::default(), max, opened: AtomicU64::new(0), random: RandomState::new() }
    }

    /// Finds or opens the session of a request and applies what the request changes.
    pub(crate) fn open(
        &self,
        request: &SessionRequest<'_>,
        now_ms: i64,
    ) -> Result<Opened, ErrorCode> {
        match request.session_epoch {
            -1 => {
                self.close(request.session_id);
                Ok(Opened::Sessionless)
            }
            0 => {
                self.close(request.session_id);
                Ok(self.create(request, now_ms))
            }
            _ => self.resume(request, now_ms),
        }
    }

    fn close(&self, session_id: i32) {
        if session_id != 0 {
            self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&session_id);
        }
    }

    fn create(&self, request: &SessionRequest<'_>, now_ms: i64) -> Opened {
        // A fetch of nothing is not worth a slot.
        if request.items.is_empty() {
            return Opened::Sessionless;
        }
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.max {
            let oldest = slots.iter().min_by_key(|(_, slot)| slot.used_ms);
            match oldest.map(|(id, slot)| (*id, slot.used_ms)) {
                Some((id, used_ms)) if now_ms.saturating_sub(used_ms) >= IDLE_MS_MIN => {
                    slots.remove(&id);
                }
                Some(_) | None => return Opened::Sessionless,
            }
        }
        let id = self.unused_id(&slots);
        let session = Session {
            items: request.items.iter().map(SessionItem::detached).collect(),
            uses_topic_ids: request.uses_topic_ids,
            next_epoch: 1,
        };
        let session = Arc::new(Mutex::new(session));
        slots.insert(id, Slot { session: Arc::clone(&session), used_ms: now_ms });
        Opened::Full(id, session)
    }

    /// An id that cannot be guessed from earlier ones and is not in use. Nor was it just now: a
    /// client that still has a session that was closed must not find another under its id.
    fn unused_id(&self, slots: &HashMap<i32, Slot>) -> i32 {
        loop {
            let number = self.opened.fetch_add(1, Ordering::Relaxed);
            let hash = self.random.hash_one(number);
            let id = i32::try_from(hash & 0x7fff_ffff).unwrap_or(0);
            if id != 0 && !slots.contains_key(&id) {
                return id;
            }
        }
    }

    fn resume(&self, request: &SessionRequest<'_>, now_ms: i64) -> Result<Opened, ErrorCode> {
        let session = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = slots.get_mut(&request.session_id);
            let slot = slot.ok_or(ErrorCode::FetchSessionIdNotFound)?;
            slot.used_ms = now_ms;
            Arc::clone(&slot.session)
        };
        let mut locked = session.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.next_epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if locked.uses_topic_ids != request.uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        locked.update(request);
        locked.next_epoch = locked.next_epoch.checked_add(1).unwrap_or(1);
        if locked.items.is_empty() {
            drop(locked);
            self.close(request.session_id);
            return Ok(Opened::Sessionless);
        }
        drop(locked);
        Ok(Opened::Incremental(request.session_id, session))
    }
}

impl Session {
    /// Takes over what a request changes; a look at every partition, however many change.
    fn update(&mut self, request: &SessionRequest<'_>) {
        if !request.items.is_empty() {
            let changes = request.items.iter().map(|wanted| (wanted.item.key(), wanted));
            let mut changes: HashMap<PartitionKey, &SessionItem> = changes.collect();
            for known in &mut self.items {
                if let Some(change) = changes.remove(&known.item.key()) {
                    known.item = change.detached().item;
                }
            }
            let is_new = |wanted: &&SessionItem| changes.contains_key(&wanted.item.key());
            let new = request.items.iter().filter(is_new);
            self.items.extend(new.map(SessionItem::detached));
        }
        if !request.forgotten.is_empty() {
            let forgotten: HashSet<&PartitionKey> = request.forgotten.iter().collect();
            self.items.retain(|known| !forgotten.contains(&known.item.key()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(partition: i32) -> SessionItem {
        let item = FetchItem {
            topic: Str::from_static("t"),
            topic_id: Uuid::ZERO,
            partition,
            fetch_offset: 0,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            max_bytes: 1,
        };
        SessionItem { item, told: Told::NOTHING }
    }

    fn request(session_id: i32, session_epoch: i32, items: &[SessionItem]) -> SessionRequest<'_> {
        SessionRequest { session_id, session_epoch, uses_topic_ids: false, items, forgotten: &[] }
    }

    fn full(sessions: &FetchSessions, now_ms: i64) -> Option<i32> {
        match sessions.open(&request(0, 0, &[item(0)]), now_ms) {
            Ok(Opened::Full(id, _)) => Some(id),
            _ => None,
        }
    }

    #[test]
    fn epochs_count_up_and_a_wrong_one_is_refused() {
        let sessions = FetchSessions::new(10);
        let id = full(&sessions, 0).unwrap();
        assert!(matches!(sessions.open(&request(id, 1, &[]), 0), Ok(Opened::Incremental(..))));
        assert!(
            matches!(sessions.open(&request(id, 2, &[item(1)]), 0), Ok(Opened::Incremental(_, s)) if s.lock().unwrap().items.len() == 2)
        );
        let error = sessions.open(&request(id, 2, &[]), 0).unwrap_err();
        assert_eq!(error, ErrorCode::InvalidFetchSessionEpoch);
        let error = sessions.open(&request(id.wrapping_add(1), 1, &[]), 0).unwrap_err();
        assert_eq!(error, ErrorCode::FetchSessionIdNotFound);
    }

    #[test]
    fn a_session_that_replaces_another_has_another_id() {
        let sessions = FetchSessions::new(10);
        let first = full(&sessions, 0).unwrap();
        let items = [item(0)];
        let second = match sessions.open(&request(first, 0, &items), 0) {
            Ok(Opened::Full(id, _)) => id,
            other => panic!("{other:?}"),
        };
        assert_ne!(first, second);
    }

    #[test]
    fn the_last_epoch_wraps_to_one() {
        let sessions = FetchSessions::new(10);
        let id = full(&sessions, 0).unwrap();
        if let Some(slot) = sessions.slots.lock().unwrap().get(&id) {
            slot.session.lock().unwrap().next_epoch = i32::MAX;
        }
        assert!(sessions.open(&request(id, i32::MAX, &[]), 0).is_ok());
        assert!(sessions.open(&request(id, 1, &[]), 0).is_ok());
    }

    #[test]
    fn a_full_cache_pushes_out_only_what_is_idle() {
        let sessions = FetchSessions::new(1);
        let first = full(&sessions, 0).unwrap();
        assert_eq!(full(&sessions, IDLE_MS_MIN - 1), None);
        assert!(full(&sessions, IDLE_MS_MIN).is_some_and(|second| second != first));
        let error = sessions.open(&request(first, 1, &[]), 0).unwrap_err();
        assert_eq!(error, ErrorCode::FetchSessionIdNotFound);
    }

    #[test]
    fn forgetting_everything_closes_the_session() {
        let sessions = FetchSessions::new(1);
        let id = full(&sessions, 0).unwrap();
        let forgotten = [(Str::from_static("t"), Uuid::ZERO, 0)];
        let last = SessionRequest { forgotten: &forgotten, ..request(id, 1, &[]) };
        assert!(matches!(sessions.open(&last, 0), Ok(Opened::Sessionless)));
        assert!(full(&sessions, 0).is_some());
    }

    #[test]
    fn names_and_ids_do_not_mix_in_a_session() {
        let sessions = FetchSessions::new(1);
        let id = full(&sessions, 0).unwrap();
        let mixed = SessionRequest { uses_topic_ids: true, ..request(id, 1, &[]) };
        assert_eq!(sessions.open(&mixed, 0).unwrap_err(), ErrorCode::FetchSessionTopicIdError);
    }
}
