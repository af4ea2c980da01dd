//! Transactions: where each transactional id stands, and what is open in partitions.
//!
//! Kafka: `ListTransactions`, `DescribeTransactions`, `DescribeProducers`, and what brings them
//! together.

use ottla_coordinator::TransactionLook;
use ottla_types::{Offset, ProducerId};

use super::{CursorsView, Views};
use crate::{journal::Event, partition::Partition};

/// A transactional id.
#[derive(Clone, Debug)]
pub struct TransactionView {
    /// The id.
    pub transactional_id: String,
    /// How it stands.
    pub look: TransactionLook,
}

/// A partition that has records which readers of committed ones do not see yet.
#[derive(Clone, Debug)]
pub struct BlockedView {
    /// Of which topic.
    pub topic: String,
    /// Which partition.
    pub partition: i32,
    /// Where its cursors stand.
    pub cursors: CursorsView,
    /// The transactions that are open in it, the first in the log first.
    pub open: Vec<OpenTransaction>,
}

/// A transaction that is open in a partition, as its log has it.
#[derive(Clone, Debug)]
pub struct OpenTransaction {
    /// Whose it is.
    pub producer_id: ProducerId,
    /// In which epoch.
    pub producer_epoch: i16,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The largest timestamp of its last batch, in ms.
    pub last_timestamp_ms: i64,
    /// The epoch of the coordinator that ended its last one; −1 if none did.
    pub coordinator_epoch: i32,
}

impl Views {
    /// Every transactional id of the shards that are loaded, by name.
    pub fn transactions(&self) -> Vec<TransactionView> {
        let mut all = Vec::new();
        self.shared.transactions.look_at_all(|shard| {
            shard.each(|id, look| {
                all.push(TransactionView { transactional_id: id.to_string(), look });
            });
        });
        all.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        all
    }

    /// Writes into the journal that somebody at the console ends a transaction: of the request that
    /// does so, the coordinator only knows that it fences a producer.
    pub fn note_abort(&self, transactional_id: &str, client_id: &str) {
        let event = Event::new("transaction.abort").transactional_id(transactional_id);
        self.shared.journal.put(event.client(Some(client_id)).with("cause", "operator"));
    }

    /// The partitions with open transactions; of one topic where it is named.
    pub fn blocked(&self, topic: Option<&str>) -> Vec<BlockedView> {
        let mut blocked = Vec::new();
        for hosted in self.shared.partitions.topics() {
            if topic.is_some_and(|topic| topic != hosted.name.as_str()) {
                continue;
            }
            for partition in hosted.partitions() {
                let open = partition.open_transactions();
                if !open.is_empty() {
                    blocked.push(BlockedView {
                        topic: hosted.name.to_string(),
                        partition: partition.topic_partition.partition,
                        cursors: partition.cursors(),
                        open,
                    });
                }
            }
        }
        blocked
    }
}

impl Partition {
    /// The transactions that are open in it, the first in the log first.
    fn open_transactions(&self) -> Vec<OpenTransaction> {
        let mut open: Vec<OpenTransaction> = self.with_log(|log| {
            let open = log.producers().filter_map(|(producer_id, producer)| {
                Some(OpenTransaction {
                    producer_id,
                    producer_epoch: producer.producer_epoch,
                    first_offset: producer.current_txn_first_offset?,
                    last_timestamp_ms: producer.last_timestamp,
                    coordinator_epoch: producer.coordinator_epoch,
                })
            });
            open.collect()
        });
        open.sort_by_key(|it| it.first_offset);
        open
    }
}
