//! TxnOffsetCommit (28), versions 0-6: stores how far a group has read, as part of a transaction.
//!
//! - v3: member and generation (KIP-447). v4: TRANSACTION_ABORTABLE.
//! - v5: the group need not be added to the transaction before (KIP-890). v6: topic ids.
//!
//! Kafka: `KafkaApis.handleTxnOffsetCommitRequest`,
//! `OffsetMetadataManager.commitTransactionalOffset`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct TxnOffsetCommit;

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 6;

/// The first version whose clients wait for a coordinator that loads.
const LOADING_VERSION: i16 = 2;

impl Api for TxnOffsetCommit {
    type Request = TxnOffsetCommitRequest;

    async fn handle(ctx: Context, mut request: TxnOffsetCommitRequest) -> Outcome {
        let mut response = take_unknown(&ctx, &mut request);
        if request.topics.is_empty() {
            return ctx.reply(&response);
        }
        let refused = request.clone();
        let reply = if request.group_id.is_empty() {
            Err(ErrorCode::InvalidGroupId)
        } else {
            // Where the group stands before; where it stands then is noted at the transaction's
            // end.
            ctx.shared.journal.commits(&ctx.shared, &request.group_id);
            ctx.shared.groups.commit_in_transaction(&ctx, request).await
        };
        let known = match reply {
            Ok(Reply::TxnOffsetCommit(response)) => response,
            Ok(_) => refusal::txn_offset_commit(&refused, ErrorCode::UnknownServerError),
            Err(code) => refusal::txn_offset_commit(&refused, code),
        };
        for topic in known.topics {
            let refused = response
                .topics
                .iter_mut()
                .find(|other| other.name == topic.name && other.topic_id == topic.topic_id);
            match refused {
                Some(refused) => refused.partitions.extend(topic.partitions),
                None => response.topics.push(topic),
            }
        }
        if ctx.version < LOADING_VERSION {
            hide_loading(&mut response);
        }
        ctx.reply(&response)
    }
}

/// Takes topics and partitions that do not exist out of the request, and answers them.
fn take_unknown(ctx: &Context, request: &mut TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let image = ctx.shared.image();
    let by_id = ctx.version >= TOPIC_IDS_VERSION;
    let mut unknown = TxnOffsetCommitRequest::default();
    for topic in &mut request.topics {
        let found =
            if by_id { image.topic_by_id(topic.topic_id) } else { image.topic(&topic.name) };
        if let Some(found) = found {
            // Kept with the offset in every version: it tells a topic from one created later.
            topic.topic_id = found.id;
            topic.name = Str::from(found.name.as_str());
        }
        let exists =
            |partition: i32| found.is_some_and(|topic| topic.partition(partition).is_some());
        let (known, missing) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition(|part| exists(part.partition_index));
        topic.partitions = known;
        let missing: Vec<_> = missing;
        if !missing.is_empty() {
            let mut topic = topic.clone();
            topic.partitions = missing;
            unknown.topics.push(topic);
        }
    }
    request.topics.retain(|topic| !topic.partitions.is_empty());
    let is_unknown_id = |name: &Str| by_id && name.is_empty();
    let mut response = refusal::txn_offset_commit(&unknown, ErrorCode::UnknownTopicOrPartition);
    for topic in response.topics.iter_mut().filter(|topic| is_unknown_id(&topic.name)) {
        for part in &mut topic.partitions {
            part.error_code = ErrorCode::UnknownTopicId.code();
        }
    }
    response
}

fn hide_loading(response: &mut TxnOffsetCommitResponse) {
    for part in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if part.error_code == ErrorCode::CoordinatorLoadInProgress.code() {
            part.error_code = ErrorCode::CoordinatorNotAvailable.code();
        }
    }
}
