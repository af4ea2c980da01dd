//! The files of a data directory: logs opened on segments, indexes and write-ahead files, and every
//! small file.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use bytes::Bytes;
use ottla_log::{
    Checkpoints, DiskDir, Log, LogConfig, LogDir, MetaProperties, OpenOptions,
    simulation::disk::SimDisk,
    testing::{self, Opening, open_and_read},
};
use ottla_record::{BatchBuilder, BuilderOptions, Compression, Record};
use ottla_types::{LeaderEpoch, Offset, ProducerId, TopicName, TopicPartition, Uuid};

use super::input::{self, Input, damage, push_part};
use crate::{batch as made, in_process::memory_dir};

fn partition() -> TopicPartition {
    TopicPartition::new(TopicName::new("t").expect("a name"), 0)
}

fn opening(input: &mut Input<'_>) -> Opening {
    let flags = input.byte();
    Opening {
        clean_shutdown: flags & 1 != 0,
        is_compacted: flags & 2 != 0,
        recovery_point: Offset(i64::from(input.byte()) * i64::from(flags >> 7)),
        log_start_offset: Offset(i64::from(input.byte()) * i64::from(flags >> 6 & 1)),
    }
}

fn batch(input: &mut Input<'_>) -> Vec<u8> {
    let (kind, count) = (input.byte(), 1 + input.byte() % 3);
    let is_idempotent = kind & 8 != 0;
    let mut builder = BatchBuilder::new(BuilderOptions {
        compression: Compression::ALL[usize::from(kind) % 5],
        producer_id: ProducerId(if is_idempotent { i64::from(kind >> 6) } else { -1 }),
        producer_epoch: if is_idempotent { 0 } else { -1 },
        base_sequence: if is_idempotent { 0 } else { -1 },
        transactional: is_idempotent && kind & 16 != 0,
        control: is_idempotent && kind & 48 == 48,
        ..BuilderOptions::default()
    });
    for at in 0..count {
        let key = (kind & 32 != 0).then(|| Bytes::from(vec![0, 0, 0, kind & 1]));
        let value = Some(Bytes::from(vec![0; usize::from(input.byte())]));
        let timestamp = i64::from(input.byte()) + i64::from(at);
        builder
            .append(&Record { timestamp, key, value, ..Record::default() })
            .expect("it is small");
    }
    builder.finish().expect("it is small").to_vec()
}

/// A log with the batches that the input says, closed.
fn write_log(input: &mut Input<'_>, path: &Path) {
    let mut options = OpenOptions::new(partition(), 0);
    options.config =
        LogConfig { segment_bytes: 1000, index_interval_bytes: 1, ..LogConfig::default() };
    let mut log = Log::open(Arc::new(DiskDir::new(path)), options).expect("it is new");
    for at in 0..input.byte() % 12 {
        let mut batch = batch(input);
        let _refused = log.append_as_leader(&mut batch, LeaderEpoch(i32::from(at / 3)), 0);
    }
    log.close(0).expect("memory");
}

fn files_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("it is there").flatten() {
        if entry.path().is_file() {
            let name = entry.file_name().into_string().expect("a name of ours");
            files.insert(name, fs::read(entry.path()).expect("it is there"));
        }
    }
    files
}

/// A log opened on segments that were damaged in many places, and read by every way there is.
///
/// The input says which batches there are, and then which bytes of which file have changed.
pub fn segment(data: &[u8]) {
    let mut input = Input(data);
    let temp = memory_dir();
    let path = temp.path().join("t-0");
    let opening = opening(&mut input);
    write_log(&mut input, &path);
    let mut files = files_of(&path);
    damage(&mut input, &mut files);
    for (name, content) in files {
        fs::write(path.join(name), content).expect("it can be written");
    }
    open_and_read(Arc::new(DiskDir::new(&path)), opening);
}

/// Every file of a data directory that is read whole: checkpoints, producer snapshots, transaction
/// indexes, `partition.metadata`, `meta.properties`.
pub fn small_file(data: &[u8]) {
    testing::read_as_every_small_file(data);
    // Most of them begin so.
    let mut text = b"0\n1\n".to_vec();
    text.extend_from_slice(data);
    testing::read_as_every_small_file(&text);
}

/// The offset index, the time index and the transaction index, each by itself.
pub fn index(data: &[u8]) {
    let disk = SimDisk::new();
    disk.put("index", Some(data.to_vec()));
    testing::read_as_every_index(disk.root().as_ref(), "index").expect("no disk fails");
}

/// The two files of the write-ahead log, and a log that lacks what they hold.
///
/// The input says which groups they hold, and then which bytes of them have changed.
pub fn write_ahead(data: &[u8]) {
    let mut input = Input(data);
    let opening = opening(&mut input);
    let disk = SimDisk::new();
    let mut files = BTreeMap::new();
    for name in ["write-ahead.0", "write-ahead.1"] {
        let generation = match input.byte() {
            0xff => u64::MAX,
            generation => generation.into(),
        };
        let groups: Vec<_> = (0..input.byte() % 5).map(|_| input.part()).collect();
        files.insert(name.to_owned(), testing::write_ahead_file(generation, &groups));
    }
    damage(&mut input, &mut files);
    for (name, content) in files {
        disk.put(&name, Some(content));
    }
    let log = disk.root().child("t-0");
    testing::read_written_ahead(disk.root().as_ref(), log, opening).expect("no disk fails");
}

pub(super) fn segments() -> Vec<Vec<u8>> {
    input::scripts(200)
}

pub(super) fn small_files() -> Vec<Vec<u8>> {
    let temp = memory_dir();
    {
        let mut dir = LogDir::open(temp.path()).expect("it is new");
        let directory_id = Uuid([3; 16]);
        dir.set_meta(MetaProperties { cluster_id: "c".to_owned(), node_id: 1, directory_id })
            .expect("memory");
        let offsets: BTreeMap<_, _> = [(partition(), Offset(7))].into();
        let checkpoints = Checkpoints {
            recovery_points: offsets.clone(),
            log_start_offsets: offsets.clone(),
            high_watermarks: offsets.clone(),
        };
        dir.write_checkpoints(&checkpoints).expect("memory");
        dir.write_cleaner_offsets(&offsets).expect("memory");
        dir.mark_clean_shutdown(5).expect("memory");
    }
    // Idempotent producers, one in a transaction.
    let script = [6, 8, 2, 1, 1, 24 | 64, 2, 1, 1, 56 | 128, 1, 1, 1, 8 | 192, 3, 1, 1, 0, 0, 1];
    write_log(&mut Input(&script), &temp.path().join("t-0"));
    let mut all: Vec<Vec<u8>> = files_of(temp.path()).into_values().collect();
    let of_log = files_of(&temp.path().join("t-0"));
    all.extend(of_log.into_iter().filter(|(name, _)| !name.ends_with(".log")).map(|(_, it)| it));
    all.extend(indexes());
    all.push(b"version: 0\ntopic_id: AwMDAwMDAwMDAwMDAwMDAw\n".to_vec());
    all.push(testing::write_ahead_file(1, &[&made::plain(2)]));
    all
}

pub(super) fn indexes() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for count in [0, 1, 3, 40, 600_u32] {
        let offsets = (1..=count).map(|n| [(n * 3).to_be_bytes(), (n * 70).to_be_bytes()].concat());
        let times = (1..=count).map(|n| {
            let timestamp = i64::from(n) * 1000;
            [&timestamp.to_be_bytes()[..], &(n * 3).to_be_bytes()].concat()
        });
        let aborted = (1..=i64::from(count.min(100))).map(|n| {
            let fields = [n % 5, n * 10 - 5, n * 10, n * 10 + 1].map(i64::to_be_bytes);
            [&[0, 0], &fields.concat()[..]].concat()
        });
        all.extend([
            offsets.collect::<Vec<_>>().concat(),
            times.collect::<Vec<_>>().concat(),
            aborted.collect::<Vec<_>>().concat(),
        ]);
    }
    // The zeros that Kafka leaves.
    let padded = all.iter().map(|index| [&index[..], &[0; 100]].concat()).collect::<Vec<_>>();
    all.extend(padded);
    all
}

pub(super) fn written_ahead() -> Vec<Vec<u8>> {
    let batch = |offset: i64| {
        let options = BuilderOptions { base_offset: Offset(offset), ..BuilderOptions::default() };
        made::build(options, &made::numbered(2)).to_vec()
    };
    let mut all = Vec::new();
    for (first, second) in [(0, 0), (1, 0), (0, 2), (4, 4)] {
        let mut input = vec![0, 0, 0];
        let mut offset = 0;
        for (generation, count) in [(1_u8, first), (2, second)] {
            input.extend([generation, count]);
            for _ in 0..count {
                push_part(&mut input, &batch(offset));
                offset += 2;
            }
        }
        // The last generation there can be.
        all.push(vec![0, 0, 0, 0xff, 0, 0, 0]);
        for damage in [&b""[..], &[0, 16, 0, 2], &[1, 16, 12, 2, 0, 0, 8, 1]] {
            all.push([&input, damage].concat());
        }
    }
    all
}
