//! What happened to a transactional id, for whoever keeps a history.
//!
//! Notes decide nothing and nothing depends on them. Kafka: lines of its log.

use ottla_types::ProducerId;
use ottla_wire::Str;

use super::{ProducerIdAndEpoch, TopicPartitions, TransactionState, metadata::Metadata};

/// A transactional id has come to another state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionNote {
    /// Which id.
    pub transactional_id: Str,
    /// How it stood; `None` where nobody knew it.
    pub before: Option<TransactionLook>,
    /// How it stands; `None` where it is forgotten.
    pub after: Option<TransactionLook>,
    /// Why a transaction was ended.
    pub cause: Option<EndCause>,
}

/// How a transactional id stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionLook {
    /// The producer that has it.
    pub producer: ProducerIdAndEpoch,
    /// Where it stands.
    pub state: TransactionState,
    /// How long a transaction may take, in ms.
    pub timeout_ms: i32,
    /// When the transaction began, in ms; −1 where there was none yet.
    pub start_ms: i64,
    /// When the state was recorded, in ms.
    pub last_update_ms: i64,
    /// The partitions of the transaction that is open or being ended.
    pub partitions: TopicPartitions,
}

/// Why a transaction was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Its producer said so.
    Client,
    /// It took longer than its timeout.
    Timeout,
    /// Another producer took over the transactional id.
    Fenced,
    /// An administrator took it over, to end what was open.
    Operator,
}

impl EndCause {
    /// Its name, as in `timeout`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Timeout => "timeout",
            Self::Fenced => "fenced",
            Self::Operator => "operator",
        }
    }
}

impl TransactionLook {
    /// Whether a transaction is open or being ended.
    pub fn is_under_way(&self) -> bool {
        !self.state.is_idle()
    }

    /// Which producer has the id.
    pub fn producer_id(&self) -> ProducerId {
        self.producer.producer_id
    }
}

impl From<Metadata> for TransactionLook {
    fn from(metadata: Metadata) -> Self {
        Self {
            producer: metadata.producer,
            state: metadata.state,
            timeout_ms: metadata.timeout_ms,
            start_ms: metadata.start_ms,
            last_update_ms: metadata.last_update_ms,
            partitions: metadata.partitions,
        }
    }
}
