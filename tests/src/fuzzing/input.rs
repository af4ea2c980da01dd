//! An input that says what to do, and what is shared by those that damage files.

use std::collections::BTreeMap;

use ottla_log::{simulation::random::Random, testing::seal_write_ahead_file};
use ottla_record::{BatchHeader, set_producer};

/// Bytes that are taken one after the other; zeros follow them.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// The next bytes, as many as the two before them say, or all that are left.
    pub(super) fn part(&mut self) -> &'a [u8] {
        let length = self.number();
        let (part, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        part
    }
}

/// Appends a part as [`Input::part`] takes it.
pub(super) fn push_part(input: &mut Vec<u8>, part: &[u8]) {
    let length = u16::try_from(part.len()).expect("it is small");
    input.extend(length.to_be_bytes());
    input.extend(part);
}

/// Changes files as the rest of the input says. Half of the batches get the checksum of what they
/// hold, so that what they hold is looked at.
pub(super) fn damage(input: &mut Input<'_>, files: &mut BTreeMap<String, Vec<u8>>) {
    let count = files.len();
    while !input.is_empty() {
        let (name, content) =
            files.iter_mut().nth(usize::from(input.byte()) % count).expect("there are files");
        let (at, byte) = (input.number(), input.byte());
        match byte {
            0xf0 => content.truncate(at),
            0xf1 => content.resize(content.len() + at % 2000, 0),
            _ if content.is_empty() => content.push(byte),
            _ => {
                let at = at % content.len();
                content[at] = byte;
            }
        }
        if [".log", ".checkpoint"].iter().any(|end| name.ends_with(end)) && byte & 1 == 0 {
            set_checksums(content);
        }
        if name.starts_with("write-ahead.") && byte & 1 == 0 {
            seal_write_ahead_file(content);
        }
    }
}

/// Gives every batch the checksum of what it holds.
pub(super) fn set_checksums(content: &mut [u8]) {
    let mut from = 0;
    while let Ok(header) = BatchHeader::parse(&content[from..]) {
        let Some(batch) = content.get_mut(from..from + header.size()) else { break };
        let (id, epoch) = (header.producer_id, header.producer_epoch);
        set_producer(batch, id, epoch, header.base_sequence);
        from += header.size();
    }
}

/// Inputs of up to so many random bytes, for targets whose input says what to do.
pub(super) fn scripts(most: usize) -> Vec<Vec<u8>> {
    let script = |seed: u64| {
        let mut random = Random::new(seed);
        let length = random.below(most);
        (0..length).map(|_| random.any().to_le_bytes()[0]).collect()
    };
    (0..50).map(script).collect()
}
