//! Topics that the configuration asks for are created before the broker says that it serves.
//!
//! A topic that exists stays as it is. One that cannot be created is told in the log and keeps
//! nobody from starting: clients that need it will say so.

use std::sync::Arc;

use ottla_config::{InitialTopic, ServerConfig};
use ottla_metadata::decide;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    create_topics_request::{CreatableTopic, CreatableTopicConfig},
    create_topics_response::CreatableTopicResult,
    messages::CreateTopicsRequest,
};

use crate::{broker::Shared, random::new_id};

/// Creates the topics of `ottla.create.topics` that are missing.
pub(crate) async fn create(shared: Arc<Shared>, config: &ServerConfig) {
    let wanted = config.topics_to_create();
    if wanted.is_empty() {
        return;
    }
    let request = CreateTopicsRequest {
        topics: wanted.iter().map(requested).collect(),
        ..Default::default()
    };
    let decided = shared
        .controller
        .decide(move |context| decide::create_topics(context, &request, &mut new_id))
        .await;
    match decided {
        Ok(response) => response.topics.iter().for_each(|result| tell(&shared, &wanted, result)),
        Err(code) => tracing::error!("the topics of ottla.create.topics are not created: {code}"),
    }
}

fn requested(topic: &InitialTopic) -> CreatableTopic {
    let policy = topic.cleanup_policy.as_deref().map(|policy| CreatableTopicConfig {
        name: Str::from_static("cleanup.policy"),
        value: Some(Str::from(policy)),
    });
    CreatableTopic {
        name: Str::from(topic.name.as_str()),
        num_partitions: topic.partitions,
        replication_factor: topic.replicas,
        configs: policy.into_iter().collect(),
        ..Default::default()
    }
}

fn tell(shared: &Shared, wanted: &[InitialTopic], result: &CreatableTopicResult) {
    let name = &*result.name;
    match ErrorCode::from_code(result.error_code) {
        ErrorCode::None => tracing::info!(topic = name, "created, as ottla.create.topics asks"),
        ErrorCode::TopicAlreadyExists => {
            let image = shared.image();
            let count = wanted.iter().find(|topic| topic.name.as_str() == name);
            let (Some(is), Some(asked)) = (image.topic(name), count) else { return };
            let is = is.partitions().count();
            if usize::try_from(asked.partitions) != Ok(is) {
                tracing::warn!(
                    topic = name,
                    "has {is} partitions and keeps them, though ottla.create.topics asks for {}",
                    asked.partitions
                );
            }
        }
        code => {
            let why = result.error_message.as_deref().unwrap_or(code.message());
            tracing::error!(topic = name, "ottla.create.topics: not created: {why}");
        }
    }
}
