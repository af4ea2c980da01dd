//! What may differ between Apache Kafka and Ottla, each with its reason. The list may only shrink.

/// How far two values may be apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leeway {
    /// The values are not compared.
    Anything,
    /// Both are there or neither is: null, 0, -1 and the empty string count as not there.
    PresenceOnly,
    /// An array is compared by the names of its elements, since Kafka's order is that of a hash
    /// map.
    AnyOrder,
    /// Like [`Leeway::AnyOrder`], and the right side may lack elements.
    Fewer,
    /// The right side may have something where the left has nothing. The contents do not matter.
    MorePresent,
}

use Leeway::{AnyOrder, Anything, Fewer, MorePresent, PresenceOnly};

/// A leeway for the fields whose path ends so, in requests whose label has this part.
struct Explained {
    label: &'static str,
    path: &'static str,
    leeway: Leeway,
    /// For the reader, and for the day when somebody asks.
    #[expect(dead_code, reason = "the reasons are the point of the list")]
    reason: &'static str,
}

const fn explained(
    label: &'static str,
    path: &'static str,
    leeway: Leeway,
    reason: &'static str,
) -> Explained {
    Explained { label, path, leeway, reason }
}

/// The first that fits counts, so single elements come before their arrays.
const EXPLAINED: &[Explained] = &[
    explained("", "configs[ottla.ack.durability]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.cluster.id]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.create.topics]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.console.listen]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.console.hosts]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.console.read.only]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.console.users]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.console.users.file]", Anything, "a key of Ottla's own"),
    explained("", "configs[ottla.console.base.path]", Anything, "a key of Ottla's own"),
    explained(
        "DescribeConfigs",
        "[controller.quorum.bootstrap.servers].value",
        Anything,
        "a single Ottla needs no controller's address",
    ),
    explained("", "configs[log.dir]", Anything, "Ottla keeps its data where it was started"),
    explained("", "configs[node.id]", Anything, "Ottla has a default for it"),
    explained("", "configs[broker.id]", Anything, "the same under its old name"),
    explained("", "configs[process.roles]", Anything, "Ottla has a default for it"),
    explained("", "configs[listener.security.protocol.map]", Anything, "no controller listener"),
    explained("", "configs[controller.listener.names]", Anything, "no controller listener"),
    explained(
        "",
        "configs[controller.quorum.bootstrap.servers]",
        Anything,
        "no controller listener",
    ),
    explained("", "configs[inter.broker.listener.name]", Anything, "only one broker"),
    explained("", "configs[advertised.listeners]", Anything, "derived from the connection"),
    // Where Kafka fails inside and says UNKNOWN_SERVER_ERROR, Ottla says what is wrong.
    explained("by the id of nothing: Metadata", "error_code", Anything, "an invalid request"),
    explained(
        "isolation level 2: Fetch",
        "error_code",
        Anything,
        "it is taken as read_uncommitted",
    ),
    explained("isolation level 2: Fetch", "responses", Anything, "it is taken as read_uncommitted"),
    explained("codec 5: Produce", "error_code", Anything, "an unsupported compression type"),
    explained("codec 5: Produce", "log_start_offset", Anything, "refused before the log"),
    explained("codec 7: Produce", "error_code", Anything, "an unsupported compression type"),
    explained("codec 7: Produce", "log_start_offset", Anything, "refused before the log"),
    explained("gzip that is none: Produce", "error_code", Anything, "an invalid record"),
    explained("zstd that is none: Produce", "error_code", Anything, "an invalid record"),
    explained(
        "a record count of -1: Produce",
        "log_start_offset",
        Anything,
        "refused before the log",
    ),
    explained(
        "an operation that is none: IncrementalAlterConfigs",
        "error_code",
        Anything,
        "an invalid request",
    ),
    explained(
        "client metrics: DescribeConfigs",
        "configs",
        Fewer,
        "no client metrics are collected yet",
    ),
    explained(
        "names that collide: Metadata",
        "topics",
        Anything,
        "Kafka answers before it has created a topic",
    ),
    explained("DescribeQuorum", "nodes.listeners", Fewer, "no controller listener"),
    explained("DescribeQuorum", "leader_epoch", PresenceOnly, "one for each start of the leader"),
    explained("DescribeQuorum", "high_watermark", PresenceOnly, "an offset of the metadata log"),
    explained("DescribeQuorum", "log_end_offset", PresenceOnly, "an offset of the metadata log"),
    explained("DescribeQuorum", "replica_directory_id", PresenceOnly, "made at random"),
    explained(
        "elections: all, ",
        "replica_election_results",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained(
        "of types [2]: ListConfigResources",
        "config_resources",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained("", "cluster_id", PresenceOnly, "made at random"),
    explained("", "topic_id", PresenceOnly, "made at random"),
    explained("", "host", PresenceOnly, "an address of its own"),
    explained("", "port", PresenceOnly, "an address of its own"),
    explained("", "session_id", PresenceOnly, "made at random"),
    explained("", "producer_id", PresenceOnly, "handed out in blocks"),
    explained("", "documentation", PresenceOnly, "Ottla has its own sentences"),
    explained("ApiVersions", "api_keys", Fewer, "an API that is not there yet is not advertised"),
    explained("ApiVersions", "supported_features", Fewer, "the same for what features bring"),
    explained("ApiVersions", "finalized_features", Fewer, "the same for what features bring"),
    explained(
        "ApiVersions",
        "finalized_features_epoch",
        PresenceOnly,
        "an offset of the metadata log",
    ),
    explained("Produce", "responses", AnyOrder, "Kafka's order is that of a hash map"),
    explained("Produce", "partition_responses", AnyOrder, "Kafka's order is that of a hash map"),
    explained("DescribeConfigs", "configs", AnyOrder, "Kafka's order is that of a hash map"),
    explained("CreateTopics", "configs", AnyOrder, "Kafka's order is that of a hash map"),
    explained("DescribeConfigs", "[log.dirs].value", PresenceOnly, "a directory of its own"),
    explained("DescribeConfigs", "[listeners].value", PresenceOnly, "an address of its own"),
    explained(
        "DescribeConfigs",
        "[advertised.listeners].value",
        PresenceOnly,
        "an address of its own",
    ),
    explained("JoinGroup", "members", AnyOrder, "Kafka's order is that of a hash map"),
    explained("Metadata", "topics", AnyOrder, "Kafka's order is that of a hash map"),
    explained("ListOffsets", "topics", AnyOrder, "Kafka's order is that of a hash map"),
    explained("ListOffsets", "topics.partitions", AnyOrder, "Kafka's order is that of a hash map"),
    explained("ListGroups", "groups", AnyOrder, "Kafka's order is that of a hash map"),
    explained("DescribeGroups", "groups", AnyOrder, "Kafka's order is that of a hash map"),
    explained("DeleteGroups", "results", AnyOrder, "Kafka's order is that of a hash map"),
    explained("OffsetDelete", "topics.partitions", AnyOrder, "Kafka's order is that of a hash map"),
    explained("OffsetFetch", "topics.partitions", AnyOrder, "Kafka's order is that of a hash map"),
    explained("OffsetFetch", "topics", AnyOrder, "Kafka's order is that of a hash map"),
    explained("DescribeGroups", "members", AnyOrder, "Kafka's order is that of a hash map"),
    explained(
        "AddPartitionsToTxn",
        "results_by_partition",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained(
        "AddPartitionsToTxn",
        "topic_results",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained(
        "AddPartitionsToTxn",
        "results_by_topic_v3_and_below",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained("DescribeTransactions", "topics", AnyOrder, "Kafka's order is that of a hash map"),
    explained(
        "DescribeTransactions",
        "topics.partitions",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained(
        "ListTransactions",
        "transaction_states",
        AnyOrder,
        "Kafka's order is that of a hash map",
    ),
    explained("DescribeLogDirs", "log_dir", PresenceOnly, "a directory of its own"),
    explained("DescribeLogDirs", "total_bytes", PresenceOnly, "the disk's"),
    explained("DescribeLogDirs", "usable_bytes", PresenceOnly, "the disk's"),
];

/// Texts for people, compared only on request. Ottla may explain what Kafka only numbers.
const TEXTS: [&str; 2] = ["error_message", "batch_index_error_message"];

/// The leeway of a field in the request of this label. `path` is the field's, `named` the same with
/// the names of array elements: an entry whose path has one is for that element only.
pub fn leeway(label: &str, named: &str, path: &str, texts: bool) -> Option<Leeway> {
    let ends_so = |end: &str| {
        if end.contains('[') {
            return named.ends_with(end);
        }
        path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    if !texts && TEXTS.iter().any(|text| ends_so(text)) {
        return Some(MorePresent);
    }
    EXPLAINED
        .iter()
        .find(|entry| label.contains(entry.label) && ends_so(entry.path))
        .map(|entry| entry.leeway)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leeway_is_for_whole_names() {
        assert_eq!(
            leeway("a: b: Metadata v1", "topics.topic_id", "topics.topic_id", false),
            Some(PresenceOnly)
        );
        assert_eq!(
            leeway("a: b: Metadata v1", "topics.my_topic_id", "topics.my_topic_id", false),
            None
        );
        assert_eq!(leeway("a: b: Metadata v1", "api_keys", "api_keys", false), None);
        assert_eq!(leeway("a: b: ApiVersions v1", "api_keys", "api_keys", false), Some(Fewer));
    }

    #[test]
    fn a_leeway_may_be_for_one_element() {
        let of = |named| leeway("a: b: DescribeConfigs v1", named, "results.configs.value", false);
        assert_eq!(of("results[1].configs[log.dirs].value"), Some(PresenceOnly));
        assert_eq!(of("results[1].configs[log.dir].value"), None);
    }

    #[test]
    fn texts_count_only_when_asked() {
        assert_eq!(
            leeway("x", "topics.error_message", "topics.error_message", false),
            Some(MorePresent)
        );
        assert_eq!(leeway("x", "topics.error_message", "topics.error_message", true), None);
    }
}
