//! What a topic in remote storage cannot have together.
//!
//! Kafka: the parts of `LogConfig.validateTopicLogConfigValues` about remote storage.

use super::{InvalidConfigs, TopicConfig};
use crate::{InvalidValue, ServerConfig, keys, keys::topic};

/// Stands for the value of the topic's whole retention.
const AS_RETENTION: i64 = -2;
/// Stands for no limit.
const UNLIMITED: i64 = -1;

pub(super) fn validate(server: &ServerConfig, config: &TopicConfig) -> Result<(), InvalidConfigs> {
    if !config.get(&topic::REMOTE_STORAGE_ENABLE) {
        return Ok(());
    }
    if !server.get(&keys::REMOTE_LOG_STORAGE_SYSTEM_ENABLE) {
        return conflict(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured \
             with remote log storage.",
        );
    }
    if config.is_compacted() {
        return conflict(
            "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy \
             being an empty list.",
        );
    }
    let copies = !config.get(&topic::REMOTE_LOG_COPY_DISABLE);
    let limits = [
        (&topic::LOCAL_RETENTION_MS, &topic::RETENTION_MS, &topic::REMOTE_COPY_LAG_MS),
        (&topic::LOCAL_RETENTION_BYTES, &topic::RETENTION_BYTES, &topic::REMOTE_COPY_LAG_BYTES),
    ];
    for (local_key, whole_key, lag_key) in limits {
        let (local, whole) = (config.get(local_key), config.get(whole_key));
        if !copies && local != AS_RETENTION && local != whole {
            return conflict(&format!(
                "When `remote.log.copy.disable` is set to true, the `{}` and `{}` must be set to \
                 the identical value because there will be no more logs copied to the remote \
                 storage.",
                local_key.name, whole_key.name
            ));
        }
        check_local(local_key.name, local, whole_key.name, whole)?;
        let effective = if local == AS_RETENTION { whole } else { local };
        let lag = config.get(lag_key);
        if effective != UNLIMITED && lag > effective {
            let why =
                format!("Value must not exceed {} (effective value: {effective})", local_key.name);
            return Err(InvalidValue::new(lag_key.name, &lag.to_string(), why).into());
        }
    }
    Ok(())
}

/// What stays on the broker's disk is at most what stays at all.
fn check_local(
    local_key: &str,
    local: i64,
    whole_key: &str,
    whole: i64,
) -> Result<(), InvalidConfigs> {
    if whole == UNLIMITED || local == AS_RETENTION {
        return Ok(());
    }
    let why = if local == UNLIMITED {
        format!("Value must not be -1 as {whole_key} value is set as {whole}.")
    } else if local > whole {
        format!("Value must not be more than {whole_key} property value: {whole}")
    } else {
        return Ok(());
    };
    Err(InvalidValue::new(local_key, &local.to_string(), why).into())
}

fn conflict(text: &str) -> Result<(), InvalidConfigs> {
    Err(InvalidConfigs::Conflict(text.to_owned()))
}
