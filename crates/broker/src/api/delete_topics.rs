//! DeleteTopics (20), versions 1-6: deletes topics, gone when this answers.
//!
//! - v5: error messages. v6: topics by id (KIP-516).
//!
//! Kafka: `ControllerApis.deleteTopics`.

use ottla_metadata::decide;
use ottla_types::{ErrorCode, Uuid};
use ottla_wire::{
    Str,
    delete_topics_response::DeletableTopicResult,
    messages::{DeleteTopicsRequest, DeleteTopicsResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct DeleteTopics;

impl Api for DeleteTopics {
    type Request = DeleteTopicsRequest;

    async fn handle(ctx: Context, request: DeleteTopicsRequest) -> Outcome {
        let version = ctx.version;
        let targets = request.clone();
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::delete_topics(context, &request, version))
            .await;
        let response = decided.unwrap_or_else(|code| refused(targets, code));
        ctx.reply(&response)
    }
}

fn refused(targets: DeleteTopicsRequest, code: ErrorCode) -> DeleteTopicsResponse {
    let result = |name, topic_id| DeletableTopicResult {
        name,
        topic_id,
        error_code: code.code(),
        error_message: Some(Str::from_static(code.message())),
    };
    let by_name = targets.topic_names.into_iter().map(|name| result(Some(name), Uuid::ZERO));
    let by_either = targets.topics.into_iter().map(|topic| result(topic.name, topic.topic_id));
    DeleteTopicsResponse { responses: by_name.chain(by_either).collect(), ..Default::default() }
}
