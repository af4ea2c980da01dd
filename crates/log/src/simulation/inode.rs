//! One file of the simulated disk: what it holds now, and what of it a power cut would leave.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that asks for what is not there is to panic"
)]

use std::collections::BTreeSet;

/// The unit in which bytes reach the disk.
const BLOCK: usize = 512;

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// A file's content now, what of it is on the disk, and what happened in between.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

impl Inode {
    /// The sizes it had since the last sync, the durable one first.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![self.durable.len()];
        for change in &self.pending {
            let last = *sizes.last().unwrap();
            let size = match change {
                Change::Write { at, bytes } => last.max(at + bytes.len()),
                Change::Resize(size) => *size,
            };
            if size != last {
                sizes.push(size);
            }
        }
        sizes
    }

    pub(super) fn dirty_blocks(&self) -> Vec<usize> {
        let mut blocks = BTreeSet::new();
        for change in &self.pending {
            if let Change::Write { at, bytes } = change {
                blocks.extend(at / BLOCK..(at + bytes.len()).div_ceil(BLOCK));
            }
        }
        blocks.into_iter().collect()
    }

    /// How many writes a block has seen.
    pub(super) fn versions(&self, block: usize) -> usize {
        let (from, to) = (block * BLOCK, (block + 1) * BLOCK);
        let touches = |change: &&Change| matches!(change, Change::Write { at, bytes } if *at < to && at + bytes.len() > from);
        self.pending.iter().filter(touches).count()
    }

    /// Puts a block into the state after the first `kept` writes to it.
    pub(super) fn restore_block(&self, content: &mut Vec<u8>, block: usize, kept: usize) {
        let (from, to) = (block * BLOCK, (block + 1) * BLOCK);
        if content.len() < to {
            content.resize(to, 0);
        }
        let mut seen = 0;
        for change in &self.pending {
            match change {
                Change::Write { at, bytes } if *at < to && at + bytes.len() > from => {
                    seen += 1;
                    if seen > kept {
                        return;
                    }
                    let (start, end) = (from.max(*at), to.min(at + bytes.len()));
                    content[start..end].copy_from_slice(&bytes[start - at..end - at]);
                }
                // What is cut off and written again is zeros in between.
                Change::Resize(size) if *size < to && seen < kept => {
                    content[from.max(*size)..to].fill(0);
                }
                Change::Write { .. } | Change::Resize(_) => {}
            }
        }
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[at..end].copy_from_slice(bytes);
        // What else is in a block is written with it, be it on the disk or not.
        let (at, end) = (at / BLOCK * BLOCK, (end.div_ceil(BLOCK) * BLOCK).min(self.now.len()));
        self.pending.push(Change::Write { at, bytes: self.now[at..end].to_vec() });
    }

    /// Writes what waits for it, or fails to: the kernel then drops it, and goes on showing it.
    pub(super) fn write_out(&mut self, is_written: bool) {
        if is_written {
            for change in &self.pending {
                if let Change::Resize(size) = change {
                    self.durable.truncate(*size);
                }
            }
            for block in self.dirty_blocks() {
                copy_block(&self.now, &mut self.durable, block);
            }
            self.durable.resize(self.now.len(), 0);
        }
        self.pending.clear();
    }

    /// Shows what is on the disk of the blocks from this position on that do not wait to be
    /// written.
    pub(super) fn forget_clean(&mut self, from: usize) {
        let (size, dirty) = (self.now.len(), self.dirty_blocks());
        for block in (from / BLOCK..size.div_ceil(BLOCK)).filter(|block| !dirty.contains(block)) {
            copy_block(&self.durable, &mut self.now, block);
        }
        self.now.resize(size, 0);
    }
}

/// Makes a block of one state what it is in another, which grows if need be.
fn copy_block(from: &[u8], to: &mut Vec<u8>, block: usize) {
    let (start, end) = (block * BLOCK, (block + 1) * BLOCK);
    to.resize(to.len().max(end), 0);
    to[start..end].fill(0);
    let source = &from[start.min(from.len())..end.min(from.len())];
    to[start..start + source.len()].copy_from_slice(source);
}
