//! CreateTopics (19), versions 2-7: creates topics, ready to use when this answers.
//!
//! - v4: −1 for partitions and replication factor means the broker's default (KIP-464).
//! - v5: the created topic's size and configuration (KIP-525). v7: topic ids (KIP-516).
//!
//! Kafka: `ReplicationControlManager.createTopics`.

use ottla_metadata::decide;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    create_topics_response::CreatableTopicResult,
    messages::{CreateTopicsRequest, CreateTopicsResponse},
};

use super::{Api, Context, Outcome};
use crate::random::new_id;

pub(super) struct CreateTopics;

impl Api for CreateTopics {
    type Request = CreateTopicsRequest;

    async fn handle(ctx: Context, request: CreateTopicsRequest) -> Outcome {
        let names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::create_topics(context, &request, &mut new_id))
            .await;
        let response = decided.unwrap_or_else(|code| refused(names, code));
        ctx.reply(&response)
    }
}

fn refused(names: Vec<Str>, code: ErrorCode) -> CreateTopicsResponse {
    let topics = names.into_iter().map(|name| CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(Str::from_static(code.message())),
        ..Default::default()
    });
    CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
}
