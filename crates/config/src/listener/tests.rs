//! Listeners as files and compose files have them.

use super::*;

const DEFAULT_MAP: &str =
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";

struct Given<'a> {
    listeners: &'a str,
    advertised: Option<&'a str>,
    map: &'a str,
    inter_broker: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn listeners(listeners: &'a str) -> Self {
        Self { listeners, advertised: None, map: DEFAULT_MAP, inter_broker: None }
    }

    fn parse(&self) -> Result<Listeners, InvalidListener> {
        let split = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let advertised = self.advertised.map(split);
        Listeners::parse(ListenerTexts {
            listeners: &split(self.listeners),
            advertised: advertised.as_deref(),
            protocol_map: self.map,
            controller_names: &["CONTROLLER".to_owned()],
            inter_broker: self.inter_broker,
            inter_broker_protocol: "PLAINTEXT",
        })
    }

    fn refusal(&self) -> String {
        self.parse().expect_err(self.listeners).to_string()
    }
}

#[test]
fn one_listener_has_a_name_a_host_and_a_port() {
    let cases = [
        ("PLAINTEXT://localhost:9092", "PLAINTEXT", "localhost", 9092),
        ("plaintext://:9092", "PLAINTEXT", "", 9092),
        ("PLAINTEXT://0.0.0.0:0", "PLAINTEXT", "0.0.0.0", 0),
        ("PLAINTEXT://[::1]:9092", "PLAINTEXT", "::1", 9092),
        ("PLAINTEXT://::1:9092", "PLAINTEXT", "::1", 9092),
        ("PLAINTEXT://a-b_c.example:1", "PLAINTEXT", "a-b_c.example", 1),
    ];
    for (text, name, host, port) in cases {
        let listeners = Given::listeners(text).parse().expect(text);
        let expected = Listener {
            name: name.to_owned(),
            protocol: SecurityProtocol::Plaintext,
            host: host.to_owned(),
            port,
        };
        assert_eq!(listeners.brokers, [expected], "{text}");
        assert_eq!(listeners.inter_broker, name);
    }
}

#[test]
fn a_listener_is_written_as_it_is_read() {
    for text in ["PLAINTEXT://localhost:9092", "PLAINTEXT://[::1]:9092", "PLAINTEXT://:9092"] {
        let listeners = Given::listeners(text).parse().expect(text);
        assert_eq!(listeners.brokers[0].to_string(), text);
    }
}

#[test]
fn controllers_have_listeners_of_their_own() {
    let given = Given {
        map: "INTERNAL:PLAINTEXT,EXTERNAL:SSL",
        advertised: Some("INTERNAL://kafka:29092,EXTERNAL://localhost:9092"),
        inter_broker: Some("INTERNAL"),
        ..Given::listeners("INTERNAL://:29092,EXTERNAL://:9092,CONTROLLER://:9093")
    };
    let listeners = given.parse().expect("valid listeners");
    let names = |list: &[Listener]| list.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&listeners.brokers), ["INTERNAL", "EXTERNAL"]);
    assert_eq!(names(&listeners.controllers), ["CONTROLLER"]);
    assert_eq!(listeners.controllers[0].protocol, SecurityProtocol::Plaintext);
    assert_eq!(listeners.brokers[1].protocol, SecurityProtocol::Ssl);
    assert_eq!(listeners.inter_broker, "INTERNAL");
    assert_eq!(listeners.advertised("EXTERNAL").map(|it| it.host.as_str()), Some("localhost"));
    assert_eq!(listeners.advertised("OTHER"), None);
}

#[test]
fn without_a_listener_of_the_protocol_brokers_use_the_first() {
    let given = Given { map: "A:SSL,B:PLAINTEXT", ..Given::listeners("A://:1,B://:2") };
    assert_eq!(given.parse().map(|it| it.inter_broker), Ok("A".to_owned()));
}

#[test]
fn broken_listeners_name_their_key_and_value() {
    let cases = [
        ("garbage", "listeners: 'garbage' is not of the form NAME://host:port (no ://)"),
        (
            "PLAINTEXT://host",
            "listeners: 'PLAINTEXT://host' is not of the form NAME://host:port (no port)",
        ),
        (
            "PLAINTEXT://h:70000",
            "listeners: 'PLAINTEXT://h:70000' is not of the form NAME://host:port (the port is not \
             a number from 0 to 65535)",
        ),
        (
            "PLAINTEXT://a:b:1",
            "listeners: 'PLAINTEXT://a:b:1' is not of the form NAME://host:port (an IPv6 address \
             needs square brackets)",
        ),
        ("://h:1", "listeners: '://h:1' is not of the form NAME://host:port (no name before ://)"),
        (
            "FOO://:9092",
            "listener.security.protocol.map: no security protocol is known for the listener 'FOO' \
             of listeners; add FOO:PLAINTEXT (or another protocol)",
        ),
        (
            "PLAINTEXT://:1,PLAINTEXT://:2",
            "listeners: each listener must have a different name: PLAINTEXT://:1, PLAINTEXT://:2",
        ),
        (
            "PLAINTEXT://:1,SSL://:1",
            "listeners: each listener must have a different port: PLAINTEXT://:1, SSL://:1",
        ),
    ];
    for (text, refusal) in cases {
        assert_eq!(Given::listeners(text).refusal(), refusal);
    }
}

#[test]
fn one_port_may_serve_two_addresses() {
    for text in [
        "PLAINTEXT://127.0.0.1:1,SSL://[::1]:1",
        "PLAINTEXT://127.0.0.1:1,SSL://10.0.0.1:1",
        "PLAINTEXT://:0,SSL://:0",
    ] {
        assert!(Given::listeners(text).parse().is_ok(), "{text}");
    }
}

#[test]
fn broken_maps_name_their_entry() {
    let cases = [
        (
            "PLAINTEXT",
            "listener.security.protocol.map: 'PLAINTEXT' is not of the form NAME:PROTOCOL",
        ),
        (
            "PLAINTEXT:FOO",
            "listener.security.protocol.map: 'FOO' in 'PLAINTEXT:FOO' is not one of PLAINTEXT, \
             SSL, SASL_PLAINTEXT, SASL_SSL",
        ),
        ("A:SSL,a:SSL", "listener.security.protocol.map: the listener 'a' comes twice"),
    ];
    for (map, refusal) in cases {
        let given = Given { map, ..Given::listeners("PLAINTEXT://:1") };
        assert_eq!(given.refusal(), refusal);
    }
}

#[test]
fn what_is_advertised_must_be_a_listener_that_can_be_reached() {
    let cases = [
        (
            "OTHER://h:1",
            "listener.security.protocol.map: no security protocol is known for the listener \
             'OTHER' of advertised.listeners; add OTHER:PLAINTEXT (or another protocol)",
        ),
        (
            "SSL://h:1",
            "advertised.listeners: 'SSL://h:1' has the name of no listener; listeners has PLAINTEXT",
        ),
        (
            "PLAINTEXT://0.0.0.0:9092",
            "advertised.listeners: 'PLAINTEXT://0.0.0.0:9092' cannot use the nonroutable address \
             0.0.0.0; use a name or address that clients can reach",
        ),
    ];
    for (advertised, refusal) in cases {
        let given = Given { advertised: Some(advertised), ..Given::listeners("PLAINTEXT://:9092") };
        assert_eq!(given.refusal(), refusal);
    }
}

#[test]
fn an_unknown_listener_between_brokers_is_refused() {
    let given = Given { inter_broker: Some("NOPE"), ..Given::listeners("PLAINTEXT://:1") };
    assert_eq!(
        given.refusal(),
        "inter.broker.listener.name: NOPE is not a listener of this broker, which has PLAINTEXT"
    );
}
