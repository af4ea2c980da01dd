//! The anomalies: what each one is, and whether Kafka's clients have to live with it.
//!
//! A version is a record by its place in a partition. The order of versions is that of their
//! offsets, as acknowledgements and polls tell them; offsets that nobody reports are no versions,
//! since transactions end in markers that take offsets, too.
//!
//! What Kafka promises to a poll holds for what it promises to show: to a poll with
//! `read_committed` the records of transactions that committed, to any other poll all records.

use std::fmt;

macro_rules! anomalies {
    ($(#[$about:meta])* enum { $($(#[$doc:meta])* $variant:ident $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Anomaly {
            $($(#[$doc])* $variant,)*
        }

        impl Anomaly {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in reports; Jepsen's, where Jepsen has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

anomalies! {
    /// A broken promise.
    ///
    /// "Read" below is read by a poll to which Kafka promises that it shows only what was
    /// committed, unless it says otherwise. A write is acknowledged when its operation ended well,
    /// or when a record of its transaction was read.
    enum {
        /// 1: two values were read, or acknowledged, at one offset of a partition.
        InconsistentOffsets "inconsistent-offsets",
        /// 2: one value was read at two offsets.
        Duplicate "duplicate",
        /// 3 (Adya's G1a, aborted read): a value was read whose write failed for certain, or whose
        /// transaction was aborted.
        AbortedRead "G1a",
        /// 4: an acknowledged value was never read, or is not in the log at the end, although
        /// values behind it are; or it had been read before.
        LostWrite "lost-write",
        /// 5: an acknowledged value was not read by the end. Without a read of the whole partition
        /// at the end this is only a consumer that did not get so far, and allowed.
        Unseen "unseen",
        /// 6: the next poll of a consumer begins behind a value that it must have seen. With
        /// `subscribe` partitions come and go, and it is allowed.
        PollSkip "poll-skip",
        /// 7: the next poll of a consumer gives what an earlier one gave. With `subscribe`
        /// partitions come and go, and it is allowed.
        NonmonotonicPoll "nonmonotonic-poll",
        /// 8: one operation polled past a value that it must have seen. Partitions that were
        /// rebalanced meanwhile are excused.
        InternalPollSkip "int-poll-skip",
        /// 9: one operation polled a lower offset after a higher one. Partitions that were
        /// rebalanced meanwhile are excused.
        InternalNonmonotonicPoll "int-nonmonotonic-poll",
        /// 10: a write lies before one that the same process had acknowledged before it began.
        NonmonotonicSend "nonmonotonic-send",
        /// 11: an operation's later write lies before its earlier one. Allowed for producers that
        /// are not idempotent, whose retries may overtake.
        InternalNonmonotonicSend "int-nonmonotonic-send",
        /// 12: another value lies between two writes of one operation. Always allowed: writes of
        /// several producers mix.
        InternalSendSkip "int-send-skip",
        /// 13: a transaction read what it wrote itself, before it was committed. Allowed for
        /// `read_uncommitted`.
        PrecommittedRead "precommitted-read",
        /// 14: a cycle of writes that replace each other (Adya's G0). Always allowed: Kafka writes
        /// at once, and does not keep transactions apart.
        G0 "G0",
        /// 14: G0, where a process did one thing after the other. Always allowed.
        G0Process "G0-process",
        /// 14: G0, where one thing ended before another began. Always allowed.
        G0Realtime "G0-realtime",
        /// 14: a cycle of transactions that read each other's writes (Adya's G1c). Allowed only
        /// where it needs the order of writes.
        G1c "G1c",
        /// 14: a cycle of reads of writes, and of what a process did one after the other.
        G1cProcess "G1c-process",
        /// 14: a cycle of reads of writes, and of what ended before something else began.
        G1cRealtime "G1c-realtime",
        /// 16: of a transaction's records some are in the logs at the end, and some are not.
        TornTransaction "torn-transaction",
        /// 17: a value was acknowledged at another offset than the one where it is read.
        AckedElsewhere "acked-elsewhere",
        /// 18: a high watermark or last stable offset is below what was known before: an earlier
        /// answer, an offset that was read, or one that was acknowledged.
        WatermarkBack "watermark-back",
        /// 18: a last stable offset lies above the high watermark.
        StableAboveHigh "stable-above-high",
        /// 19: a last stable offset stands still below the high watermark for longer after the
        /// faults than any transaction may stay open.
        StableStuck "stable-stuck",
        /// 20: an instance of a transactional producer wrote or committed after the answer that
        /// gave its transactional id to another instance.
        Zombie "zombie",
        /// 21: a group's committed offset is below one that was committed or seen before.
        GroupOffsetBack "group-offset-back",
        /// 21: a group's committed offset is one that nobody committed, that an aborted transaction
        /// would have committed, or that lies beyond the end of the log.
        DirtyGroupOffset "dirty-group-offset",
        /// 22: two members own one partition in one generation of their group.
        TwoOwners "two-owners",
        /// 23: an offset is missing in a topic without transactions and without compaction.
        OffsetGap "offset-gap",
        /// 24: two replicas have different records at one offset, below the end of both.
        ReplicaDivergence "replica-divergence",
        /// 25: two leaders in one epoch.
        TwoLeaders "two-leaders",
        /// 25: a leader epoch is below one that was seen before.
        EpochBack "epoch-back",
        /// 26: a record was read whose content is not what its producer sent, or that nobody sent
        /// to this partition.
        ContentChanged "content-changed",
        /// 27: a copy with transactions has an input twice or not at all in its output, or its
        /// group stands before an input that is in the output.
        NotExactlyOnce "not-exactly-once",
        /// 28: compaction took the newest record of a key.
        CompactedNewest "compacted-newest",
        /// 28: a deleted key is back: an older record is there and the tombstone is not.
        CompactedRevived "compacted-revived",
        /// 29: nothing was written, or polled, within the time after the faults in which it must.
        NoProgress "no-progress",
        /// 30: a setting was read with a value that no order of the writes explains in which each
        /// operation happens at one moment between its beginning and its end.
        NotLinearizable "not-linearizable",
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Kafka's clients have to live with it: said, not judged.
    Allowed,
    /// Nothing that was shown is wrong, but nothing was shown.
    Liveness,
    /// A promise is broken.
    Violation,
}

impl Severity {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Liveness, Self::Violation];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Liveness => "no progress",
            Self::Violation => "violation",
        })
    }
}
