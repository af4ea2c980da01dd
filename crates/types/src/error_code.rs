//! Kafka's error codes: one row each, with its number, its name on the wire and a sentence.
//!
//! Invariant: [`ErrorCode::from_code`] of [`ErrorCode::code`] is the same error.
//! Kafka: `org.apache.kafka.common.protocol.Errors`.

/// Whether Kafka's clients try again by themselves after an error.
const RETRIABLE: bool = true;
/// See [`RETRIABLE`].
const FINAL: bool = false;

macro_rules! error_codes {
    ($($variant:ident = $code:literal $name:literal $retriable:ident $sentence:literal;)+) => {
        /// What a response says about what was asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(i16)]
        pub enum ErrorCode {
            /// No error.
            #[default]
            None = 0,
            $(
                #[doc = concat!("`", $name, "`: ", $sentence, ".")]
                $variant = $code,
            )+
        }

        /// Variant, number, wire name, whether a client retries, sentence.
        const TABLE: &[(ErrorCode, i16, &str, bool, &str)] = &[
            (ErrorCode::None, 0, "NONE", FINAL, "no error"),
            $((ErrorCode::$variant, $code, $name, $retriable, $sentence),)+
        ];

        impl ErrorCode {
            /// The error with this number; `UnknownServerError` for one that Kafka 4.4 does not
            /// have.
            pub const fn from_code(code: i16) -> Self {
                match code {
                    0 => Self::None,
                    $($code => Self::$variant,)+
                    _ => Self::UnknownServerError,
                }
            }
        }
    };
}

error_codes! {
    UnknownServerError = -1 "UNKNOWN_SERVER_ERROR" FINAL
        "the broker failed in a way it did not expect";
    OffsetOutOfRange = 1 "OFFSET_OUT_OF_RANGE" FINAL
        "the offset lies outside of what the partition holds";
    CorruptMessage = 2 "CORRUPT_MESSAGE" RETRIABLE
        "the record batch fails its checksum or is malformed";
    UnknownTopicOrPartition = 3 "UNKNOWN_TOPIC_OR_PARTITION" RETRIABLE
        "this broker does not host that topic or partition";
    InvalidFetchSize = 4 "INVALID_FETCH_SIZE" FINAL "invalid fetch size";
    LeaderNotAvailable = 5 "LEADER_NOT_AVAILABLE" RETRIABLE
        "the partition has no leader at the moment";
    NotLeaderOrFollower = 6 "NOT_LEADER_OR_FOLLOWER" RETRIABLE
        "this broker is neither leader nor replica of the partition";
    RequestTimedOut = 7 "REQUEST_TIMED_OUT" RETRIABLE "the request was not done within its timeout";
    BrokerNotAvailable = 8 "BROKER_NOT_AVAILABLE" FINAL "broker not available";
    ReplicaNotAvailable = 9 "REPLICA_NOT_AVAILABLE" RETRIABLE "replica not available";
    MessageTooLarge = 10 "MESSAGE_TOO_LARGE" FINAL
        "the record batch is larger than the topic accepts";
    StaleControllerEpoch = 11 "STALE_CONTROLLER_EPOCH" FINAL "stale controller epoch";
    OffsetMetadataTooLarge = 12 "OFFSET_METADATA_TOO_LARGE" FINAL
        "the metadata of the committed offset is too long";
    NetworkException = 13 "NETWORK_EXCEPTION" RETRIABLE "network exception";
    CoordinatorLoadInProgress = 14 "COORDINATOR_LOAD_IN_PROGRESS" RETRIABLE
        "the coordinator is still loading its state";
    CoordinatorNotAvailable = 15 "COORDINATOR_NOT_AVAILABLE" RETRIABLE
        "no coordinator is available";
    NotCoordinator = 16 "NOT_COORDINATOR" RETRIABLE "this broker is not the coordinator";
    InvalidTopicException = 17 "INVALID_TOPIC_EXCEPTION" FINAL
        "the topic name is invalid or reserved";
    RecordListTooLarge = 18 "RECORD_LIST_TOO_LARGE" FINAL "the batch is larger than a segment";
    NotEnoughReplicas = 19 "NOT_ENOUGH_REPLICAS" RETRIABLE
        "fewer replicas are in sync than min.insync.replicas asks for";
    NotEnoughReplicasAfterAppend = 20 "NOT_ENOUGH_REPLICAS_AFTER_APPEND" RETRIABLE
        "not enough replicas after append";
    InvalidRequiredAcks = 21 "INVALID_REQUIRED_ACKS" FINAL "acks must be 0, 1 or -1";
    IllegalGeneration = 22 "ILLEGAL_GENERATION" FINAL
        "the generation is not the current one of the group";
    InconsistentGroupProtocol = 23 "INCONSISTENT_GROUP_PROTOCOL" FINAL
        "the member supports no protocol that the group uses";
    InvalidGroupId = 24 "INVALID_GROUP_ID" FINAL "the group id is not valid";
    UnknownMemberId = 25 "UNKNOWN_MEMBER_ID" FINAL "the group does not know this member";
    InvalidSessionTimeout = 26 "INVALID_SESSION_TIMEOUT" FINAL
        "the session timeout is outside of what the broker allows";
    RebalanceInProgress = 27 "REBALANCE_IN_PROGRESS" FINAL "the group is rebalancing: rejoin";
    InvalidCommitOffsetSize = 28 "INVALID_COMMIT_OFFSET_SIZE" FINAL "invalid commit offset size";
    TopicAuthorizationFailed = 29 "TOPIC_AUTHORIZATION_FAILED" FINAL "not authorized for the topic";
    GroupAuthorizationFailed = 30 "GROUP_AUTHORIZATION_FAILED" FINAL "not authorized for the group";
    ClusterAuthorizationFailed = 31 "CLUSTER_AUTHORIZATION_FAILED" FINAL
        "not authorized for the cluster";
    InvalidTimestamp = 32 "INVALID_TIMESTAMP" FINAL
        "a record timestamp is outside of the allowed range";
    UnsupportedSaslMechanism = 33 "UNSUPPORTED_SASL_MECHANISM" FINAL
        "the SASL mechanism is not enabled";
    IllegalSaslState = 34 "ILLEGAL_SASL_STATE" FINAL "the request is not valid in this SASL state";
    UnsupportedVersion = 35 "UNSUPPORTED_VERSION" FINAL "the API version is not supported";
    TopicAlreadyExists = 36 "TOPIC_ALREADY_EXISTS" FINAL "a topic of this name exists";
    InvalidPartitions = 37 "INVALID_PARTITIONS" FINAL "the number of partitions is not valid";
    InvalidReplicationFactor = 38 "INVALID_REPLICATION_FACTOR" FINAL
        "the replication factor is not valid or larger than the number of brokers";
    InvalidReplicaAssignment = 39 "INVALID_REPLICA_ASSIGNMENT" FINAL
        "the replica assignment is not valid";
    InvalidConfig = 40 "INVALID_CONFIG" FINAL "the configuration is not valid";
    NotController = 41 "NOT_CONTROLLER" RETRIABLE "this broker is not the controller";
    InvalidRequest = 42 "INVALID_REQUEST" FINAL "the request is malformed or contradicts itself";
    UnsupportedForMessageFormat = 43 "UNSUPPORTED_FOR_MESSAGE_FORMAT" FINAL
        "unsupported for message format";
    PolicyViolation = 44 "POLICY_VIOLATION" FINAL "the request violates a policy";
    OutOfOrderSequenceNumber = 45 "OUT_OF_ORDER_SEQUENCE_NUMBER" FINAL
        "the producer skipped a sequence number";
    DuplicateSequenceNumber = 46 "DUPLICATE_SEQUENCE_NUMBER" FINAL
        "the producer repeated a sequence number that is too old to look up";
    InvalidProducerEpoch = 47 "INVALID_PRODUCER_EPOCH" FINAL
        "the producer epoch is older than the current one";
    InvalidTxnState = 48 "INVALID_TXN_STATE" FINAL "invalid txn state";
    InvalidProducerIdMapping = 49 "INVALID_PRODUCER_ID_MAPPING" FINAL "invalid producer id mapping";
    InvalidTransactionTimeout = 50 "INVALID_TRANSACTION_TIMEOUT" FINAL
        "invalid transaction timeout";
    ConcurrentTransactions = 51 "CONCURRENT_TRANSACTIONS" RETRIABLE "concurrent transactions";
    TransactionCoordinatorFenced = 52 "TRANSACTION_COORDINATOR_FENCED" FINAL
        "transaction coordinator fenced";
    TransactionalIdAuthorizationFailed = 53 "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" FINAL
        "transactional id authorization failed";
    SecurityDisabled = 54 "SECURITY_DISABLED" FINAL "security disabled";
    OperationNotAttempted = 55 "OPERATION_NOT_ATTEMPTED" FINAL "operation not attempted";
    KafkaStorageError = 56 "KAFKA_STORAGE_ERROR" RETRIABLE
        "the log directory of the partition failed";
    LogDirNotFound = 57 "LOG_DIR_NOT_FOUND" FINAL "no such log directory";
    SaslAuthenticationFailed = 58 "SASL_AUTHENTICATION_FAILED" FINAL "sasl authentication failed";
    UnknownProducerId = 59 "UNKNOWN_PRODUCER_ID" FINAL "the producer id is not known";
    ReassignmentInProgress = 60 "REASSIGNMENT_IN_PROGRESS" FINAL "reassignment in progress";
    DelegationTokenAuthDisabled = 61 "DELEGATION_TOKEN_AUTH_DISABLED" FINAL
        "delegation token auth disabled";
    DelegationTokenNotFound = 62 "DELEGATION_TOKEN_NOT_FOUND" FINAL "delegation token not found";
    DelegationTokenOwnerMismatch = 63 "DELEGATION_TOKEN_OWNER_MISMATCH" FINAL
        "delegation token owner mismatch";
    DelegationTokenRequestNotAllowed = 64 "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED" FINAL
        "delegation token request not allowed";
    DelegationTokenAuthorizationFailed = 65 "DELEGATION_TOKEN_AUTHORIZATION_FAILED" FINAL
        "delegation token authorization failed";
    DelegationTokenExpired = 66 "DELEGATION_TOKEN_EXPIRED" FINAL "delegation token expired";
    InvalidPrincipalType = 67 "INVALID_PRINCIPAL_TYPE" FINAL "invalid principal type";
    NonEmptyGroup = 68 "NON_EMPTY_GROUP" FINAL "the group has members";
    GroupIdNotFound = 69 "GROUP_ID_NOT_FOUND" FINAL "the group does not exist";
    FetchSessionIdNotFound = 70 "FETCH_SESSION_ID_NOT_FOUND" RETRIABLE
        "the fetch session is not known";
    InvalidFetchSessionEpoch = 71 "INVALID_FETCH_SESSION_EPOCH" RETRIABLE
        "the fetch session epoch is not the expected one";
    ListenerNotFound = 72 "LISTENER_NOT_FOUND" RETRIABLE "listener not found";
    TopicDeletionDisabled = 73 "TOPIC_DELETION_DISABLED" FINAL "topic deletion disabled";
    FencedLeaderEpoch = 74 "FENCED_LEADER_EPOCH" RETRIABLE
        "the leader epoch in the request is older than the current one";
    UnknownLeaderEpoch = 75 "UNKNOWN_LEADER_EPOCH" RETRIABLE
        "the leader epoch in the request is newer than the current one";
    UnsupportedCompressionType = 76 "UNSUPPORTED_COMPRESSION_TYPE" FINAL
        "the compression type is not supported for this request version";
    StaleBrokerEpoch = 77 "STALE_BROKER_EPOCH" FINAL "stale broker epoch";
    OffsetNotAvailable = 78 "OFFSET_NOT_AVAILABLE" RETRIABLE "offset not available";
    MemberIdRequired = 79 "MEMBER_ID_REQUIRED" FINAL
        "join again with the member id given in this response";
    PreferredLeaderNotAvailable = 80 "PREFERRED_LEADER_NOT_AVAILABLE" RETRIABLE
        "preferred leader not available";
    GroupMaxSizeReached = 81 "GROUP_MAX_SIZE_REACHED" FINAL
        "the group has as many members as it may have";
    FencedInstanceId = 82 "FENCED_INSTANCE_ID" FINAL "another member took this group.instance.id";
    EligibleLeadersNotAvailable = 83 "ELIGIBLE_LEADERS_NOT_AVAILABLE" RETRIABLE
        "eligible leaders not available";
    ElectionNotNeeded = 84 "ELECTION_NOT_NEEDED" RETRIABLE "election not needed";
    NoReassignmentInProgress = 85 "NO_REASSIGNMENT_IN_PROGRESS" FINAL "no reassignment in progress";
    GroupSubscribedToTopic = 86 "GROUP_SUBSCRIBED_TO_TOPIC" FINAL
        "the group is subscribed to the topic";
    InvalidRecord = 87 "INVALID_RECORD" FINAL "a record is not valid for the topic";
    UnstableOffsetCommit = 88 "UNSTABLE_OFFSET_COMMIT" RETRIABLE "unstable offset commit";
    ThrottlingQuotaExceeded = 89 "THROTTLING_QUOTA_EXCEEDED" RETRIABLE "throttling quota exceeded";
    ProducerFenced = 90 "PRODUCER_FENCED" FINAL "producer fenced";
    ResourceNotFound = 91 "RESOURCE_NOT_FOUND" FINAL "resource not found";
    DuplicateResource = 92 "DUPLICATE_RESOURCE" FINAL "duplicate resource";
    UnacceptableCredential = 93 "UNACCEPTABLE_CREDENTIAL" FINAL "unacceptable credential";
    InconsistentVoterSet = 94 "INCONSISTENT_VOTER_SET" FINAL "inconsistent voter set";
    InvalidUpdateVersion = 95 "INVALID_UPDATE_VERSION" FINAL "invalid update version";
    FeatureUpdateFailed = 96 "FEATURE_UPDATE_FAILED" FINAL "feature update failed";
    PrincipalDeserializationFailure = 97 "PRINCIPAL_DESERIALIZATION_FAILURE" FINAL
        "principal deserialization failure";
    SnapshotNotFound = 98 "SNAPSHOT_NOT_FOUND" FINAL "snapshot not found";
    PositionOutOfRange = 99 "POSITION_OUT_OF_RANGE" FINAL "position out of range";
    UnknownTopicId = 100 "UNKNOWN_TOPIC_ID" RETRIABLE "this broker hosts no topic with that id";
    DuplicateBrokerRegistration = 101 "DUPLICATE_BROKER_REGISTRATION" FINAL
        "duplicate broker registration";
    BrokerIdNotRegistered = 102 "BROKER_ID_NOT_REGISTERED" FINAL "broker id not registered";
    InconsistentTopicId = 103 "INCONSISTENT_TOPIC_ID" RETRIABLE
        "the topic id does not match the topic of the session";
    InconsistentClusterId = 104 "INCONSISTENT_CLUSTER_ID" FINAL "inconsistent cluster id";
    TransactionalIdNotFound = 105 "TRANSACTIONAL_ID_NOT_FOUND" FINAL "transactional id not found";
    FetchSessionTopicIdError = 106 "FETCH_SESSION_TOPIC_ID_ERROR" RETRIABLE
        "fetch session topic id error";
    IneligibleReplica = 107 "INELIGIBLE_REPLICA" FINAL "ineligible replica";
    NewLeaderElected = 108 "NEW_LEADER_ELECTED" FINAL "new leader elected";
    OffsetMovedToTieredStorage = 109 "OFFSET_MOVED_TO_TIERED_STORAGE" FINAL
        "offset moved to tiered storage";
    FencedMemberEpoch = 110 "FENCED_MEMBER_EPOCH" FINAL "fenced member epoch";
    UnreleasedInstanceId = 111 "UNRELEASED_INSTANCE_ID" FINAL "unreleased instance id";
    UnsupportedAssignor = 112 "UNSUPPORTED_ASSIGNOR" FINAL "unsupported assignor";
    StaleMemberEpoch = 113 "STALE_MEMBER_EPOCH" FINAL "stale member epoch";
    MismatchedEndpointType = 114 "MISMATCHED_ENDPOINT_TYPE" FINAL "mismatched endpoint type";
    UnsupportedEndpointType = 115 "UNSUPPORTED_ENDPOINT_TYPE" FINAL "unsupported endpoint type";
    UnknownControllerId = 116 "UNKNOWN_CONTROLLER_ID" FINAL "unknown controller id";
    UnknownSubscriptionId = 117 "UNKNOWN_SUBSCRIPTION_ID" FINAL "unknown subscription id";
    TelemetryTooLarge = 118 "TELEMETRY_TOO_LARGE" FINAL "telemetry too large";
    InvalidRegistration = 119 "INVALID_REGISTRATION" FINAL "invalid registration";
    TransactionAbortable = 120 "TRANSACTION_ABORTABLE" FINAL "transaction abortable";
    InvalidRecordState = 121 "INVALID_RECORD_STATE" FINAL "invalid record state";
    ShareSessionNotFound = 122 "SHARE_SESSION_NOT_FOUND" RETRIABLE "share session not found";
    InvalidShareSessionEpoch = 123 "INVALID_SHARE_SESSION_EPOCH" RETRIABLE
        "invalid share session epoch";
    FencedStateEpoch = 124 "FENCED_STATE_EPOCH" FINAL "fenced state epoch";
    InvalidVoterKey = 125 "INVALID_VOTER_KEY" FINAL "invalid voter key";
    DuplicateVoter = 126 "DUPLICATE_VOTER" FINAL "duplicate voter";
    VoterNotFound = 127 "VOTER_NOT_FOUND" FINAL "voter not found";
    InvalidRegularExpression = 128 "INVALID_REGULAR_EXPRESSION" FINAL "invalid regular expression";
    RebootstrapRequired = 129 "REBOOTSTRAP_REQUIRED" FINAL
        "the client reached another cluster or broker than it meant to: bootstrap again";
    StreamsInvalidTopology = 130 "STREAMS_INVALID_TOPOLOGY" FINAL "streams invalid topology";
    StreamsInvalidTopologyEpoch = 131 "STREAMS_INVALID_TOPOLOGY_EPOCH" FINAL
        "streams invalid topology epoch";
    StreamsTopologyFenced = 132 "STREAMS_TOPOLOGY_FENCED" FINAL "streams topology fenced";
    ShareSessionLimitReached = 133 "SHARE_SESSION_LIMIT_REACHED" RETRIABLE
        "share session limit reached";
    GroupDeletionFailed = 134 "GROUP_DELETION_FAILED" FINAL "group deletion failed";
    StreamsTopologyDescriptionUpdateFailed = 135 "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED" FINAL
        "streams topology description update failed";
    ControllerIdNotRegistered = 136 "CONTROLLER_ID_NOT_REGISTERED" FINAL
        "controller id not registered";
}

impl ErrorCode {
    /// Every error; the order has no meaning.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name, as in `NOT_LEADER_OR_FOLLOWER`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Whether Kafka's clients try again by themselves.
    pub fn is_retriable(self) -> bool {
        self.row().3
    }

    /// One sentence for a person, without capital and full stop.
    pub fn message(self) -> &'static str {
        self.row().4
    }

    /// Whether this is anything but `NONE`.
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::None)
    }

    fn row(self) -> &'static (Self, i16, &'static str, bool, &'static str) {
        const UNKNOWN: &(ErrorCode, i16, &str, bool, &str) =
            &(ErrorCode::UnknownServerError, -1, "UNKNOWN_SERVER_ERROR", FINAL, "unknown error");
        TABLE.iter().find(|row| row.0 == self).unwrap_or(UNKNOWN)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_rows_agree() {
        let mut numbers: Vec<i16> = TABLE.iter().map(|row| row.1).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (-1..=136).collect::<Vec<i16>>());
        for row in TABLE {
            assert_eq!(row.0.code(), row.1);
            assert_eq!(ErrorCode::from_code(row.1), row.0);
            assert_eq!(row.0.name(), row.2);
        }
        assert_eq!(ErrorCode::from_code(9999), ErrorCode::UnknownServerError);
    }
}
