//! Random operations against a log and against a plain list of batches.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Operation {
    /// So many records, each of so many bytes.
    Append(usize, usize),
    /// Several batches at once.
    AppendMany(Vec<usize>),
    Roll,
    Truncate(u8),
    DeleteRecords(u8),
    Retain,
    Sync,
    Checkpoint,
    CloseFiles,
    Restart,
    Crash,
    /// Read from a place, at most so many bytes.
    Read(u8, usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (1..5_usize, 0..150_usize).prop_map(|(count, size)| Operation::Append(count, size)),
        2 => prop::collection::vec(1..5_usize, 1..8).prop_map(Operation::AppendMany),
        1 => Just(Operation::Roll),
        1 => any::<u8>().prop_map(Operation::Truncate),
        1 => any::<u8>().prop_map(Operation::DeleteRecords),
        1 => Just(Operation::Retain),
        1 => Just(Operation::Sync),
        1 => Just(Operation::Checkpoint),
        1 => Just(Operation::CloseFiles),
        1 => Just(Operation::Restart),
        1 => Just(Operation::Crash),
        6 => (any::<u8>(), 0..2000_usize).prop_map(|(at, max)| Operation::Read(at, max)),
    ]
}

/// What the log should be.
#[derive(Debug, Default)]
struct Model {
    /// Base offset, next offset and bytes of each batch.
    batches: Vec<(i64, i64, Vec<u8>)>,
    start: i64,
    end: i64,
}

impl Model {
    fn push(&mut self, stamped: Vec<u8>) {
        let header = BatchHeader::parse(&stamped).unwrap();
        assert_eq!(header.base_offset.0, self.end);
        self.end = header.next_offset().0;
        self.batches.push((header.base_offset.0, self.end, stamped));
    }

    /// An offset that is `at`/255 of the way through the log.
    fn place(&self, at: u8) -> i64 {
        self.start + (self.end - self.start) * i64::from(at) / 255
    }

    /// The bytes from the batch with this offset on.
    fn from(&self, offset: i64) -> Vec<u8> {
        let wanted = self.batches.iter().filter(|batch| batch.1 > offset);
        wanted.flat_map(|batch| batch.2.clone()).collect()
    }
}

fn step(mut bench: Bench, model: &mut Model, operation: Operation) -> Bench {
    match operation {
        Operation::Append(count, size) => {
            let mut batch = build(BuilderOptions::default(), &vec![NOW + model.end; count], size);
            bench.log.append_as_leader(&mut batch, EPOCH, NOW).unwrap();
            model.push(batch);
        }
        Operation::AppendMany(counts) => {
            for mut batch in counts.into_iter().map(plain) {
                bench.log.append_as_leader(&mut batch, EPOCH, NOW).unwrap();
                model.push(batch);
            }
        }
        Operation::Roll => bench.log.roll(NOW).unwrap(),
        Operation::Truncate(at) => {
            bench.log.truncate_to(Offset(model.place(at)), NOW).unwrap();
            let cut = model.batches.partition_point(|batch| batch.1 <= model.place(at));
            if model.place(at) < model.end {
                model.end = model.batches[cut].0;
                model.batches.truncate(cut);
                model.start = model.start.min(model.end);
            }
        }
        Operation::DeleteRecords(at) => {
            model.start = model.place(at);
            bench.log.delete_records_before(Offset(model.start)).unwrap();
        }
        Operation::Retain => {
            bench.log.apply_retention(NOW, bench.log.log_end_offset()).unwrap();
            let first = bench.log.first_base_offset().0;
            assert!(first <= model.start);
            model.batches.retain(|batch| batch.1 > first);
        }
        Operation::Sync => {
            assert_eq!(bench.log.sync(NOW).unwrap(), Offset(model.end));
        }
        Operation::Checkpoint => bench.log.checkpoint().unwrap(),
        Operation::CloseFiles => bench.log.close_idle_files(),
        Operation::Restart => bench = bench.restart(),
        Operation::Crash => bench = bench.crash(),
        Operation::Read(at, max) => {
            let from = model.place(at);
            let reader = bench.log.reader();
            let range = reader.read(Offset(from), max, Offset(model.end), true).unwrap();
            let (bytes, expected) = (range.read().unwrap(), model.from(from));
            assert_eq!(bytes, expected[..bytes.len()]);
            assert_eq!(bytes.is_empty(), from == model.end);
            assert!(bytes.len() <= max.max(range.first_batch_size));
        }
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_log_is_a_list_of_batches(operations in prop::collection::vec(operation(), 1..60)) {
        let config = LogConfig { retention_ms: -1, ..small() };
        let (mut bench, mut model) = (Bench::new(config), Model::default());
        for operation in operations {
            bench = step(bench, &mut model, operation);
            assert_eq!(bench.log.log_start_offset(), Offset(model.start));
            assert_eq!(bench.log.log_end_offset(), Offset(model.end));
            assert!(bench.log.recovery_point() <= bench.log.log_end_offset());
            assert_eq!(read_all(&bench.log.reader(), Offset(model.start)), model.from(model.start));
        }
    }
}
