//! The files of the cluster metadata, and what is in them.

use std::{
    collections::BTreeMap,
    fs,
    sync::{LazyLock, OnceLock},
};

use bytes::Bytes;
use ottla_broker::{
    import::Import,
    testing::{metadata_log_files, open_metadata_log, read_as_every_metadata_file},
};
use ottla_log::simulation::disk::SimDisk;
use ottla_metadata::{Image, MetadataRecord};
use ottla_wire::{EncodeError, MessageType};

use super::input::{self, Input, damage, push_part, set_checksums};

/// A directory with a metadata log, by the names of its files.
static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let mut files = metadata_log_files().expect("a metadata log");
    let meta = "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=BwcHBwcHBwcHBwcHBwcHBw\n";
    files.insert("meta.properties".to_owned(), meta.as_bytes().to_vec());
    files
});

/// A file of the metadata log by itself: a snapshot, `quorum-state`. Once as it is, and once with
/// the right checksums.
pub fn metadata_file(data: &[u8]) {
    read_as_every_metadata_file(&Bytes::copy_from_slice(data));
    let mut sealed = data.to_vec();
    set_checksums(&mut sealed);
    read_as_every_metadata_file(&Bytes::from(sealed));
}

/// Metadata records, one after the other: what they give is what its own records give.
pub fn metadata_records(data: &[u8]) {
    let mut input = Input(data);
    let mut image = Image::new();
    while !input.is_empty() {
        let Ok(record) = MetadataRecord::decode(Bytes::copy_from_slice(input.part())) else {
            continue;
        };
        if let Ok(bytes) = record.encode(i16::MAX) {
            let again = MetadataRecord::decode(bytes.clone());
            let again = again.expect("what was encoded can be decoded");
            // Not by what they hold: a number may be none, which equals nothing.
            assert_eq!(again.encode(i16::MAX), Ok(bytes));
        }
        let before = image.clone();
        if image.replay(&record).is_err() {
            image = before;
        }
    }
    if !image.is_in_transaction() {
        let again = Image::from_records(&image.to_records()).expect("they are its own");
        assert_eq!(encoded(&again), encoded(&image));
    }
}

fn encoded(image: &Image) -> Vec<Result<Bytes, EncodeError>> {
    image.to_records().iter().map(|record| record.encode(i16::MAX)).collect()
}

/// A whole metadata log, with files that were damaged in many places, opened by a broker and looked
/// at by an import. The input says which bytes of which file have changed.
pub fn metadata_log(data: &[u8]) {
    let mut input = Input(data);
    let is_imported = input.byte() & 7 == 0;
    let mut files = FILES.clone();
    damage(&mut input, &mut files);
    if is_imported {
        let temp = tempfile::tempdir().expect("a directory");
        fs::create_dir(temp.path().join("__cluster_metadata-0")).expect("a directory");
        for (name, content) in &files {
            fs::write(temp.path().join(name), content).expect("it can be written");
        }
        let _looked = Import::look(&[temp.path().to_owned()]);
    }
    let disk = SimDisk::new();
    disk.root().child("__cluster_metadata-0").create().expect("memory");
    for (name, content) in files {
        disk.put(&name, Some(content));
    }
    let _opened = open_metadata_log(&disk);
}

pub(super) fn files() -> Vec<Vec<u8>> {
    let fixed = r#"{"clusterId":"","leaderId":1,"leaderEpoch":7,"votedId":-1,"currentVoters":[{"voterId":1}],"data_version":0}"#;
    FILES.values().cloned().chain([fixed.as_bytes().to_vec()]).collect()
}

pub(super) fn logs() -> Vec<Vec<u8>> {
    input::scripts(24)
}

/// Made-up records of every type in every version, a few of them together.
pub(super) fn record_lists() -> Vec<Vec<u8>> {
    static LISTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let lists = LISTS.get_or_init(|| {
        let mut records = Vec::new();
        for (at, message) in (0..).zip(MessageType::all()) {
            for version in message.versions.clone() {
                let Ok(body) = (message.sample)(at, version, version) else { continue };
                let version = u8::try_from(version).expect("it is small");
                // The frame's version, the record's number and its version.
                records.extend((0..30).filter_map(|key| {
                    let record = [&[1, key, version], &body[..]].concat();
                    let known = MetadataRecord::decode(Bytes::from(record.clone())).ok()?;
                    let name = format!("{}Record", known.name().trim_end_matches("Record"));
                    (message.name == name).then_some(record)
                }));
            }
        }
        let mut lists: Vec<Vec<u8>> = records.chunks(5).map(list).collect();
        lists.extend(records.iter().map(|record| list(std::slice::from_ref(record))));
        lists
    });
    lists.clone()
}

fn list(records: &[Vec<u8>]) -> Vec<u8> {
    let mut input = Vec::new();
    records.iter().for_each(|record| push_part(&mut input, record));
    input
}
