//! Where decompressed bytes go: a buffer that is used again and never grows beyond a limit.
//!
//! Invariant: `length <= limit`, and the buffer never holds more than the limit of its largest use.

use std::borrow::Cow;

/// A buffer larger than this is given back before the next batch.
const KEPT_MAX: usize = 8 << 20;
/// First size of a buffer, and the least by which it grows.
const GROWTH_MIN: usize = 16 << 10;

/// Why decompression stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The limit is reached and there is more.
    TooLarge,
    /// The input is not what the codec writes.
    Corrupt(Cow<'static, str>),
}

impl Failure {
    pub(crate) const fn corrupt(reason: &'static str) -> Self {
        Self::Corrupt(Cow::Borrowed(reason))
    }
}

/// Decompressed bytes.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Always initialized as far as it is long, so that it is cleared only once.
    buffer: Vec<u8>,
    /// How much of it is filled.
    length: usize,
    limit: usize,
}

impl Output {
    /// Empties the buffer and sets the most it may be filled with.
    pub(crate) fn restart(&mut self, limit: usize) {
        self.length = 0;
        self.limit = limit;
        if self.buffer.len() > KEPT_MAX {
            self.buffer = Vec::new();
        }
    }

    /// What is there so far.
    pub(crate) fn filled(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or(&[])
    }

    pub(crate) fn into_filled(mut self) -> Vec<u8> {
        self.buffer.truncate(self.length);
        self.buffer
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// How many more bytes may come.
    pub(crate) fn room(&self) -> usize {
        self.limit - self.length
    }

    /// What is there, and up to `wanted` bytes to write behind it: fewer only if the limit is
    /// nearer. [`Output::advance`] says how many were written.
    pub(crate) fn spare(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let wanted = wanted.min(self.room());
        let needed = self.length + wanted;
        if needed > self.buffer.len() {
            // Doubling keeps the cost linear; the limit bounds it.
            let doubled = self.buffer.len().saturating_mul(2).max(GROWTH_MIN);
            let size = needed.max(doubled.min(self.limit));
            self.buffer.reserve_exact(size - self.buffer.len());
            self.buffer.resize(size, 0);
        }
        let (filled, rest) = self.buffer.split_at_mut(self.length);
        let end = wanted.min(rest.len());
        (filled, rest.split_at_mut(end).0)
    }

    /// As much as the buffer has already, at least one byte unless the limit is reached.
    pub(crate) fn spare_any(&mut self) -> &mut [u8] {
        let wanted = (self.buffer.len() - self.length).max(1);
        self.spare(wanted).1
    }

    /// Says that `count` of the spare bytes are filled now.
    pub(crate) fn advance(&mut self, count: usize) {
        self.length = (self.length + count).min(self.buffer.len()).min(self.limit);
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > self.room() {
            return Err(Failure::TooLarge);
        }
        self.spare(bytes.len()).1.copy_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }
}
