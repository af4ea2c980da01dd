//! A log opened on segments that were damaged in many places, and read by every way there is.
//!
//! The input says which batches there are, and then which bytes of which file have changed. Half of
//! the batches get a checksum that is right for what they hold.
#![no_main]

use std::{fs, sync::Arc};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_log::{
    DiskDir, Log, LogConfig, OpenOptions,
    testing::{Opening, open_and_read},
};
use ottla_record::{BatchBuilder, BatchHeader, BuilderOptions, Compression, Record, set_producer};
use ottla_types::{LeaderEpoch, Offset, ProducerId, TopicName, TopicPartition};

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
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

fn damage(input: &mut Input<'_>, path: &std::path::Path) {
    let mut names: Vec<_> = fs::read_dir(path).expect("it is there").flatten().collect();
    names.sort_by_key(fs::DirEntry::file_name);
    while !input.0.is_empty() {
        let file = names[usize::from(input.byte()) % names.len()].path();
        let mut content = fs::read(&file).expect("it is there");
        let (at, byte) = (input.number(), input.byte());
        match byte {
            0xf0 => content.truncate(at),
            0xf1 => content.resize(content.len() + at % 2000, 0),
            _ if content.is_empty() => content.push(byte),
            _ => {
                let at = at % content.len();
                content[at] = byte;
            }
        }
        if file.extension().is_some_and(|end| end == "log") && byte & 1 == 0 {
            let mut from = 0;
            while let Ok(header) = BatchHeader::parse(&content[from..]) {
                let Some(batch) = content.get_mut(from..from + header.size()) else { break };
                let (id, epoch) = (header.producer_id, header.producer_epoch);
                set_producer(batch, id, epoch, header.base_sequence);
                from += header.size();
            }
        }
        fs::write(&file, content).expect("it can be written");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let temp = tempfile::tempdir_in("/dev/shm").expect("memory");
    let path = temp.path().join("t-0");
    let opening = {
        let flags = input.byte();
        Opening {
            clean_shutdown: flags & 1 != 0,
            is_compacted: flags & 2 != 0,
            recovery_point: Offset(i64::from(input.byte()) * i64::from(flags >> 7)),
            log_start_offset: Offset(i64::from(input.byte()) * i64::from(flags >> 6 & 1)),
        }
    };
    let topic = TopicName::new("t").expect("a name");
    let mut options = OpenOptions::new(TopicPartition::new(topic, 0), 0);
    options.config =
        LogConfig { segment_bytes: 1000, index_interval_bytes: 1, ..LogConfig::default() };
    let mut log = Log::open(Arc::new(DiskDir::new(&path)), options).expect("it is new");
    for at in 0..input.byte() % 12 {
        let mut batch = batch(&mut input);
        let _refused = log.append_as_leader(&mut batch, LeaderEpoch(i32::from(at / 3)), 0);
    }
    log.close(0).expect("memory");
    damage(&mut input, &path);
    open_and_read(Arc::new(DiskDir::new(&path)), opening);
});
