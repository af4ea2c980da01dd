//! What clients are told by a broker that has begun to stop.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use ottla_config::{Layer, ServerConfig};
use ottla_types::ErrorCode;
use ottla_wire::{
    Message, Reader, Request, Str, Writer,
    find_coordinator_request::FindCoordinatorRequest,
    heartbeat_request::HeartbeatRequest,
    list_groups_request::ListGroupsRequest,
    offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic},
};

use super::Broker;

/// Sends a request in a version with the first header and reads its response.
fn call<R: Request>(stream: &mut TcpStream, version: i16, request: &R) -> R::Response {
    let mut body = Writer::new();
    request.encode(&mut body, version).unwrap();
    let mut frame = R::KEY.code().to_be_bytes().to_vec();
    frame.extend(version.to_be_bytes());
    frame.extend(7_i32.to_be_bytes());
    frame.extend((-1_i16).to_be_bytes());
    frame.extend(body.finish().0);
    let mut whole = i32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
    whole.append(&mut frame);
    stream.write_all(&whole).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    R::Response::decode(&mut Reader::new(answer[4..].to_vec().into()), version).unwrap()
}

#[test]
fn groups_that_were_given_up_have_no_coordinator_here() {
    let temp = tempfile::tempdir().unwrap();
    let properties = [
        ("listeners", "PLAINTEXT://127.0.0.1:0"),
        ("ottla.console.listen", "off"),
        ("offsets.topic.num.partitions", "1"),
        ("log.dirs", temp.path().to_str().unwrap()),
    ];
    let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let layer = Layer { origin: "the test".to_owned(), properties };
    let broker = Broker::start(ServerConfig::load(&[layer]).unwrap().config).unwrap();
    let port = broker.listeners()[0].port;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();

    call(&mut stream, 0, &FindCoordinatorRequest { key: Str::from("g"), ..Default::default() });
    let heartbeat = HeartbeatRequest {
        group_id: Str::from("g"),
        generation_id: 1,
        member_id: Str::from("m"),
        ..Default::default()
    };
    let topic = OffsetFetchRequestTopic { name: Str::from("t"), partition_indexes: vec![0] };
    let offsets = OffsetFetchRequest {
        group_id: Str::from("g"),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let mut codes = || {
        let fetched = call(&mut stream, 2, &offsets);
        [
            call(&mut stream, 0, &heartbeat).error_code,
            fetched.error_code,
            call(&mut stream, 0, &ListGroupsRequest::default()).error_code,
        ]
        .map(ErrorCode::from_code)
    };
    assert_eq!(codes(), [ErrorCode::UnknownMemberId, ErrorCode::None, ErrorCode::None]);
    broker.shared.groups.stop();
    // Nobody may take what is forgotten for a group without offsets, and begin anew.
    let gone = ErrorCode::NotCoordinator;
    assert_eq!(codes(), [gone, gone, ErrorCode::CoordinatorNotAvailable]);
    broker.stop().unwrap();
}
