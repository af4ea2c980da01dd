//! How many groups and committed offsets there are, from the records alone.
//!
//! Kafka: `GroupMetadataManager.loadGroupsAndOffsets`, without the groups.

use std::collections::BTreeSet;

use crate::record::{GroupRecord, OffsetKey, ReplayError};

/// Counts what the records of `__consumer_offsets` leave. Those of one partition have to come in
/// their order.
#[derive(Clone, Debug, Default)]
pub struct Census {
    groups: BTreeSet<String>,
    offsets: BTreeSet<OffsetKey>,
}

impl Census {
    /// Counts a record in, or what it removes out.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ReplayError> {
        match GroupRecord::decode(key, value)? {
            Ok(GroupRecord::Group { group_id, value: Some(_) }) => {
                self.groups.insert(group_id.to_string());
            }
            Ok(GroupRecord::Group { group_id, value: None }) => {
                self.groups.remove(group_id.as_str());
            }
            Ok(GroupRecord::Offset { key, value: Some(_) }) => {
                self.offsets.insert(key);
            }
            Ok(GroupRecord::Offset { key, value: None }) => {
                self.offsets.remove(&key);
            }
            // A kind of group that is not counted by its own records, but by its offsets.
            Err(_) => {}
        }
        Ok(())
    }

    /// Groups that have members, or had, or that have committed something.
    pub fn groups(&self) -> usize {
        let committed = self.offsets.iter().map(|key| key.group_id.to_string());
        committed.chain(self.groups.iter().cloned()).collect::<BTreeSet<_>>().len()
    }

    /// Committed offsets, of all groups.
    pub fn offsets(&self) -> usize {
        self.offsets.len()
    }
}
