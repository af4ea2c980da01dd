//! Data directories.

use super::*;

fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName::new(topic).unwrap(), partition)
}

#[test]
fn a_directory_has_one_owner() {
    let temp = tempfile::tempdir().unwrap();
    let first = LogDir::open(temp.path().join("data")).unwrap();
    let second = LogDir::open(temp.path().join("data"));
    assert!(matches!(second, Err(LogError::Locked { .. })));
    drop(first);
    LogDir::open(temp.path().join("data")).unwrap();
}

#[test]
fn the_mark_of_a_clean_shutdown_counts_once() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    assert!(!dir.was_clean());
    dir.mark_clean_shutdown(17).unwrap();
    let text = fs::read_to_string(temp.path().join(".kafka_cleanshutdown")).unwrap();
    // The end of the line tells it from Kafka's.
    assert_eq!(text, "{\"version\":0,\"brokerEpoch\":17}\n");
    drop(dir);
    let found = LogDir::open(temp.path()).unwrap();
    assert!(found.was_clean() && found.was_left_by_ottla());
    drop(found);
    assert!(!LogDir::open(temp.path()).unwrap().was_clean());
}

#[test]
fn kafkas_mark_stays_one_while_a_log_could_not_be_opened() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(".kafka_cleanshutdown");
    let kafkas = r#"{"version":0,"brokerEpoch":17}"#;
    for (mark, is_kept, is_own) in [(kafkas, true, false), (kafkas, false, true)] {
        fs::write(&path, mark).unwrap();
        let dir = LogDir::open(temp.path()).unwrap();
        assert!(dir.was_clean() && !dir.was_left_by_ottla());
        if is_kept {
            dir.keep_checkpoints(&partition("lost", 0));
        }
        dir.mark_clean_shutdown(17).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().ends_with('\n'), is_own);
    }
}

#[test]
fn meta_properties_come_back() {
    let temp = tempfile::tempdir().unwrap();
    let mut dir = LogDir::open(temp.path()).unwrap();
    assert_eq!(dir.meta(), None);
    let meta = MetaProperties {
        cluster_id: "4L6g3nShT-eMCtK--X86sw".to_owned(),
        node_id: 3,
        directory_id: Uuid([9; 16]),
    };
    dir.set_meta(meta.clone()).unwrap();
    drop(dir);
    assert_eq!(LogDir::open(temp.path()).unwrap().meta(), Some(&meta));
}

#[test]
fn meta_properties_as_kafka_writes_them_are_read() {
    let text = "#\n#Tue Nov 24 04:01:14 UTC 2026\nnode.id=1\n\
                directory.id=uK9iN_jQSWCI7mGM7JPUwA\nversion=1\n\
                cluster.id=4L6g3nShT-eMCtK--X86sw\n";
    let meta = MetaProperties::parse(text).unwrap();
    assert_eq!((meta.node_id, meta.cluster_id.as_str()), (1, "4L6g3nShT-eMCtK--X86sw"));
    assert_eq!(meta.directory_id.to_string(), "uK9iN_jQSWCI7mGM7JPUwA");
    for bad in [
        "",
        "version=0\nbroker.id=1\n",
        "version=1\nnode.id=1\n",
        "version=1\nnode.id=x\ncluster.id=c\n",
    ] {
        assert!(MetaProperties::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn checkpoints_come_back_and_damaged_ones_count_as_empty() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    assert_eq!(dir.read_checkpoints().unwrap(), Checkpoints::default());
    let checkpoints = Checkpoints {
        recovery_points: BTreeMap::from([(partition("a", 0), Offset(5))]),
        log_start_offsets: BTreeMap::from([(partition("a", 1), Offset(6))]),
        high_watermarks: BTreeMap::from([(partition("b", 0), Offset(7))]),
    };
    dir.write_checkpoints(&checkpoints).unwrap();
    assert_eq!(dir.read_checkpoints().unwrap(), checkpoints);
    fs::write(temp.path().join(RECOVERY_POINTS), b"0\n7\n").unwrap();
    let read = dir.read_checkpoints().unwrap();
    assert_eq!(read.recovery_points, BTreeMap::new());
    assert_eq!(read.high_watermarks, checkpoints.high_watermarks);
}

#[test]
fn the_checkpoints_of_a_partition_that_is_offline_stay() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    let (lost, other) = (partition("lost", 0), partition("other", 0));
    let both = Checkpoints {
        recovery_points: BTreeMap::from([(lost.clone(), Offset(5)), (other.clone(), Offset(6))]),
        log_start_offsets: BTreeMap::from([(lost.clone(), Offset(2))]),
        high_watermarks: BTreeMap::new(),
    };
    dir.write_checkpoints(&both).unwrap();
    dir.keep_checkpoints(&lost);
    let recovery_points = BTreeMap::from([(other.clone(), Offset(7))]);
    dir.write_checkpoints(&Checkpoints { recovery_points, ..Checkpoints::default() }).unwrap();
    let read = dir.read_checkpoints().unwrap();
    assert_eq!(read.recovery_points[&lost], Offset(5));
    assert_eq!(read.recovery_points[&other], Offset(7));
    assert_eq!(read.log_start_offsets, both.log_start_offsets);
    assert!(dir.has_checkpoint(&lost));
    // With the partition they go.
    fs::create_dir(temp.path().join("lost-0")).unwrap();
    dir.delete_partition(&lost, Uuid([1; 16])).unwrap();
    dir.write_checkpoints(&Checkpoints::default()).unwrap();
    assert!(!dir.has_checkpoint(&lost));
}

#[test]
fn a_log_does_not_start_after_what_is_on_disk() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    let checkpoints = Checkpoints {
        recovery_points: BTreeMap::from([(partition("a", 0), Offset(5))]),
        log_start_offsets: BTreeMap::from([(partition("a", 0), Offset(9))]),
        high_watermarks: BTreeMap::new(),
    };
    dir.write_checkpoints(&checkpoints).unwrap();
    let read = dir.read_checkpoints().unwrap();
    assert_eq!(read.log_start_offsets, BTreeMap::from([(partition("a", 0), Offset(5))]));
}

#[test]
fn partitions_are_listed_and_deleted_by_another_name() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    for name in ["a-0", "b-c-12", "a-1.0123-delete", "a-x", "a--1", "stray", "a-2-future"] {
        fs::create_dir(temp.path().join(name)).unwrap();
    }
    let mut found = dir.contents().unwrap().partitions;
    found.sort();
    assert_eq!(found, [partition("a", 0), partition("a-", 1), partition("b-c", 12)]);
    let name = dir.delete_partition(&partition("b-c", 12), Uuid([0xab; 16])).unwrap();
    assert_eq!(name, format!("b-c-12.{}-delete", "ab".repeat(16)));
    assert_eq!(dir.contents().unwrap().partitions.len(), 2);
    let deleted = dir.contents().unwrap().deleted;
    assert_eq!(deleted.len(), 2);
    assert!(deleted.contains(&(Some(partition("b-c", 12)), name.clone())));
    dir.remove_deleted(&name).unwrap();
    dir.remove_deleted(&name).unwrap();
    assert!(dir.remove_deleted("a-0").is_err());
    assert_eq!(dir.contents().unwrap().deleted, [(None, "a-1.0123-delete".to_owned())]);
}

#[test]
fn a_copy_becomes_the_partition_or_goes() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    let at = partition("a", 3);
    let (kept, _) = dir.future_dir(&at, Uuid([1; 16]));
    let (dropped, _) = dir.future_dir(&at, Uuid([2; 16]));
    assert_eq!(kept, format!("a-3.{}-future", "01".repeat(16)));
    for name in [&kept, &dropped] {
        fs::create_dir(temp.path().join(name)).unwrap();
    }
    let futures = dir.contents().unwrap().futures;
    assert!(futures.contains(&(at.clone(), kept.clone())) && futures.len() == 2);
    dir.promote(&kept, &at).unwrap();
    dir.delete_future(&dropped, &at, Uuid([3; 16])).unwrap();
    let contents = dir.contents().unwrap();
    assert_eq!((contents.partitions, contents.futures.len()), (vec![at.clone()], 0));
    let aside = dir.set_aside(&at, Uuid([4; 16])).unwrap();
    assert_eq!(aside, format!("a-3.{}-stray", "04".repeat(16)));
    assert_eq!(dir.contents().unwrap().partitions, []);
}

#[test]
fn the_longest_topic_can_be_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    let at = partition(&"x".repeat(249), 7);
    fs::create_dir(temp.path().join(at.to_string())).unwrap();
    let name = dir.delete_partition(&at, Uuid([1; 16])).unwrap();
    assert_eq!(name.len(), 255);
}

#[test]
fn the_recovery_point_of_one_partition_changes_alone() {
    let temp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(temp.path()).unwrap();
    let (one, other) = (partition("one", 0), partition("other", 0));
    let checkpoints = Checkpoints {
        recovery_points: BTreeMap::from([(other.clone(), Offset(7))]),
        log_start_offsets: BTreeMap::from([(other.clone(), Offset(3))]),
        high_watermarks: BTreeMap::from([(other, Offset(9))]),
    };
    dir.write_checkpoints(&checkpoints).unwrap();
    drop(dir);
    let dir = LogDir::open(temp.path()).unwrap();
    dir.read_checkpoints().unwrap();
    dir.write_recovery_point(&one, Some(Offset(5))).unwrap();
    let mut expected = checkpoints.clone();
    expected.recovery_points.insert(one.clone(), Offset(5));
    assert_eq!(dir.read_checkpoints().unwrap(), expected);
    dir.write_recovery_point(&one, None).unwrap();
    assert_eq!(dir.read_checkpoints().unwrap(), checkpoints);
}
