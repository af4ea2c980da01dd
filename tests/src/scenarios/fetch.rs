//! Fetch: records, errors, sessions and limits.

use ottla_record::Compression;
use ottla_types::Uuid;
use ottla_wire::{
    Str,
    fetch_request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState},
};

use crate::{
    batch,
    session::{Session, versions},
};

fn partition(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }
}

/// A Fetch without a session, in whichever way the version names topics.
fn request(version: i16, name: &str, id: Uuid, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = if version >= 13 { Str::default() } else { Str::from(name) };
    let topic_id = if version >= 13 { id } else { Uuid::ZERO };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic { topic, topic_id, partitions }],
        ..Default::default()
    }
}

pub fn fetch(session: &mut Session) {
    let name = "fetched";
    let id = session.topic(name, 3, &[]);
    for count in [3, 4, 5] {
        session.append(name, 0, batch::plain(count));
    }
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        session.append(name, 1, batch::compressed(codec, 10));
    }
    for version in versions::<FetchRequest>() {
        for offset in [0, 1, 3, 11, 12] {
            let request = request(version, name, id, vec![partition(0, offset)]);
            session.ask(format!("from {offset}"), version, &request);
        }
        let all = vec![partition(2, 0), partition(0, 7), partition(1, 0)];
        session.ask("three partitions", version, &request(version, name, id, all));
        let committed = FetchRequest {
            isolation_level: 1,
            ..request(version, name, id, vec![partition(0, 0)])
        };
        session.ask("read_committed", version, &committed);
        let rack = FetchRequest {
            rack_id: Str::from("a"),
            ..request(version, name, id, vec![partition(0, 10)])
        };
        session.ask("from a rack", version, &rack);
    }
}

pub fn errors(session: &mut Session) {
    let name = "fetch-errors";
    let id = session.topic(name, 1, &[]);
    session.append(name, 0, batch::plain(5));
    let unknown = Uuid([3; 16]);
    for version in [4, 5, 7, 9, 11, 12, 13, 15, 16, 17, 18] {
        for offset in [6, 1000, -1, i64::MAX] {
            let request = request(version, name, id, vec![partition(0, offset)]);
            session.ask(format!("from {offset}"), version, &request);
        }
        let wrong =
            request(version, name, id, vec![partition(1, 0), partition(-1, 0), partition(0, 4)]);
        session.ask("unknown partitions", version, &wrong);
        let wrong = request(version, "fetch-none", unknown, vec![partition(0, 0)]);
        session.ask("unknown topic", version, &wrong);
        if version >= 9 {
            for epoch in [0, 1, 7] {
                let with_epoch = FetchPartition { current_leader_epoch: epoch, ..partition(0, 0) };
                let request = request(version, name, id, vec![with_epoch]);
                session.ask(format!("leader epoch {epoch}"), version, &request);
            }
        }
        if version >= 12 {
            for (epoch, offset) in [(0, 5), (0, 6), (1, 5), (9, 2)] {
                let fetched = FetchPartition { last_fetched_epoch: epoch, ..partition(0, offset) };
                let request = request(version, name, id, vec![fetched]);
                session.ask(format!("last fetched epoch {epoch} to {offset}"), version, &request);
            }
        }
        let replica = if version < 15 {
            FetchRequest { replica_id: 2, ..request(version, name, id, vec![partition(0, 0)]) }
        } else {
            let replica_state = ReplicaState { replica_id: 2, replica_epoch: 1 };
            FetchRequest { replica_state, ..request(version, name, id, vec![partition(0, 0)]) }
        };
        session.ask("a replica that is none", version, &replica);
        let consumer = FetchRequest {
            isolation_level: 2,
            ..request(version, name, id, vec![partition(0, 0)])
        };
        session.ask("isolation level 2", version, &consumer);
    }
    session.ask("no topic id", 13, &request(13, "", Uuid::ZERO, vec![partition(0, 0)]));
    let mut twice = request(12, name, id, vec![partition(0, 0), partition(0, 3)]);
    session.ask("a partition twice", 12, &twice);
    twice.topics.extend(request(12, name, id, vec![partition(0, 1)]).topics);
    session.ask("a topic twice", 12, &twice);
}

pub fn sessions(session: &mut Session) {
    let name = "fetch-session";
    let id = session.topic(name, 2, &[]);
    session.append(name, 0, batch::plain(2));
    for version in [7, 9, 12, 13, 17] {
        let empty = FetchRequest { topics: Vec::new(), ..request(version, name, id, Vec::new()) };
        let both = vec![partition(0, 0), partition(1, 0)];
        let full = FetchRequest { session_epoch: 0, ..request(version, name, id, both) };
        let response = session.ask("a new session", version, &full).unwrap_or_default();
        let session_id = response.session_id;
        let next = |epoch: i32, request: FetchRequest| FetchRequest {
            session_id,
            session_epoch: epoch,
            ..request
        };
        session.ask("nothing moved: the same again", version, &next(1, empty.clone()));
        let moved = request(version, name, id, vec![partition(0, 2)]);
        session.ask("moved to the end", version, &next(2, moved));
        session.ask("nothing new", version, &next(3, empty.clone()));
        session.append(name, 1, batch::plain(1));
        session.ask("one new", version, &next(4, empty.clone()));
        session.ask("a wrong epoch", version, &next(9, empty.clone()));
        session.ask("the right epoch after it", version, &next(5, empty.clone()));
        let forgotten = ForgottenTopic {
            topic: if version < 13 { Str::from(name) } else { Str::default() },
            topic_id: if version < 13 { Uuid::ZERO } else { id },
            partitions: vec![1],
        };
        let less = FetchRequest { forgotten_topics_data: vec![forgotten], ..empty.clone() };
        session.ask("one forgotten", version, &next(6, less));
        let unknown = request(version, "fetch-session-none", Uuid([5; 16]), vec![partition(0, 0)]);
        session.ask("an unknown topic joins", version, &next(7, unknown));
        session.ask("it is still unknown", version, &next(8, empty.clone()));
        let fresh = request(version, name, id, vec![partition(0, 1)]);
        let fresh = FetchRequest { session_id, session_epoch: 0, ..fresh };
        let replaced = session.ask("replaced", version, &fresh).unwrap_or_default();
        let close =
            FetchRequest { session_id: replaced.session_id, session_epoch: -1, ..empty.clone() };
        session.ask("closed", version, &close);
        session.ask("after it", version, &FetchRequest { session_epoch: 1, ..close });
        let stranger = FetchRequest { session_id: 123_456, session_epoch: 1, ..empty };
        session.ask("a session that is none", version, &stranger);
    }
}

pub fn limits(session: &mut Session) {
    let name = "fetch-limits";
    let id = session.topic(name, 3, &[]);
    for _ in 0..4 {
        for index in 0..3 {
            session.append(name, index, batch::plain(10));
        }
    }
    for version in [4, 11, 12, 13, 17] {
        for bytes in [0, 1, 100, 400, 1000] {
            let small = FetchPartition { partition_max_bytes: bytes, ..partition(0, 15) };
            let one = request(version, name, id, vec![small]);
            session.ask(format!("{bytes} bytes of the partition"), version, &one);
            let all = (0..3).map(|index| partition(index, 0)).collect();
            let all = FetchRequest { max_bytes: bytes, ..request(version, name, id, all) };
            session.ask(format!("{bytes} bytes in all"), version, &all);
        }
        let waits = FetchRequest {
            max_wait_ms: 50,
            min_bytes: 1,
            ..request(version, name, id, vec![partition(0, 40)])
        };
        session.ask("waits and gets nothing", version, &waits);
        let much = FetchRequest {
            max_wait_ms: 50,
            min_bytes: 1 << 20,
            ..request(version, name, id, vec![partition(0, 0)])
        };
        session.ask("waits for more than there is", version, &much);
        let none =
            FetchRequest { min_bytes: 0, ..request(version, name, id, vec![partition(0, 40)]) };
        session.ask("nothing is enough", version, &none);
    }
}
