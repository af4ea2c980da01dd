//! Transactions, as a broker knows its own and as a client is told of them.
//!
//! Kafka: `ListTransactions`, `DescribeTransactions`, `DescribeProducers`.

use std::collections::BTreeMap;

use ottla_broker::views::{BlockedView, Moment, TransactionView, Views};
use ottla_client::{Offset, TransactionDescription};

use super::{Place, Source};
use crate::{console::Console, error::ApiError};

/// A transactional id.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) transactional_id: String,
    /// `Empty`, `Ongoing`, `PrepareCommit` …
    pub(crate) state: String,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i32,
    /// The broker that coordinates it.
    pub(crate) coordinator: i32,
    pub(crate) timeout_ms: i32,
    /// When the last transaction began; negative where there was none.
    pub(crate) start_ms: i64,
    /// Only a broker tells this.
    pub(crate) last_update_ms: Option<i64>,
    /// Those of the transaction that is open or being ended.
    pub(crate) partitions: Vec<Place>,
}

impl Transaction {
    fn of_view(view: TransactionView, coordinator: i32) -> Self {
        let TransactionView { transactional_id, look } = view;
        let partitions = look.partitions.iter();
        Self {
            transactional_id,
            state: look.state.name().to_owned(),
            producer_id: look.producer.producer_id.get(),
            producer_epoch: look.producer.producer_epoch.into(),
            coordinator,
            timeout_ms: look.timeout_ms,
            start_ms: look.start_ms,
            last_update_ms: Some(look.last_update_ms),
            partitions: partitions.map(|(topic, at)| (topic.to_string(), at)).collect(),
        }
    }

    /// Whether a transaction is open, and not being ended yet.
    pub(crate) fn is_open(&self) -> bool {
        self.state == "Ongoing"
    }

    /// Whether a transaction is open or being ended.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_open() || self.state.starts_with("Prepare")
    }

    /// How long a transaction has been open or being ended.
    pub(crate) fn age_ms(&self, now: i64) -> Option<i64> {
        self.is_under_way().then(|| now.saturating_sub(self.start_ms).max(0))
    }

    /// Whether a partition is part of the transaction that is under way.
    pub(crate) fn holds(&self, topic: &str, partition: i32) -> bool {
        let is_it = |(name, number): &Place| name == topic && *number == partition;
        self.is_under_way() && self.partitions.iter().any(is_it)
    }
}

impl From<TransactionDescription> for Transaction {
    fn from(it: TransactionDescription) -> Self {
        Self {
            transactional_id: it.transactional_id,
            state: it.state,
            producer_id: it.producer_id.get(),
            producer_epoch: it.producer_epoch.into(),
            coordinator: it.coordinator.get(),
            timeout_ms: it.timeout_ms,
            start_ms: it.start_ms,
            last_update_ms: None,
            partitions: it.partitions,
        }
    }
}

/// A partition with records that readers of committed ones do not see yet.
#[derive(Clone, Debug)]
pub(crate) struct BlockedPlace {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) last_stable_offset: Offset,
    pub(crate) high_watermark: Offset,
    /// The open transactions, the first in the log first.
    pub(crate) open: Vec<Open>,
}

/// A transaction that is open in a partition, as its log has it.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i32,
    pub(crate) first_offset: Offset,
    pub(crate) last_written_ms: i64,
}

impl From<BlockedView> for BlockedPlace {
    fn from(view: BlockedView) -> Self {
        let open = view.open.iter().map(|it| Open {
            producer_id: it.producer_id.get(),
            producer_epoch: it.producer_epoch.into(),
            first_offset: it.first_offset,
            last_written_ms: it.last_timestamp_ms,
        });
        Self {
            open: open.collect(),
            last_stable_offset: view.cursors.last_stable_offset,
            high_watermark: view.cursors.high_watermark,
            topic: view.topic,
            partition: view.partition,
        }
    }
}

/// Partitions with open transactions, and the transactional ids by their producers.
pub(crate) type Blocking = (Vec<BlockedPlace>, BTreeMap<i64, Transaction>);

impl Console {
    /// Every transactional id, now or at a moment, which only the broker knows.
    pub(crate) async fn transactions(
        &self,
        moment: Option<Moment>,
    ) -> Result<Vec<Transaction>, ApiError> {
        match self.source() {
            Source::Own(views) => Ok(own(views, moment)),
            Source::Remote(remote) => {
                let known = remote.known_transactions(self.client().await?).await?;
                Ok(known.to_vec())
            }
        }
    }

    /// One transactional id, now or at a moment.
    pub(crate) async fn transaction(
        &self,
        id: &str,
        moment: Option<Moment>,
    ) -> Result<Option<Transaction>, ApiError> {
        match self.source() {
            Source::Own(views) => {
                Ok(own(views, moment).into_iter().find(|it| it.transactional_id == id))
            }
            Source::Remote(remote) => remote.transaction(self.client().await?, id).await,
        }
    }

    /// Partitions with open transactions, of one topic where it is named, and whose they are.
    pub(crate) async fn blocking(&self, topic: Option<&str>) -> Result<Blocking, ApiError> {
        match self.source() {
            Source::Own(views) => Ok(own_blocking(views, topic)),
            Source::Remote(remote) => remote.blocking(self.client().await?, topic).await,
        }
    }

    /// Where a transaction has written, as the logs have it.
    pub(crate) async fn blocked_by(
        &self,
        transaction: &Transaction,
    ) -> Result<Vec<BlockedPlace>, ApiError> {
        match self.source() {
            Source::Own(views) => Ok(views.blocked(None).into_iter().map(Into::into).collect()),
            Source::Remote(remote) => {
                remote.open_in(self.client().await?, &transaction.partitions).await
            }
        }
    }
}

fn own(views: &Views, moment: Option<Moment>) -> Vec<Transaction> {
    let all = match moment {
        Some(moment) => views.transactions_at(moment),
        None => views.transactions(),
    };
    let coordinator = views.broker_id().get();
    all.into_iter().map(|view| Transaction::of_view(view, coordinator)).collect()
}

fn own_blocking(views: &Views, topic: Option<&str>) -> Blocking {
    // Of a transaction that begins or ends just now, one of the two looks knows.
    let before = by_producer(own(views, None));
    let found = views.blocked(topic);
    let mut known = by_producer(own(views, None));
    for (producer_id, transaction) in before {
        if known.get(&producer_id).is_none_or(|it| !it.is_under_way()) {
            known.insert(producer_id, transaction);
        }
    }
    (found.into_iter().map(Into::into).collect(), known)
}

pub(super) fn by_producer(all: Vec<Transaction>) -> BTreeMap<i64, Transaction> {
    all.into_iter().map(|it| (it.producer_id, it)).collect()
}
