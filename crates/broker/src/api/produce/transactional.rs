//! Whether the transactional batches of a Produce may be appended.
//!
//! A batch of a transaction that is open in its partition may. For the first batch of a partition
//! the transaction coordinator is asked: up to version 11 whether the client has added the
//! partition, from 12 on (KIP-890) to add it. A guard taken before the question shows at the append
//! that the transaction was not ended since.
//!
//! Budget: nothing is asked, allocated or waited for where no batch is transactional, nor where all
//! transactions are open already.
//! Kafka: `ReplicaManager.handleProduceAppend`, `AddPartitionsToTxnManager`.

use ottla_config::keys;
use ottla_log::{FirstBatch, Verification};
use ottla_record::BatchHeader;
use ottla_types::{ErrorCode, ProducerId, TopicPartition};
use ottla_wire::{Str, produce_request::PartitionProduceData};

use super::{Context, Work, bytes, resolve};
use crate::{
    clock::now_ms,
    partition::Refused,
    transactions::{TransactionalProducer, Verify},
};

/// The first version whose clients understand TRANSACTION_ABORTABLE.
const ABORTABLE_VERSION: i16 = 11;

/// The first version whose clients leave it to the broker to add partitions.
const ADD_VERSION: i16 = 12;

/// How often a transaction may end between the coordinator's answer and the look at the guard.
const ROUNDS_MAX: usize = 3;

/// The one producer of a request's transactional batches.
#[derive(Clone, Debug)]
pub(super) struct Producer {
    transactional_id: Str,
    producer_id: ProducerId,
    producer_epoch: i16,
}

/// A partition whose first batch the coordinator has not answered for.
struct Question {
    place: (usize, usize),
    partition: TopicPartition,
}

impl Work {
    /// Whose transactional batches these are, if there are any.
    pub(super) fn producer(&self, id: Option<&Str>) -> Result<Option<Producer>, Refused> {
        let batches = self.topics.iter().flat_map(|topic| &topic.partition_data);
        let mut found: Option<(ProducerId, i16)> = None;
        for header in batches.filter_map(transactional_header) {
            if id.is_none() {
                return Err(ErrorCode::TransactionalIdAuthorizationFailed.into());
            }
            if !header.has_producer_id() {
                continue;
            }
            let producer = (header.producer_id, header.producer_epoch);
            match found {
                Some(other) if other != producer => {
                    let text = "Transactional records contained more than one producer ID";
                    let code = ErrorCode::InvalidProducerIdMapping;
                    return Err(Refused::new(code, text.to_owned()));
                }
                _ => found = Some(producer),
            }
        }
        Ok(id.zip(found).map(|(id, (producer_id, producer_epoch))| Producer {
            transactional_id: id.clone(),
            producer_id,
            producer_epoch,
        }))
    }

    /// Whether every transactional batch is decided on without a question to the coordinator that
    /// takes time.
    pub(super) fn admit_at_once(&mut self, ctx: &Context, producer: &Producer) -> bool {
        if ctx.version < ADD_VERSION && !verifies(ctx) {
            self.others = Ok(Verification::Off);
            return true;
        }
        self.open_questions(ctx, producer).is_empty()
    }

    /// Asks the coordinator about the batches that are not decided on.
    pub(super) async fn admit(&mut self, ctx: &Context, producer: &Producer) {
        let mode = if ctx.version < ADD_VERSION { Verify::Only } else { Verify::Add };
        let mut last_code = ErrorCode::None;
        for _ in 0..ROUNDS_MAX {
            // Each round takes guards before it looks whether the transaction has the partition.
            let questions = self.open_questions(ctx, producer);
            if questions.is_empty() {
                return;
            }
            let partitions: Vec<_> = questions.iter().map(|it| it.partition.clone()).collect();
            let transactions = &ctx.shared.transactions;
            let answers =
                transactions.verify(&ctx.shared, producer.named(), &partitions, mode).await;
            for (question, (_, code)) in questions.iter().zip(answers) {
                last_code = code;
                if code != ErrorCode::None {
                    self.refuse(question, refused(ctx, code));
                }
            }
        }
        if last_code == ErrorCode::None {
            // The transaction has ended in every round: it is for the client to begin anew.
            for question in self.open_questions(ctx, producer) {
                self.refuse(&question, refused(ctx, ErrorCode::ConcurrentTransactions));
            }
        }
    }

    /// Takes a guard for every batch that may begin a transaction, and gives those whose partition
    /// is not known to be part of it.
    fn open_questions(&mut self, ctx: &Context, producer: &Producer) -> Vec<Question> {
        let mut questions = Vec::new();
        let now_ms = now_ms();
        for (topic_place, topic) in self.topics.iter().enumerate() {
            let Ok(hosted) = resolve(ctx, topic) else { continue };
            if hosted.name.is_internal() {
                continue;
            }
            for (place, batch) in topic.partition_data.iter().enumerate() {
                let Some(header) = transactional_header(batch) else { continue };
                if !header.has_producer_id() {
                    continue;
                }
                let Ok(log) = hosted.partition(batch.index) else { continue };
                let place = (topic_place, place);
                if self.admissions.get(&place).is_some_and(Result::is_err) {
                    continue;
                }
                let first = FirstBatch {
                    producer_id: header.producer_id,
                    producer_epoch: header.producer_epoch,
                    base_sequence: header.base_sequence,
                    bumps_epoch: ctx.version >= ADD_VERSION,
                };
                let guard = log.begin_verification(&first, now_ms);
                let verification = guard.map_or(Verification::None, Verification::Guard);
                self.admissions.insert(place, Ok(verification));
                let partition = &log.topic_partition;
                if guard.is_some() && !ctx.shared.transactions.is_part(producer.named(), partition)
                {
                    questions.push(Question { place, partition: partition.clone() });
                }
            }
        }
        questions
    }

    fn refuse(&mut self, question: &Question, refused: Refused) {
        self.admissions.insert(question.place, Err(Box::new(refused)));
    }
}

impl Producer {
    fn named(&self) -> TransactionalProducer<'_> {
        TransactionalProducer {
            transactional_id: &self.transactional_id,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
        }
    }
}

fn transactional_header(batch: &PartitionProduceData) -> Option<BatchHeader> {
    let header = BatchHeader::parse(bytes(batch)?).ok()?;
    header.attributes.is_transactional().then_some(header)
}

fn verifies(ctx: &Context) -> bool {
    ctx.shared.config().get(&keys::TRANSACTION_PARTITION_VERIFICATION_ENABLE)
}

/// What a client is told in its version where the coordinator has an error.
fn refused(ctx: &Context, code: ErrorCode) -> Refused {
    let retried = |code: ErrorCode| {
        // Old clients know no other error here that is retried without new metadata.
        let text = "Unable to verify the partition has been added to the transaction. \
                    Underlying error: ";
        Refused::new(ErrorCode::NotEnoughReplicas, format!("{text}{code}"))
    };
    match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch.into(),
        ErrorCode::TransactionAbortable if ctx.version < ABORTABLE_VERSION => {
            Refused::new(ErrorCode::InvalidTxnState, not_added())
        }
        ErrorCode::InvalidTxnState => Refused::new(code, not_added()),
        ErrorCode::ConcurrentTransactions if ctx.version < ADD_VERSION => retried(code),
        ErrorCode::NetworkException
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => retried(code),
        code => code.into(),
    }
}

fn not_added() -> String {
    "Partition was not added to the transaction".to_owned()
}
