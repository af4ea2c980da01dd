//! State that is kept for Kafka and for later, and that nothing reads yet: access control entries,
//! credentials, delegation tokens, quotas, whether the cluster once was ZooKeeper's.
//!
//! Invariant: what a log says of them is in the next snapshot too, so that a directory taken over
//! from Kafka and given back has lost nothing.
//!
//! Kafka: `AclsImage`, `ScramImage`, `DelegationTokenImage`, `ClientQuotasImage`.

use std::collections::BTreeMap;

use ottla_types::Uuid;
use ottla_wire::{
    access_control_entry_record::AccessControlEntryRecord,
    client_quota_record::{ClientQuotaRecord, EntityData},
    delegation_token_record::DelegationTokenRecord,
    user_scram_credential_record::UserScramCredentialRecord,
    zk_migration_state_record::ZkMigrationStateRecord,
};

use crate::MetadataRecord;

/// Whom a quota is for: pairs of a type and a name, in order; no name is the type's default.
type Entity = Vec<(String, Option<String>)>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    acls: BTreeMap<Uuid, AccessControlEntryRecord>,
    credentials: BTreeMap<(String, i8), UserScramCredentialRecord>,
    tokens: BTreeMap<String, DelegationTokenRecord>,
    quotas: BTreeMap<(Entity, String), f64>,
    zk_migration: Option<ZkMigrationStateRecord>,
}

impl Kept {
    /// Applies a record of these kinds; every other one changes nothing.
    pub(super) fn replay(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::AccessControlEntry(entry) => {
                self.acls.insert(entry.id, entry.clone());
            }
            MetadataRecord::RemoveAccessControlEntry(entry) => {
                self.acls.remove(&entry.id);
            }
            MetadataRecord::UserScramCredential(credential) => {
                let key = (credential.name.to_string(), credential.mechanism);
                self.credentials.insert(key, credential.clone());
            }
            MetadataRecord::RemoveUserScramCredential(gone) => {
                self.credentials.remove(&(gone.name.to_string(), gone.mechanism));
            }
            MetadataRecord::DelegationToken(token) => {
                self.tokens.insert(token.token_id.to_string(), token.clone());
            }
            MetadataRecord::RemoveDelegationToken(gone) => {
                self.tokens.remove(gone.token_id.as_str());
            }
            MetadataRecord::ClientQuota(quota) => self.replay_quota(quota),
            MetadataRecord::ZkMigrationState(state) => self.zk_migration = Some(state.clone()),
            _ => {}
        }
    }

    fn replay_quota(&mut self, quota: &ClientQuotaRecord) {
        let mut entity: Entity = quota
            .entity
            .iter()
            .map(|part| {
                (part.entity_type.to_string(), part.entity_name.as_ref().map(ToString::to_string))
            })
            .collect();
        entity.sort();
        let key = (entity, quota.key.to_string());
        if quota.remove {
            self.quotas.remove(&key);
        } else {
            self.quotas.insert(key, quota.value);
        }
    }

    pub(super) fn migration_record(&self) -> Option<MetadataRecord> {
        self.zk_migration.clone().map(MetadataRecord::from)
    }

    pub(super) fn quota_records(&self) -> impl Iterator<Item = MetadataRecord> {
        self.quotas.iter().map(|((entity, key), value)| {
            let part = |(entity_type, name): &(String, Option<String>)| EntityData {
                entity_type: entity_type.as_str().into(),
                entity_name: name.as_deref().map(Into::into),
            };
            ClientQuotaRecord {
                entity: entity.iter().map(part).collect(),
                key: key.as_str().into(),
                value: *value,
                remove: false,
            }
            .into()
        })
    }

    pub(super) fn security_records(&self) -> impl Iterator<Item = MetadataRecord> {
        let acls = self.acls.values().cloned().map(MetadataRecord::from);
        let credentials = self.credentials.values().cloned().map(MetadataRecord::from);
        let tokens = self.tokens.values().cloned().map(MetadataRecord::from);
        acls.chain(credentials).chain(tokens)
    }
}
