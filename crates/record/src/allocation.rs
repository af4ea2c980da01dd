//! The paths that every produced and fetched batch takes do not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::BytesMut;
use ottla_types::{LeaderEpoch, Offset};

use crate::{
    BatchBuilder, BatchHeader, Batches, BuilderOptions, Compression, Header, ProduceRules, Record,
    Scratch, TimestampType, check_crc, stamp, validate_produced,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts what the thread allocates.
struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; this one only counts")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn batch(compression: Compression) -> BytesMut {
    let options = BuilderOptions { compression, ..BuilderOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for timestamp in 0..500 {
        let value = Some(vec![b'v'; 100].into());
        let headers = vec![Header { key: "trace".into(), value: value.clone() }];
        builder.append(&Record { timestamp, key: value.clone(), value, headers }).unwrap();
    }
    builder.finish().unwrap()
}

fn rules(timestamp_type: TimestampType) -> ProduceRules {
    ProduceRules {
        compression: None,
        timestamp_type,
        now_ms: 1_000_000,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        compacted: true,
        batch_bytes_max: 1 << 20,
        record_bytes_max: 1 << 20,
        decompressed_bytes_max: 1 << 20,
    }
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(vec![0u8; 10])) > 0);
}

#[test]
fn checking_and_stamping_do_not_allocate() {
    let mut batch = batch(Compression::None);
    let count = allocations(|| {
        assert_eq!(check_crc(&batch), Ok(()));
        stamp(&mut batch, Offset(9), LeaderEpoch(1));
        assert_eq!(BatchHeader::parse(&batch).map(|header| header.base_offset), Ok(Offset(9)));
        assert_eq!(Batches::new(&batch).count(), 1);
    });
    assert_eq!(count, 0);
}

#[test]
fn validating_does_not_allocate_unless_it_decompresses_more_than_before() {
    for compression in Compression::ALL {
        let mut scratch = Scratch::new();
        let warm = batch(compression).freeze();
        validate_produced(warm, &rules(TimestampType::CreateTime), &mut scratch).unwrap();
        for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
            let batch = batch(compression).freeze();
            let count = allocations(|| {
                let rules = rules(timestamp_type);
                assert!(validate_produced(batch.clone(), &rules, &mut scratch).is_ok());
            });
            assert_eq!(count, 0, "{compression:?} {timestamp_type:?}");
        }
    }
}
