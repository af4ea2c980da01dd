//! Kafka's error codes: one variant each, with its number, its name on the wire and a sentence.
//!
//! Invariant: [`ErrorCode::from_code`] of [`ErrorCode::code`] is the same error.
//! Kafka: `org.apache.kafka.common.protocol.Errors`.

/// What a response says about what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(i16)]
pub enum ErrorCode {
    /// `UNKNOWN_SERVER_ERROR`: the broker failed in a way it did not expect.
    UnknownServerError = -1,
    /// `NONE`: no error.
    #[default]
    None = 0,
    /// `OFFSET_OUT_OF_RANGE`: the offset lies outside of what the partition holds.
    OffsetOutOfRange = 1,
    /// `CORRUPT_MESSAGE`: the record batch fails its checksum or is malformed.
    CorruptMessage = 2,
    /// `UNKNOWN_TOPIC_OR_PARTITION`: this broker does not host that topic or partition.
    UnknownTopicOrPartition = 3,
    /// `INVALID_FETCH_SIZE`: invalid fetch size.
    InvalidFetchSize = 4,
    /// `LEADER_NOT_AVAILABLE`: the partition has no leader at the moment.
    LeaderNotAvailable = 5,
    /// `NOT_LEADER_OR_FOLLOWER`: this broker is neither leader nor replica of the partition.
    NotLeaderOrFollower = 6,
    /// `REQUEST_TIMED_OUT`: the request was not done within its timeout.
    RequestTimedOut = 7,
    /// `BROKER_NOT_AVAILABLE`: broker not available.
    BrokerNotAvailable = 8,
    /// `REPLICA_NOT_AVAILABLE`: replica not available.
    ReplicaNotAvailable = 9,
    /// `MESSAGE_TOO_LARGE`: the record batch is larger than the topic accepts.
    MessageTooLarge = 10,
    /// `STALE_CONTROLLER_EPOCH`: stale controller epoch.
    StaleControllerEpoch = 11,
    /// `OFFSET_METADATA_TOO_LARGE`: the metadata of the committed offset is too long.
    OffsetMetadataTooLarge = 12,
    /// `NETWORK_EXCEPTION`: network exception.
    NetworkException = 13,
    /// `COORDINATOR_LOAD_IN_PROGRESS`: the coordinator is still loading its state.
    CoordinatorLoadInProgress = 14,
    /// `COORDINATOR_NOT_AVAILABLE`: no coordinator is available.
    CoordinatorNotAvailable = 15,
    /// `NOT_COORDINATOR`: this broker is not the coordinator.
    NotCoordinator = 16,
    /// `INVALID_TOPIC_EXCEPTION`: the topic name is invalid or reserved.
    InvalidTopicException = 17,
    /// `RECORD_LIST_TOO_LARGE`: the batch is larger than a segment.
    RecordListTooLarge = 18,
    /// `NOT_ENOUGH_REPLICAS`: fewer replicas are in sync than min.insync.replicas asks for.
    NotEnoughReplicas = 19,
    /// `NOT_ENOUGH_REPLICAS_AFTER_APPEND`: not enough replicas after append.
    NotEnoughReplicasAfterAppend = 20,
    /// `INVALID_REQUIRED_ACKS`: acks must be 0, 1 or -1.
    InvalidRequiredAcks = 21,
    /// `ILLEGAL_GENERATION`: the generation is not the current one of the group.
    IllegalGeneration = 22,
    /// `INCONSISTENT_GROUP_PROTOCOL`: the member supports no protocol that the group uses.
    InconsistentGroupProtocol = 23,
    /// `INVALID_GROUP_ID`: the group id is not valid.
    InvalidGroupId = 24,
    /// `UNKNOWN_MEMBER_ID`: the group does not know this member.
    UnknownMemberId = 25,
    /// `INVALID_SESSION_TIMEOUT`: the session timeout is outside of what the broker allows.
    InvalidSessionTimeout = 26,
    /// `REBALANCE_IN_PROGRESS`: the group is rebalancing: rejoin.
    RebalanceInProgress = 27,
    /// `INVALID_COMMIT_OFFSET_SIZE`: invalid commit offset size.
    InvalidCommitOffsetSize = 28,
    /// `TOPIC_AUTHORIZATION_FAILED`: not authorized for the topic.
    TopicAuthorizationFailed = 29,
    /// `GROUP_AUTHORIZATION_FAILED`: not authorized for the group.
    GroupAuthorizationFailed = 30,
    /// `CLUSTER_AUTHORIZATION_FAILED`: not authorized for the cluster.
    ClusterAuthorizationFailed = 31,
    /// `INVALID_TIMESTAMP`: a record timestamp is outside of the allowed range.
    InvalidTimestamp = 32,
    /// `UNSUPPORTED_SASL_MECHANISM`: the SASL mechanism is not enabled.
    UnsupportedSaslMechanism = 33,
    /// `ILLEGAL_SASL_STATE`: the request is not valid in this SASL state.
    IllegalSaslState = 34,
    /// `UNSUPPORTED_VERSION`: the API version is not supported.
    UnsupportedVersion = 35,
    /// `TOPIC_ALREADY_EXISTS`: a topic of this name exists.
    TopicAlreadyExists = 36,
    /// `INVALID_PARTITIONS`: the number of partitions is not valid.
    InvalidPartitions = 37,
    /// `INVALID_REPLICATION_FACTOR`: the replication factor is not valid or larger than the number of brokers.
    InvalidReplicationFactor = 38,
    /// `INVALID_REPLICA_ASSIGNMENT`: the replica assignment is not valid.
    InvalidReplicaAssignment = 39,
    /// `INVALID_CONFIG`: the configuration is not valid.
    InvalidConfig = 40,
    /// `NOT_CONTROLLER`: this broker is not the controller.
    NotController = 41,
    /// `INVALID_REQUEST`: the request is malformed or contradicts itself.
    InvalidRequest = 42,
    /// `UNSUPPORTED_FOR_MESSAGE_FORMAT`: unsupported for message format.
    UnsupportedForMessageFormat = 43,
    /// `POLICY_VIOLATION`: the request violates a policy.
    PolicyViolation = 44,
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`: the producer skipped a sequence number.
    OutOfOrderSequenceNumber = 45,
    /// `DUPLICATE_SEQUENCE_NUMBER`: the producer repeated a sequence number that is too old to look up.
    DuplicateSequenceNumber = 46,
    /// `INVALID_PRODUCER_EPOCH`: the producer epoch is older than the current one.
    InvalidProducerEpoch = 47,
    /// `INVALID_TXN_STATE`: invalid txn state.
    InvalidTxnState = 48,
    /// `INVALID_PRODUCER_ID_MAPPING`: invalid producer id mapping.
    InvalidProducerIdMapping = 49,
    /// `INVALID_TRANSACTION_TIMEOUT`: invalid transaction timeout.
    InvalidTransactionTimeout = 50,
    /// `CONCURRENT_TRANSACTIONS`: concurrent transactions.
    ConcurrentTransactions = 51,
    /// `TRANSACTION_COORDINATOR_FENCED`: transaction coordinator fenced.
    TransactionCoordinatorFenced = 52,
    /// `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`: transactional id authorization failed.
    TransactionalIdAuthorizationFailed = 53,
    /// `SECURITY_DISABLED`: security disabled.
    SecurityDisabled = 54,
    /// `OPERATION_NOT_ATTEMPTED`: operation not attempted.
    OperationNotAttempted = 55,
    /// `KAFKA_STORAGE_ERROR`: the log directory of the partition failed.
    KafkaStorageError = 56,
    /// `LOG_DIR_NOT_FOUND`: no such log directory.
    LogDirNotFound = 57,
    /// `SASL_AUTHENTICATION_FAILED`: sasl authentication failed.
    SaslAuthenticationFailed = 58,
    /// `UNKNOWN_PRODUCER_ID`: the producer id is not known.
    UnknownProducerId = 59,
    /// `REASSIGNMENT_IN_PROGRESS`: reassignment in progress.
    ReassignmentInProgress = 60,
    /// `DELEGATION_TOKEN_AUTH_DISABLED`: delegation token auth disabled.
    DelegationTokenAuthDisabled = 61,
    /// `DELEGATION_TOKEN_NOT_FOUND`: delegation token not found.
    DelegationTokenNotFound = 62,
    /// `DELEGATION_TOKEN_OWNER_MISMATCH`: delegation token owner mismatch.
    DelegationTokenOwnerMismatch = 63,
    /// `DELEGATION_TOKEN_REQUEST_NOT_ALLOWED`: delegation token request not allowed.
    DelegationTokenRequestNotAllowed = 64,
    /// `DELEGATION_TOKEN_AUTHORIZATION_FAILED`: delegation token authorization failed.
    DelegationTokenAuthorizationFailed = 65,
    /// `DELEGATION_TOKEN_EXPIRED`: delegation token expired.
    DelegationTokenExpired = 66,
    /// `INVALID_PRINCIPAL_TYPE`: invalid principal type.
    InvalidPrincipalType = 67,
    /// `NON_EMPTY_GROUP`: the group has members.
    NonEmptyGroup = 68,
    /// `GROUP_ID_NOT_FOUND`: the group does not exist.
    GroupIdNotFound = 69,
    /// `FETCH_SESSION_ID_NOT_FOUND`: the fetch session is not known.
    FetchSessionIdNotFound = 70,
    /// `INVALID_FETCH_SESSION_EPOCH`: the fetch session epoch is not the expected one.
    InvalidFetchSessionEpoch = 71,
    /// `LISTENER_NOT_FOUND`: listener not found.
    ListenerNotFound = 72,
    /// `TOPIC_DELETION_DISABLED`: topic deletion disabled.
    TopicDeletionDisabled = 73,
    /// `FENCED_LEADER_EPOCH`: the leader epoch in the request is older than the current one.
    FencedLeaderEpoch = 74,
    /// `UNKNOWN_LEADER_EPOCH`: the leader epoch in the request is newer than the current one.
    UnknownLeaderEpoch = 75,
    /// `UNSUPPORTED_COMPRESSION_TYPE`: the compression type is not supported for this request version.
    UnsupportedCompressionType = 76,
    /// `STALE_BROKER_EPOCH`: stale broker epoch.
    StaleBrokerEpoch = 77,
    /// `OFFSET_NOT_AVAILABLE`: offset not available.
    OffsetNotAvailable = 78,
    /// `MEMBER_ID_REQUIRED`: join again with the member id given in this response.
    MemberIdRequired = 79,
    /// `PREFERRED_LEADER_NOT_AVAILABLE`: preferred leader not available.
    PreferredLeaderNotAvailable = 80,
    /// `GROUP_MAX_SIZE_REACHED`: the group has as many members as it may have.
    GroupMaxSizeReached = 81,
    /// `FENCED_INSTANCE_ID`: another member took this group.instance.id.
    FencedInstanceId = 82,
    /// `ELIGIBLE_LEADERS_NOT_AVAILABLE`: eligible leaders not available.
    EligibleLeadersNotAvailable = 83,
    /// `ELECTION_NOT_NEEDED`: election not needed.
    ElectionNotNeeded = 84,
    /// `NO_REASSIGNMENT_IN_PROGRESS`: no reassignment in progress.
    NoReassignmentInProgress = 85,
    /// `GROUP_SUBSCRIBED_TO_TOPIC`: the group is subscribed to the topic.
    GroupSubscribedToTopic = 86,
    /// `INVALID_RECORD`: a record is not valid for the topic.
    InvalidRecord = 87,
    /// `UNSTABLE_OFFSET_COMMIT`: unstable offset commit.
    UnstableOffsetCommit = 88,
    /// `THROTTLING_QUOTA_EXCEEDED`: throttling quota exceeded.
    ThrottlingQuotaExceeded = 89,
    /// `PRODUCER_FENCED`: producer fenced.
    ProducerFenced = 90,
    /// `RESOURCE_NOT_FOUND`: resource not found.
    ResourceNotFound = 91,
    /// `DUPLICATE_RESOURCE`: duplicate resource.
    DuplicateResource = 92,
    /// `UNACCEPTABLE_CREDENTIAL`: unacceptable credential.
    UnacceptableCredential = 93,
    /// `INCONSISTENT_VOTER_SET`: inconsistent voter set.
    InconsistentVoterSet = 94,
    /// `INVALID_UPDATE_VERSION`: invalid update version.
    InvalidUpdateVersion = 95,
    /// `FEATURE_UPDATE_FAILED`: feature update failed.
    FeatureUpdateFailed = 96,
    /// `PRINCIPAL_DESERIALIZATION_FAILURE`: principal deserialization failure.
    PrincipalDeserializationFailure = 97,
    /// `SNAPSHOT_NOT_FOUND`: snapshot not found.
    SnapshotNotFound = 98,
    /// `POSITION_OUT_OF_RANGE`: position out of range.
    PositionOutOfRange = 99,
    /// `UNKNOWN_TOPIC_ID`: this broker hosts no topic with that id.
    UnknownTopicId = 100,
    /// `DUPLICATE_BROKER_REGISTRATION`: duplicate broker registration.
    DuplicateBrokerRegistration = 101,
    /// `BROKER_ID_NOT_REGISTERED`: broker id not registered.
    BrokerIdNotRegistered = 102,
    /// `INCONSISTENT_TOPIC_ID`: the topic id does not match the topic of the session.
    InconsistentTopicId = 103,
    /// `INCONSISTENT_CLUSTER_ID`: inconsistent cluster id.
    InconsistentClusterId = 104,
    /// `TRANSACTIONAL_ID_NOT_FOUND`: transactional id not found.
    TransactionalIdNotFound = 105,
    /// `FETCH_SESSION_TOPIC_ID_ERROR`: fetch session topic id error.
    FetchSessionTopicIdError = 106,
    /// `INELIGIBLE_REPLICA`: ineligible replica.
    IneligibleReplica = 107,
    /// `NEW_LEADER_ELECTED`: new leader elected.
    NewLeaderElected = 108,
    /// `OFFSET_MOVED_TO_TIERED_STORAGE`: offset moved to tiered storage.
    OffsetMovedToTieredStorage = 109,
    /// `FENCED_MEMBER_EPOCH`: fenced member epoch.
    FencedMemberEpoch = 110,
    /// `UNRELEASED_INSTANCE_ID`: unreleased instance id.
    UnreleasedInstanceId = 111,
    /// `UNSUPPORTED_ASSIGNOR`: unsupported assignor.
    UnsupportedAssignor = 112,
    /// `STALE_MEMBER_EPOCH`: stale member epoch.
    StaleMemberEpoch = 113,
    /// `MISMATCHED_ENDPOINT_TYPE`: mismatched endpoint type.
    MismatchedEndpointType = 114,
    /// `UNSUPPORTED_ENDPOINT_TYPE`: unsupported endpoint type.
    UnsupportedEndpointType = 115,
    /// `UNKNOWN_CONTROLLER_ID`: unknown controller id.
    UnknownControllerId = 116,
    /// `UNKNOWN_SUBSCRIPTION_ID`: unknown subscription id.
    UnknownSubscriptionId = 117,
    /// `TELEMETRY_TOO_LARGE`: telemetry too large.
    TelemetryTooLarge = 118,
    /// `INVALID_REGISTRATION`: invalid registration.
    InvalidRegistration = 119,
    /// `TRANSACTION_ABORTABLE`: transaction abortable.
    TransactionAbortable = 120,
    /// `INVALID_RECORD_STATE`: invalid record state.
    InvalidRecordState = 121,
    /// `SHARE_SESSION_NOT_FOUND`: share session not found.
    ShareSessionNotFound = 122,
    /// `INVALID_SHARE_SESSION_EPOCH`: invalid share session epoch.
    InvalidShareSessionEpoch = 123,
    /// `FENCED_STATE_EPOCH`: fenced state epoch.
    FencedStateEpoch = 124,
    /// `INVALID_VOTER_KEY`: invalid voter key.
    InvalidVoterKey = 125,
    /// `DUPLICATE_VOTER`: duplicate voter.
    DuplicateVoter = 126,
    /// `VOTER_NOT_FOUND`: voter not found.
    VoterNotFound = 127,
    /// `INVALID_REGULAR_EXPRESSION`: invalid regular expression.
    InvalidRegularExpression = 128,
    /// `REBOOTSTRAP_REQUIRED`: the client reached another cluster or broker than it meant to: bootstrap again.
    RebootstrapRequired = 129,
    /// `STREAMS_INVALID_TOPOLOGY`: streams invalid topology.
    StreamsInvalidTopology = 130,
    /// `STREAMS_INVALID_TOPOLOGY_EPOCH`: streams invalid topology epoch.
    StreamsInvalidTopologyEpoch = 131,
    /// `STREAMS_TOPOLOGY_FENCED`: streams topology fenced.
    StreamsTopologyFenced = 132,
    /// `SHARE_SESSION_LIMIT_REACHED`: share session limit reached.
    ShareSessionLimitReached = 133,
    /// `GROUP_DELETION_FAILED`: group deletion failed.
    GroupDeletionFailed = 134,
    /// `STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED`: streams topology description update failed.
    StreamsTopologyDescriptionUpdateFailed = 135,
    /// `CONTROLLER_ID_NOT_REGISTERED`: controller id not registered.
    ControllerIdNotRegistered = 136,
}

/// Variant, number, wire name, whether a client retries, sentence.
const TABLE: &[(ErrorCode, i16, &str, bool, &str)] = &[
    (
        ErrorCode::UnknownServerError,
        -1,
        "UNKNOWN_SERVER_ERROR",
        false,
        "the broker failed in a way it did not expect",
    ),
    (ErrorCode::None, 0, "NONE", false, "no error"),
    (
        ErrorCode::OffsetOutOfRange,
        1,
        "OFFSET_OUT_OF_RANGE",
        false,
        "the offset lies outside of what the partition holds",
    ),
    (
        ErrorCode::CorruptMessage,
        2,
        "CORRUPT_MESSAGE",
        true,
        "the record batch fails its checksum or is malformed",
    ),
    (
        ErrorCode::UnknownTopicOrPartition,
        3,
        "UNKNOWN_TOPIC_OR_PARTITION",
        true,
        "this broker does not host that topic or partition",
    ),
    (ErrorCode::InvalidFetchSize, 4, "INVALID_FETCH_SIZE", false, "invalid fetch size"),
    (
        ErrorCode::LeaderNotAvailable,
        5,
        "LEADER_NOT_AVAILABLE",
        true,
        "the partition has no leader at the moment",
    ),
    (
        ErrorCode::NotLeaderOrFollower,
        6,
        "NOT_LEADER_OR_FOLLOWER",
        true,
        "this broker is neither leader nor replica of the partition",
    ),
    (
        ErrorCode::RequestTimedOut,
        7,
        "REQUEST_TIMED_OUT",
        true,
        "the request was not done within its timeout",
    ),
    (ErrorCode::BrokerNotAvailable, 8, "BROKER_NOT_AVAILABLE", false, "broker not available"),
    (ErrorCode::ReplicaNotAvailable, 9, "REPLICA_NOT_AVAILABLE", true, "replica not available"),
    (
        ErrorCode::MessageTooLarge,
        10,
        "MESSAGE_TOO_LARGE",
        false,
        "the record batch is larger than the topic accepts",
    ),
    (
        ErrorCode::StaleControllerEpoch,
        11,
        "STALE_CONTROLLER_EPOCH",
        false,
        "stale controller epoch",
    ),
    (
        ErrorCode::OffsetMetadataTooLarge,
        12,
        "OFFSET_METADATA_TOO_LARGE",
        false,
        "the metadata of the committed offset is too long",
    ),
    (ErrorCode::NetworkException, 13, "NETWORK_EXCEPTION", true, "network exception"),
    (
        ErrorCode::CoordinatorLoadInProgress,
        14,
        "COORDINATOR_LOAD_IN_PROGRESS",
        true,
        "the coordinator is still loading its state",
    ),
    (
        ErrorCode::CoordinatorNotAvailable,
        15,
        "COORDINATOR_NOT_AVAILABLE",
        true,
        "no coordinator is available",
    ),
    (ErrorCode::NotCoordinator, 16, "NOT_COORDINATOR", true, "this broker is not the coordinator"),
    (
        ErrorCode::InvalidTopicException,
        17,
        "INVALID_TOPIC_EXCEPTION",
        false,
        "the topic name is invalid or reserved",
    ),
    (
        ErrorCode::RecordListTooLarge,
        18,
        "RECORD_LIST_TOO_LARGE",
        false,
        "the batch is larger than a segment",
    ),
    (
        ErrorCode::NotEnoughReplicas,
        19,
        "NOT_ENOUGH_REPLICAS",
        true,
        "fewer replicas are in sync than min.insync.replicas asks for",
    ),
    (
        ErrorCode::NotEnoughReplicasAfterAppend,
        20,
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        true,
        "not enough replicas after append",
    ),
    (ErrorCode::InvalidRequiredAcks, 21, "INVALID_REQUIRED_ACKS", false, "acks must be 0, 1 or -1"),
    (
        ErrorCode::IllegalGeneration,
        22,
        "ILLEGAL_GENERATION",
        false,
        "the generation is not the current one of the group",
    ),
    (
        ErrorCode::InconsistentGroupProtocol,
        23,
        "INCONSISTENT_GROUP_PROTOCOL",
        false,
        "the member supports no protocol that the group uses",
    ),
    (ErrorCode::InvalidGroupId, 24, "INVALID_GROUP_ID", false, "the group id is not valid"),
    (
        ErrorCode::UnknownMemberId,
        25,
        "UNKNOWN_MEMBER_ID",
        false,
        "the group does not know this member",
    ),
    (
        ErrorCode::InvalidSessionTimeout,
        26,
        "INVALID_SESSION_TIMEOUT",
        false,
        "the session timeout is outside of what the broker allows",
    ),
    (
        ErrorCode::RebalanceInProgress,
        27,
        "REBALANCE_IN_PROGRESS",
        false,
        "the group is rebalancing: rejoin",
    ),
    (
        ErrorCode::InvalidCommitOffsetSize,
        28,
        "INVALID_COMMIT_OFFSET_SIZE",
        false,
        "invalid commit offset size",
    ),
    (
        ErrorCode::TopicAuthorizationFailed,
        29,
        "TOPIC_AUTHORIZATION_FAILED",
        false,
        "not authorized for the topic",
    ),
    (
        ErrorCode::GroupAuthorizationFailed,
        30,
        "GROUP_AUTHORIZATION_FAILED",
        false,
        "not authorized for the group",
    ),
    (
        ErrorCode::ClusterAuthorizationFailed,
        31,
        "CLUSTER_AUTHORIZATION_FAILED",
        false,
        "not authorized for the cluster",
    ),
    (
        ErrorCode::InvalidTimestamp,
        32,
        "INVALID_TIMESTAMP",
        false,
        "a record timestamp is outside of the allowed range",
    ),
    (
        ErrorCode::UnsupportedSaslMechanism,
        33,
        "UNSUPPORTED_SASL_MECHANISM",
        false,
        "the SASL mechanism is not enabled",
    ),
    (
        ErrorCode::IllegalSaslState,
        34,
        "ILLEGAL_SASL_STATE",
        false,
        "the request is not valid in this SASL state",
    ),
    (
        ErrorCode::UnsupportedVersion,
        35,
        "UNSUPPORTED_VERSION",
        false,
        "the API version is not supported",
    ),
    (
        ErrorCode::TopicAlreadyExists,
        36,
        "TOPIC_ALREADY_EXISTS",
        false,
        "a topic of this name exists",
    ),
    (
        ErrorCode::InvalidPartitions,
        37,
        "INVALID_PARTITIONS",
        false,
        "the number of partitions is not valid",
    ),
    (
        ErrorCode::InvalidReplicationFactor,
        38,
        "INVALID_REPLICATION_FACTOR",
        false,
        "the replication factor is not valid or larger than the number of brokers",
    ),
    (
        ErrorCode::InvalidReplicaAssignment,
        39,
        "INVALID_REPLICA_ASSIGNMENT",
        false,
        "the replica assignment is not valid",
    ),
    (ErrorCode::InvalidConfig, 40, "INVALID_CONFIG", false, "the configuration is not valid"),
    (ErrorCode::NotController, 41, "NOT_CONTROLLER", true, "this broker is not the controller"),
    (
        ErrorCode::InvalidRequest,
        42,
        "INVALID_REQUEST",
        false,
        "the request is malformed or contradicts itself",
    ),
    (
        ErrorCode::UnsupportedForMessageFormat,
        43,
        "UNSUPPORTED_FOR_MESSAGE_FORMAT",
        false,
        "unsupported for message format",
    ),
    (ErrorCode::PolicyViolation, 44, "POLICY_VIOLATION", false, "the request violates a policy"),
    (
        ErrorCode::OutOfOrderSequenceNumber,
        45,
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        false,
        "the producer skipped a sequence number",
    ),
    (
        ErrorCode::DuplicateSequenceNumber,
        46,
        "DUPLICATE_SEQUENCE_NUMBER",
        false,
        "the producer repeated a sequence number that is too old to look up",
    ),
    (
        ErrorCode::InvalidProducerEpoch,
        47,
        "INVALID_PRODUCER_EPOCH",
        false,
        "the producer epoch is older than the current one",
    ),
    (ErrorCode::InvalidTxnState, 48, "INVALID_TXN_STATE", false, "invalid txn state"),
    (
        ErrorCode::InvalidProducerIdMapping,
        49,
        "INVALID_PRODUCER_ID_MAPPING",
        false,
        "invalid producer id mapping",
    ),
    (
        ErrorCode::InvalidTransactionTimeout,
        50,
        "INVALID_TRANSACTION_TIMEOUT",
        false,
        "invalid transaction timeout",
    ),
    (
        ErrorCode::ConcurrentTransactions,
        51,
        "CONCURRENT_TRANSACTIONS",
        true,
        "concurrent transactions",
    ),
    (
        ErrorCode::TransactionCoordinatorFenced,
        52,
        "TRANSACTION_COORDINATOR_FENCED",
        false,
        "transaction coordinator fenced",
    ),
    (
        ErrorCode::TransactionalIdAuthorizationFailed,
        53,
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        false,
        "transactional id authorization failed",
    ),
    (ErrorCode::SecurityDisabled, 54, "SECURITY_DISABLED", false, "security disabled"),
    (
        ErrorCode::OperationNotAttempted,
        55,
        "OPERATION_NOT_ATTEMPTED",
        false,
        "operation not attempted",
    ),
    (
        ErrorCode::KafkaStorageError,
        56,
        "KAFKA_STORAGE_ERROR",
        true,
        "the log directory of the partition failed",
    ),
    (ErrorCode::LogDirNotFound, 57, "LOG_DIR_NOT_FOUND", false, "no such log directory"),
    (
        ErrorCode::SaslAuthenticationFailed,
        58,
        "SASL_AUTHENTICATION_FAILED",
        false,
        "sasl authentication failed",
    ),
    (
        ErrorCode::UnknownProducerId,
        59,
        "UNKNOWN_PRODUCER_ID",
        false,
        "the producer id is not known",
    ),
    (
        ErrorCode::ReassignmentInProgress,
        60,
        "REASSIGNMENT_IN_PROGRESS",
        false,
        "reassignment in progress",
    ),
    (
        ErrorCode::DelegationTokenAuthDisabled,
        61,
        "DELEGATION_TOKEN_AUTH_DISABLED",
        false,
        "delegation token auth disabled",
    ),
    (
        ErrorCode::DelegationTokenNotFound,
        62,
        "DELEGATION_TOKEN_NOT_FOUND",
        false,
        "delegation token not found",
    ),
    (
        ErrorCode::DelegationTokenOwnerMismatch,
        63,
        "DELEGATION_TOKEN_OWNER_MISMATCH",
        false,
        "delegation token owner mismatch",
    ),
    (
        ErrorCode::DelegationTokenRequestNotAllowed,
        64,
        "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
        false,
        "delegation token request not allowed",
    ),
    (
        ErrorCode::DelegationTokenAuthorizationFailed,
        65,
        "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
        false,
        "delegation token authorization failed",
    ),
    (
        ErrorCode::DelegationTokenExpired,
        66,
        "DELEGATION_TOKEN_EXPIRED",
        false,
        "delegation token expired",
    ),
    (
        ErrorCode::InvalidPrincipalType,
        67,
        "INVALID_PRINCIPAL_TYPE",
        false,
        "invalid principal type",
    ),
    (ErrorCode::NonEmptyGroup, 68, "NON_EMPTY_GROUP", false, "the group has members"),
    (ErrorCode::GroupIdNotFound, 69, "GROUP_ID_NOT_FOUND", false, "the group does not exist"),
    (
        ErrorCode::FetchSessionIdNotFound,
        70,
        "FETCH_SESSION_ID_NOT_FOUND",
        true,
        "the fetch session is not known",
    ),
    (
        ErrorCode::InvalidFetchSessionEpoch,
        71,
        "INVALID_FETCH_SESSION_EPOCH",
        true,
        "the fetch session epoch is not the expected one",
    ),
    (ErrorCode::ListenerNotFound, 72, "LISTENER_NOT_FOUND", true, "listener not found"),
    (
        ErrorCode::TopicDeletionDisabled,
        73,
        "TOPIC_DELETION_DISABLED",
        false,
        "topic deletion disabled",
    ),
    (
        ErrorCode::FencedLeaderEpoch,
        74,
        "FENCED_LEADER_EPOCH",
        true,
        "the leader epoch in the request is older than the current one",
    ),
    (
        ErrorCode::UnknownLeaderEpoch,
        75,
        "UNKNOWN_LEADER_EPOCH",
        true,
        "the leader epoch in the request is newer than the current one",
    ),
    (
        ErrorCode::UnsupportedCompressionType,
        76,
        "UNSUPPORTED_COMPRESSION_TYPE",
        false,
        "the compression type is not supported for this request version",
    ),
    (ErrorCode::StaleBrokerEpoch, 77, "STALE_BROKER_EPOCH", false, "stale broker epoch"),
    (ErrorCode::OffsetNotAvailable, 78, "OFFSET_NOT_AVAILABLE", true, "offset not available"),
    (
        ErrorCode::MemberIdRequired,
        79,
        "MEMBER_ID_REQUIRED",
        false,
        "join again with the member id given in this response",
    ),
    (
        ErrorCode::PreferredLeaderNotAvailable,
        80,
        "PREFERRED_LEADER_NOT_AVAILABLE",
        true,
        "preferred leader not available",
    ),
    (
        ErrorCode::GroupMaxSizeReached,
        81,
        "GROUP_MAX_SIZE_REACHED",
        false,
        "the group has as many members as it may have",
    ),
    (
        ErrorCode::FencedInstanceId,
        82,
        "FENCED_INSTANCE_ID",
        false,
        "another member took this group.instance.id",
    ),
    (
        ErrorCode::EligibleLeadersNotAvailable,
        83,
        "ELIGIBLE_LEADERS_NOT_AVAILABLE",
        true,
        "eligible leaders not available",
    ),
    (ErrorCode::ElectionNotNeeded, 84, "ELECTION_NOT_NEEDED", true, "election not needed"),
    (
        ErrorCode::NoReassignmentInProgress,
        85,
        "NO_REASSIGNMENT_IN_PROGRESS",
        false,
        "no reassignment in progress",
    ),
    (
        ErrorCode::GroupSubscribedToTopic,
        86,
        "GROUP_SUBSCRIBED_TO_TOPIC",
        false,
        "the group is subscribed to the topic",
    ),
    (ErrorCode::InvalidRecord, 87, "INVALID_RECORD", false, "a record is not valid for the topic"),
    (ErrorCode::UnstableOffsetCommit, 88, "UNSTABLE_OFFSET_COMMIT", true, "unstable offset commit"),
    (
        ErrorCode::ThrottlingQuotaExceeded,
        89,
        "THROTTLING_QUOTA_EXCEEDED",
        true,
        "throttling quota exceeded",
    ),
    (ErrorCode::ProducerFenced, 90, "PRODUCER_FENCED", false, "producer fenced"),
    (ErrorCode::ResourceNotFound, 91, "RESOURCE_NOT_FOUND", false, "resource not found"),
    (ErrorCode::DuplicateResource, 92, "DUPLICATE_RESOURCE", false, "duplicate resource"),
    (
        ErrorCode::UnacceptableCredential,
        93,
        "UNACCEPTABLE_CREDENTIAL",
        false,
        "unacceptable credential",
    ),
    (
        ErrorCode::InconsistentVoterSet,
        94,
        "INCONSISTENT_VOTER_SET",
        false,
        "inconsistent voter set",
    ),
    (
        ErrorCode::InvalidUpdateVersion,
        95,
        "INVALID_UPDATE_VERSION",
        false,
        "invalid update version",
    ),
    (ErrorCode::FeatureUpdateFailed, 96, "FEATURE_UPDATE_FAILED", false, "feature update failed"),
    (
        ErrorCode::PrincipalDeserializationFailure,
        97,
        "PRINCIPAL_DESERIALIZATION_FAILURE",
        false,
        "principal deserialization failure",
    ),
    (ErrorCode::SnapshotNotFound, 98, "SNAPSHOT_NOT_FOUND", false, "snapshot not found"),
    (ErrorCode::PositionOutOfRange, 99, "POSITION_OUT_OF_RANGE", false, "position out of range"),
    (
        ErrorCode::UnknownTopicId,
        100,
        "UNKNOWN_TOPIC_ID",
        true,
        "this broker hosts no topic with that id",
    ),
    (
        ErrorCode::DuplicateBrokerRegistration,
        101,
        "DUPLICATE_BROKER_REGISTRATION",
        false,
        "duplicate broker registration",
    ),
    (
        ErrorCode::BrokerIdNotRegistered,
        102,
        "BROKER_ID_NOT_REGISTERED",
        false,
        "broker id not registered",
    ),
    (
        ErrorCode::InconsistentTopicId,
        103,
        "INCONSISTENT_TOPIC_ID",
        true,
        "the topic id does not match the topic of the session",
    ),
    (
        ErrorCode::InconsistentClusterId,
        104,
        "INCONSISTENT_CLUSTER_ID",
        false,
        "inconsistent cluster id",
    ),
    (
        ErrorCode::TransactionalIdNotFound,
        105,
        "TRANSACTIONAL_ID_NOT_FOUND",
        false,
        "transactional id not found",
    ),
    (
        ErrorCode::FetchSessionTopicIdError,
        106,
        "FETCH_SESSION_TOPIC_ID_ERROR",
        true,
        "fetch session topic id error",
    ),
    (ErrorCode::IneligibleReplica, 107, "INELIGIBLE_REPLICA", false, "ineligible replica"),
    (ErrorCode::NewLeaderElected, 108, "NEW_LEADER_ELECTED", false, "new leader elected"),
    (
        ErrorCode::OffsetMovedToTieredStorage,
        109,
        "OFFSET_MOVED_TO_TIERED_STORAGE",
        false,
        "offset moved to tiered storage",
    ),
    (ErrorCode::FencedMemberEpoch, 110, "FENCED_MEMBER_EPOCH", false, "fenced member epoch"),
    (
        ErrorCode::UnreleasedInstanceId,
        111,
        "UNRELEASED_INSTANCE_ID",
        false,
        "unreleased instance id",
    ),
    (ErrorCode::UnsupportedAssignor, 112, "UNSUPPORTED_ASSIGNOR", false, "unsupported assignor"),
    (ErrorCode::StaleMemberEpoch, 113, "STALE_MEMBER_EPOCH", false, "stale member epoch"),
    (
        ErrorCode::MismatchedEndpointType,
        114,
        "MISMATCHED_ENDPOINT_TYPE",
        false,
        "mismatched endpoint type",
    ),
    (
        ErrorCode::UnsupportedEndpointType,
        115,
        "UNSUPPORTED_ENDPOINT_TYPE",
        false,
        "unsupported endpoint type",
    ),
    (ErrorCode::UnknownControllerId, 116, "UNKNOWN_CONTROLLER_ID", false, "unknown controller id"),
    (
        ErrorCode::UnknownSubscriptionId,
        117,
        "UNKNOWN_SUBSCRIPTION_ID",
        false,
        "unknown subscription id",
    ),
    (ErrorCode::TelemetryTooLarge, 118, "TELEMETRY_TOO_LARGE", false, "telemetry too large"),
    (ErrorCode::InvalidRegistration, 119, "INVALID_REGISTRATION", false, "invalid registration"),
    (ErrorCode::TransactionAbortable, 120, "TRANSACTION_ABORTABLE", false, "transaction abortable"),
    (ErrorCode::InvalidRecordState, 121, "INVALID_RECORD_STATE", false, "invalid record state"),
    (
        ErrorCode::ShareSessionNotFound,
        122,
        "SHARE_SESSION_NOT_FOUND",
        true,
        "share session not found",
    ),
    (
        ErrorCode::InvalidShareSessionEpoch,
        123,
        "INVALID_SHARE_SESSION_EPOCH",
        true,
        "invalid share session epoch",
    ),
    (ErrorCode::FencedStateEpoch, 124, "FENCED_STATE_EPOCH", false, "fenced state epoch"),
    (ErrorCode::InvalidVoterKey, 125, "INVALID_VOTER_KEY", false, "invalid voter key"),
    (ErrorCode::DuplicateVoter, 126, "DUPLICATE_VOTER", false, "duplicate voter"),
    (ErrorCode::VoterNotFound, 127, "VOTER_NOT_FOUND", false, "voter not found"),
    (
        ErrorCode::InvalidRegularExpression,
        128,
        "INVALID_REGULAR_EXPRESSION",
        false,
        "invalid regular expression",
    ),
    (
        ErrorCode::RebootstrapRequired,
        129,
        "REBOOTSTRAP_REQUIRED",
        false,
        "the client reached another cluster or broker than it meant to: bootstrap again",
    ),
    (
        ErrorCode::StreamsInvalidTopology,
        130,
        "STREAMS_INVALID_TOPOLOGY",
        false,
        "streams invalid topology",
    ),
    (
        ErrorCode::StreamsInvalidTopologyEpoch,
        131,
        "STREAMS_INVALID_TOPOLOGY_EPOCH",
        false,
        "streams invalid topology epoch",
    ),
    (
        ErrorCode::StreamsTopologyFenced,
        132,
        "STREAMS_TOPOLOGY_FENCED",
        false,
        "streams topology fenced",
    ),
    (
        ErrorCode::ShareSessionLimitReached,
        133,
        "SHARE_SESSION_LIMIT_REACHED",
        true,
        "share session limit reached",
    ),
    (ErrorCode::GroupDeletionFailed, 134, "GROUP_DELETION_FAILED", false, "group deletion failed"),
    (
        ErrorCode::StreamsTopologyDescriptionUpdateFailed,
        135,
        "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED",
        false,
        "streams topology description update failed",
    ),
    (
        ErrorCode::ControllerIdNotRegistered,
        136,
        "CONTROLLER_ID_NOT_REGISTERED",
        false,
        "controller id not registered",
    ),
];

impl ErrorCode {
    /// Every error, from the lowest number up.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The error with this number; `UnknownServerError` for a number that Kafka 4.4 does not have.
    pub fn from_code(code: i16) -> Self {
        TABLE.iter().find(|row| row.1 == code).map_or(Self::UnknownServerError, |row| row.0)
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
            &(ErrorCode::UnknownServerError, -1, "UNKNOWN_SERVER_ERROR", false, "unknown error");
        usize::try_from(self.code().saturating_add(1))
            .ok()
            .and_then(|index| TABLE.get(index))
            .unwrap_or(UNKNOWN)
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
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(usize::try_from(row.1 + 1).unwrap(), index);
            assert_eq!(row.0.code(), row.1);
            assert_eq!(ErrorCode::from_code(row.1), row.0);
            assert_eq!(row.0.name(), row.2);
        }
        assert_eq!(ErrorCode::from_code(9999), ErrorCode::UnknownServerError);
    }
}
