//! What a request costs the broker: allocations, once connections, buffers and partitions are warm,
//! and writes.
//!
//! An allocator that counts watches the broker's threads; the test's own thread, which is the
//! client, is not counted. What is asserted is what was measured: who makes it less lowers the
//! number, and whoever makes it more has to say why.
#![expect(unsafe_code, reason = "an allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ottla_tests::{batch, client::Client, in_process::TestBroker, session::produce};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    // Gone only while the thread ends.
    if IS_CLIENT.try_with(Cell::get) == Ok(false) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

const WARM_UP: u32 = 300;
const REQUESTS: u32 = 2000;

/// Allocations of the broker for each of many equal requests.
fn allocations_of(mut request: impl FnMut()) -> f64 {
    IS_CLIENT.set(true);
    for _ in 0..WARM_UP {
        request();
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..REQUESTS {
        request();
    }
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    f64::from(u32::try_from(after - before).expect("not that many")) / f64::from(REQUESTS)
}

/// One at a time: all count on the same counter.
static TURN: Mutex<()> = Mutex::new(());

/// A broker with a topic whose acks wait for the page cache only, and a connection to it.
fn warm() -> (MutexGuard<'static, ()>, TestBroker, Client) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    IS_CLIENT.set(true);
    let broker = TestBroker::start(&[("ottla.ack.durability", "page-cache")]);
    let mut client = broker.client();
    client.topic("hot", 1, &[]);
    (turn, broker, client)
}

/// The broker's other threads do little things now and then.
const OTHERS: f64 = 0.2;

#[test]
fn a_produce_of_one_small_batch() {
    let (_turn, _broker, mut client) = warm();
    let each = allocations_of(|| {
        client.produce("hot", 0, batch::plain(1));
    });
    assert!(each < 5.0 + OTHERS, "{each} allocations for each Produce");
}

#[test]
fn a_fetch_of_one_small_batch() {
    let (_turn, _broker, mut client) = warm();
    client.produce("hot", 0, batch::plain(1));
    let each = allocations_of(|| {
        assert_eq!(client.try_fetch("hot", 0, 0).error_code, 0);
    });
    assert!(each < 10.0 + OTHERS, "{each} allocations for each Fetch");
}

#[test]
fn a_fetch_of_what_lies_further_back() {
    let (_turn, _broker, mut client) = warm();
    for _ in 0..20 {
        client.produce("hot", 0, batch::plain(1));
    }
    let each = allocations_of(|| {
        assert_eq!(client.try_fetch("hot", 0, 0).error_code, 0);
    });
    assert!(each < 11.0 + OTHERS, "{each} allocations for each Fetch");
}

#[test]
fn requests_that_come_together_are_answered_by_one_write() {
    let (_turn, _broker, mut client) = warm();
    let connection = client.connection();
    for _ in 0..50 {
        let mut requests = Vec::new();
        for _ in 0..5 {
            let request = produce("hot", 0, batch::plain(1));
            requests.extend(connection.frame(9, &request).expect("a request").1);
        }
        connection.send_raw(&requests).expect("they are sent");
        let at_once = connection.wait_readable().expect("an answer");
        let answers = (0..5).map(|_| connection.receive_frame().expect("an answer").expect("five"));
        assert_eq!(at_once, answers.map(|answer| 4 + answer.len()).sum::<usize>());
    }
}
