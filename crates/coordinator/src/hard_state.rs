//! What survives a restart: stored generations and committed offsets.
//!
//! Only records change it. A record that is on its way to the log is *staged* under the token of
//! its append: later decisions see it, readers do not. It becomes visible when the append is
//! committed and is forgotten when the append fails.
//!
//! Invariants: no entry without a value, committed or staged; no empty map inside a map.
//!
//! Kafka: the timeline collections of `GroupMetadataManager` and `OffsetMetadataManager`.

mod open_transactions;

use std::collections::BTreeMap;

use ottla_types::ProducerId;
use ottla_wire::Str;

use self::open_transactions::OpenTransactions;

use crate::record::{GroupMetadata, GroupRecord, OffsetAndMetadata, OffsetKey};

/// Names an append. Appends are numbered in the order in which they must reach the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppendToken(pub u64);

/// A value with the changes to it that are on their way to the log, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versioned<T> {
    committed: Option<T>,
    staged: Vec<(AppendToken, Option<T>)>,
}

impl<T> Default for Versioned<T> {
    fn default() -> Self {
        Self { committed: None, staged: Vec::new() }
    }
}

impl<T> Versioned<T> {
    /// What a reader sees.
    pub(crate) fn committed(&self) -> Option<&T> {
        self.committed.as_ref()
    }

    /// What the next decision builds on.
    pub(crate) fn latest(&self) -> Option<&T> {
        match self.staged.last() {
            Some((_, value)) => value.as_ref(),
            None => self.committed.as_ref(),
        }
    }

    pub(crate) fn staged(&self) -> impl Iterator<Item = AppendToken> {
        self.staged.iter().map(|(token, _)| *token)
    }

    fn commit(&mut self, token: AppendToken) {
        while self.staged.first().is_some_and(|(first, _)| *first <= token) {
            self.committed = self.staged.remove(0).1;
        }
    }

    fn abort(&mut self, token: AppendToken) {
        self.staged.retain(|(staged, _)| *staged != token);
    }

    fn is_vacant(&self) -> bool {
        self.committed.is_none() && self.staged.is_empty()
    }
}

/// What an append touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StagedKey {
    Offset(OffsetKey),
    /// An offset in a transaction of this producer.
    Pending(ProducerId, OffsetKey),
    Group(Str),
}

impl StagedKey {
    pub(crate) fn group_id(&self) -> &Str {
        match self {
            Self::Offset(key) | Self::Pending(_, key) => &key.group_id,
            Self::Group(group_id) => group_id,
        }
    }
}

pub(crate) type PartitionOffsets = BTreeMap<i32, Versioned<OffsetAndMetadata>>;
pub(crate) type TopicOffsets = BTreeMap<Str, PartitionOffsets>;

/// Stored generations and committed offsets, by group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HardState {
    groups: BTreeMap<Str, Versioned<GroupMetadata>>,
    offsets: BTreeMap<Str, TopicOffsets>,
    /// Offsets of transactions that are still open.
    transactional: OpenTransactions,
}

impl HardState {
    /// Applies a record that is in the log.
    pub(crate) fn replay(&mut self, producer_id: ProducerId, record: GroupRecord) {
        match record {
            GroupRecord::Offset { key, value: Some(value) } if producer_id.is_some() => {
                self.transactional.write(producer_id, &key, value);
            }
            GroupRecord::Offset { key, value } => {
                self.change_offset(&key, |entry| entry.committed = value);
                self.decide_pending(&key);
            }
            GroupRecord::Group { group_id, value } => {
                self.change_group(&group_id, |entry| entry.committed = value);
            }
        }
    }

    /// Ends a transaction: its offsets become visible, or vanish. Gives the groups whose offsets
    /// are others now.
    pub(crate) fn end_transaction(
        &mut self,
        producer_id: ProducerId,
        is_committed: bool,
    ) -> Vec<Str> {
        let mut groups = Vec::new();
        for (key, pending) in self.transactional.end(producer_id) {
            if is_committed && !pending.is_superseded {
                self.transactional.supersede(&key, Some(pending.order));
                self.change_offset(&key, |entry| entry.committed = Some(pending.value));
                if !groups.contains(&key.group_id) {
                    groups.push(key.group_id);
                }
            }
        }
        groups
    }

    /// A record without transaction has decided on a key's offset, or deleted it.
    fn decide_pending(&mut self, key: &OffsetKey) {
        if !self.transactional.has(key) {
            return;
        }
        if self.committed(key).is_some() {
            self.transactional.supersede(key, None);
        } else {
            self.transactional.forget(key);
        }
    }

    /// Applies a record that is on its way to the log.
    pub(crate) fn stage(
        &mut self,
        token: AppendToken,
        producer_id: ProducerId,
        record: GroupRecord,
    ) -> StagedKey {
        match record {
            GroupRecord::Offset { key, value: Some(value) } if producer_id.is_some() => {
                self.transactional.stage(token, producer_id, &key, value);
                StagedKey::Pending(producer_id, key)
            }
            GroupRecord::Offset { key, value } => {
                self.change_offset(&key, |entry| entry.staged.push((token, value)));
                StagedKey::Offset(key)
            }
            GroupRecord::Group { group_id, value } => {
                self.change_group(&group_id, |entry| entry.staged.push((token, value)));
                StagedKey::Group(group_id)
            }
        }
    }

    /// Makes what `token` staged visible.
    pub(crate) fn commit(&mut self, token: AppendToken, key: &StagedKey) {
        match key {
            StagedKey::Offset(key) => {
                self.change_offset(key, |entry| entry.commit(token));
                self.decide_pending(key);
            }
            StagedKey::Pending(producer_id, key) => {
                self.transactional.commit(token, *producer_id, key);
            }
            StagedKey::Group(group_id) => self.change_group(group_id, |entry| entry.commit(token)),
        }
    }

    /// Forgets what `token` staged.
    pub(crate) fn abort(&mut self, token: AppendToken, key: &StagedKey) {
        match key {
            StagedKey::Offset(key) => self.change_offset(key, |entry| entry.abort(token)),
            StagedKey::Pending(producer_id, key) => {
                self.transactional.abort(token, *producer_id, key);
            }
            StagedKey::Group(group_id) => self.change_group(group_id, |entry| entry.abort(token)),
        }
    }

    pub(crate) fn group(&self, group_id: &Str) -> Option<&Versioned<GroupMetadata>> {
        self.groups.get(group_id)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Str, &Versioned<GroupMetadata>)> {
        self.groups.iter()
    }

    pub(crate) fn topics(&self, group_id: &Str) -> Option<&TopicOffsets> {
        self.offsets.get(group_id)
    }

    pub(crate) fn offset_groups(&self) -> impl Iterator<Item = (&Str, &TopicOffsets)> {
        self.offsets.iter()
    }

    pub(crate) fn latest(&self, key: &OffsetKey) -> Option<&OffsetAndMetadata> {
        self.offsets.get(&key.group_id)?.get(&key.topic)?.get(&key.partition)?.latest()
    }

    fn committed(&self, key: &OffsetKey) -> Option<&OffsetAndMetadata> {
        self.offsets.get(&key.group_id)?.get(&key.topic)?.get(&key.partition)?.committed()
    }

    /// Whether an open transaction holds an offset for this key.
    pub(crate) fn is_unstable(&self, key: &OffsetKey) -> bool {
        self.transactional.has(key)
    }

    pub(crate) fn has_open_transaction(&self, group_id: &Str) -> bool {
        self.transactional_keys_of(group_id).next().is_some()
    }

    pub(crate) fn transactional_keys_of(&self, group_id: &Str) -> impl Iterator<Item = &OffsetKey> {
        self.transactional.keys_of(group_id)
    }

    pub(crate) fn transactional_keys(&self) -> impl Iterator<Item = &OffsetKey> {
        self.transactional.keys()
    }

    /// The offsets for a key in open transactions.
    pub(crate) fn pending(&self, key: &OffsetKey) -> impl Iterator<Item = &OffsetAndMetadata> {
        self.transactional.values(key)
    }

    /// The appends that offsets of transactions are staged for.
    pub(crate) fn staged_transactional(&self) -> impl Iterator<Item = AppendToken> {
        self.transactional.staged()
    }

    fn change_group(&mut self, group_id: &Str, change: impl FnOnce(&mut Versioned<GroupMetadata>)) {
        let entry = self.groups.entry(group_id.clone()).or_default();
        change(entry);
        if entry.is_vacant() {
            self.groups.remove(group_id);
        }
    }

    fn change_offset(
        &mut self,
        key: &OffsetKey,
        change: impl FnOnce(&mut Versioned<OffsetAndMetadata>),
    ) {
        let topics = self.offsets.entry(key.group_id.clone()).or_default();
        let partitions = topics.entry(key.topic.clone()).or_default();
        let entry = partitions.entry(key.partition).or_default();
        change(entry);
        if entry.is_vacant() {
            partitions.remove(&key.partition);
            if partitions.is_empty() {
                topics.remove(&key.topic);
            }
            if topics.is_empty() {
                self.offsets.remove(&key.group_id);
            }
        }
    }

    /// Panics where an invariant does not hold.
    pub(crate) fn check(&self) {
        assert!(self.groups.values().all(|entry| !entry.is_vacant()), "a vacant group entry");
        self.transactional.check();
        for topics in self.offsets.values() {
            assert!(!topics.is_empty(), "a group without topics");
            for partitions in topics.values() {
                assert!(!partitions.is_empty(), "a topic without partitions");
                assert!(partitions.values().all(|entry| !entry.is_vacant()), "a vacant offset");
            }
        }
    }
}
