//! What the journal takes of memory once it is full: what it is allowed, and no more after that.
//!
//! An allocator that counts watches the broker's threads. Connections come and go, each of which is
//! two events, until the oldest of them have to make room.
#![expect(unsafe_code, reason = "an allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
};

use ottla_tests::in_process::{TestBroker, eventually};

static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        LIVE.fetch_add(new_size, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// What the events of connections may take.
const ALLOWED: usize = 5 << 20;
/// More connections than that has room for the events of.
const MANY: usize = 6_000;
/// Events of so many connections would take more than half of it.
const MORE: usize = 4_000;
/// What else a broker holds now and does not hold later.
const SLACK: usize = 256 << 10;

fn come_and_go(broker: &TestBroker, connections: usize) {
    for _ in 0..connections {
        drop(TcpStream::connect(broker.address()).unwrap());
    }
}

/// Waits until no more than this is held: the broker may not have seen everybody go.
fn settled(what: &str, most: usize) -> usize {
    eventually(what, || Some(LIVE.load(Ordering::Relaxed)).filter(|live| *live < most))
}

#[test]
fn a_full_journal_takes_what_it_may_and_no_more() {
    let broker = TestBroker::start(&[]);
    come_and_go(&broker, 100);
    let begun = LIVE.load(Ordering::Relaxed);
    come_and_go(&broker, MANY);
    let full = settled("the events of many connections take their part", begun + ALLOWED + SLACK);
    assert!(full - begun > ALLOWED / 2, "only {} bytes: the queue is not full", full - begun);
    come_and_go(&broker, MORE);
    settled("the events of more connections take nothing", full + SLACK);
}
