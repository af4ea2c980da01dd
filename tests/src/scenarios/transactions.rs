//! The transaction coordinator: ids and epochs, partitions, ends, fences, timeouts, lists.

use std::time::{Duration, Instant};

use ottla_wire::{
    Str,
    add_offsets_to_txn_request::AddOffsetsToTxnRequest,
    add_partitions_to_txn_request::{
        AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
    },
    describe_transactions_request::DescribeTransactionsRequest,
    end_txn_request::EndTxnRequest,
    find_coordinator_request::FindCoordinatorRequest,
    init_producer_id_request::InitProducerIdRequest,
    list_transactions_request::ListTransactionsRequest,
};

use crate::session::{Session, versions};

/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
const COME_BACK: [i16; 3] = [14, 15, 16];
/// CONCURRENT_TRANSACTIONS.
const CONCURRENT: i16 = 51;

/// A producer as its client knows it.
#[derive(Clone, Debug)]
pub(super) struct Producer {
    pub(super) transactional_id: String,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
}

impl Producer {
    fn at_epoch(&self, producer_epoch: i16) -> Self {
        Self { producer_epoch, ..self.clone() }
    }

    fn with_id(&self, producer_id: i64) -> Self {
        Self { producer_id, ..self.clone() }
    }
}

pub(super) fn init(transactional_id: &str, timeout_ms: i32) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some(Str::from(transactional_id)),
        transaction_timeout_ms: timeout_ms,
        ..Default::default()
    }
}

fn init_again(producer: &Producer) -> InitProducerIdRequest {
    InitProducerIdRequest {
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        ..init(&producer.transactional_id, 60_000)
    }
}

pub(super) fn add_old(producer: &Producer, topics: &[(&str, &[i32])]) -> AddPartitionsToTxnRequest {
    AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: Str::from(&producer.transactional_id),
        v3_and_below_producer_id: producer.producer_id,
        v3_and_below_producer_epoch: producer.producer_epoch,
        v3_and_below_topics: named(topics),
        ..Default::default()
    }
}

fn add_new(transactions: Vec<AddPartitionsToTxnTransaction>) -> AddPartitionsToTxnRequest {
    AddPartitionsToTxnRequest { transactions, ..Default::default() }
}

fn transaction(
    producer: &Producer,
    topics: &[(&str, &[i32])],
    verify_only: bool,
) -> AddPartitionsToTxnTransaction {
    AddPartitionsToTxnTransaction {
        transactional_id: Str::from(&producer.transactional_id),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        verify_only,
        topics: named(topics),
    }
}

fn named(topics: &[(&str, &[i32])]) -> Vec<AddPartitionsToTxnTopic> {
    let named = topics.iter().map(|(name, partitions)| AddPartitionsToTxnTopic {
        name: Str::from(*name),
        partitions: partitions.to_vec(),
    });
    named.collect()
}

pub(super) fn end(producer: &Producer, committed: bool) -> EndTxnRequest {
    EndTxnRequest {
        transactional_id: Str::from(&producer.transactional_id),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        committed,
    }
}

fn offsets(producer: &Producer, group: &str) -> AddOffsetsToTxnRequest {
    AddOffsetsToTxnRequest {
        transactional_id: Str::from(&producer.transactional_id),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        group_id: Str::from(group),
    }
}

fn describe(transactional_id: &str) -> DescribeTransactionsRequest {
    DescribeTransactionsRequest { transactional_ids: vec![Str::from(transactional_id)] }
}

/// Takes an id over, quietly, when its coordinator is there and has ended what was open.
pub(super) fn take_over(
    session: &mut Session,
    transactional_id: &str,
    timeout_ms: i32,
) -> Producer {
    let find = FindCoordinatorRequest {
        key_type: 1,
        coordinator_keys: vec![Str::from(transactional_id)],
        ..Default::default()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let found = session.quietly(4, &find).unwrap_or_default();
        if found.coordinators.first().is_none_or(|found| found.error_code != 0) {
            std::thread::yield_now();
            continue;
        }
        let response = session.quietly(4, &init(transactional_id, timeout_ms)).unwrap_or_default();
        if response.error_code == CONCURRENT || COME_BACK.contains(&response.error_code) {
            std::thread::yield_now();
            continue;
        }
        return Producer {
            transactional_id: transactional_id.to_owned(),
            producer_id: response.producer_id,
            producer_epoch: response.producer_epoch,
        };
    }
    Producer { transactional_id: transactional_id.to_owned(), producer_id: -1, producer_epoch: -1 }
}

/// Waits until an id's state is one that lasts, and gives it.
pub(super) fn settled(session: &mut Session, transactional_id: &str, lasting: &[&str]) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let response = session.quietly(0, &describe(transactional_id)).unwrap_or_default();
        let state = response.transaction_states.first().map(|it| it.transaction_state.to_string());
        if let Some(state) = state.filter(|state| lasting.contains(&state.as_str())) {
            return state;
        }
        std::thread::yield_now();
    }
    String::new()
}

const IDLE: [&str; 3] = ["Empty", "CompleteCommit", "CompleteAbort"];

fn ended(session: &mut Session, producer: &Producer) {
    settled(session, &producer.transactional_id, &IDLE);
    session.ask("the end", 0, &describe(&producer.transactional_id));
}

pub fn ids(session: &mut Session) {
    take_over(session, "ids-ready", 60_000);
    for version in versions::<InitProducerIdRequest>() {
        let id = format!("ids-{version}");
        let mut producer = take_over(session, &id, 60_000);
        for what in ["the next", "and the next"] {
            let response = session.ask(what, version, &init(&id, 60_000)).unwrap_or_default();
            producer.producer_epoch = response.producer_epoch;
        }
        session.ask("state", 0, &describe(&id));
        for timeout_ms in [0, -1, 900_001, i32::MIN] {
            session.ask(format!("timeout {timeout_ms}"), version, &init(&id, timeout_ms));
        }
        session.ask("the longest timeout", version, &init(&id, 900_000));
        session.ask("no name", version, &init("", 60_000));
        session.ask("no name and a bad timeout", version, &init("", 0));
        if version < 3 {
            continue;
        }
        let producer = take_over(session, &id, 60_000);
        session.ask("go on", version, &init_again(&producer));
        session.ask("go on again", version, &init_again(&producer));
        let ahead = producer.at_epoch(producer.producer_epoch + 7);
        session.ask("ahead", version, &init_again(&ahead));
        session.ask("behind", version, &init_again(&producer.at_epoch(0)));
        session.ask("another id", version, &init_again(&producer.with_id(77_777)));
        let used_up = producer.with_id(77_777).at_epoch(i16::MAX - 1);
        session.ask("another id, used up", version, &init_again(&used_up));
        take_over(session, &id, 60_000);
        session.ask("after another", version, &init_again(&producer));
        let unknown = Producer { transactional_id: format!("{id}-unknown"), ..producer };
        session.ask("an id nobody has had", version, &init_again(&unknown));
        session.ask("state", 0, &describe(&unknown.transactional_id));
    }
}

pub fn partitions(session: &mut Session) {
    let name = "txn-partitions";
    session.topic(name, 4, &[]);
    for version in versions::<AddPartitionsToTxnRequest>().filter(|version| *version < 4) {
        let id = format!("partitions-{version}");
        let it = take_over(session, &id, 60_000);
        let unknown = Producer { transactional_id: "partitions-none".to_owned(), ..it.clone() };
        let nameless = Producer { transactional_id: String::new(), ..it.clone() };
        let known: [(&str, &[i32]); 1] = [(name, &[0])];
        for (what, producer, topics) in [
            ("an unknown id", &unknown, &known[..]),
            ("no id", &nameless, &known[..]),
            ("another producer", &it.with_id(77_777), &known[..]),
            ("an epoch ahead", &it.at_epoch(9), &known[..]),
            ("an epoch behind", &it.at_epoch(-1), &known[..]),
            ("an unknown topic", &it, &[(name, &[0][..]), ("txn-none", &[0][..])][..]),
            ("an unknown partition", &it, &[(name, &[0, 9][..])][..]),
            ("nothing", &it, &[][..]),
            ("the first", &it, &known[..]),
            ("the first again", &it, &known[..]),
            ("more", &it, &[(name, &[0, 1, 2][..])][..]),
            ("a topic of Kafka's own", &it, &[("__transaction_state", &[0][..])][..]),
        ] {
            session.ask(what, version, &add_old(producer, topics));
            session.ask("state", 0, &describe(&id));
        }
        session.ask("abort", 4, &end(&it, false));
        ended(session, &it);
        session.ask("once more", version, &add_old(&it, &known));
        session.ask("state", 0, &describe(&id));
    }
    for version in [4, 5] {
        let one = take_over(session, &format!("partitions-{version}-one"), 60_000);
        let two = take_over(session, &format!("partitions-{version}-two"), 60_000);
        let nameless = Producer { transactional_id: String::new(), ..one.clone() };
        let verify = |it: &Producer| transaction(it, &[(name, &[0, 1][..])], true);
        let add = |it: &Producer| transaction(it, &[(name, &[0][..])], false);
        for (what, transactions) in [
            ("verify before", vec![verify(&one), verify(&two)]),
            ("add to one, verify the other", vec![add(&one), verify(&two)]),
            ("verify", vec![verify(&one), verify(&two)]),
            ("verify an epoch ahead", vec![verify(&one.at_epoch(5))]),
            ("verify another producer", vec![verify(&one.with_id(77_777))]),
            ("no name", vec![verify(&nameless)]),
            ("add without a name", vec![add(&nameless)]),
            ("a topic that is none", vec![transaction(&one, &[("txn-none", &[0][..])], true)]),
            ("an epoch behind", vec![add(&one.at_epoch(-1))]),
        ] {
            session.ask(what, version, &add_new(transactions));
        }
        session.ask("state", 0, &describe(&one.transactional_id));
    }
    groups(session);
}

fn groups(session: &mut Session) {
    for version in versions::<AddOffsetsToTxnRequest>() {
        let id = format!("offsets-{version}");
        let it = take_over(session, &id, 60_000);
        let unknown = Producer { transactional_id: "offsets-none".to_owned(), ..it.clone() };
        let nameless = Producer { transactional_id: String::new(), ..it.clone() };
        for (what, producer, group) in [
            ("an unknown id", &unknown, "txn-group"),
            ("no id", &nameless, "txn-group"),
            ("an epoch ahead", &it.at_epoch(9), "txn-group"),
            ("another producer", &it.with_id(77_777), "txn-group"),
            ("no group", &it, ""),
            ("a group", &it, "txn-group"),
            ("a group again", &it, "txn-group"),
            ("another group", &it, "txn-other"),
        ] {
            session.ask(what, version, &offsets(producer, group));
        }
        session.ask("state", 0, &describe(&id));
        session.ask("abort", 4, &end(&it, false));
        ended(session, &it);
    }
}

pub fn ends(session: &mut Session) {
    let name = "txn-ends";
    session.topic(name, 2, &[]);
    let topics: [(&str, &[i32]); 1] = [(name, &[0, 1])];
    for version in versions::<EndTxnRequest>() {
        for (first, second) in [(true, false), (false, true)] {
            let id = format!("ends-{version}-{first}");
            let mut it = take_over(session, &id, 60_000);
            let unknown = Producer { transactional_id: "ends-none".to_owned(), ..it.clone() };
            let nameless = Producer { transactional_id: String::new(), ..it.clone() };
            for (what, producer) in [
                ("an unknown id", &unknown),
                ("no id", &nameless),
                ("another producer", &it.with_id(77_777)),
                ("an epoch ahead", &it.at_epoch(9)),
                ("an epoch behind", &it.at_epoch(-1)),
            ] {
                session.ask(what, version, &end(producer, first));
            }
            // Without a transaction, only the newest version may abort.
            session.ask("nothing to commit", version, &end(&it, true));
            let aborted = session.ask("nothing to abort", version, &end(&it, false));
            let aborted = aborted.unwrap_or_default();
            ended(session, &it);
            if version >= 5 && aborted.error_code == 0 {
                session.ask("abort again", version, &end(&it, false));
                it = it.at_epoch(aborted.producer_epoch);
            }
            session.quietly(3, &add_old(&it, &topics));
            session.ask("open", 0, &describe(&id));
            let done = session.ask("end", version, &end(&it, first)).unwrap_or_default();
            ended(session, &it);
            session.ask("the same again", version, &end(&it, first));
            session.ask("the other way", version, &end(&it, second));
            ended(session, &it);
            if version < 5 {
                session.quietly(3, &add_old(&it, &topics));
                session.ask("the other way round", version, &end(&it, second));
                ended(session, &it);
                continue;
            }
            let next = it.at_epoch(done.producer_epoch);
            session.ask("commit the next, which is none", version, &end(&next, true));
            let done = session.ask("abort the next, which is none", version, &end(&next, false));
            ended(session, &it);
            let next = next.at_epoch(done.unwrap_or_default().producer_epoch);
            session.quietly(3, &add_old(&next, &topics));
            session.ask("the first once more", version, &end(&it, first));
            session.ask("the end of the next with the old version", 4, &end(&next, second));
            ended(session, &it);
            session.ask("and again with the new", version, &end(&next, second));
            ended(session, &it);
        }
    }
}

pub fn fences(session: &mut Session) {
    let name = "txn-fences";
    session.topic(name, 2, &[]);
    let topics: [(&str, &[i32]); 1] = [(name, &[0])];
    let old = take_over(session, "fences", 60_000);
    session.quietly(3, &add_old(&old, &topics));
    session.ask("another takes over", 4, &init("fences", 60_000));
    ended(session, &old);
    session.ask("the old one goes on", 5, &init_again(&old));
    let new = take_over(session, "fences", 60_000);
    for opened in [false, true] {
        if opened {
            session.quietly(3, &add_old(&new, &topics));
        }
        for version in versions::<AddPartitionsToTxnRequest>().filter(|version| *version < 4) {
            session.ask("the old one adds", version, &add_old(&old, &topics));
        }
        for version in versions::<AddOffsetsToTxnRequest>() {
            session.ask("the old one adds a group", version, &offsets(&old, "txn-group"));
        }
        for version in versions::<EndTxnRequest>() {
            session.ask("the old one ends", version, &end(&old, true));
        }
        let verified = add_new(vec![transaction(&old, &topics, true)]);
        session.ask("the old one is verified", 5, &verified);
    }
    for version in versions::<InitProducerIdRequest>().filter(|version| *version >= 3) {
        session.ask("a wrong id while one is open", version, &init_again(&old.with_id(77_777)));
    }
    session.ask("it goes on while one is open", 4, &init_again(&new));
    ended(session, &new);
}

pub fn timeouts(session: &mut Session) {
    let name = "txn-timeouts";
    session.topic(name, 1, &[]);
    let topics: [(&str, &[i32]); 1] = [(name, &[0])];
    for version in [3, 5] {
        let id = format!("timeouts-{version}");
        let it = take_over(session, &id, 1);
        session.ask("open", 3, &add_old(&it, &topics));
        settled(session, &id, &["CompleteAbort"]);
        session.ask("aborted", 0, &describe(&id));
        session.ask("too late to add", 3, &add_old(&it, &topics));
        session.ask("too late to commit", version, &end(&it, true));
        session.ask("too late to abort", version, &end(&it, false));
        session.ask("a new beginning", 4, &init_again(&it));
        session.ask("state", 0, &describe(&id));
    }
}

pub fn lists(session: &mut Session) {
    let name = "txn-lists";
    session.topic(name, 1, &[]);
    let topics: [(&str, &[i32]); 1] = [(name, &[0])];
    take_over(session, "lists-empty", 60_000);
    let open = take_over(session, "lists-open", 60_000);
    session.quietly(3, &add_old(&open, &topics));
    let done = take_over(session, "lists-done", 60_000);
    session.quietly(3, &add_old(&done, &topics));
    session.quietly(4, &end(&done, true));
    settled(session, "lists-done", &IDLE);
    let only = |pattern: &str| ListTransactionsRequest {
        transactional_id_pattern: Some(Str::from(pattern)),
        duration_filter: -1,
        ..Default::default()
    };
    for (what, pattern) in [
        ("all of these", "lists-.*"),
        ("one", "lists-open"),
        ("a part of a name", "lists"),
        ("either", "lists-(open|done)"),
        ("a class", "lists-[a-e]+"),
        ("none", "lists-nothing"),
        ("a pattern that is none", "lists-("),
    ] {
        session.ask(what, 2, &only(pattern));
    }
    let states = |states: &[&str]| ListTransactionsRequest {
        state_filters: states.iter().map(|state| Str::from(*state)).collect(),
        ..only("lists-.*")
    };
    for wanted in [
        &["Ongoing"][..],
        &["Empty", "CompleteCommit"],
        &["Nonsense"],
        &["Ongoing", "ongoing", "Nonsense"],
        &["PrepareCommit", "Dead", "PrepareEpochFence"],
    ] {
        session.ask(format!("in {wanted:?}"), 2, &states(wanted));
    }
    let of = |producer_ids: Vec<i64>| ListTransactionsRequest {
        producer_id_filters: producer_ids,
        ..only("lists-.*")
    };
    session.ask("of one producer", 2, &of(vec![open.producer_id]));
    session.ask("of two producers", 2, &of(vec![open.producer_id, done.producer_id, 77_777]));
    session.ask("of nobody", 2, &of(vec![77_777]));
    for duration_filter in [0, 3_600_000] {
        let longer = ListTransactionsRequest { duration_filter, ..only("lists-.*") };
        session.ask(format!("longer than {duration_filter}"), 2, &longer);
    }
    for version in [0, 1] {
        let request = ListTransactionsRequest {
            producer_id_filters: vec![open.producer_id],
            duration_filter: -1,
            ..Default::default()
        };
        session.ask("of one producer", version, &request);
    }
    session.ask(
        "several, known and unknown",
        0,
        &DescribeTransactionsRequest {
            transactional_ids: ["lists-open", "lists-none", "", "lists-done"]
                .map(Str::from)
                .to_vec(),
        },
    );
    session.ask("nobody", 0, &DescribeTransactionsRequest::default());
    session.quietly(4, &end(&open, false));
}
