//! The second phase: one segment for each group, without the records that are not the newest.
//!
//! Kafka: `Cleaner.cleanSegments`, `Cleaner.cleanInto`.

use std::sync::Arc;

use ottla_record::BatchHeader;
use ottla_types::Offset;

use super::{
    CleanError, CleanStats, Cleaned, Cleaner, Interrupted, Order, Pace, Round, SharedLog, damaged,
    filter::{Fate, Filter},
    group::groups,
    offset_map::OffsetMap,
    open,
    output::{Output, discard},
    read_failed,
    transactions::Transactions,
    unreadable,
};
use crate::{error::LogError, log::compact::Cleanable, names::Kind, scan::Scan, segment::Segment};

/// What goes from one segment of a group to the next.
struct Pass<'a, 'b> {
    filter: Filter<'a>,
    transactions: &'a mut Transactions,
    output: Output<'b>,
    stats: &'a mut CleanStats,
}

impl Cleaner {
    /// Writes all segments up to the end of the map anew.
    pub(super) fn rewrite_all(
        &mut self,
        log: &impl SharedLog,
        round: &Round,
        (cleanable, map): (&Cleanable, &OffsetMap),
        pace: &mut impl Pace,
        (stats, now_ms): (&mut CleanStats, i64),
    ) -> Result<(), CleanError> {
        let end = map.next_offset();
        let segments: Vec<Arc<Segment>> =
            round.segments(Offset::ZERO, end).map(|(_, segment)| segment.clone()).collect();
        let until = cleanable.first_uncleanable_offset;
        let place = (round.dir.as_ref(), &round.config);
        let mut transactions = Transactions::default();
        for group in groups(&segments, until, place)? {
            let filter = Filter {
                map,
                producers: log.with(|log| log.last_records()),
                end_offset: until,
                delete_retention_ms: round.config.delete_retention_ms,
                now_ms,
            };
            let cleaned = self.rewrite(round, &group, (filter, &mut transactions), pace, stats);
            let done = cleaned.and_then(|cleaned| {
                let Some(cleaned) = cleaned else { return Ok(false) };
                stats.segments_written += 1;
                log.with(|log| log.exchange(round, &cleaned, &group, now_ms))?;
                // Whoever notes that the log is clean up to here must be able to rely on it.
                let synced = round.dir.sync().map_err(LogError::io("sync", round.dir.path()));
                synced.map(|()| true).map_err(CleanError::Storage)
            });
            // Where an exchange has failed they say that what has its next name is not complete.
            let is_exchanging = matches!(done, Err(CleanError::Storage(_)));
            if let (Err(_) | Ok(false), Some(first)) = (&done, group.first())
                && !is_exchanging
            {
                discard(round.dir.as_ref(), first.base_offset);
            }
            done?;
        }
        Ok(())
    }

    /// Writes a group anew. `None` if it is clean already.
    fn rewrite(
        &mut self,
        round: &Round,
        group: &[Arc<Segment>],
        (filter, transactions): (Filter<'_>, &mut Transactions),
        pace: &mut impl Pace,
        stats: &mut CleanStats,
    ) -> Result<Option<Cleaned>, CleanError> {
        let Some((first, last)) = group.first().zip(group.last()) else { return Ok(None) };
        let only = (group.len() == 1).then(|| first.clone());
        let place = (&round.dir, &round.config);
        let output = Output::new(place, first.base_offset, only, self.window());
        let mut pass = Pass { filter, transactions, output, stats };
        for segment in group {
            let at = round.reader.segment_at(segment.base_offset);
            let aborted = round.aborted(at, segment, pace)?;
            pass.transactions.expect(aborted);
            let order = Order::of(round, segment);
            self.rewrite_segment((segment, order), &mut pass, pace)?;
            pass.stats.segments_read += 1;
        }
        pass.stats.bytes_kept += pass.output.size();
        let aborted = pass.transactions.take_needed();
        let modified_ms = open(last)?.0.modified_ms();
        let modified_ms = modified_ms.map_err(last.failed(Kind::Log)).map_err(read_failed)?;
        let cleaned = pass.output.finish(&aborted, Some(modified_ms), pace)?;
        pass.stats.bytes_written += cleaned.as_ref().map_or(0, |cleaned| cleaned.size);
        for segment in group {
            segment.close_files();
        }
        Ok(cleaned)
    }

    fn rewrite_segment(
        &mut self,
        (segment, mut order): (&Segment, Order<'_>),
        pass: &mut Pass<'_, '_>,
        pace: &mut impl Pace,
    ) -> Result<(), CleanError> {
        let (file, size) = open(segment)?;
        let window = self.window();
        let mut scan = Scan::with_window(file.as_ref(), 0, size, window);
        let mut paced = 0;
        loop {
            let position = scan.position();
            if position - paced >= window as u64 {
                pace.moved(position - paced).map_err(|Interrupted| CleanError::Interrupted)?;
                paced = position;
            }
            let next_batch = scan.next_whole().map_err(damaged(segment, position))?;
            let Some((header, batch)) = next_batch else { break };
            order.check(segment, position, &header)?;
            self.rewrite_batch(segment, (position, &header, batch), pass, pace)?;
        }
        pass.stats.bytes_read += size;
        pace.moved(size.saturating_sub(paced)).map_err(|Interrupted| CleanError::Interrupted)
    }

    fn rewrite_batch(
        &mut self,
        segment: &Segment,
        (position, header, batch): (u64, &BatchHeader, &[u8]),
        pass: &mut Pass<'_, '_>,
        pace: &mut impl Pace,
    ) -> Result<(), CleanError> {
        let Pass { filter, transactions, output, stats } = pass;
        let fate = filter.decide(header, batch, transactions, &mut self.scratch, stats);
        match fate.map_err(|cause| unreadable(segment, position, &cause))? {
            Fate::Stays => output.keep(header, batch, pace),
            Fate::Goes => output.leave_out(pace),
            Fate::Changes(header, changed) => output.replace(&header, &changed, pace),
        }
    }
}
