//! The rules, event by event.

use super::*;

const SELF: BrokerId = BrokerId(1);

fn leader_of(replicas: &[i32], isr: &[i32], durability: Durability, end: i64) -> Replication {
    let mut replication = Replication::new(SELF, durability);
    let ids = |raw: &[i32]| raw.iter().copied().map(BrokerId).collect();
    let event = Event::BecameLeader {
        leader_epoch: LeaderEpoch(5),
        replicas: ids(replicas),
        isr: ids(isr),
        log_end_offset: Offset(end),
        durable_offset: Offset(end),
        high_watermark: Offset::ZERO,
    };
    replication.step(event, &mut Vec::new());
    replication
}

fn after(replication: &mut Replication, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    let before = replication.clone();
    let is_truncation = matches!(event, Event::Truncated { .. });
    replication.step(event, &mut effects);
    replication.check();
    assert!(is_truncation || replication.high_watermark() >= before.high_watermark());
    assert!(is_truncation || replication.acknowledged_offset() >= before.acknowledged_offset());
    effects
}

fn appended(end: i64) -> Event {
    Event::Appended { log_end_offset: Offset(end), acks_all: true }
}

fn synced(offset: i64) -> Event {
    Event::Synced { durable_offset: Offset(offset) }
}

fn fetched(follower: i32, offset: i64) -> Event {
    Event::Fetched { follower: BrokerId(follower), fetch_offset: Offset(offset) }
}

#[test]
fn a_single_replica_commits_what_it_appends_and_acknowledges_what_it_syncs() {
    let mut alone = leader_of(&[1], &[1], Durability::Auto, 10);
    assert_eq!((alone.high_watermark(), alone.acknowledged_offset()), (Offset(10), Offset(10)));
    assert_eq!(after(&mut alone, appended(12)), [Effect::SyncWanted(Offset(12))]);
    assert_eq!(
        after(&mut alone, synced(12)),
        [
            Effect::DurableAdvanced(Offset(12)),
            Effect::HighWatermarkAdvanced(Offset(12)),
            Effect::AcknowledgedAdvanced(Offset(12))
        ]
    );
    assert_eq!(after(&mut alone, synced(11)), []);
}

#[test]
fn consumers_see_no_record_whose_producer_still_waits_for_the_disk() {
    let mut alone = leader_of(&[1], &[1], Durability::Auto, 0);
    let unawaited = |end| Event::Appended { log_end_offset: Offset(end), acks_all: false };
    assert_eq!(after(&mut alone, unawaited(2)), [Effect::HighWatermarkAdvanced(Offset(2))]);
    after(&mut alone, appended(3));
    after(&mut alone, unawaited(4));
    after(&mut alone, appended(7));
    assert_eq!(alone.high_watermark(), Offset(2), "what lies behind such a record waits, too");
    after(&mut alone, synced(4));
    assert_eq!(alone.high_watermark(), Offset(4), "another one waits");
    after(&mut alone, unawaited(8));
    assert_eq!(alone.high_watermark(), Offset(4));
    after(&mut alone, synced(7));
    assert_eq!(alone.high_watermark(), Offset(8), "nobody waits any more");
}

#[test]
fn an_election_shows_no_record_whose_producer_still_waits_for_the_disk() {
    let mut alone = leader_of(&[1], &[1], Durability::Auto, 0);
    after(&mut alone, appended(3));
    let elected = |log_end_offset: Offset, high_watermark| Event::BecameLeader {
        leader_epoch: LeaderEpoch(6),
        replicas: vec![SELF],
        isr: vec![SELF],
        log_end_offset,
        durable_offset: Offset::ZERO,
        high_watermark,
    };
    assert_eq!(after(&mut alone, elected(Offset(3), Offset::ZERO)), []);
    assert_eq!(alone.high_watermark(), Offset::ZERO);
    assert_eq!(
        after(&mut alone, synced(3)),
        [
            Effect::DurableAdvanced(Offset(3)),
            Effect::HighWatermarkAdvanced(Offset(3)),
            Effect::AcknowledgedAdvanced(Offset(3))
        ]
    );
    // A follower owes nobody a sync, and what it leads later was not appended by it.
    after(&mut alone, appended(5));
    after(&mut alone, Event::BecameFollower { leader_epoch: LeaderEpoch(7) });
    let led_again = after(&mut alone, elected(Offset(5), Offset(3)));
    assert_eq!(led_again, [Effect::HighWatermarkAdvanced(Offset(5))]);
}

#[test]
fn a_retry_of_what_the_disk_does_not_hold_yet_hides_nothing() {
    let mut alone = leader_of(&[1], &[1], Durability::Auto, 0);
    after(&mut alone, Event::Appended { log_end_offset: Offset(5), acks_all: false });
    assert_eq!(after(&mut alone, appended(5)), [Effect::SyncWanted(Offset(5))]);
    assert_eq!((alone.high_watermark(), alone.acknowledged_offset()), (Offset(5), Offset(0)));
}

#[test]
fn nobody_waiting_for_all_replicas_wants_no_sync() {
    let mut alone = leader_of(&[1], &[1], Durability::Auto, 0);
    let event = Event::Appended { log_end_offset: Offset(3), acks_all: false };
    assert_eq!(after(&mut alone, event), [Effect::HighWatermarkAdvanced(Offset(3))]);
    assert_eq!(alone.durable_offset(), Offset::ZERO);
}

#[test]
fn what_a_crash_left_in_the_page_cache_is_seen_and_owes_a_sync() {
    for (durability, owes) in [(Durability::Auto, true), (Durability::PageCache, false)] {
        let mut alone = Replication::new(SELF, durability);
        let event = Event::BecameLeader {
            leader_epoch: LeaderEpoch(1),
            replicas: vec![SELF],
            isr: vec![SELF],
            log_end_offset: Offset(9),
            durable_offset: Offset(4),
            high_watermark: Offset(9),
        };
        after(&mut alone, event);
        assert_eq!((alone.high_watermark(), alone.owes_sync()), (Offset(9), owes));
        after(&mut alone, synced(9));
        assert!(!alone.owes_sync());
    }
}

#[test]
fn with_the_page_cache_an_append_is_acknowledged_at_once() {
    let mut alone = leader_of(&[1], &[1], Durability::PageCache, 0);
    assert_eq!(
        after(&mut alone, appended(4)),
        [Effect::HighWatermarkAdvanced(Offset(4)), Effect::AcknowledgedAdvanced(Offset(4))]
    );
}

#[test]
fn a_looser_durability_acknowledges_what_waited_for_the_disk() {
    let mut alone = leader_of(&[1], &[1], Durability::Fsync, 0);
    after(&mut alone, appended(4));
    assert_eq!(
        after(&mut alone, Event::DurabilityChanged(Durability::PageCache)),
        [Effect::HighWatermarkAdvanced(Offset(4)), Effect::AcknowledgedAdvanced(Offset(4))]
    );
}

#[test]
fn the_high_watermark_is_the_least_end_of_those_in_sync() {
    let mut three = leader_of(&[1, 2, 3], &[1, 2, 3], Durability::Auto, 0);
    assert_eq!(after(&mut three, appended(9)), []);
    assert_eq!(after(&mut three, fetched(2, 9)), [], "broker 3 has said nothing yet");
    assert_eq!(
        after(&mut three, fetched(3, 6)),
        [Effect::HighWatermarkAdvanced(Offset(6)), Effect::AcknowledgedAdvanced(Offset(6))]
    );
    assert_eq!(after(&mut three, fetched(7, 1)), [], "broker 7 has no replica");
    let isr = vec![BrokerId(1), BrokerId(2)];
    assert_eq!(
        after(&mut three, Event::IsrChanged { isr }),
        [Effect::HighWatermarkAdvanced(Offset(9)), Effect::AcknowledgedAdvanced(Offset(9))]
    );
}

#[test]
fn with_fsync_replicas_and_disk_are_both_waited_for() {
    let mut two = leader_of(&[1, 2], &[1, 2], Durability::Fsync, 0);
    assert_eq!(after(&mut two, appended(5)), [Effect::SyncWanted(Offset(5))]);
    assert_eq!(after(&mut two, synced(5)), [Effect::DurableAdvanced(Offset(5))]);
    assert_eq!(
        after(&mut two, fetched(2, 5)),
        [Effect::HighWatermarkAdvanced(Offset(5)), Effect::AcknowledgedAdvanced(Offset(5))]
    );
}

#[test]
fn a_follower_moves_no_offset_but_its_disks() {
    let mut follower = leader_of(&[1, 2], &[1, 2], Durability::Fsync, 5);
    after(&mut follower, Event::BecameFollower { leader_epoch: LeaderEpoch(6) });
    assert!(!follower.is_leader());
    assert_eq!(after(&mut follower, fetched(2, 5)), []);
    after(&mut follower, Event::Appended { log_end_offset: Offset(8), acks_all: false });
    assert_eq!(after(&mut follower, synced(8)), [Effect::DurableAdvanced(Offset(8))]);
    assert_eq!(follower.high_watermark(), Offset::ZERO);
}

#[test]
fn a_truncation_takes_every_offset_along() {
    let mut alone = leader_of(&[1], &[1], Durability::Auto, 10);
    assert_eq!(after(&mut alone, Event::Truncated { log_end_offset: Offset(4) }), []);
    let offsets = [alone.log_end_offset(), alone.high_watermark(), alone.durable_offset()];
    assert_eq!(offsets, [Offset(4); 3]);
    assert_eq!(alone.acknowledged_offset(), Offset(4));
}

#[test]
fn leader_epochs_are_checked_before_leadership() {
    let mut replication = leader_of(&[1], &[1], Durability::Auto, 0);
    let cases = [
        (LeaderEpoch::NONE, Ok(())),
        (LeaderEpoch(5), Ok(())),
        (LeaderEpoch(4), Err(ErrorCode::FencedLeaderEpoch)),
        (LeaderEpoch(6), Err(ErrorCode::UnknownLeaderEpoch)),
    ];
    for (requested, expected) in cases {
        assert_eq!(replication.check_leader(requested), expected, "{requested}");
    }
    after(&mut replication, Event::BecameFollower { leader_epoch: LeaderEpoch(6) });
    let cases = [
        (LeaderEpoch::NONE, Err(ErrorCode::NotLeaderOrFollower)),
        (LeaderEpoch(5), Err(ErrorCode::FencedLeaderEpoch)),
        (LeaderEpoch(6), Err(ErrorCode::NotLeaderOrFollower)),
    ];
    for (requested, expected) in cases {
        assert_eq!(replication.check_leader(requested), expected, "{requested}");
    }
    assert_eq!(replication.check_epoch(LeaderEpoch(6)), Ok(()));
}

#[test]
fn too_few_replicas_in_sync_take_no_records() {
    let two_of_three = leader_of(&[1, 2, 3], &[1, 2], Durability::Auto, 0);
    assert_eq!(two_of_three.check_min_insync_replicas(2), Ok(()));
    assert_eq!(two_of_three.check_min_insync_replicas(3), Err(ErrorCode::NotEnoughReplicas));
    assert_eq!(two_of_three.check_min_insync_replicas(4), Err(ErrorCode::NotEnoughReplicas));
    let alone = leader_of(&[1], &[1], Durability::Auto, 0);
    assert_eq!(alone.check_min_insync_replicas(2), Ok(()), "as Kafka 4.4 does");
}

#[test]
fn durabilities_have_their_names() {
    for durability in [Durability::Auto, Durability::Fsync, Durability::PageCache] {
        assert_eq!(durability.name().parse(), Ok(durability));
    }
    assert_eq!("disk".parse::<Durability>(), Err(UnknownDurability));
}
