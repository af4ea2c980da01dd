//! For every anomaly a history that has it, and what is found there besides.

use super::script::{found, judge, judge_with};
use crate::{Anomaly, Anomaly::*, Options, Severity};

/// The script has these anomalies and no others.
#[track_caller]
fn has(anomalies: &[Anomaly], script: &str) {
    let report = judge(script);
    assert_eq!(found(&report), anomalies, "{report}");
}

/// The script has this one, but it is allowed, and nothing else.
#[track_caller]
fn allows(anomaly: Anomaly, script: &str) {
    let report = judge(script);
    assert!(report.count_as(anomaly, Severity::Allowed) > 0, "{report}");
    assert!(report.is_clean(), "{report}");
}

#[test]
fn two_values_at_one_offset() {
    let script = "
        0: send x-0 1@0
        0: send x-0 2@1
        1: poll x-0 1@0 2@1
        2: poll x-0 2@0";
    has(&[InconsistentOffsets, Duplicate], script);
    has(
        &[InconsistentOffsets],
        "
        0: send x-0 1@0
        1: send x-0 2@0",
    );
}

#[test]
fn a_value_at_two_offsets() {
    has(
        &[Duplicate],
        "
        0: send x-0 1@0
        1: poll x-0 1@0 1@1",
    );
}

#[test]
fn a_read_of_what_was_aborted() {
    has(
        &[AbortedRead],
        "
        0: txn send x-0 1@0 -> fail
        1: poll x-0 1@0",
    );
    has(
        &[AbortedRead],
        "
        0: send x-0 1 -> fail
        1: poll x-0 1@0 | uncommitted",
    );
}

#[test]
fn an_acknowledged_value_that_is_passed_over() {
    has(
        &[LostWrite],
        "
        0: send x-0 1@0
        0: send x-0 2@1
        1: poll x-0 2@1",
    );
    has(
        &[LostWrite, OffsetGap],
        "
        0: send x-0 1@0
        0: send x-0 2@1
        1: read poll x-0 2@1, logs x-0 start=0 hw=2",
    );
}

#[test]
fn a_value_that_was_read_and_is_gone() {
    has(
        &[LostWrite, WatermarkBack],
        "
        0: send x-0 1@0
        1: poll x-0 1@0
        2: read logs x-0 start=0 hw=0",
    );
}

#[test]
fn a_write_nobody_knows_of_counts_when_its_sibling_is_read() {
    has(
        &[LostWrite, TornTransaction],
        "
        0: txn send x-0 1@0, send y-0 2@0 -> info
        1: txn send y-0 3@2
        2: read poll x-0 1@0, logs x-0 start=0, poll y-0 3@2, logs y-0 start=0",
    );
}

#[test]
fn an_acknowledged_value_that_nobody_sees() {
    has(
        &[Unseen],
        "
        0: txn send x-0 1@0
        1: read logs x-0 start=0",
    );
    allows(Unseen, "0: send x-0 1@0");
}

#[test]
fn a_poll_that_skips() {
    let records = "
        0: send x-0 1@0
        0: send x-0 2@1
        0: send x-0 3@2
        9: poll x-0 1@0 2@1 3@2";
    has(
        &[PollSkip],
        &format!(
            "{records}
        1: assign keys x-0
        1: poll x-0 1@0
        1: poll x-0 3@2"
        ),
    );
    has(
        &[PollSkip],
        &format!(
            "{records}
        1: assign offsets x-0 0
        1: poll x-0 2@1"
        ),
    );
    allows(
        PollSkip,
        &format!(
            "{records}
        1: subscribe keys x-0
        1: poll x-0 1@0
        1: poll x-0 3@2"
        ),
    );
    has(
        &[InternalPollSkip],
        &format!(
            "{records}
        1: poll x-0 1@0 3@2"
        ),
    );
}

#[test]
fn a_poll_that_goes_back() {
    let records = "
        0: send x-0 1@0
        0: send x-0 2@1";
    has(
        &[NonmonotonicPoll],
        &format!(
            "{records}
        1: assign offsets x-0 0
        1: poll x-0 1@0 2@1
        1: poll x-0 2@1"
        ),
    );
    allows(
        NonmonotonicPoll,
        &format!(
            "{records}
        1: subscribe keys x-0
        1: poll x-0 1@0 2@1
        1: poll x-0 2@1"
        ),
    );
    has(
        &[InternalNonmonotonicPoll],
        &format!(
            "{records}
        1: poll x-0 2@1 1@0"
        ),
    );
}

#[test]
fn a_producer_whose_records_are_in_disorder() {
    has(
        &[NonmonotonicSend],
        "
        0: send x-0 1@5
        0: send x-0 2@4",
    );
    has(
        &[InternalNonmonotonicSend],
        "
        0: send x-0 1@5, send x-0 2@4",
    );
    allows(
        InternalNonmonotonicSend,
        "
        0: send x-0 1@5, send x-0 2@4 | unordered
        1: poll x-0 2@4 1@5",
    );
}

#[test]
fn writes_that_mix_are_allowed() {
    allows(
        InternalSendSkip,
        "
        0> send x-0 1, send x-0 3
        1: send x-0 2@1
        0< send x-0 1@0, send x-0 3@2",
    );
}

#[test]
fn a_transaction_that_reads_itself() {
    has(
        &[PrecommittedRead],
        "
        0: txn send x-0 1@0, poll x-0 1@0",
    );
    allows(
        PrecommittedRead,
        "
        0: txn send x-0 1@0, poll x-0 1@0 | uncommitted",
    );
}

#[test]
fn transactions_that_read_each_other() {
    has(
        &[G1c],
        "
        0> txn send x-0 1
        1> txn send y-0 2
        0< txn send x-0 1@0, poll y-0 2@0
        1< txn send y-0 2@0, poll x-0 1@0",
    );
}

#[test]
fn a_read_of_what_the_process_writes_later() {
    // 2 reads 1, which was read from what process 2 writes only afterwards.
    has(
        &[G1cProcess],
        "
        1> txn send x-0 1
        3> send y-0 9
        2: txn poll x-0 1@0
        2> send y-0 2
        2< send y-0 2@0
        1< txn send x-0 1@0, poll y-0 2@0
        3< send y-0 9@1",
    );
}

#[test]
fn a_read_of_what_is_written_later() {
    has(
        &[G1cRealtime],
        "
        1> txn send x-0 1
        2: poll x-0 1@0
        3: send y-0 2@0
        1< txn send x-0 1@0, poll y-0 2@0",
    );
}

#[test]
fn cycles_of_writes_are_allowed() {
    let options = Options { write_order: true };
    let crossed = "
        0> txn send x-0 1, send y-0 2
        1> txn send x-0 3, send y-0 4
        0< txn send x-0 1@0, send y-0 2@1
        1< txn send x-0 3@1, send y-0 4@0";
    let report = judge_with(crossed, options);
    assert!(report.is_clean(), "{report}");
    assert!(report.count_as(G0, Severity::Allowed) > 0, "{report}");
    assert_eq!(judge(crossed).count(G0), 0);
    let by_process = "
        0> txn send x-0 1
        1: txn send x-0 3@0
        1: txn send y-0 4@0
        0< txn send x-0 1@1, send y-0 2@1";
    assert!(judge_with(by_process, options).is_clean());
    let back = "
        1: txn send x-0 1@1
        1: txn send x-0 2@0";
    let report = judge_with(back, options);
    assert!(report.count_as(G0Process, Severity::Allowed) > 0, "{report}");
    let back = "
        1: txn send x-0 1@1
        2: txn send x-0 2@0";
    let report = judge_with(back, options);
    assert!(report.count_as(G0Realtime, Severity::Allowed) > 0, "{report}");
    let read = "
        1> txn send x-0 1, send y-0 5
        2> txn send x-0 2
        2< txn send x-0 2@1, poll y-0
        1< txn send x-0 1@0, poll x-0, send y-0 5@0
        3: txn poll y-0 5@0, send x-0 3@0";
    assert!(judge_with(read, options).count(InconsistentOffsets) > 0);
    let mixed = "
        1> txn send x-0 1, send y-0 5
        3> txn send x-0 3
        3< txn send x-0 3@0, poll y-0 5@0
        1< txn send x-0 1@1, send y-0 5@0";
    let report = judge_with(mixed, options);
    assert!(report.count_as(G1c, Severity::Allowed) > 0, "{report}");
    assert!(report.is_clean(), "{report}");
}

#[test]
fn half_a_transaction() {
    has(
        &[Unseen, TornTransaction],
        "
        0: txn send x-0 1@0, send y-0 2@0
        1: read poll x-0 1@0, logs x-0 start=0, logs y-0 start=0",
    );
    has(
        &[AbortedRead, TornTransaction],
        "
        0: txn send x-0 1@0, send y-0 2@0 -> fail
        1: read poll x-0 1@0, logs x-0 start=0, logs y-0 start=0",
    );
}

#[test]
fn an_acknowledgement_of_another_offset() {
    has(
        &[AckedElsewhere],
        "
        0: send x-0 1@0
        0: send x-0 2@0
        1: poll x-0 1@0 2@1",
    );
}

#[test]
fn watermarks_that_go_back() {
    has(
        &[WatermarkBack],
        "
        0: list_offsets logs x-0 hw=5 lso=5
        0: list_offsets logs x-0 hw=4 lso=4",
    );
    has(
        &[WatermarkBack],
        "
        0: list_offsets logs x-0 hw=5 lso=4
        0: list_offsets logs x-0 hw=5 lso=3",
    );
    has(
        &[WatermarkBack],
        "
        0: send x-0 1@7
        1: list_offsets logs x-0 hw=7",
    );
    has(
        &[WatermarkBack],
        "
        0: send x-0 1@7
        1: poll x-1, logs x-0 hw=7",
    );
    has(
        &[WatermarkBack],
        "
        0: txn send x-0 1@7
        1: poll x-0 1@7
        1: list_offsets logs x-0 hw=8 lso=7",
    );
}

#[test]
fn a_stable_offset_above_the_high_watermark() {
    has(&[StableAboveHigh], "0: list_offsets logs x-0 hw=5 lso=6");
}

#[test]
fn a_stable_offset_that_stands_still() {
    has(
        &[StableStuck],
        "
        settings {\"transaction_limit_ms\": 30000}
        0: heal
        0: list_offsets logs x-0 hw=5 lso=4
        at 20
        0: list_offsets logs x-0 hw=6 lso=4
        at 40
        0: list_offsets logs x-0 hw=6 lso=4",
    );
}

#[test]
fn a_fenced_producer_that_writes() {
    has(
        &[Zombie],
        "
        0: init | id=t
        1: init | id=t
        0: txn send x-0 1@0 | id=t",
    );
    has(
        &[Zombie],
        "
        0: init | id=t
        0> txn send x-0 1 | id=t
        1: init | id=t
        0+ txn send x-0 1@0
        0< txn",
    );
    has(
        &[Zombie],
        "
        0: init | id=t
        1: init | id=t
        0: txn send x-0 1 | id=t -> info
        2: poll x-0 1@4 | uncommitted",
    );
}

#[test]
fn a_group_that_goes_back() {
    has(
        &[GroupOffsetBack],
        "
        0: commit offsets x-0 3 | group=g
        0: commit offsets x-0 5 | group=g
        1: committed offsets x-0 3 | group=g",
    );
    has(
        &[GroupOffsetBack],
        "
        0: txn offsets x-0 5 | group=g
        1: committed offsets x-0 none | group=g",
    );
}

#[test]
fn an_offset_that_nobody_committed() {
    has(
        &[DirtyGroupOffset],
        "
        0: commit offsets x-0 3 | group=g
        1: committed offsets x-0 4 | group=g",
    );
    has(
        &[DirtyGroupOffset],
        "
        0: txn offsets x-0 3 | group=g -> fail
        1: committed offsets x-0 3 | group=g",
    );
    has(
        &[DirtyGroupOffset],
        "
        0: commit offsets x-0 3 | group=g
        1: committed offsets x-0 3 | group=g
        2: read logs x-0 start=2 hw=2 | uncommitted",
    );
}

#[test]
fn two_members_with_one_partition() {
    has(
        &[TwoOwners],
        "
        0: rebalance keys x-0 x-1 | group=g generation=3
        1: rebalance keys x-1 | group=g generation=3",
    );
}

#[test]
fn an_offset_that_is_missing() {
    has(
        &[OffsetGap],
        "
        0: send x-0 1@0
        0: send x-0 2@2
        1: read poll x-0 1@0 2@2, logs x-0 start=0 hw=3",
    );
    has(
        &[OffsetGap],
        "
        0: send x-0 1@0
        1: read poll x-0 1@0, logs x-0 start=0 hw=2",
    );
}

#[test]
fn replicas_that_differ() {
    has(
        &[ReplicaDivergence],
        "
        0: send x-0 1@0
        0: send x-0 2@1
        1: read poll x-0 1@0 2@1 | replica=1
        1: read poll x-0 2@0 | replica=2",
    );
}

#[test]
fn two_leaders() {
    has(
        &[TwoLeaders],
        "
        0: list_offsets logs x-0 leader=1 epoch=4
        0: list_offsets logs x-0 leader=2 epoch=4",
    );
    has(
        &[EpochBack],
        "
        0: list_offsets logs x-0 leader=1 epoch=4
        0: list_offsets logs x-0 leader=2 epoch=3",
    );
}

#[test]
fn content_that_is_not_what_was_sent() {
    has(
        &[ContentChanged],
        "
        0: send x-0 1@0
        1: poll x-0 ?@0",
    );
    has(
        &[ContentChanged],
        "
        0: poll x-0 7@0",
    );
    has(
        &[ContentChanged],
        "
        0: send x-0 1
        1: poll y-0 1@0",
    );
}

#[test]
fn a_copy_that_is_not_exactly_once() {
    let inputs = "
        settings {\"copies\": [{\"input\": \"in\", \"output\": \"out\", \"group\": \"g\"}]}
        0: send in-0 1@0
        0: send in-0 2@1
        9: read poll in-0 1@0 2@1, logs in-0 start=0 hw=2";
    has(
        &[NotExactlyOnce],
        &format!(
            "{inputs}
        1: txn poll in-0 1@0, send out-0 11@0 from=1, offsets in-0 1 | group=g
        2: txn poll in-0 1@0, send out-0 12@2 from=1, offsets in-0 1 | group=g
        9: read poll out-0 11@0 12@2, logs out-0 start=0 hw=4"
        ),
    );
    has(
        &[NotExactlyOnce],
        &format!(
            "{inputs}
        1: txn poll in-0 1@0 2@1, send out-0 12@0 from=2, offsets in-0 2 | group=g
        2: committed offsets in-0 2 | group=g
        9: read poll out-0 12@0, logs out-0 start=0 hw=2"
        ),
    );
    let behind = |asked: &str| {
        format!(
            "{inputs}
        1: txn poll in-0 1@0, send out-0 11@0 from=1, offsets in-0 1 | group=g
        1: txn poll in-0 2@1, send out-0 12@2 from=2, offsets in-0 2 | group=g -> info
        {asked}
        9: read poll out-0 11@0 12@2, logs out-0 start=0 hw=4"
        )
    };
    let ends = "8: list_offsets logs out-0 lso=4 hw=4";
    let asked = "8: committed offsets in-0 1 | group=g";
    has(&[NotExactlyOnce], &behind(&format!("{ends}\n{asked}")));
    let forgotten = behind(&format!("{ends}\n8: committed offsets in-0 null | group=g"));
    has(&[GroupOffsetBack, NotExactlyOnce], &forgotten);
    // What is decided after the group was asked says nothing of it.
    has(&[], &behind(&format!("{asked}\n{ends}")));
    has(
        &[NotExactlyOnce],
        &format!(
            "{inputs}
        1: txn send out-0 13@0 from=3
        9: read poll out-0 13@0, logs out-0 start=0 hw=2"
        ),
    );
}

#[test]
fn compaction_that_takes_what_it_must_keep() {
    let records = "
        settings {\"compacted\": [\"c\"]}
        0: send c-0 1@0 key=k
        0: send c-0 2@1 key=k
        0: send c-0 3@2 key=l";
    has(
        &[CompactedNewest],
        &format!(
            "{records}
        1: read poll c-0 1@0 3@2, logs c-0 start=0 hw=3"
        ),
    );
    has(
        &[CompactedRevived],
        &format!(
            "{records}
        0: send c-0 4@3 key=k tombstone
        1: read poll c-0 2@1 3@2, logs c-0 start=0 hw=4"
        ),
    );
}

#[test]
fn nothing_happens_after_the_faults() {
    has(
        &[NoProgress],
        "
        0: send x-0 1@0
        9: fault
        9: heal
        0> send x-0 2
        1> poll
        1< poll
        at 70
        2: list_offsets",
    );
    has(
        &[NoProgress],
        "
        0> send x-0 1
        9: heal
        at 70
        9: list_offsets",
    );
}

#[test]
fn a_record_that_arrives_late_is_a_figure() {
    let report = judge(
        "
        0: send x-0 1@0
        at 3
        1: poll x-0 1@0",
    );
    assert_eq!(report.figures.lag_ms_longest, 3000);
}

#[test]
fn every_anomaly_is_told_by_its_name() {
    let names: std::collections::BTreeSet<_> = Anomaly::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(names.len(), Anomaly::ALL.len());
    let report = judge("0: poll x-0 7@3");
    let text = report.to_string();
    assert!(text.contains("violation: content-changed, 1 times"), "{text}");
    assert!(text.contains("x-0 offset 3: nobody sent 7 [process 0, i 1]"), "{text}");
    assert!(text.ends_with("NOT valid"), "{text}");
}
