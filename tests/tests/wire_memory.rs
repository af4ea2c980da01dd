//! What a frame says about its own contents costs no more memory than the frame's size justifies.
//!
//! An allocator that counts watches while hostile frames are decoded as every message.

use bytes::Bytes;
use ottla_tests::memory::{Counting, peak_of};
use ottla_wire::{MessageType, Sampler};

/// A byte on the wire may become this many in memory: an empty string takes one byte in the frame
/// and 32 as a value, and a list of them is moved to twice the room when it grows.
const FACTOR: usize = 64;
/// What is allocated whatever the frame's size is.
const CONSTANT: usize = 4096;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Decodes `frame` as every message in every version and checks what it costs.
fn check(what: &str, frame: &[u8]) {
    for message in MessageType::all() {
        for version in message.versions.clone() {
            let frame = Bytes::copy_from_slice(frame);
            let (length, limit) = (frame.len(), frame.len() * FACTOR + CONSTANT);
            let mut taken = Ok(0);
            let peak = peak_of(|| taken = (message.size)(frame, version));
            assert!(taken.is_ok_and(|taken| taken <= length) || taken.is_err());
            assert!(peak <= limit, "{what} as {} v{version}: {peak} > {limit}", message.name);
        }
    }
}

#[test]
fn a_frame_of_nothing_but_one_byte_costs_what_it_justifies() {
    for byte in 0..=255_u8 {
        check(&format!("2000 times {byte:#x}"), &[byte; 2000]);
    }
}

#[test]
fn random_frames_cost_what_they_justify() {
    let mut random = Sampler::new(23);
    for _ in 0..60 {
        // Mostly small bytes: they are plausible counts and lengths.
        let largest = 1 + random.below(255);
        let frame: Vec<u8> =
            (0..random.below(3000)).map(|_| u8::try_from(random.below(largest)).unwrap()).collect();
        check("random", &frame);
    }
}

#[test]
fn a_large_frame_that_claims_as_many_elements_as_would_fit_costs_what_it_justifies() {
    // An old count, a compact count, then as many empty strings or numbers as fit.
    for head in [&[0, 0x0f, 0x42, 0x3f][..], &[0xff, 0x84, 0x3d], &[1, b'g', 0xf0, 0x84, 0x3d]] {
        for body in [0, 1, 0xff] {
            let mut frame = head.to_vec();
            frame.resize(1_000_003, body);
            check("large", &frame);
        }
    }
}
