//! Transitions on their way to the log, and what follows when they are there, or are not.
//!
//! Kafka: `TransactionStateManager.appendTransactionToLog`.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{
    CommitWhen, EndCause, Entry, TransactionAppend, TransactionEffects, TransactionLook,
    TransactionNote, TransactionReply, TransactionShard, TransactionState, metadata::Metadata,
    record,
};
use crate::{AppendToken, WaiterId, answer::append_error};

/// An append that is on its way.
#[derive(Debug)]
pub(super) struct PendingAppend {
    /// The ids whose states it changes.
    transactional_ids: Vec<Str>,
    /// Goes out when it is committed.
    pub(super) reply: Option<(WaiterId, TransactionReply)>,
    cause: Option<EndCause>,
}

/// A change of an id's state.
#[derive(Debug)]
pub(super) struct Transition {
    next: Metadata,
    reply: Option<(WaiterId, TransactionReply)>,
    commit_when: CommitWhen,
    cause: Option<EndCause>,
}

impl Transition {
    /// One that may be waited for: `reply` goes out when it is safe.
    pub(super) fn new(next: Metadata, reply: Option<(WaiterId, TransactionReply)>) -> Self {
        Self { next, reply, commit_when: CommitWhen::Safe, cause: None }
    }

    /// One that is made again if it is lost, and that nobody waits for.
    pub(super) fn repeatable(next: Metadata) -> Self {
        Self { next, reply: None, commit_when: CommitWhen::Written, cause: None }
    }

    /// The same, with why the transaction ends.
    pub(super) fn because(self, cause: EndCause) -> Self {
        Self { cause: Some(cause), ..self }
    }
}

impl TransactionShard {
    /// Begins a transition of an id that has none under way.
    pub(super) fn transit(
        &mut self,
        transactional_id: &Str,
        transition: Transition,
        effects: &mut TransactionEffects,
    ) {
        let Transition { next, reply, commit_when, cause } = transition;
        let Ok(encoded) = record::encode(transactional_id, Some(&next), self.version) else {
            // A name that does not fit a record: only a client that means harm sends one.
            if let Some((waiter, _)) = reply {
                effects.refuse(waiter, ErrorCode::UnknownServerError);
            }
            return;
        };
        let token = self.next_token();
        let entry = self.entries.entry(transactional_id.clone()).or_default();
        entry.pending = Some((token, Some(next)));
        let transactional_ids = vec![transactional_id.clone()];
        self.appends.insert(token, PendingAppend { transactional_ids, reply, cause });
        effects.appends.push(TransactionAppend { token, records: vec![encoded], commit_when });
    }

    /// Begins to forget ids that have no transition under way.
    pub(super) fn forget(&mut self, transactional_ids: Vec<Str>, effects: &mut TransactionEffects) {
        let records = transactional_ids.iter().map(|id| record::encode(id, None, self.version));
        let Ok(records) = records.collect::<Result<Vec<_>, _>>() else { return };
        let token = self.next_token();
        for transactional_id in &transactional_ids {
            if let Some(entry) = self.entries.get_mut(transactional_id) {
                entry.pending = Some((token, None));
            }
        }
        let pending = PendingAppend { transactional_ids, reply: None, cause: None };
        self.appends.insert(token, pending);
        let commit_when = CommitWhen::Safe;
        effects.appends.push(TransactionAppend { token, records, commit_when });
    }

    /// Says that an append is committed: its transitions count.
    pub fn append_committed(
        &mut self,
        now_ms: i64,
        token: AppendToken,
        effects: &mut TransactionEffects,
    ) {
        let Some(pending) = self.appends.remove(&token) else { return };
        effects.replies.extend(pending.reply);
        for transactional_id in &pending.transactional_ids {
            if let Some((_, next)) = self.take_pending(transactional_id, token) {
                let after = next.clone().map(TransactionLook::from);
                let before = self.set_committed(transactional_id, next);
                effects.notes.push(TransactionNote {
                    transactional_id: transactional_id.clone(),
                    before: before.map(TransactionLook::from),
                    after,
                    cause: pending.cause,
                });
            }
            self.follow(now_ms, transactional_id, effects);
        }
    }

    /// Says that an append is not in the log and never will be, with the log's error.
    pub fn append_failed(
        &mut self,
        now_ms: i64,
        token: AppendToken,
        error: ErrorCode,
        effects: &mut TransactionEffects,
    ) {
        let Some(pending) = self.appends.remove(&token) else { return };
        if let Some((waiter, _)) = pending.reply {
            effects.refuse(waiter, append_error(error));
        }
        for transactional_id in &pending.transactional_ids {
            drop(self.take_pending(transactional_id, token));
            if self.committed(transactional_id).is_none() {
                self.entries.remove(transactional_id);
            }
            self.put_off_completion(now_ms, transactional_id);
            self.wake_parked(now_ms, transactional_id, effects);
        }
    }

    /// What is to be done about an id in the state that it has come to.
    pub(super) fn follow(
        &mut self,
        now_ms: i64,
        transactional_id: &Str,
        effects: &mut TransactionEffects,
    ) {
        let Some(state) = self.committed(transactional_id).map(|current| current.state) else {
            return self.wake_parked(now_ms, transactional_id, effects);
        };
        match state {
            TransactionState::Ongoing => self.arm_abort_check(now_ms),
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                return self.begin_markers(now_ms, transactional_id, effects);
            }
            _ => {}
        }
        self.end_markers(transactional_id);
        self.arm_expiry_check(now_ms);
        self.wake_parked(now_ms, transactional_id, effects);
    }

    fn next_token(&mut self) -> AppendToken {
        let token = AppendToken(self.next_token);
        self.next_token = self.next_token.saturating_add(1);
        token
    }

    fn take_pending(
        &mut self,
        transactional_id: &Str,
        token: AppendToken,
    ) -> Option<(AppendToken, Option<Metadata>)> {
        let pending = &mut self.entries.get_mut(transactional_id)?.pending;
        pending.take_if(|(pending, _)| *pending == token)
    }

    /// Sets the state of an id, or forgets it; gives the one before.
    pub(super) fn set_committed(
        &mut self,
        transactional_id: &Str,
        committed: Option<Metadata>,
    ) -> Option<Metadata> {
        let before = if committed.is_some() {
            let entry = Entry { committed, pending: None };
            self.entries.insert(transactional_id.clone(), entry)
        } else {
            self.entries.remove(transactional_id)
        };
        before.and_then(|entry| entry.committed)
    }
}
