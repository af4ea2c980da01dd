//! DeleteTopics: topics by name or by id.
//!
//! Kafka: `ControllerApis.deleteTopics`, `ReplicationControlManager.deleteTopics`.

use std::collections::BTreeSet;

use ottla_config::keys;
use ottla_types::{ErrorCode, Uuid};
use ottla_wire::{
    Str,
    delete_topics_request::DeleteTopicsRequest,
    delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse},
    remove_topic_record::RemoveTopicRecord,
};

use super::{Context, Decision, Refusal, repeated};

/// Before this version of the request, clients do not know that deletion can be disabled.
const TOPIC_DELETION_DISABLED_MIN_VERSION: i16 = 3;

/// Decides on a request to delete topics, sent in `version`. Topics that the client may not delete
/// are not in it any more.
pub fn delete_topics(
    context: Context<'_>,
    request: &DeleteTopicsRequest,
    version: i16,
) -> Decision<DeleteTopicsResponse> {
    let targets = targets(request);
    let names = repeated(targets.iter().filter_map(|(name, _)| name.as_ref()));
    let ids = repeated(targets.iter().map(|(_, id)| *id).filter(|id| !id.is_zero()));
    // One topic by its name and by its id is refused as a whole, so that nothing is deleted.
    let given: BTreeSet<Uuid> = targets.iter().map(|(_, id)| *id).collect();
    let named: BTreeSet<Uuid> = targets
        .iter()
        .filter(|(name, id)| id.is_zero() && name.as_ref().is_some_and(|n| !names.contains(n)))
        .filter_map(|(name, _)| Some(context.image.topic(name.as_deref()?)?.id))
        .collect();
    let mut decision = Decision { records: Vec::new(), response: DeleteTopicsResponse::default() };
    let disabled = !context.config.get(&keys::DELETE_TOPIC_ENABLE);
    for (name, id) in &targets {
        let outcome = if disabled {
            Err(deletion_disabled(version))
        } else if name.as_ref().is_some_and(|name| names.contains(name)) {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
        } else if ids.contains(id) {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic id."))
        } else if name.is_none() && named.contains(id) {
            // It is answered with its name.
            continue;
        } else {
            resolve(context, name.as_ref(), *id)
        };
        if let Ok((name, topic_id)) = &outcome
            && id.is_zero()
            && given.contains(topic_id)
        {
            decision.response.responses.push(given_twice(name, *topic_id));
            continue;
        }
        let result = match outcome {
            Ok((name, topic_id)) => DeletableTopicResult {
                name: Some(name),
                topic_id,
                error_code: 0,
                error_message: None,
            },
            Err(refusal) => {
                let (error_code, error_message) = refusal.into_fields();
                DeletableTopicResult {
                    name: name.clone(),
                    topic_id: *id,
                    error_code,
                    error_message,
                }
            }
        };
        if result.error_code == 0 {
            decision.records.push(RemoveTopicRecord { topic_id: result.topic_id }.into());
        }
        // What appears twice in the request is answered once.
        if !decision.response.responses.contains(&result) {
            decision.response.responses.push(result);
        }
    }
    decision
}

fn given_twice(name: &Str, topic_id: Uuid) -> DeletableTopicResult {
    let (error_code, error_message) = Refusal::new(
        ErrorCode::InvalidRequest,
        "The provided topic name maps to an ID that was already supplied.",
    )
    .into_fields();
    DeletableTopicResult { name: Some(name.clone()), topic_id, error_code, error_message }
}

/// What is to be deleted, in the request's order. Old requests have only names.
fn targets(request: &DeleteTopicsRequest) -> Vec<(Option<Str>, Uuid)> {
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
    let by_either = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    by_name.chain(by_either).collect()
}

/// As in Kafka, without a text.
fn deletion_disabled(version: i16) -> Refusal {
    let code = if version < TOPIC_DELETION_DISABLED_MIN_VERSION {
        ErrorCode::InvalidRequest
    } else {
        ErrorCode::TopicDeletionDisabled
    };
    Refusal::new(code, "")
}

/// The name and the id of the topic that is meant.
fn resolve(context: Context<'_>, name: Option<&Str>, id: Uuid) -> Result<(Str, Uuid), Refusal> {
    match (name, id.is_zero()) {
        (None, true) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "Neither topic name nor id were specified.",
        )),
        (Some(_), false) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "You may not specify both topic name and topic id.",
        )),
        (Some(name), true) => context.image.topic(name).map_or_else(
            || {
                Err(Refusal::new(
                    ErrorCode::UnknownTopicOrPartition,
                    "This server does not host this topic-partition.",
                ))
            },
            |topic| Ok((name.clone(), topic.id)),
        ),
        (None, false) => context.image.topic_by_id(id).map_or_else(
            || {
                Err(Refusal::new(
                    ErrorCode::UnknownTopicId,
                    "This server does not host this topic ID.",
                ))
            },
            |topic| Ok((topic.name.as_str().into(), id)),
        ),
    }
}

#[cfg(test)]
mod tests;
