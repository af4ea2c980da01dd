//! Histories with nothing wrong in them, although it may look so.

use super::script::{found, judge};

#[track_caller]
fn is_clean(script: &str) {
    let report = judge(script);
    assert_eq!(found(&report), [], "{report}");
}

#[test]
fn everything_works() {
    is_clean(
        "
        0: init | id=t
        0: txn send x-0 1@0, send y-0 2@0 | id=t
        1: assign offsets x-0 0
        1: poll x-0 1@0
        1: commit offsets x-0 1 | group=g
        1: committed offsets x-0 1 | group=g
        0: list_offsets logs x-0 start=0 hw=2 lso=2
        2: read poll x-0 1@0, poll y-0 2@0, logs x-0 start=0 hw=2, logs y-0 start=0 hw=2",
    );
}

#[test]
fn a_write_with_an_unknown_end_may_be_there_or_not() {
    for read in ["poll x-0 1@0,", ""] {
        is_clean(&format!(
            "
            0: send x-0 1 -> info
            1: poll
            2: read {read} logs x-0 start=0"
        ));
    }
}

#[test]
fn a_transaction_with_an_unknown_end_may_be_there_as_a_whole() {
    for read in ["poll x-0 1@0, poll y-0 2@0,", ""] {
        is_clean(&format!(
            "
            0: txn send x-0 1@0, send y-0 2@0 -> info
            2: read {read} logs x-0 start=0, logs y-0 start=0"
        ));
    }
}

#[test]
fn what_a_dead_process_was_at_has_an_unknown_end() {
    is_clean(
        "
        0> txn send x-0 1
        9: fault
        0: crash
        2: read logs x-0 start=0",
    );
}

#[test]
fn an_aborted_transaction_is_seen_by_those_who_ask_for_it() {
    is_clean(
        "
        0: txn send x-0 1@0 -> fail
        1: poll x-0 1@0 | uncommitted
        2: read logs x-0 start=0 hw=2",
    );
}

#[test]
fn markers_take_offsets() {
    is_clean(
        "
        0: txn send x-0 1@0
        0: txn send x-0 2@2
        1: assign offsets x-0 0
        1: poll x-0 1@0
        1: poll x-0 2@2
        2: read poll x-0 1@0 2@2, logs x-0 start=0 hw=4",
    );
}

#[test]
fn a_consumer_goes_back_when_it_is_told_to() {
    is_clean(
        "
        0: send x-0 1@0
        0: send x-0 2@1
        1: assign offsets x-0 0
        1: poll x-0 1@0 2@1
        1: seek offsets x-0 0
        1: poll x-0 1@0 2@1",
    );
}

#[test]
fn a_rebalanced_partition_may_be_anywhere() {
    is_clean(
        "
        0: send x-0 1@0
        0: send x-0 2@1
        0: send x-0 3@2
        1: subscribe keys x-0
        1: txn poll x-0 1@0 3@2, poll x-0 2@1 | rebalanced=x-0
        2: poll x-0 1@0 2@1 3@2",
    );
}

#[test]
fn overlapping_answers_may_be_in_any_order() {
    is_clean(
        "
        0> list_offsets
        1: list_offsets logs x-0 hw=5 lso=5
        0< list_offsets logs x-0 hw=4 lso=4",
    );
    is_clean(
        "
        0> committed | group=g
        1: commit offsets x-0 5 | group=g
        0< committed offsets x-0 none",
    );
}

#[test]
fn a_group_offset_with_an_unknown_end_may_be_there_or_not() {
    for seen in ["3", "5"] {
        is_clean(&format!(
            "
            0: commit offsets x-0 3 | group=g
            0: commit offsets x-0 5 | group=g -> info
            1: committed offsets x-0 {seen} | group=g"
        ));
    }
}

#[test]
fn offsets_of_a_transaction_are_pending_for_those_who_do_not_wait() {
    is_clean(
        "
        0: commit offsets x-0 3 | group=g
        0: txn offsets x-0 5 | group=g
        1: committed offsets x-0 3 | group=g uncommitted",
    );
}

#[test]
fn a_fenced_producer_may_find_out_late() {
    is_clean(
        "
        0: init | id=t
        0: txn send x-0 1@0 | id=t
        1: init | id=t
        0: txn send x-0 2 | id=t -> fail
        0: init | id=t
        0: txn send x-0 3@2 | id=t
        2: poll x-0 1@0 3@2",
    );
}

#[test]
fn a_member_owns_its_partitions_in_one_generation_after_the_other() {
    is_clean(
        "
        0: rebalance keys x-0 | group=g generation=3
        1: rebalance keys x-1 | group=g generation=3
        1: rebalance keys x-0 | group=g generation=4
        2: rebalance keys x-0 | group=h generation=4",
    );
}

#[test]
fn compaction_takes_what_is_old() {
    is_clean(
        "
        settings {\"compacted\": [\"c\"]}
        0: send c-0 1@0 key=k
        0: send c-0 2@1 key=l
        0: send c-0 3@2 key=k
        0: send c-0 4@3 key=l tombstone
        1: assign offsets c-0 0
        1: poll c-0 3@2
        2: read poll c-0 3@2, logs c-0 start=0 hw=4",
    );
    is_clean(
        "
        settings {\"compacted\": [\"c\"]}
        0: send c-0 1@0 key=k
        0: send c-0 2 key=k tombstone -> info
        2: read logs c-0 start=0 hw=2",
    );
}

#[test]
fn what_retention_took_is_not_lost() {
    is_clean(
        "
        0: send x-0 1@0
        0: send x-0 2@1
        1: read poll x-0 2@1, logs x-0 start=1 hw=2",
    );
}

#[test]
fn a_copy_with_an_aborted_try() {
    is_clean(
        "
        settings {\"copies\": [{\"input\": \"in\", \"output\": \"out\", \"group\": \"g\"}]}
        0: send in-0 1@0
        1: txn poll in-0 1@0, send out-0 11@0 from=1, offsets in-0 1 | group=g -> fail
        1: seek offsets in-0 0
        1: txn poll in-0 1@0, send out-0 12@2 from=1, offsets in-0 1 | group=g
        2: committed offsets in-0 1 | group=g
        9: read poll in-0 1@0, poll out-0 12@2, logs in-0 start=0, logs out-0 start=0",
    );
}

#[test]
fn nothing_has_to_happen_when_nobody_tries() {
    is_clean(
        "
        0: send x-0 1@0
        1> send x-0 2
        9: fault
        1: crash
        9: heal
        at 100
        2: read poll x-0 1@0, logs x-0 start=0",
    );
}

#[test]
fn a_transaction_reads_what_an_earlier_one_wrote() {
    is_clean(
        "
        0> txn send x-0 1
        0< txn send x-0 1@0
        1: txn poll x-0 1@0, send y-0 2@0
        0: txn poll y-0 2@0",
    );
}
