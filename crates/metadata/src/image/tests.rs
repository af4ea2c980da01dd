//! Replaying records, one by one and at random.

use ottla_types::TopicIdPartition;
use ottla_wire::{
    abort_transaction_record::AbortTransactionRecord,
    access_control_entry_record::AccessControlEntryRecord,
    begin_transaction_record::BeginTransactionRecord,
    broker_registration_change_record::BrokerRegistrationChangeRecord,
    clear_elr_record::ClearElrRecord,
    client_quota_record::{ClientQuotaRecord, EntityData},
    config_record::ConfigRecord,
    end_transaction_record::EndTransactionRecord,
    feature_level_record::FeatureLevelRecord,
    fence_broker_record::FenceBrokerRecord,
    no_op_record::NoOpRecord,
    partition_change_record::PartitionChangeRecord,
    partition_record::PartitionRecord,
    producer_ids_record::ProducerIdsRecord,
    register_broker_record::RegisterBrokerRecord,
    remove_topic_record::RemoveTopicRecord,
    topic_record::TopicRecord,
    unfence_broker_record::UnfenceBrokerRecord,
    unregister_broker_record::UnregisterBrokerRecord,
};
use proptest::prelude::*;

use super::*;

fn id(number: u8) -> Uuid {
    Uuid([number; 16])
}

fn topic(name: &str, number: u8) -> MetadataRecord {
    TopicRecord { name: name.into(), topic_id: id(number) }.into()
}

fn partition(topic: u8, number: i32) -> MetadataRecord {
    PartitionRecord {
        partition_id: number,
        topic_id: id(topic),
        replicas: vec![1, 2],
        isr: vec![1, 2],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![id(8), id(9)],
        ..PartitionRecord::default()
    }
    .into()
}

fn config(resource: &ConfigResource, name: &str, value: Option<&str>) -> MetadataRecord {
    ConfigRecord {
        resource_type: resource.resource_type.0,
        resource_name: resource.name.as_str().into(),
        name: name.into(),
        value: value.map(Into::into),
    }
    .into()
}

fn begin() -> MetadataRecord {
    BeginTransactionRecord { name: None }.into()
}

fn end() -> MetadataRecord {
    EndTransactionRecord {}.into()
}

#[test]
fn a_topic_is_found_by_name_and_id_until_it_is_removed() {
    let mut image =
        Image::from_records(&[topic("a", 1), partition(1, 0), partition(1, 1), topic("b", 2)])
            .unwrap();
    image.replay(&config(&ConfigResource::topic("a"), "retention.ms", Some("5"))).unwrap();
    assert_eq!(image.topic("a").unwrap().partition_count(), 2);
    assert_eq!(image.topic_by_id(id(1)).unwrap().name.as_str(), "a");
    assert_eq!(image.topic_overrides("a").get("retention.ms").unwrap(), "5");
    assert_eq!(image.topics_from("aa").map(|topic| topic.id).collect::<Vec<_>>(), [id(2)]);

    let mut delta = Delta::default();
    image.replay_into(&RemoveTopicRecord { topic_id: id(1) }.into(), &mut delta).unwrap();
    image.check();
    assert!(image.topic("a").is_none() && image.topic_by_id(id(1)).is_none());
    assert!(image.topic_overrides("a").is_empty(), "its configuration goes with it");
    assert_eq!(delta.deleted_topics[&id(1)].partition_count(), 2);
    assert_eq!(delta.configs, [ConfigResource::topic("a")].into());
}

#[test]
fn naming_a_leader_raises_the_leader_epoch_and_any_change_the_partition_epoch() {
    let mut image = Image::from_records(&[topic("a", 1), partition(1, 0)]).unwrap();
    let none = PartitionChangeRecord { partition_id: 0, topic_id: id(1), ..Default::default() };
    let steps = [
        (PartitionChangeRecord { isr: Some(vec![1]), ..none.clone() }, 1, 0, 1),
        (PartitionChangeRecord { leader: 1, ..none.clone() }, 1, 1, 2),
        (PartitionChangeRecord { leader: -1, ..none.clone() }, -1, 2, 3),
        (PartitionChangeRecord { leader_recovery_state: 1, leader: 2, ..none }, 2, 3, 4),
    ];
    for (change, leader, leader_epoch, partition_epoch) in steps {
        image.replay(&change.into()).unwrap();
        let now = image.partition("a", 0).unwrap();
        assert_eq!(
            (now.leader.0, now.leader_epoch.0, now.partition_epoch),
            (leader, leader_epoch, partition_epoch)
        );
    }
    let now = image.partition("a", 0).unwrap();
    assert_eq!(now.leader_recovery_state, LeaderRecoveryState::Recovering);
    assert_eq!(now.isr, [BrokerId(1)]);
}

#[test]
fn a_reassignment_keeps_the_directories_of_brokers_that_stay() {
    let mut image = Image::from_records(&[topic("a", 1), partition(1, 0)]).unwrap();
    let change = PartitionChangeRecord {
        partition_id: 0,
        topic_id: id(1),
        replicas: Some(vec![3, 2]),
        ..PartitionChangeRecord::default()
    };
    image.replay(&change.into()).unwrap();
    let now = image.partition("a", 0).unwrap();
    assert_eq!(now.directories, [Uuid::ZERO, id(9)]);
    assert_eq!(now.directory(BrokerId(2)), id(9));
    assert_eq!(now.directory(BrokerId(7)), Uuid::ZERO);
}

#[test]
fn eligible_leaders_are_forgotten_for_one_topic_or_for_all() {
    let elr = |topic| PartitionChangeRecord {
        partition_id: 0,
        topic_id: id(topic),
        eligible_leader_replicas: Some(vec![2]),
        ..PartitionChangeRecord::default()
    };
    let mut image = Image::from_records(&[
        topic("a", 1),
        partition(1, 0),
        topic("b", 2),
        partition(2, 0),
        elr(1).into(),
        elr(2).into(),
    ])
    .unwrap();
    let eligible = |image: &Image, topic: &str| {
        image.partition(topic, 0).unwrap().eligible_leader_replicas.len()
    };
    image.replay(&ClearElrRecord { topic_name: "a".into() }.into()).unwrap();
    assert_eq!((eligible(&image, "a"), eligible(&image, "b")), (0, 1));
    image.replay(&ClearElrRecord { topic_name: "".into() }.into()).unwrap();
    assert_eq!((eligible(&image, "a"), eligible(&image, "b")), (0, 0));
}

#[test]
fn a_transaction_counts_when_it_ends_or_never() {
    let mut image = Image::new();
    for record in [begin(), topic("a", 1)] {
        image.replay(&record).unwrap();
    }
    assert!(image.is_in_transaction() && image.topic("a").is_none());
    assert_eq!(image.replay(&begin()), Err(ReplayError::NestedTransaction));
    image.replay(&end()).unwrap();
    assert!(image.topic("a").is_some());

    let abort = MetadataRecord::from(AbortTransactionRecord { reason: None });
    for record in [begin(), topic("b", 2), abort.clone()] {
        image.replay(&record).unwrap();
    }
    assert!(image.topic("b").is_none() && !image.is_in_transaction());
    assert_eq!(image.replay(&end()), Err(ReplayError::NoTransaction("EndTransactionRecord")));
    assert_eq!(image.replay(&abort), Err(ReplayError::NoTransaction("AbortTransactionRecord")));
}

#[test]
fn records_that_do_not_fit_are_named() {
    let mut image = Image::from_records(&[topic("a", 1)]).unwrap();
    let cases = [
        (partition(9, 0), "PartitionRecord is for the topic"),
        (RemoveTopicRecord { topic_id: id(9) }.into(), "RemoveTopicRecord is for the topic"),
        (topic("a", 2), "the topic a is created and exists already"),
        (topic("b", 1), "the topic b is created and exists already"),
        (topic("a b", 3), "topic name is invalid"),
        (
            FenceBrokerRecord { id: 4, epoch: 2 }.into(),
            "FenceBrokerRecord is for broker 4 at epoch 2",
        ),
        (
            PartitionChangeRecord { partition_id: 3, topic_id: id(1), ..Default::default() }.into(),
            "PartitionChangeRecord is for partition 3 of the topic a, which does not exist",
        ),
    ];
    for (record, expected) in cases {
        let error = image.replay(&record).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn brokers_register_are_fenced_and_leave() {
    let register = |epoch| RegisterBrokerRecord {
        broker_id: 1,
        broker_epoch: epoch,
        log_dirs: vec![id(3)],
        ..RegisterBrokerRecord::default()
    };
    let mut image = Image::from_records(&[register(7).into()]).unwrap();
    assert!(!image.is_alive(BrokerId(1)), "a broker registers fenced");
    image.replay(&UnfenceBrokerRecord { id: 1, epoch: 7 }.into()).unwrap();
    assert!(image.is_alive(BrokerId(1)));
    let stop = BrokerRegistrationChangeRecord {
        broker_id: 1,
        broker_epoch: 7,
        in_controlled_shutdown: 1,
        cordoned_log_dirs: Some(vec![id(3)]),
        ..BrokerRegistrationChangeRecord::default()
    };
    image.replay(&stop.into()).unwrap();
    assert!(!image.is_alive(BrokerId(1)));
    assert!(!image.broker(BrokerId(1)).unwrap().takes_partitions());
    image.replay(&register(9).into()).unwrap();
    assert!(image.broker(BrokerId(1)).unwrap().takes_partitions(), "a new registration is new");
    let old = UnregisterBrokerRecord { broker_id: 1, broker_epoch: 7 };
    assert!(image.replay(&old.into()).is_err());
    image.replay(&UnregisterBrokerRecord { broker_id: 1, broker_epoch: 9 }.into()).unwrap();
    assert_eq!(image.brokers().len(), 0);
}

#[test]
fn a_clone_is_a_snapshot_that_shares_what_did_not_change() {
    let mut image =
        Image::from_records(&[topic("a", 1), partition(1, 0), partition(1, 1), topic("b", 2)])
            .unwrap();
    let before = image.clone();
    let change =
        PartitionChangeRecord { partition_id: 0, topic_id: id(1), leader: 2, ..Default::default() };
    let mut delta = Delta::default();
    image.replay_into(&change.into(), &mut delta).unwrap();
    assert_eq!(delta.partitions, [TopicIdPartition { topic_id: id(1), partition: 0 }].into());
    assert_eq!(before.partition("a", 0).unwrap().leader, BrokerId(1));
    assert_eq!(image.partition("a", 0).unwrap().leader, BrokerId(2));
    let is_shared = |image: &Image, other: &Image, name: &str, number| {
        Arc::ptr_eq(image.partition(name, number).unwrap(), other.partition(name, number).unwrap())
    };
    assert!(is_shared(&image, &before, "a", 1));
    assert!(Arc::ptr_eq(image.topic("b").unwrap(), before.topic("b").unwrap()));
}

#[test]
fn a_delta_of_a_topic_that_came_and_went_is_empty() {
    let mut image = Image::new();
    let mut delta = Delta::default();
    let gone = RemoveTopicRecord { topic_id: id(1) }.into();
    for record in [topic("a", 1), partition(1, 0), gone] {
        image.replay_into(&record, &mut delta).unwrap();
    }
    assert!(delta.is_empty(), "{delta:?}");
}

#[test]
fn state_that_nothing_reads_yet_is_kept_for_kafka() {
    let acl = AccessControlEntryRecord {
        id: id(4),
        resource_name: "topic".into(),
        ..AccessControlEntryRecord::default()
    };
    let entity = |kind: &str, name: Option<&str>| EntityData {
        entity_type: kind.into(),
        entity_name: name.map(Into::into),
    };
    let quota = ClientQuotaRecord {
        entity: vec![entity("user", Some("x")), entity("client-id", None)],
        key: "producer_byte_rate".into(),
        value: 10.5,
        remove: false,
    };
    let image = Image::from_records(&[acl.clone().into(), quota.clone().into()]).unwrap();
    let records = image.to_records();
    assert!(records.contains(&acl.into()));
    let mut removed = quota;
    removed.entity.reverse();
    assert!(records.contains(&removed.clone().into()), "entities have an order of their own");
    removed.remove = true;
    let mut image = image;
    image.replay(&removed.into()).unwrap();
    assert_eq!(image.to_records().len(), 1);
}

#[test]
fn names_collide_that_metrics_cannot_tell_apart() {
    let image = Image::from_records(&[topic("a.b", 1), topic("plain", 2)]).unwrap();
    let colliding = |name: &str| {
        let name = TopicName::new(name).unwrap();
        image.colliding_topic(&name).map(|topic| topic.name.to_string())
    };
    assert_eq!(colliding("a_b"), Some("a.b".to_owned()));
    assert_eq!(colliding("a.b"), None, "a topic does not collide with itself");
    assert_eq!(colliding("a.c"), None);
    assert_eq!(colliding("plain"), None);
}

/// Something that happens to a cluster. It becomes a record where the record fits.
fn any_record() -> impl Strategy<Value = MetadataRecord> {
    let topics = || 1..5_u8;
    let name = |number: u8| format!("topic-{number}");
    let ids = || prop::collection::vec(1..4_i32, 0..3);
    prop_oneof![
        topics().prop_map(move |number| topic(&name(number), number)),
        (topics(), 0..3_i32).prop_map(|(topic, number)| partition(topic, number)),
        topics().prop_map(|number| RemoveTopicRecord { topic_id: id(number) }.into()),
        (topics(), 0..3_i32, -2..3_i32, ids(), prop::option::of(ids())).prop_map(
            |(topic, partition_id, leader, elr, replicas)| {
                let change = PartitionChangeRecord {
                    partition_id,
                    topic_id: id(topic),
                    leader,
                    isr: replicas.clone(),
                    replicas,
                    eligible_leader_replicas: Some(elr),
                    leader_recovery_state: i8::try_from(leader.clamp(-1, 1)).unwrap_or(0),
                    ..PartitionChangeRecord::default()
                };
                change.into()
            }
        ),
        (0..4_i8, 0..3_u8, 0..3_u8, prop::option::of("[a-z]{0,3}")).prop_map(
            |(kind, resource, key, value)| {
                let resource =
                    ConfigResource::new(ResourceType(1 << kind), format!("topic-{resource}"));
                config(&resource, &format!("key.{key}"), value.as_deref())
            }
        ),
        (0..3_u8, 0..3_i16).prop_map(|(name, feature_level)| {
            FeatureLevelRecord { name: format!("{name}.version").into(), feature_level }.into()
        }),
        (1..4_i32, 0..3_i64, any::<bool>()).prop_map(|(broker_id, broker_epoch, fenced)| {
            RegisterBrokerRecord { broker_id, broker_epoch, fenced, ..Default::default() }.into()
        }),
        (1..4_i32, 0..3_i64, -1..2_i8).prop_map(|(broker_id, broker_epoch, fenced)| {
            BrokerRegistrationChangeRecord { broker_id, broker_epoch, fenced, ..Default::default() }
                .into()
        }),
        (1..4_i32, 0..3_i64, 1..9_i64).prop_map(|(broker_id, broker_epoch, blocks)| {
            ProducerIdsRecord { broker_id, broker_epoch, next_producer_id: blocks * 1000 }.into()
        }),
        prop::option::of(0..3_u8).prop_map(|topic| {
            let topic_name = topic.map(|number| format!("topic-{number}")).unwrap_or_default();
            ClearElrRecord { topic_name: topic_name.into() }.into()
        }),
        Just(NoOpRecord {}.into()),
    ]
}

proptest! {
    #[test]
    fn the_records_of_an_image_make_the_same_image(
        records in prop::collection::vec(any_record(), 0..120),
    ) {
        let mut image = Image::new();
        for record in &records {
            let before = image.clone();
            if image.replay(record).is_err() {
                prop_assert_eq!(&image, &before, "a record that does not fit changes nothing");
            }
        }
        image.check();
        let snapshot = image.to_records();
        prop_assert_eq!(&Image::from_records(&snapshot).unwrap(), &image);
        for record in &snapshot {
            let bytes = record.encode(33).unwrap();
            prop_assert_eq!(&MetadataRecord::decode(bytes).unwrap(), record);
        }
    }
}
