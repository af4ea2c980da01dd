//! ListOffsets and OffsetForLeaderEpoch.

use ottla_record::{BuilderOptions, TimestampType};
use ottla_wire::{
    Str,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    offset_for_leader_epoch_request::{
        OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
    },
};

use crate::{
    batch::{self, BASE_TIMESTAMP, build, record},
    session::{Session, versions},
};

fn at(partition_index: i32, timestamp: i64) -> ListOffsetsPartition {
    ListOffsetsPartition { partition_index, timestamp, ..Default::default() }
}

fn request(name: &str, partitions: Vec<ListOffsetsPartition>) -> ListOffsetsRequest {
    ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic { name: Str::from(name), partitions }],
        timeout_ms: 5_000,
        ..Default::default()
    }
}

pub fn list(session: &mut Session) {
    let name = "listed";
    session.topic(name, 2, &[]);
    session.append(name, 0, batch::plain(5));
    let shuffled = [record("a", "1", 9_000), record("b", "2", 7_000), record("c", "3", 8_000)];
    session.append(name, 0, build(BuilderOptions::default(), &shuffled).freeze());
    session.append(name, 0, batch::plain(2));
    for version in versions::<ListOffsetsRequest>() {
        for special in [-1, -2, -3, -4, -5, -6, -7] {
            session.ask(format!("at {special}"), version, &request(name, vec![at(0, special)]));
            let empty = request(name, vec![at(1, special)]);
            session.ask(format!("at {special} of nothing"), version, &empty);
        }
        for after in [-1, 0, 1, 1000, 4000, 4001, 7500, 8500, 9000, 9001] {
            let exact = request(name, vec![at(0, BASE_TIMESTAMP + after)]);
            session.ask(format!("{after} ms after"), version, &exact);
        }
        session.ask("at 0", version, &request(name, vec![at(0, 0), at(1, 0)]));
        session.ask("unknown partition", version, &request(name, vec![at(2, -1)]));
        session.ask("unknown topic", version, &request("listed-none", vec![at(0, -1)]));
        session.ask("a partition twice", version, &request(name, vec![at(0, -1), at(0, -2)]));
        if version >= 2 {
            let committed = ListOffsetsRequest {
                isolation_level: 1,
                ..request(name, vec![at(0, -1), at(1, -1)])
            };
            session.ask("read_committed", version, &committed);
        }
        if version >= 4 {
            for current_leader_epoch in [0, 3] {
                let partition = ListOffsetsPartition { current_leader_epoch, ..at(0, -1) };
                session.ask(
                    format!("leader epoch {current_leader_epoch}"),
                    version,
                    &request(name, vec![partition]),
                );
            }
        }
        let replica = ListOffsetsRequest { replica_id: 2, ..request(name, vec![at(0, -1)]) };
        session.ask("a replica that is none", version, &replica);
        let debug = ListOffsetsRequest { replica_id: -2, ..request(name, vec![at(0, -1)]) };
        session.ask("a debugging replica", version, &debug);
    }
    session.topic("listed-append", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let options =
        BuilderOptions { timestamp_type: TimestampType::CreateTime, ..Default::default() };
    session.append("listed-append", 0, build(options, &shuffled).freeze());
    session.ask("newest by append time", 7, &request("listed-append", vec![at(0, -3)]));
    session.ask("first by append time", 7, &request("listed-append", vec![at(0, BASE_TIMESTAMP)]));
}

pub fn leader_epochs(session: &mut Session) {
    let name = "epochs";
    session.topic(name, 1, &[]);
    session.append(name, 0, batch::plain(4));
    for version in versions::<OffsetForLeaderEpochRequest>() {
        for (current_leader_epoch, leader_epoch) in
            [(-1, 0), (-1, 1), (-1, 9), (-1, -1), (0, 0), (1, 0), (7, 0)]
        {
            for (name, partition) in [(name, 0), (name, 1), ("epochs-none", 0)] {
                let request = OffsetForLeaderEpochRequest {
                    replica_id: -1,
                    topics: vec![OffsetForLeaderTopic {
                        topic: Str::from(name),
                        partitions: vec![OffsetForLeaderPartition {
                            partition,
                            current_leader_epoch,
                            leader_epoch,
                        }],
                    }],
                };
                let note =
                    format!("{leader_epoch} of {name}-{partition} in {current_leader_epoch}");
                session.ask(note, version, &request);
            }
        }
    }
}
