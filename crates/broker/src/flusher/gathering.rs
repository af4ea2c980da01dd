//! Asks for the syncs of many partitions at once.

use std::{cell::RefCell, marker::PhantomData, sync::Arc};

use super::Flusher;
use crate::partition::Partition;

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept { is_gathering: false, list: Vec::new() }) };
}

/// What a thread's gathering has.
struct Kept {
    is_gathering: bool,
    list: Vec<(Arc<Flusher>, Arc<Partition>)>,
}

/// Takes a partition into the thread's gathering; gives it back if there is none.
pub(super) fn keep(flusher: &Arc<Flusher>, partition: Arc<Partition>) -> Option<Arc<Partition>> {
    KEPT.with_borrow_mut(|kept| {
        if kept.is_gathering {
            kept.list.push((Arc::clone(flusher), partition));
            None
        } else {
            Some(partition)
        }
    })
}

/// While it lives, partitions that its thread wants synced are kept; then all are asked for. It
/// must not live across an `await`. Gatherings of one thread do not nest.
#[derive(Debug)]
pub(crate) struct Gathering {
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Gathering {
    /// Begins to keep them.
    pub(crate) fn begin() -> Self {
        KEPT.with_borrow_mut(|kept| kept.is_gathering = true);
        Self { stays_on_its_thread: PhantomData }
    }

    /// Ends it. What it has for `flusher` goes to `mine`, where the caller cares for it.
    pub(super) fn end_for(self, flusher: &Arc<Flusher>, mine: &mut Vec<Arc<Partition>>) {
        KEPT.with_borrow_mut(|kept| {
            let is_mine = |(other, _): &mut (Arc<Flusher>, _)| Arc::ptr_eq(other, flusher);
            mine.extend(kept.list.extract_if(.., is_mine).map(|(_, partition)| partition));
        });
        drop(self);
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        KEPT.with_borrow_mut(|kept| {
            kept.is_gathering = false;
            while let Some((flusher, _)) = kept.list.first() {
                let flusher = Arc::clone(flusher);
                let is_its = |(other, _): &mut (Arc<Flusher>, _)| Arc::ptr_eq(other, &flusher);
                let its = kept.list.extract_if(.., is_its);
                flusher.queue_all(its.map(|(_, partition)| partition));
            }
        });
    }
}
