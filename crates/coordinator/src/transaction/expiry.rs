//! Transactional ids that nobody has used for long are forgotten.
//!
//! Kafka: `TransactionStateManager.removeExpiredTransactionalIds`.

use ottla_wire::Str;

use super::{Entry, TransactionEffects, TransactionShard};

/// Most ids that one append forgets, and most bytes of their names: a batch must fit the topic.
const IDS_PER_APPEND: usize = 1_000;
const NAME_BYTES_PER_APPEND: usize = 256 << 10;

impl TransactionShard {
    /// Forgets ids that were idle for longer than `transactional.id.expiration.ms`.
    pub(super) fn expire_ids(&mut self, now_ms: i64, effects: &mut TransactionEffects) {
        let before_ms = now_ms.saturating_sub(self.config.id_expiration_ms);
        let is_expired = |entry: &Entry| {
            let current = entry.committed.as_ref().filter(|_| entry.pending.is_none());
            current.is_some_and(|it| it.state.is_idle() && it.last_update_ms <= before_ms)
        };
        let expired = self.entries.iter().filter(|(_, entry)| is_expired(entry));
        let expired: Vec<Str> = expired.map(|(id, _)| id.clone()).collect();
        let mut chunk = Vec::new();
        let mut bytes = 0;
        for id in expired {
            bytes += id.len();
            chunk.push(id);
            if chunk.len() == IDS_PER_APPEND || bytes >= NAME_BYTES_PER_APPEND {
                self.forget(std::mem::take(&mut chunk), effects);
                bytes = 0;
            }
        }
        if !chunk.is_empty() {
            self.forget(chunk, effects);
        }
        self.next_expiry_check_ms = None;
        if !self.entries.is_empty() {
            self.arm_expiry_check(now_ms);
        }
    }

    /// Sees to it that there will be a look for ids that nobody uses.
    pub(super) fn arm_expiry_check(&mut self, now_ms: i64) {
        let due = now_ms.saturating_add(self.config.expiry_check_interval_ms);
        self.next_expiry_check_ms.get_or_insert(due);
    }
}
