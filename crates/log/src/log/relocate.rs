//! Going on with a log whose directory has got another name.
//!
//! Kafka: `LocalLog.renameDir`.

use std::sync::Arc;

use super::Log;
use crate::{dir::Dir, segment::Segment};

impl Log {
    /// Takes the log to be in this directory from now on. It was closed under its old name, and
    /// nothing was appended since. What is known of producers and epochs stays known; readers made
    /// before keep the files they have open, and find no others.
    pub fn relocate(&mut self, dir: Arc<dyn Dir>) {
        let moved = |old: &Arc<Segment>| {
            Arc::new(Segment::on_disk(dir.clone(), old.base_offset, old.has_txn_index()))
        };
        let size = self.active_segment.known_size();
        let segments = self.segments.iter().map(moved).collect();
        self.set_segments(segments);
        self.active_segment.set_size(size);
        self.active_segment.verified.trust_from(size);
        self.dir = dir;
    }
}
