//! What something costs in memory, by an allocator that counts for each thread by itself.
//!
//! A test that asks has it as its own: `#[global_allocator] static ALLOCATOR: Counting =
//! Counting;`.
#![expect(unsafe_code, reason = "an allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts.
#[derive(Debug)]
pub struct Counting;

fn grow(by: usize) {
    // Gone only while the thread ends.
    let Ok(now) = NOW.try_with(|now| now.replace(now.get() + by) + by) else { return };
    PEAK.with(|peak| peak.set(peak.get().max(now)));
}

fn shrink(by: usize) {
    let known = NOW.try_with(|now| now.set(now.get().saturating_sub(by)));
    debug_assert!(known.is_ok() || by > 0);
}

// SAFETY: every call goes to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
}

/// The most bytes that were in use at once during `run`, beyond what was before.
pub fn peak_of(run: impl FnOnce()) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    run();
    PEAK.get() - before
}
