//! All commands: one module per noun.

mod bench;
mod cluster;
mod completion;
mod consume;
mod demo;
mod group;
mod produce;
mod topic;
mod txn;

use clap::Subcommand;

pub(crate) use consume::source::Source;
pub(crate) use produce::{compression, find, parse_acks, producer_config, read_lines, read_pieces};
pub(crate) use txn::open_since_before;

use crate::{exit::Outcome, session::Session};

/// What the command line can do besides serving.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Topics: create, list, describe, alter, delete
    #[command(alias = "topics", subcommand)]
    Topic(topic::TopicCommand),

    /// Write records, from the arguments or line by line from standard input
    Produce(produce::Produce),

    /// Read records
    Consume(consume::Consume),

    /// Follow topics as records come, with their keys, offsets and times
    Tail(consume::Tail),

    /// Consumer groups: list, describe, reset, delete
    #[command(alias = "groups", subcommand)]
    Group(group::GroupCommand),

    /// Transactions: list, describe, abort, find those that hang
    #[command(alias = "transactions", subcommand)]
    Txn(txn::TxnCommand),

    /// The cluster: brokers and what they hold
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),

    /// Measure producing and consuming
    Bench(bench::Bench),

    /// Real data to play with
    #[command(subcommand)]
    Demo(demo::DemoCommand),

    /// Completions for a shell
    Completion(completion::Completion),
}

impl Command {
    /// Whether it handles Ctrl-C itself, to end cleanly with a summary.
    pub(crate) const fn is_streaming(&self) -> bool {
        matches!(
            self,
            Self::Produce(_) | Self::Consume(_) | Self::Tail(_) | Self::Bench(_) | Self::Demo(_)
        )
    }

    pub(crate) async fn run(self, session: &mut Session, root: clap::Command) -> Outcome {
        match self {
            Self::Topic(command) => Box::pin(command.run(session)).await,
            Self::Produce(command) => Box::pin(command.run(session)).await,
            Self::Consume(command) => Box::pin(command.run(session)).await,
            Self::Tail(command) => Box::pin(command.run(session)).await,
            Self::Group(command) => Box::pin(command.run(session)).await,
            Self::Txn(command) => Box::pin(command.run(session)).await,
            Self::Cluster(command) => Box::pin(command.run(session)).await,
            Self::Bench(command) => Box::pin(command.run(session)).await,
            Self::Demo(command) => Box::pin(command.run(session)).await,
            Self::Completion(command) => command.run(session, root),
        }
    }
}
