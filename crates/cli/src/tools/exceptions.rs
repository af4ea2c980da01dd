//! The classes that Kafka's tools name errors by.
//!
//! Invariant: every error code has the class that Kafka 4.4 has for it.
//! Kafka: `Errors`, `org.apache.kafka.common.errors`.

use ottla_client::ErrorCode;

use super::capitalized;

/// The class of an error's exception, as in `org.apache.kafka.common.errors.TimeoutException`.
pub(super) fn class(code: ErrorCode) -> String {
    if code == ErrorCode::InvalidRecord {
        return "org.apache.kafka.common.InvalidRecordException".to_owned();
    }
    let as_its_code = || -> String {
        let words: String = code.name().split('_').map(capitalized).collect();
        format!("{words}Exception")
    };
    let class = unlike_its_code(code).map_or_else(as_its_code, str::to_owned);
    format!("org.apache.kafka.common.errors.{class}")
}

/// The class where it is not called as its code is.
const fn unlike_its_code(code: ErrorCode) -> Option<&'static str> {
    use ErrorCode as E;
    Some(match code {
        E::UnknownServerError => "UnknownServerException",
        E::CorruptMessage => "CorruptRecordException",
        E::RequestTimedOut => "TimeoutException",
        E::MessageTooLarge => "RecordTooLargeException",
        E::StaleControllerEpoch => "ControllerMovedException",
        E::OffsetMetadataTooLarge => "OffsetMetadataTooLarge",
        E::NetworkException => "NetworkException",
        E::InvalidTopicException => "InvalidTopicException",
        E::RecordListTooLarge => "RecordBatchTooLargeException",
        E::TopicAuthorizationFailed => "TopicAuthorizationException",
        E::GroupAuthorizationFailed => "GroupAuthorizationException",
        E::ClusterAuthorizationFailed => "ClusterAuthorizationException",
        E::TopicAlreadyExists => "TopicExistsException",
        E::InvalidConfig => "InvalidConfigurationException",
        E::OutOfOrderSequenceNumber => "OutOfOrderSequenceException",
        E::DuplicateSequenceNumber => "DuplicateSequenceException",
        E::InvalidProducerIdMapping => "InvalidPidMappingException",
        E::InvalidTransactionTimeout => "InvalidTxnTimeoutException",
        E::TransactionalIdAuthorizationFailed => "TransactionalIdAuthorizationException",
        E::KafkaStorageError => "KafkaStorageException",
        E::SaslAuthenticationFailed => "SaslAuthenticationException",
        E::DelegationTokenAuthDisabled => "DelegationTokenDisabledException",
        E::DelegationTokenRequestNotAllowed => "UnsupportedByAuthenticationException",
        E::DelegationTokenAuthorizationFailed => "DelegationTokenAuthorizationException",
        E::NonEmptyGroup => "GroupNotEmptyException",
        E::PrincipalDeserializationFailure => "PrincipalDeserializationException",
        E::FetchSessionTopicIdError => "FetchSessionTopicIdException",
        E::InvalidRegularExpression => "InvalidRegularExpression",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_called_as_kafka_calls_them() {
        let kafkas = include_str!("../../data/exceptions.txt");
        let mut count = 0;
        for line in kafkas.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[number, name, kafkas] = fields.as_slice() else { panic!("{line}") };
            let code = ErrorCode::from_code(number.parse().expect("a number"));
            assert_eq!((code.name(), class(code).as_str()), (name, kafkas));
            count += 1;
        }
        assert_eq!(count, ErrorCode::all().filter(|code| code.is_error()).count());
    }
}
