//! Offsets that were committed in transactions which are not ended.
//!
//! Of several offsets for one key the one whose record is last in the log counts, whichever
//! transaction ends first: so each knows its place among the others, and whether an offset without
//! transaction came after it.
//!
//! Invariants: both maps name the same pairs; no entry without an offset, written or staged.
//!
//! Kafka: `OffsetMetadataManager.OpenTransactions`, `pendingTransactionalOffsets`.

use std::collections::{BTreeMap, BTreeSet};

use ottla_types::ProducerId;
use ottla_wire::Str;

use super::AppendToken;
use crate::record::{OffsetAndMetadata, OffsetKey};

/// An offset in the log whose transaction is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) value: OffsetAndMetadata,
    /// Counts the records of transactions in the order of the log.
    pub(super) order: u64,
    /// A later record has decided on the key's offset.
    pub(super) is_superseded: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    written: Option<Pending>,
    /// On their way to the log, oldest first.
    staged: Vec<(AppendToken, OffsetAndMetadata)>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OpenTransactions {
    by_producer: BTreeMap<ProducerId, BTreeMap<OffsetKey, Entry>>,
    by_key: BTreeMap<OffsetKey, BTreeSet<ProducerId>>,
    next_order: u64,
}

impl OpenTransactions {
    /// Takes in an offset that is in the log.
    pub(super) fn write(
        &mut self,
        producer_id: ProducerId,
        key: &OffsetKey,
        value: OffsetAndMetadata,
    ) {
        let pending = Pending { value, order: self.next_order, is_superseded: false };
        self.next_order = self.next_order.saturating_add(1);
        self.change(producer_id, key, |entry| entry.written = Some(pending));
    }

    /// Takes in an offset that is on its way to the log.
    pub(super) fn stage(
        &mut self,
        token: AppendToken,
        producer_id: ProducerId,
        key: &OffsetKey,
        value: OffsetAndMetadata,
    ) {
        self.change(producer_id, key, |entry| entry.staged.push((token, value)));
    }

    /// What `token` staged is in the log.
    pub(super) fn commit(&mut self, token: AppendToken, producer_id: ProducerId, key: &OffsetKey) {
        if let Some(value) = self.unstage(token, producer_id, key) {
            self.write(producer_id, key, value);
        }
    }

    /// What `token` staged never will be in the log.
    pub(super) fn abort(&mut self, token: AppendToken, producer_id: ProducerId, key: &OffsetKey) {
        drop(self.unstage(token, producer_id, key));
        // Nothing else may be left of the pair.
        self.change(producer_id, key, |_| {});
    }

    /// Ends a transaction: gives its offsets.
    pub(super) fn end(&mut self, producer_id: ProducerId) -> Vec<(OffsetKey, Pending)> {
        let keys: Vec<_> =
            self.by_producer.get(&producer_id).into_iter().flat_map(BTreeMap::keys).collect();
        let keys: Vec<OffsetKey> = keys.into_iter().cloned().collect();
        let ended = keys.into_iter().filter_map(|key| {
            let mut written = None;
            self.change(producer_id, &key, |entry| written = entry.written.take());
            written.map(|pending| (key, pending))
        });
        ended.collect()
    }

    /// An offset for the key comes after all that are pending, or after those before `order`.
    pub(super) fn supersede(&mut self, key: &OffsetKey, order: Option<u64>) {
        for producer_id in self.by_key.get(key).into_iter().flatten() {
            let entry = self.by_producer.get_mut(producer_id).and_then(|keys| keys.get_mut(key));
            if let Some(pending) = entry.and_then(|entry| entry.written.as_mut()) {
                pending.is_superseded |= order.is_none_or(|order| pending.order < order);
            }
        }
    }

    /// The key's offset is deleted, and with it those that are pending.
    pub(super) fn forget(&mut self, key: &OffsetKey) {
        let producers: Vec<_> = self.by_key.get(key).into_iter().flatten().copied().collect();
        for producer_id in producers {
            self.change(producer_id, key, |entry| entry.written = None);
        }
    }

    /// Whether an offset for this key is pending.
    pub(super) fn has(&self, key: &OffsetKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// The keys of a group.
    pub(super) fn keys_of(&self, group_id: &Str) -> impl Iterator<Item = &OffsetKey> {
        let first =
            OffsetKey { group_id: group_id.clone(), topic: Str::default(), partition: i32::MIN };
        let from = self.by_key.range(first..).map(|(key, _)| key);
        from.take_while(move |key| key.group_id == *group_id)
    }

    /// Every key, with the offsets pending for it.
    pub(super) fn keys(&self) -> impl Iterator<Item = &OffsetKey> {
        self.by_key.keys()
    }

    /// The offsets pending for a key, written or staged.
    pub(super) fn values(&self, key: &OffsetKey) -> impl Iterator<Item = &OffsetAndMetadata> {
        let producers = self.by_key.get(key).into_iter().flatten();
        let entries = producers.filter_map(|id| self.by_producer.get(id)?.get(key));
        entries.flat_map(|entry| {
            let written = entry.written.as_ref().map(|pending| &pending.value);
            written.into_iter().chain(entry.staged.iter().map(|(_, value)| value))
        })
    }

    /// The appends that something is staged for.
    pub(super) fn staged(&self) -> impl Iterator<Item = AppendToken> {
        let entries = self.by_producer.values().flat_map(BTreeMap::values);
        entries.flat_map(|entry| entry.staged.iter().map(|(token, _)| *token))
    }

    fn unstage(
        &mut self,
        token: AppendToken,
        producer_id: ProducerId,
        key: &OffsetKey,
    ) -> Option<OffsetAndMetadata> {
        let entry = self.by_producer.get_mut(&producer_id)?.get_mut(key)?;
        let place = entry.staged.iter().position(|(staged, _)| *staged == token)?;
        Some(entry.staged.remove(place).1)
    }

    fn change(
        &mut self,
        producer_id: ProducerId,
        key: &OffsetKey,
        change: impl FnOnce(&mut Entry),
    ) {
        let keys = self.by_producer.entry(producer_id).or_default();
        let entry = keys.entry(key.clone()).or_default();
        change(entry);
        if entry.written.is_some() || !entry.staged.is_empty() {
            self.by_key.entry(key.clone()).or_default().insert(producer_id);
            return;
        }
        keys.remove(key);
        if keys.is_empty() {
            self.by_producer.remove(&producer_id);
        }
        if let Some(producers) = self.by_key.get_mut(key) {
            producers.remove(&producer_id);
            if producers.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    /// Panics where an invariant does not hold.
    pub(super) fn check(&self) {
        let mut pairs = 0_usize;
        for (producer_id, keys) in &self.by_producer {
            assert!(!keys.is_empty(), "a producer without offsets");
            for (key, entry) in keys {
                assert!(entry.written.is_some() || !entry.staged.is_empty(), "a vacant entry");
                let producers = self.by_key.get(key);
                assert!(producers.is_some_and(|ids| ids.contains(producer_id)), "not found by key");
                pairs += 1;
            }
        }
        let by_key: usize = self.by_key.values().map(BTreeSet::len).sum();
        assert_eq!(pairs, by_key, "a pair that only the key knows");
    }
}
