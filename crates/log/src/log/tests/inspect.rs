//! What is said of a partition's files: nothing while they are as they were written, and the place
//! of whatever was changed.

use super::*;
use crate::inspect::{Inspection, SegmentBatches, describe_file, inspect_partition};

/// A closed log of several segments, with indexes and a producer.
fn written() -> Bench {
    let mut bench = Bench::new(small());
    for sequence in 0..20 {
        bench.append(produced(5, 0, sequence * 2, 2));
        bench.append(build(BuilderOptions::default(), &[NOW - i64::from(sequence), NOW], 10));
    }
    bench.log.close(NOW).unwrap();
    assert!(bench.files(".log").len() > 2);
    bench
}

fn inspect(bench: &Bench) -> Inspection {
    inspect_partition(&bench.path()).unwrap()
}

/// What is found after bytes of a file were changed.
fn found_after(suffix: &str, which: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let bench = written();
    let path = bench.path().join(&bench.files(suffix)[which]);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    let findings = inspect(&bench).findings;
    assert!(findings.iter().all(|it| it.file == path), "{findings:?}");
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let bench = written();
    let inspection = inspect(&bench);
    assert_eq!(inspection.findings, []);
    assert_eq!((inspection.batches, inspection.records), (40, 80));
    assert_eq!(inspection.bytes, bench.bytes().len() as u64);
    assert_eq!(inspection.segments, bench.files(".log").len() as u64);
}

#[test]
fn every_changed_byte_of_a_segment_is_found() {
    let bench = written();
    let path = bench.path().join(&bench.files(".log")[0]);
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        std::fs::write(&path, changed).unwrap();
        let findings = inspect(&bench).findings;
        assert!(!findings.is_empty(), "byte {at}");
        assert!(findings.iter().all(|it| it.file == path), "byte {at}: {findings:?}");
    }
}

#[test]
fn a_torn_tail_is_found_with_its_place() {
    let mut size = 0;
    let found = found_after(".log", 0, |bytes| {
        size = bytes.len();
        bytes.extend_from_slice(&[0; 7]);
    });
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains(&format!("position {size}")) && found[0].contains("last 7"),
        "{found:?}"
    );
}

#[test]
fn an_index_that_leads_astray_is_found() {
    assert_ne!(found_after(".index", 0, |bytes| bytes[7] ^= 1), [""; 0]);
    assert_ne!(found_after(".index", 0, |bytes| bytes[..4].fill(0)), [""; 0]);
    assert_ne!(found_after(".index", 0, |bytes| bytes.truncate(9)), [""; 0]);
    assert_ne!(found_after(".timeindex", 0, |bytes| bytes[8] = 1), [""; 0]);
    assert_ne!(found_after(".timeindex", 0, |bytes| bytes.push(0)), [""; 0]);
}

#[test]
fn an_index_that_contradicts_the_markers_is_found() {
    for segment_bytes in [200, 600, 1 << 20] {
        let mut bench = transactions::mixed(LogConfig { segment_bytes, ..small() });
        bench.log.close(NOW).unwrap();
        assert_eq!(inspect(&bench).findings, []);
        for name in bench.files(".txnindex") {
            let path = bench.path().join(name);
            let whole = std::fs::read(&path).unwrap();
            let found = |bench: &Bench, content: &[u8]| {
                std::fs::write(&path, content).unwrap();
                let findings = inspect(bench).findings;
                assert!(findings.iter().all(|it| it.file == path), "{findings:?}");
                findings.len()
            };
            for size in (0..whole.len()).step_by(17) {
                assert!(found(&bench, &whole[..size]) > 0, "{size}");
            }
            // The producer, where the transaction begins, and where it ends.
            for (at, flip) in [(9, 1), (17, 0x40), (17, 1), (25, 1)] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                assert!(found(&bench, &changed) > 0, "{at}");
            }
            assert_eq!(found(&bench, &whole), 0);
        }
    }
}

#[test]
fn a_damaged_snapshot_or_epoch_file_is_found() {
    assert_ne!(found_after(".snapshot", 0, |bytes| bytes[12] ^= 1), [""; 0]);
    assert_ne!(found_after("leader-epoch-checkpoint", 0, |bytes| bytes.truncate(3)), [""; 0]);
}

#[test]
fn batches_and_entries_are_shown_as_they_are() {
    let bench = written();
    let first = bench.path().join("00000000000000000000.log");
    let batches: Vec<_> = SegmentBatches::open(&first).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(batches[0].records().unwrap().len(), 2);
    assert_eq!(batches[1].position, batches[0].bytes.len() as u64);
    let lines = |suffix: &str| {
        let path = bench.path().join(&bench.files(suffix)[0]);
        describe_file(&path).unwrap().lines
    };
    assert!(lines(".index")[0].starts_with("offset="), "{:?}", lines(".index"));
    assert!(lines(".timeindex")[0].starts_with("time="));
    assert!(lines(".snapshot")[0].starts_with("producer=5/0 "));
    assert_eq!(lines("leader-epoch-checkpoint"), ["leader_epoch=3 start_offset=0"]);
}
