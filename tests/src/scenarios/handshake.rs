//! ApiVersions, SaslHandshake, versions nobody speaks, and bytes that are no request.

use ottla_wire::{
    Str, api_versions_request::ApiVersionsRequest, fetch_request::FetchRequest,
    list_groups_request::ListGroupsRequest, metadata_request::MetadataRequest,
    produce_request::ProduceRequest, sasl_handshake_request::SaslHandshakeRequest,
};

use crate::{
    connection::Header,
    session::{Session, versions},
};

pub fn handshake(session: &mut Session) {
    let named = ApiVersionsRequest {
        client_software_name: Str::from("differential"),
        client_software_version: Str::from("1.0"),
        ..Default::default()
    };
    for version in versions::<ApiVersionsRequest>() {
        session.ask("as it should be", version, &named);
    }
    for (what, name, number) in [
        ("empty name", "", "1.0"),
        ("empty version", "x", ""),
        ("bad name", "no spaces please", "1.0"),
        ("bad ending", "x.", "1.0"),
    ] {
        let request = ApiVersionsRequest {
            client_software_name: Str::from(name),
            client_software_version: Str::from(number),
            ..Default::default()
        };
        session.ask(what, 3, &request);
    }
    let lost = ApiVersionsRequest { cluster_id: Some(Str::from("another")), ..named.clone() };
    session.ask("another cluster", 5, &lost);
    let lost = ApiVersionsRequest { node_id: 77, ..named };
    session.ask("another broker", 5, &lost);
    for version in versions::<SaslHandshakeRequest>() {
        let request = SaslHandshakeRequest { mechanism: Str::from("PLAIN") };
        session.ask("sasl is off", version, &request);
        session.hang_up(0);
    }
}

pub fn unsupported_versions(session: &mut Session) {
    // ApiVersions of any version is answered, in version 0; its body is whatever it is.
    for version in [6, 99, i16::MAX, -1] {
        let bytes = frame(18, version, true, &[2, b'x', 2, b'1', 0]);
        session.raw(&format!("ApiVersions v{version}"), &bytes);
    }
    let empty = [0; 64];
    for (key, version) in [
        (0, 2),
        (0, 14),
        (1, 3),
        (1, 19),
        (2, 0),
        (2, 12),
        (3, 14),
        (3, -1),
        (8, 1),
        (8, 11),
        (9, 0),
        (10, 7),
        (11, 10),
        (14, 6),
        (19, 1),
        (22, 7),
        (32, 0),
        (4, 0),
        (5, 0),
        (6, 0),
        (7, 0),
        (56, 2),
        (999, 0),
        (-1, 0),
        (i16::MAX, 0),
    ] {
        let bytes = frame(key, version, false, &empty);
        session.raw(&format!("API {key} v{version}"), &bytes);
    }
}

pub fn bad_bytes(session: &mut Session) {
    session.raw("an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let hello = [0x16, 3, 1, 0, 0xc4, 1, 0, 0, 0xc0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    session.raw("a TLS hello", &hello);
    session.raw("a negative length", &(-5_i32).to_be_bytes());
    session.raw("a length of zero", &0_i32.to_be_bytes());
    session.raw("a length beyond the limit", &(200_i32 << 20).to_be_bytes());
    session.raw("a frame of one byte", &[0, 0, 0, 1, 0]);
    session.raw_then_finish("half a length", &[0, 0]);
    session.raw_then_finish("half a frame", &[0, 0, 0, 50, 0, 3, 0, 0]);
    session.raw_then_finish("nothing", &[]);

    let body =
        |body: &[u8], key: i16, version: i16, flexible: bool| frame(key, version, flexible, body);
    let minus_two = b"\0\0\0\x01\0\x04none\0\0\0\x03\xff\xff\xff\xfe\0\0\x10\0\0";
    session.raw("CreatePartitions v0 with -2 assignments", &body(minus_two, 37, 0, false));
    session.raw("DescribeGroups v0 with -2 groups", &body(&[0xff, 0xff, 0xff, 0xfe], 15, 0, false));
    session.raw("Metadata v1 cut short", &body(&[0, 0], 3, 1, false));
    session
        .raw("Metadata v1 with a bad string length", &body(&[0, 0, 0, 1, 0xff, 0xf0], 3, 1, false));
    session
        .raw("Metadata v1 with a null topic name", &body(&[0, 0, 0, 1, 0xff, 0xff], 3, 1, false));
    session.raw("ListGroups v0 with bytes after the end", &body(&[1, 2, 3], 16, 0, false));
    session.raw("Metadata v9 with a huge varint", &body(&[0xff; 12], 3, 9, true));
    session.raw(
        "Metadata v9 with 2^28 tags",
        &body(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f], 3, 9, true),
    );
    session.raw("Produce v9 with nothing in it", &body(&[], 0, 9, true));
    session.raw("Fetch v12 with zeroes only", &body(&[0; 40], 1, 12, true));
    session.raw("a client id of -2 bytes", &[0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xfe]);
    session.raw(
        "a client id longer than the frame",
        &[0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 7, 0x7f, 0xff],
    );
    still_served(session);
}

fn frame(key: i16, version: i16, flexible: bool, body: &[u8]) -> Vec<u8> {
    Header { key, version, correlation_id: 7 }.frame("raw", flexible, body)
}

/// Other connections notice nothing of all that.
fn still_served(session: &mut Session) {
    session.ask("still served", 4, &ListGroupsRequest::default());
    let nothing = ProduceRequest { acks: 1, timeout_ms: 1000, ..Default::default() };
    session.ask("nothing to produce", 9, &nothing);
    session.ask("nothing to fetch", 12, &FetchRequest::default());
    let nothing = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    if let Some(version) = versions::<MetadataRequest>().last() {
        session.ask("no topics", version, &nothing);
    }
}
