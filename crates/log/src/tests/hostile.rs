//! Files with anything in them: read or refused, without a panic. The fuzz targets go further.

use proptest::{collection::vec, prelude::*};

use super::{
    disk::SimDisk,
    world::{World, small},
};
use crate::testing::{Opening, open_and_read, read_as_every_small_file};

/// The files of a log as they are after some work, to be changed here and there.
fn files(seed: u64) -> Vec<(String, Vec<u8>)> {
    let mut world = World::new(seed, small());
    for _ in 0..60 {
        world.step();
    }
    world.stop();
    let files = world.disk.files().into_iter();
    files.filter(|(name, _)| name.starts_with("t-0/")).collect()
}

fn opening() -> impl Strategy<Value = Opening> {
    let offset = || prop_oneof![Just(0), 0..100_i64, any::<i64>()].prop_map(ottla_types::Offset);
    (any::<bool>(), any::<bool>(), offset(), offset()).prop_map(
        |(clean_shutdown, is_compacted, recovery_point, log_start_offset)| Opening {
            clean_shutdown,
            is_compacted,
            recovery_point,
            log_start_offset,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_a_small_file_or_refused(content in vec(any::<u8>(), 0..200)) {
        read_as_every_small_file(&content);
    }

    #[test]
    fn any_text_is_a_small_file_or_refused(content in "[0-9a-z =:\n-]{0,60}") {
        read_as_every_small_file(content.as_bytes());
        read_as_every_small_file(format!("0\n1\n{content}\n").as_bytes());
    }

    #[test]
    fn any_bytes_can_be_opened_as_a_log(
        opening in opening(),
        log in vec(any::<u8>(), 0..300),
        index in vec(any::<u8>(), 0..60),
    ) {
        let disk = SimDisk::new();
        disk.root().child("t-0").create().unwrap();
        let segment = "t-0/00000000000000000000";
        for (kind, content) in
            [("log", &log), ("index", &index), ("timeindex", &index), ("txnindex", &index)]
        {
            disk.put(&format!("{segment}.{kind}"), Some(content.clone()));
        }
        open_and_read(disk.root().child("t-0"), opening);
    }

    #[test]
    fn a_log_with_many_changed_bytes_can_be_opened(
        opening in opening(),
        seed in 0..3_u64,
        changes in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut files = files(seed);
        for (file, at, byte) in changes {
            let content = &mut file.get_mut(&mut files).1;
            if !content.is_empty() {
                *at.get_mut(content) = byte;
            }
        }
        let disk = SimDisk::new();
        disk.root().child("t-0").create().unwrap();
        for (name, content) in files {
            disk.put(&name, Some(content));
        }
        open_and_read(disk.root().child("t-0"), opening);
    }
}

/// The checkpoint is gone, and the offset of the last batch is smaller than that of the one before:
/// nothing but their order tells.
#[test]
fn an_offset_that_has_become_smaller_is_noticed_without_a_checkpoint() {
    let mut files = files(1);
    let last = files.iter_mut().find(|file| file.0 == "t-0/00000000000000000112.log").unwrap();
    let first = ottla_record::BatchHeader::parse(&last.1).unwrap();
    last.1[first.size()..first.size() + 8].fill(0);
    let disk = SimDisk::new();
    disk.root().child("t-0").create().unwrap();
    for (name, content) in files {
        disk.put(&name, Some(content));
    }
    let at = ottla_types::Offset::ZERO;
    let (clean_shutdown, is_compacted) = (true, false);
    open_and_read(
        disk.root().child("t-0"),
        Opening { clean_shutdown, is_compacted, recovery_point: at, log_start_offset: at },
    );
}
