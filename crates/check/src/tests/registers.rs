//! Settings: orders that explain what was read, and reads that none explains.

use super::script::{found, judge};
use crate::Anomaly::NotLinearizable;

#[track_caller]
fn is_fine(script: &str) {
    let report = judge(script);
    assert!(found(&report).is_empty(), "{report}");
}

#[track_caller]
fn is_not(script: &str) {
    let report = judge(script);
    assert_eq!(found(&report), [NotLinearizable], "{report}");
}

#[test]
fn a_read_sees_the_write_before_it() {
    is_fine("0: set values a 1\n1: get values a 1\n0: set values a 2\n1: get values a 2");
    is_not("0: set values a 1\n0: set values a 2\n1: get values a 1");
    is_not("0: set values a 1\n1: get values a null");
    is_not("0: set values a 1\n1: get values a 3");
}

#[test]
fn what_was_there_before_is_one_value() {
    is_fine("1: get values a 9\n1: get values a 9\n0: set values a 1");
    is_not("1: get values a 9\n1: get values a 8");
}

#[test]
fn writes_that_overlap_come_in_any_order_that_all_readers_agree_on() {
    let both = "0> set values a 1\n1> set values a 2\n0< set values a 1\n1< set values a 2\n";
    is_fine(&format!("{both}2: get values a 1\n3: get values a 1"));
    is_fine(&format!("{both}2: get values a 2"));
    is_not(&format!("{both}2: get values a 1\n3: get values a 2"));
}

#[test]
fn a_read_during_a_write_sees_either_and_nobody_goes_back() {
    let begun = "0: set values a 1\n0> set values a 2\n";
    is_fine(&format!("{begun}1: get values a 1\n1: get values a 2\n0< set values a 2"));
    is_not(&format!("{begun}1: get values a 2\n1: get values a 1\n0< set values a 2"));
}

#[test]
fn a_write_whose_end_is_unknown_may_come_late_or_never() {
    let lost = "0: set values a 1\n0: set values a 2 -> info\n";
    is_fine(&format!("{lost}1: get values a 1\n1: get values a 1"));
    is_fine(&format!("{lost}1: get values a 1\n1: get values a 2"));
    is_not(&format!("{lost}1: get values a 2\n1: get values a 1"));
    is_not("0: set values a 1\n0: set values a 2 -> fail\n1: get values a 2");
}

#[test]
fn settings_are_judged_one_by_one() {
    is_fine("0: set values a 1, values b 1\n0: set values b 2\n1: get values a 1, values b 2");
    is_not("0: set values a 1, values b 1\n0: set values b 2\n1: get values a 1, values b 1");
}
