//! What happens to what waits when appends fail, and when the shard is given up.

use ottla_types::ErrorCode;

use super::world::{Client, Join, Log, World, commit_request};
use crate::{Effects, RequireStable};

#[test]
fn without_its_first_record_there_is_no_group() {
    let mut world = World::new();
    world.log_mode = Log::Held;
    let waiter = world.join(&Join::default());
    world.fail_append(ErrorCode::NotLeaderOrFollower);
    assert_eq!(world.joined(waiter).error_code, ErrorCode::NotCoordinator.code());
    assert_eq!(world.state("g"), "Dead");
    world.log_mode = Log::Prompt;
    world.join(&Join::default());
    world.advance(3_000);
    assert_eq!(world.members("g").len(), 1);
}

#[test]
fn an_empty_generation_that_is_not_stored_changes_nothing_for_those_to_come() {
    let mut world = World::new();
    world.stable(&[Join::default()]);
    world.log_mode = Log::Held;
    world.advance(60_000);
    world.fail_append(ErrorCode::NotEnoughReplicas);
    world.log_mode = Log::Prompt;
    assert_eq!(world.state("g"), "Empty");
    world.stable(&[Join::default()]);
    world.restart();
}

#[test]
fn whoever_waits_is_sent_away_when_the_shard_is_given_up() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default(), Join::default()]);
    let joins = world.join(&Join { member_id: clients[0].member_id.clone(), ..Join::default() });
    world.log_mode = Log::Held;
    let commits = world.commit(8, &commit_request(Some(&clients[1]), 1));
    let fetches = world.fetch(None, RequireStable::Yes);
    let mut effects = Effects::default();
    world.shard.unload(&mut effects);
    world.settle(effects);
    let code = ErrorCode::NotCoordinator;
    assert_eq!(world.joined(joins).error_code, code.code());
    assert_eq!(world.committed(commits), code);
    assert_eq!(world.fetched(fetches).error_code, code.code());
    assert_eq!(world.shard.next_deadline(), None);
    assert_eq!(world.state("g"), "Dead");
    // The outcome of an append that is reported late means nothing any more.
    world.commit_append();
    assert_eq!(world.state("g"), "Dead");
}

#[test]
fn the_assignment_of_a_group_that_is_gone_is_not_that_of_its_successor() {
    let mut world = World::prompt();
    world.log_mode = Log::Held;
    // One generation 1 is on its way to the log when its group expires and is removed.
    for _ in 0..2 {
        let waiter = world.join(&Join::default());
        let response = world.joined(waiter);
        let member_id = response.member_id.to_string();
        let client = Client { member_id, instance_id: None, generation_id: 1 };
        assert_eq!(response.generation_id, 1);
        if world.appends.len() == 1 {
            world.sync(&client, &[]);
            world.join(&Join::default());
            world.advance(700_000);
            assert_eq!(world.state("g"), "Dead");
        }
    }
    while !world.appends.is_empty() {
        world.commit_append();
    }
    assert_eq!(world.state("g"), "CompletingRebalance");
}

#[test]
fn a_group_whose_creation_fails_is_kept_when_its_deletion_had_failed() {
    let mut world = World::new();
    world.stable(&[Join::default()]);
    world.advance(60_000);
    world.log_mode = Log::Held;
    let group_ids = ["g".into()];
    world.call(2, |shard, call, effects| shard.delete_groups(call, &group_ids, effects));
    world.commit(8, &commit_request(None, 1));
    world.fail_append(ErrorCode::NotEnoughReplicas);
    world.fail_append(ErrorCode::NotEnoughReplicas);
    assert_eq!(world.state("g"), "Empty");
    world.log_mode = Log::Prompt;
    assert_eq!(world.delete_groups(&["g"])[0].1, ErrorCode::None);
    world.restart();
    assert_eq!(world.state("g"), "Dead");
}
