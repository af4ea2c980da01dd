//! What can go wrong between a client and its cluster, as one type.
//!
//! Invariants: an [`Error`] is cheap to clone, because one failed batch fails many records; its
//! text has up to three parts (what failed, why, what to do next), joined by ` · `.
//! Kafka: `org.apache.kafka.common.errors`.

use std::{fmt, sync::Arc, time::Duration};

use ottla_types::ErrorCode;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What a caller can decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No broker could be reached, or a connection broke.
    Connection,
    /// Something did not happen in time.
    Timeout,
    /// The broker refused for lack of rights.
    Denied,
    /// A topic, partition, group or other thing does not exist.
    NotFound,
    /// It exists already, is not empty, or is in a state that forbids the operation.
    Conflict,
    /// An argument cannot be right.
    Invalid,
    /// The cluster does not speak what is needed.
    Unsupported,
    /// The bytes that came are not what the protocol allows.
    Protocol,
    /// The client, producer or consumer is closed.
    Closed,
    /// Any other error that a broker answered with.
    Broker,
}

/// An operation failed.
#[derive(Clone, Debug)]
pub struct Error {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    code: Option<ErrorCode>,
    what: String,
    why: String,
    next: Option<String>,
    retriable: bool,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>, why: impl Into<String>) -> Self {
        let retriable = kind == ErrorKind::Connection || kind == ErrorKind::Timeout;
        let (what, why) = (what.into(), why.into());
        Self { inner: Arc::new(Inner { kind, code: None, what, why, next: None, retriable }) }
    }

    /// A broker's answer, `code`, to what was attempted. `detail` is the broker's own text.
    pub(crate) fn broker(code: ErrorCode, what: impl Into<String>, detail: Option<&str>) -> Self {
        let detail = detail.filter(|detail| !detail.is_empty());
        let why = match detail {
            Some(detail) => format!("{}: {detail}", code.name()),
            None => code.to_string(),
        };
        let inner = Inner {
            kind: kind_of(code),
            code: Some(code),
            what: what.into(),
            why,
            next: next_step(code).map(str::to_owned),
            retriable: code.is_retriable(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn invalid(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, what, why)
    }

    pub(crate) fn closed(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Closed, what, "it is closed")
    }

    pub(crate) fn timeout(what: impl Into<String>, after: Duration) -> Self {
        Self::new(ErrorKind::Timeout, what, format!("no answer within {after:?}"))
    }

    /// The same error with an advice.
    #[must_use]
    pub(crate) fn with_next(self, next: impl Into<String>) -> Self {
        let inner = &self.inner;
        let inner = Inner {
            kind: inner.kind,
            code: inner.code,
            what: inner.what.clone(),
            why: inner.why.clone(),
            next: Some(next.into()),
            retriable: inner.retriable,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The kind, to decide by.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The broker's code, where a broker answered.
    pub fn code(&self) -> Option<ErrorCode> {
        self.inner.code
    }

    /// What was attempted.
    pub fn what(&self) -> &str {
        &self.inner.what
    }

    /// Why it failed.
    pub fn why(&self) -> &str {
        &self.inner.why
    }

    /// What a person could try next.
    pub fn next_step(&self) -> Option<&str> {
        self.inner.next.as_deref()
    }

    /// Whether the same may work a moment later.
    pub fn is_retriable(&self) -> bool {
        self.inner.retriable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.inner.what, self.inner.why)?;
        match &self.inner.next {
            Some(next) => write!(f, " · try: {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

fn kind_of(code: ErrorCode) -> ErrorKind {
    use ErrorCode as E;
    match code {
        E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed
        | E::SaslAuthenticationFailed
        | E::IllegalSaslState
        | E::UnsupportedSaslMechanism
        | E::SecurityDisabled => ErrorKind::Denied,
        E::UnknownTopicOrPartition
        | E::UnknownTopicId
        | E::GroupIdNotFound
        | E::TransactionalIdNotFound
        | E::ResourceNotFound
        | E::LogDirNotFound => ErrorKind::NotFound,
        E::TopicAlreadyExists
        | E::NonEmptyGroup
        | E::GroupSubscribedToTopic
        | E::DuplicateResource
        | E::TopicDeletionDisabled
        | E::UnknownMemberId
        | E::IllegalGeneration
        | E::RebalanceInProgress
        | E::FencedInstanceId
        | E::ReassignmentInProgress => ErrorKind::Conflict,
        E::UnsupportedVersion | E::UnsupportedForMessageFormat | E::UnsupportedCompressionType => {
            ErrorKind::Unsupported
        }
        E::RequestTimedOut => ErrorKind::Timeout,
        E::NetworkException | E::BrokerNotAvailable => ErrorKind::Connection,
        _ => ErrorKind::Broker,
    }
}

fn next_step(code: ErrorCode) -> Option<&'static str> {
    use ErrorCode as E;
    Some(match code {
        E::TopicAlreadyExists => "another name, or --if-not-exists",
        E::NonEmptyGroup => "stop the group's members first",
        E::MessageTooLarge | E::RecordListTooLarge => {
            "smaller records or batches, or a larger max.message.bytes for the topic"
        }
        E::InvalidReplicationFactor => "a replication factor no larger than the number of brokers",
        E::NotEnoughReplicas | E::NotEnoughReplicasAfterAppend => {
            "bring the missing replicas back, or lower min.insync.replicas"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_why_and_what_next() {
        let error =
            Error::broker(ErrorCode::TopicAlreadyExists, "cannot create topic London", None);
        let text = error.to_string();
        assert!(text.starts_with("cannot create topic London: TOPIC_ALREADY_EXISTS"), "{text}");
        assert!(text.ends_with("· try: another name, or --if-not-exists"), "{text}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }

    #[test]
    fn the_brokers_own_text_replaces_the_general_one() {
        let error = Error::broker(ErrorCode::InvalidConfig, "cannot alter", Some("bad number"));
        assert_eq!(error.why(), "INVALID_CONFIG: bad number");
    }
}
