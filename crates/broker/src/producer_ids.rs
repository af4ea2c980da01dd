//! Producer ids, given out of blocks that the controller records.
//!
//! A block's ids are recorded before the first of them is given, so no id is given twice, even
//! after a crash; the rest of a block is lost then. Kafka: `RPCProducerIdManager`.

use ottla_metadata::decide;
use ottla_types::{ErrorCode, ProducerId};
use tokio::sync::Mutex;

use crate::broker::Shared;

/// The block in use.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    /// The next id and how many are left.
    block: Mutex<(i64, i32)>,
}

impl ProducerIds {
    /// An id that no producer has had, if there is one at hand.
    pub(crate) fn try_next(&self) -> Option<ProducerId> {
        let mut block = self.block.try_lock().ok()?;
        (block.1 > 0).then(|| take(&mut block))
    }

    /// An id that no producer has had.
    pub(crate) async fn next(&self, shared: &Shared) -> Result<ProducerId, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.1 == 0 {
            let broker_id = shared.broker_id;
            let image = shared.image();
            let epoch = image.broker(broker_id).map_or(-1, |broker| broker.broker_epoch);
            let new = shared
                .controller
                .decide(move |context| {
                    decide::allocate_producer_ids(context.image, broker_id, epoch)
                })
                .await??;
            *block = (new.first.get(), new.len);
        }
        Ok(take(&mut block))
    }
}

/// Takes the next id of a block that is not used up.
fn take(block: &mut (i64, i32)) -> ProducerId {
    let id = block.0;
    *block = (id.saturating_add(1), block.1.saturating_sub(1));
    ProducerId(id)
}
