//! Worlds decided by seeds: no promise of Kafka's is broken in any, and each can be repeated.

use ottla_tests::simulation::{Plan, run};

#[test]
fn one_seed_gives_one_history() {
    for seed in 1..4 {
        let first = run(Plan::of(seed)).history;
        let again = run(Plan::of(seed)).history;
        assert!(first.lines().count() > 500, "something happens");
        let differs =
            first.lines().zip(again.lines()).enumerate().find(|(_, (one, two))| one != two);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), again.len(), "seed {seed}");
    }
}
