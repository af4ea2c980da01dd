//! Conversations with a broker, one per area of the protocol.
//!
//! A scenario names its own topics and groups, so that scenarios do not disturb each other. It must
//! not depend on the time, on what other scenarios did, or on which broker it talks to.

mod cluster_admin;
mod configs;
mod fetch;
mod groups;
mod handshake;
mod idempotence;
mod log_dirs;
mod metadata;
mod offsets;
mod produce;
mod rebalance;
mod topics;
mod transactional;
mod transactions;

use crate::session::Session;

/// A named conversation.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub run: fn(&mut Session),
}

/// All of them, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "handshake", run: handshake::handshake },
    Scenario { name: "unsupported versions", run: handshake::unsupported_versions },
    Scenario { name: "bad bytes", run: handshake::bad_bytes },
    Scenario { name: "cluster", run: metadata::cluster },
    Scenario { name: "metadata", run: metadata::topics },
    Scenario { name: "auto creation", run: metadata::auto_creation },
    Scenario { name: "coordinators", run: metadata::coordinators },
    Scenario { name: "topic partitions", run: metadata::topic_partitions },
    Scenario { name: "create topics", run: topics::create },
    Scenario { name: "bad topics", run: topics::create_badly },
    Scenario { name: "create partitions", run: topics::partitions },
    Scenario { name: "delete topics", run: topics::delete },
    Scenario { name: "delete records", run: topics::delete_records },
    Scenario { name: "produce", run: produce::produce },
    Scenario { name: "produce badly", run: produce::badly },
    Scenario { name: "produce codecs", run: produce::codecs },
    Scenario { name: "produce topic rules", run: produce::topic_rules },
    Scenario { name: "producer ids", run: idempotence::producer_ids },
    Scenario { name: "idempotent produce", run: idempotence::sequences },
    Scenario { name: "fetch", run: fetch::fetch },
    Scenario { name: "fetch errors", run: fetch::errors },
    Scenario { name: "fetch sessions", run: fetch::sessions },
    Scenario { name: "fetch limits", run: fetch::limits },
    Scenario { name: "list offsets", run: offsets::list },
    Scenario { name: "leader epochs", run: offsets::leader_epochs },
    Scenario { name: "one member", run: groups::one_member },
    Scenario { name: "group errors", run: groups::errors },
    Scenario { name: "group offsets", run: groups::offsets },
    Scenario { name: "group admin", run: groups::admin },
    Scenario { name: "rebalance", run: rebalance::two_members },
    Scenario { name: "static members", run: rebalance::static_members },
    Scenario { name: "transactional ids", run: transactions::ids },
    Scenario { name: "partitions of transactions", run: transactions::partitions },
    Scenario { name: "ends of transactions", run: transactions::ends },
    Scenario { name: "fences of transactions", run: transactions::fences },
    Scenario { name: "timeouts of transactions", run: transactions::timeouts },
    Scenario { name: "lists of transactions", run: transactions::lists },
    Scenario { name: "describe configs", run: configs::describe },
    Scenario { name: "alter configs", run: configs::alter },
    Scenario { name: "elections", run: cluster_admin::elections },
    Scenario { name: "reassignments", run: cluster_admin::reassignments },
    Scenario { name: "quorum", run: cluster_admin::quorum },
    Scenario { name: "config resources", run: cluster_admin::config_resources },
    Scenario { name: "log directories", run: configs::log_dirs },
    Scenario { name: "moves between directories", run: log_dirs::moves },
    Scenario { name: "transactions of old clients", run: transactional::log_of_old_clients },
    Scenario { name: "transactions of new clients", run: transactional::log_of_new_clients },
    Scenario { name: "bad transactional batches", run: transactional::bad_batches },
    Scenario { name: "aborted transactions", run: transactional::aborted_lists },
    Scenario { name: "transaction markers", run: transactional::markers },
    Scenario { name: "offsets of old transactions", run: transactional::offsets_of_old_clients },
    Scenario { name: "offsets of new transactions", run: transactional::offsets_of_new_clients },
];

/// Those that break what a broker stands on, and come last: only for brokers that were started for
/// them.
pub const DESTRUCTIVE: &[Scenario] =
    &[Scenario { name: "a failed directory", run: log_dirs::offline }];
