//! Groups with several members, on several connections.

use ottla_wire::{
    Str,
    describe_groups_request::DescribeGroupsRequest,
    join_group_request::JoinGroupRequest,
    join_group_response::JoinGroupResponse,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
    sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment},
};

use super::groups::{beating, join, joining, leaving, syncing, with_coordinator};
use crate::session::Session;

fn member_id_of(session: &mut Session, version: i16, request: &JoinGroupRequest) -> Str {
    session.note("gets a member id");
    let pending = session.send(1, version, request);
    session.receive::<JoinGroupRequest>(pending).unwrap_or_default().member_id
}

fn described(session: &mut Session, what: &str, group: &str) {
    let groups = vec![Str::from(group)];
    session.ask(what, 6, &DescribeGroupsRequest { groups, ..Default::default() });
}

pub fn two_members(session: &mut Session) {
    with_coordinator(session);
    for version in [5, 7, 9] {
        let group = format!("two-{version}");
        session.note("the first joins");
        let first = join(session, version, &joining(&group, &Str::default(), &["range", "sticky"]));
        session.ask("the first syncs", 5, &syncing(&group, &first, 5));
        described(session, "stable with one", &group);

        let request = joining(&group, &Str::default(), &["sticky", "range"]);
        let second_id = member_id_of(session, version, &request);
        described(session, "with one that has only an id", &group);
        session.note("the second joins");
        let request = JoinGroupRequest { member_id: second_id.clone(), ..request };
        let waiting = session.send(1, version, &request);
        // The second has joined when the first is told to join again.
        session.note("the first is told to join again");
        while session
            .quietly(4, &beating(&group, &first))
            .is_some_and(|response| response.error_code == 0)
        {}
        session.call(4, &beating(&group, &first));
        described(session, "while it rebalances", &group);
        session.ask("the first syncs too late", 5, &syncing(&group, &first, 5));
        session.note("the first joins again");
        let first =
            join(session, version, &joining(&group, &first.member_id, &["range", "sticky"]));
        let second = session.receive::<JoinGroupRequest>(waiting).unwrap_or_default();
        both_sync(session, &group, (&first, &second));
        described(session, "stable with two", &group);

        session.ask("the second leaves", 5, &leaving(&group, &second_id, 5));
        session.ask("the first hears of it", 4, &beating(&group, &first));
        session.note("the first joins once more");
        let first =
            join(session, version, &joining(&group, &first.member_id, &["range", "sticky"]));
        session.ask("the first syncs once more", 5, &syncing(&group, &first, 5));
        session.ask("the second is unknown now", 4, &beating(&group, &second));
        session.ask("the first leaves", 5, &leaving(&group, &first.member_id, 5));
        session.hang_up(1);
    }
}

/// The follower's sync waits for the leader's, which brings both assignments.
fn both_sync(
    session: &mut Session,
    group: &str,
    (first, second): (&JoinGroupResponse, &JoinGroupResponse),
) {
    let (leader, follower) =
        if first.leader == first.member_id { (first, second) } else { (second, first) };
    session.note("the follower syncs");
    let request = SyncGroupRequest { assignments: Vec::new(), ..syncing(group, follower, 5) };
    let waiting = session.send(1, 5, &request);
    session.note("the leader syncs");
    let mut request = syncing(group, leader, 5);
    request.assignments.push(SyncGroupRequestAssignment {
        member_id: follower.member_id.clone(),
        assignment: bytes::Bytes::from_static(b"for the follower"),
    });
    session.call(5, &request);
    session.receive::<SyncGroupRequest>(waiting);
}

pub fn static_members(session: &mut Session) {
    with_coordinator(session);
    for version in [5, 7, 9] {
        let group = format!("static-{version}");
        let instance = Some(Str::from("instance-a"));
        let request = JoinGroupRequest {
            group_instance_id: instance.clone(),
            ..joining(&group, &Str::default(), &["range"])
        };
        session.note("joins");
        let joined = join(session, version, &request);
        let synced =
            SyncGroupRequest { group_instance_id: instance.clone(), ..syncing(&group, &joined, 5) };
        session.ask("syncs", 5, &synced);
        session.note("comes back with its instance id only");
        let back = join(session, version, &request);
        let synced =
            SyncGroupRequest { group_instance_id: instance.clone(), ..syncing(&group, &back, 5) };
        session.ask("syncs after it came back", 5, &synced);
        let mut old = beating(&group, &joined);
        old.group_instance_id = instance.clone();
        session.ask("its old self is fenced", 4, &old);
        let mut new = beating(&group, &back);
        new.group_instance_id = instance.clone();
        session.ask("its new self beats", 4, &new);
        new.group_instance_id = Some(Str::from("instance-b"));
        session.ask("another instance with its id", 4, &new);
        described(session, "described", &group);
        let member = |id: &Str, instance: Option<&str>| MemberIdentity {
            member_id: id.clone(),
            group_instance_id: instance.map(Str::from),
            ..Default::default()
        };
        for (what, identity) in [
            ("an unknown instance leaves", member(&Str::default(), Some("instance-z"))),
            ("its old self leaves", member(&joined.member_id, Some("instance-a"))),
            ("it leaves by instance", member(&Str::default(), Some("instance-a"))),
            ("it leaves again", member(&back.member_id, None)),
        ] {
            let group_id = Str::from(group.as_str());
            let request =
                LeaveGroupRequest { group_id, members: vec![identity], ..Default::default() };
            session.ask(what, 5, &request);
        }
    }
}
