//! What an acknowledgement promises.

use std::str::FromStr;

/// `ottla.ack.durability`: what acks=all waits for, beside the in-sync replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The disk where a partition has one replica, only the other replicas where it has several:
    /// the loss of any one machine loses nothing.
    #[default]
    Auto,
    /// The disk, always.
    Fsync,
    /// Never the disk, as in Kafka: the operating system writes when it sees fit.
    PageCache,
}

impl Durability {
    /// Whether acks=all waits for the leader's disk.
    pub const fn syncs_before_ack(self, replica_count: usize) -> bool {
        match self {
            Self::Auto => replica_count <= 1,
            Self::Fsync => true,
            Self::PageCache => false,
        }
    }

    /// The value's name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fsync => "fsync",
            Self::PageCache => "page-cache",
        }
    }
}

/// A text that names no durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownDurability;

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Auto, Self::Fsync, Self::PageCache]
            .into_iter()
            .find(|durability| durability.name() == text)
            .ok_or(UnknownDurability)
    }
}
