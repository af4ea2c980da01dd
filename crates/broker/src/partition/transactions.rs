//! Transactions in a partition: their first batches are verified, and markers end them.
//!
//! Kafka: `Partition.maybeStartTransactionVerification`, `ReplicaManager.appendRecords` as
//! `WriteTxnMarkers` uses it.

use std::sync::Arc;

use ottla_log::{AppendOrigin, EndMarker, FirstBatch, VerificationGuard};

use super::{Appended, Partition, Refused};
use crate::settings::TopicSettings;

impl Partition {
    /// Notes that the transaction coordinator is asked whether a batch may begin a transaction
    /// here. `None` where that transaction is open already.
    pub(crate) fn begin_verification(
        &self,
        first: &FirstBatch,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        self.lock().log.begin_verification(first, now_ms)
    }

    /// Appends the marker that ends a producer's transaction here. Whoever acts on it waits until
    /// it is acknowledged.
    pub(crate) fn append_end_marker(
        self: &Arc<Self>,
        settings: &TopicSettings,
        marker: &EndMarker,
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        let timestamp_type = settings.produce_rules(now_ms).timestamp_type;
        let batch = marker.batch(timestamp_type, now_ms);
        let mut batch = batch.map_err(|error| Refused::new(error.code(), error.to_string()))?;
        let transaction_version = marker.transaction_version;
        self.append_from(AppendOrigin::Marker { transaction_version }, &mut batch, -1, now_ms)
    }
}
