//! A log in a few lines that does everything right gives no anomaly, whatever its clients do; one
//! that does a single thing wrong is caught.

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "all numbers are small"
)]
mod clients;
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "all numbers are small"
)]
mod log;

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::clients::run;
use super::script::found;
use crate::{Anomaly, Anomaly::*, History, Options, check};

/// Something that a log, a coordinator or a client library may do wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    AckBeforeAppend,
    AppendTwice,
    AckAtZero,
    AckAsFailed,
    ShowAborted,
    ShowOpen,
    TearCommit,
    SwapSends,
    SkipInPoll,
    RepeatInPoll,
    SkipWithinPoll,
    SwapWithinPoll,
    ShowOwn,
    LowerHighWatermark,
    LowerLastStable,
    StableAbove,
    LeaveOpen,
    LetZombiesIn,
    LoseGroupOffset,
    CommitAbortedOffsets,
    GiveTwice,
    LeaveGap,
    ChangeContent,
    LoseCopiedOffset,
    Truncate,
    LoseNewestKey,
    ReviveKey,
    StandStill,
}

use Fault::*;

/// Each fault, with the anomalies of which one must be found.
const FAULTS: &[(Fault, &[Anomaly])] = &[
    (AckBeforeAppend, &[LostWrite, Unseen, InconsistentOffsets, AckedElsewhere]),
    (AppendTwice, &[Duplicate]),
    (AckAtZero, &[AckedElsewhere]),
    (AckAsFailed, &[AbortedRead]),
    (ShowAborted, &[AbortedRead]),
    // What was shown of a transaction of unknown end counts as committed, and is lost when it is
    // not.
    (ShowOpen, &[AbortedRead, LostWrite, G1c, G1cProcess, G1cRealtime, PollSkip, InternalPollSkip]),
    (TearCommit, &[TornTransaction]),
    (SwapSends, &[InternalNonmonotonicSend]),
    (SkipInPoll, &[PollSkip]),
    (RepeatInPoll, &[NonmonotonicPoll]),
    (SkipWithinPoll, &[InternalPollSkip]),
    (SwapWithinPoll, &[InternalNonmonotonicPoll]),
    (ShowOwn, &[PrecommittedRead]),
    (LowerHighWatermark, &[WatermarkBack]),
    (LowerLastStable, &[WatermarkBack]),
    (StableAbove, &[StableAboveHigh]),
    (LeaveOpen, &[StableStuck]),
    // Who came last is not known where two initializations overlap; then only the loss is.
    (LetZombiesIn, &[Zombie, Unseen, LostWrite]),
    (LoseGroupOffset, &[GroupOffsetBack]),
    (CommitAbortedOffsets, &[DirtyGroupOffset, NotExactlyOnce]),
    (GiveTwice, &[TwoOwners]),
    (LeaveGap, &[OffsetGap]),
    (ChangeContent, &[ContentChanged]),
    (LoseCopiedOffset, &[NotExactlyOnce]),
    (Truncate, &[LostWrite, Unseen, InconsistentOffsets, AckedElsewhere]),
    (LoseNewestKey, &[CompactedNewest]),
    (ReviveKey, &[CompactedRevived]),
    (StandStill, &[NoProgress]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_correct_log_gives_no_anomaly(seed: u64) {
        let (lines, _) = run(seed, None);
        let report = check(&History::parse(&[&lines]).unwrap(), Options::default());
        prop_assert!(report.is_clean(), "{report}");
        prop_assert!(report.figures.committed > 0, "{report}");
    }

    #[test]
    fn a_fault_is_caught_wherever_it_strikes(seed: u64, at in 0..FAULTS.len()) {
        let (fault, expected) = FAULTS[at];
        let (lines, has_struck) = run(seed, Some(fault));
        let report = check(&History::parse(&[&lines]).unwrap(), Options::default());
        let found = found(&report);
        prop_assert!(
            !has_struck || expected.iter().any(|anomaly| found.contains(anomaly)),
            "{fault:?}: {report}"
        );
    }
}

/// Worlds in which a fault got by.
#[test]
fn a_fault_that_was_missed_is_caught() {
    let worlds =
        [(14_652_607_867_755_354_396, LoseCopiedOffset), (17_295_826_552_058_234_755, ShowOpen)];
    for (seed, fault) in worlds {
        let (lines, has_struck) = run(seed, Some(fault));
        let report = check(&History::parse(&[&lines]).unwrap(), Options::default());
        let (_, expected) = FAULTS.iter().find(|(it, _)| *it == fault).unwrap();
        let found = found(&report);
        assert!(has_struck && found.iter().any(|it| expected.contains(it)), "{fault:?}: {report}");
    }
}

#[test]
fn every_fault_strikes() {
    let strikes = |fault| (0..30).any(|seed| run(seed, Some(fault)).1);
    let idle: Vec<_> = FAULTS.iter().filter(|(fault, _)| !strikes(*fault)).collect();
    assert!(idle.is_empty(), "{idle:?}");
    let distinct: BTreeSet<_> = FAULTS.iter().map(|(fault, _)| fault).collect();
    assert_eq!(distinct.len(), FAULTS.len());
}
