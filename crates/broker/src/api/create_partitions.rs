//! CreatePartitions (37), versions 0-3: gives topics more partitions.
//!
//! Kafka: `ReplicationControlManager.createPartitions`.

use ottla_metadata::decide;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    create_partitions_response::CreatePartitionsTopicResult,
    messages::{CreatePartitionsRequest, CreatePartitionsResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct CreatePartitions;

impl Api for CreatePartitions {
    type Request = CreatePartitionsRequest;

    async fn handle(ctx: Context, request: CreatePartitionsRequest) -> Outcome {
        let names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::create_partitions(context, &request))
            .await;
        let response = decided.unwrap_or_else(|code| refused(names, code));
        ctx.reply(&response)
    }
}

fn refused(names: Vec<Str>, code: ErrorCode) -> CreatePartitionsResponse {
    let results = names.into_iter().map(|name| CreatePartitionsTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(Str::from_static(code.message())),
    });
    CreatePartitionsResponse { results: results.collect(), ..Default::default() }
}
