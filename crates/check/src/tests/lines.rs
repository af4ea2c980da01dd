//! Reading histories.

use super::script::lines;
use crate::{Function, History, Outcome, ParseError};

#[test]
fn a_line_that_was_cut_off_at_the_end_is_left_out() {
    let whole = lines("0: send x-0 1@0");
    let cut = format!("{whole}{{\"i\":9,\"proc\":0,\"t_n");
    let history = History::parse(&[&cut]).unwrap();
    assert_eq!(history.ops().len(), 1);
    let in_the_middle = format!("{{\"i\":9,\n{whole}");
    let error = History::parse(&["", &in_the_middle]).unwrap_err();
    assert!(error.to_string().starts_with("line 1 of history 2 cannot be read"), "{error}");
}

#[test]
fn what_is_not_begun_does_not_end() {
    let error = History::parse(&[&lines("3< send x-0 1@0")]).unwrap_err();
    assert!(matches!(error, ParseError::NotBegun { process: 3, .. }), "{error}");
}

#[test]
fn what_was_said_before_the_end_counts_where_the_end_is_not_known() {
    let text = lines(
        "
        0> txn send x-0 1
        0+ txn send x-0 1@4, offsets y-0 3 | group=g
        1: crash",
    );
    let history = History::parse(&[&text]).unwrap();
    let txn = &history.ops()[0];
    assert_eq!(txn.outcome, Outcome::Info);
    assert_eq!(txn.sends().next().unwrap().offset, Some(4));
    assert_eq!(txn.offsets().count(), 1);
    assert_eq!(history.name(txn.group.unwrap()), "g");
    assert!(txn.decided.is_some());
    assert_eq!(history.ops()[1].function, Function::Crash);
}

#[test]
fn histories_of_several_writers_are_one_by_their_time() {
    let one = "{\"i\":1,\"proc\":1,\"t_ns\":10,\"type\":\"invoke\",\"f\":\"poll\"}
               {\"i\":2,\"proc\":1,\"t_ns\":30,\"type\":\"ok\",\"f\":\"poll\"}\n";
    let other = "{\"i\":1,\"proc\":2,\"t_ns\":30,\"type\":\"invoke\",\"f\":\"poll\"}\n";
    let history = History::parse(&[other, one]).unwrap();
    let [first, second] = history.ops() else { panic!("two operations") };
    assert_eq!((first.name.process, second.name.process), (1, 2));
    assert!(!first.is_before(second), "what has the same time overlaps");
}

#[test]
fn an_unknown_step_or_a_short_one_is_refused() {
    for steps in ["[[\"sing\"]]", "[[\"send\", \"x-0\"]]", "[[\"offsets\"]]"] {
        let line =
            format!("{{\"proc\":1,\"t_ns\":1,\"type\":\"invoke\",\"f\":\"send\",\"v\":{steps}}}\n");
        assert!(History::parse(&[&line]).is_err(), "{steps}");
    }
}
