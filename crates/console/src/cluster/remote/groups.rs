//! Groups of another cluster.
//!
//! Kafka: `ListGroups`, `DescribeGroups`, `OffsetFetch`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ottla_client::{
    BrokerId, Client, CommittedOffset, ConsumerConfig, GroupDescription, GroupListing, Offset,
};
use ottla_record::BatchHeader;

use super::{Bounds, Place, Remote, bounds, led};
use crate::{
    api::groups::{
        AssignedTopic, GroupDetail, GroupEntry, GroupOffset, GroupRow, Member, unknown_group,
    },
    clock::now_ms,
    error::ApiError,
    number::{Long, int},
};

/// How old the list of groups with their offsets may be.
const GROUPS_AGE: Duration = Duration::from_secs(3);

/// Groups of one request.
const GROUPS_ASKED: usize = 200;

/// Partitions whose lag is told in time, too: each costs a fetch.
const TIMED_MAX: usize = 16;

const WHY_NO_MEMBERS: &str = "Who is in a group of this type is told by ConsumerGroupDescribe and \
     its like, which the console does not ask for.";

/// A group of the cluster.
#[derive(Debug)]
pub(super) struct Known {
    listing: GroupListing,
    /// `None` where it cannot be described, as groups of the newer types.
    description: Option<GroupDescription>,
    pub(super) offsets: BTreeMap<(Arc<str>, i32), CommittedOffset>,
}

impl Known {
    pub(super) fn id(&self) -> &str {
        &self.listing.group_id
    }
}

fn is_classic(listing: &GroupListing) -> bool {
    listing.group_type.is_empty() || listing.group_type.eq_ignore_ascii_case("classic")
}

impl Remote {
    /// Every group with its offsets, as of some seconds ago.
    pub(super) async fn known_groups(&self, client: &Client) -> Result<Arc<Vec<Known>>, ApiError> {
        self.known_groups.get(GROUPS_AGE, || ask(client)).await
    }

    /// Every group, with its lag.
    pub(in crate::cluster) async fn groups(
        &self,
        client: &Client,
    ) -> Result<Vec<GroupEntry>, ApiError> {
        let known = self.known_groups(client).await?;
        let places = known.iter().flat_map(|group| places(&group.offsets)).collect();
        let ends = ends(client, places).await?;
        Ok(known.iter().map(|group| entry(group, &ends)).collect())
    }

    /// One group, as it is now.
    pub(in crate::cluster) async fn group(
        &self,
        client: &Client,
        group_id: &str,
    ) -> Result<GroupDetail, ApiError> {
        let admin = client.admin();
        let listed = admin.list_groups().await?;
        let listing = listed.into_iter().find(|it| it.group_id == group_id);
        let listing = listing.ok_or_else(|| unknown_group(group_id))?;
        let description =
            if is_classic(&listing) { Some(admin.describe_group(group_id).await?) } else { None };
        let offsets = match admin.list_group_offsets(group_id).await {
            // Groups of some newer types keep no offsets of this kind.
            Err(_) if description.is_none() => BTreeMap::new(),
            offsets => offsets?,
        };
        let mut asked: BTreeSet<Place> = places(&offsets).collect();
        let members = description.iter().flat_map(|group| &group.members);
        asked.extend(members.flat_map(|member| member.assignment.iter().cloned()));
        let ends = ends(client, asked).await?;
        let mut rows = rows(description.as_ref(), &offsets, &ends);
        time(client, &mut rows).await;
        Ok(detail(listing, description.as_ref(), rows))
    }
}

/// Every group: one list per broker, and a few hundred groups with each further request.
async fn ask(client: &Client) -> Result<Vec<Known>, ApiError> {
    let admin = client.admin();
    let mut by_coordinator: BTreeMap<i32, Vec<GroupListing>> = BTreeMap::new();
    for listing in admin.list_groups().await? {
        by_coordinator.entry(listing.coordinator.get()).or_default().push(listing);
    }
    let mut known = Vec::new();
    for (coordinator, listings) in by_coordinator {
        let coordinator = BrokerId(coordinator);
        for some in listings.chunks(GROUPS_ASKED) {
            let id = |listing: &GroupListing| listing.group_id.clone();
            let ids: Vec<String> = some.iter().map(id).collect();
            let classic: Vec<String> = some.iter().filter(|it| is_classic(it)).map(id).collect();
            let described = admin.describe_groups(coordinator, &classic).await?;
            let mut described: BTreeMap<String, GroupDescription> =
                described.into_iter().map(|it| (it.group_id.clone(), it)).collect();
            let mut offsets = admin.list_offsets_of_groups(coordinator, &ids).await?;
            known.extend(some.iter().map(|listing| Known {
                description: described.remove(&listing.group_id),
                offsets: offsets.remove(&listing.group_id).unwrap_or_default(),
                listing: listing.clone(),
            }));
        }
    }
    Ok(known)
}

fn places<V>(offsets: &BTreeMap<(Arc<str>, i32), V>) -> impl Iterator<Item = Place> {
    offsets.keys().map(|(topic, partition)| (topic.to_string(), *partition))
}

/// Where partitions begin and end, of those that are still there.
async fn ends(
    client: &Client,
    places: BTreeSet<Place>,
) -> Result<BTreeMap<Place, Bounds>, ApiError> {
    let names: BTreeSet<&String> = places.iter().map(|(topic, _)| topic).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let topics = client.admin().describe_topics(&names).await?;
    let topics: Vec<_> = topics.into_iter().filter_map(|(_, topic)| topic.ok()).collect();
    let mut asked = led(&topics);
    asked.retain(|place| places.contains(place));
    bounds(client, &asked).await
}

fn lag(committed: Offset, bounds: &Bounds) -> u64 {
    u64::try_from(bounds.high_watermark.get().saturating_sub(committed.get())).unwrap_or(0)
}

fn entry(group: &Known, ends: &BTreeMap<Place, Bounds>) -> GroupEntry {
    let mut topics: Vec<String> = Vec::new();
    let mut total = None;
    for ((topic, partition), committed) in &group.offsets {
        if topics.last().is_none_or(|last| **last != **topic) {
            topics.push(topic.to_string());
        }
        if let Some(bounds) = ends.get(&(topic.to_string(), *partition)) {
            let own = lag(committed.offset, bounds);
            total = Some(total.unwrap_or(0_u64).saturating_add(own));
        }
    }
    let described = group.description.as_ref();
    let state = described.map_or(&group.listing.state, |it| &it.state).clone();
    GroupEntry {
        row: GroupRow {
            group_id: group.listing.group_id.clone(),
            r#type: type_of(&group.listing),
            protocol_type: group.listing.protocol_type.clone(),
            state,
            members: described.map(|it| int(it.members.len())),
            topics: Vec::new(),
            topic_count: int(topics.len()),
            partitions: int(group.offsets.len()),
            lag: total.map(Long::from),
            lag_ms: None,
            lag_ms_at_least: false,
            trend: None,
            lag_history: Vec::new(),
        },
        topics,
    }
}

fn type_of(listing: &GroupListing) -> String {
    match listing.group_type.to_lowercase() {
        text if text.is_empty() => "classic".to_owned(),
        text => text,
    }
}

fn rows(
    description: Option<&GroupDescription>,
    offsets: &BTreeMap<(Arc<str>, i32), CommittedOffset>,
    ends: &BTreeMap<Place, Bounds>,
) -> Vec<GroupOffset> {
    let mut rows: BTreeMap<Place, GroupOffset> = BTreeMap::new();
    for ((topic, partition), committed) in offsets {
        let mut row = GroupOffset::blank(topic.to_string(), *partition);
        row.committed_offset = Some(committed.offset.into());
        row.metadata = Some(committed.metadata.clone());
        rows.insert((topic.to_string(), *partition), row);
    }
    for member in description.iter().flat_map(|group| &group.members) {
        for (topic, partition) in &member.assignment {
            let row = rows.entry((topic.clone(), *partition));
            let row = row.or_insert_with(|| GroupOffset::blank(topic.clone(), *partition));
            row.member_id = Some(member.member_id.clone());
        }
    }
    for (place, row) in &mut rows {
        let Some(bounds) = ends.get(place) else { continue };
        row.log_start_offset = Some(bounds.start.into());
        row.high_watermark = Some(bounds.high_watermark.into());
        row.log_end_offset = Some(bounds.high_watermark.into());
        let committed = row.committed_offset.and_then(Long::get);
        row.lag = committed.map(|it| lag(Offset(it), bounds).into());
    }
    rows.into_values().collect()
}

/// Fills in how old the next records are, of a few partitions.
async fn time(client: &Client, rows: &mut [GroupOffset]) {
    let config = ConsumerConfig {
        fetch_wait: Duration::ZERO,
        fetch_bytes_max: 1,
        partition_bytes_max: 1,
        ..ConsumerConfig::default()
    };
    let mut reader = client.reader(config);
    let mut timed = 0;
    for row in rows {
        let (Some(lag), Some(committed)) = (row.lag, row.committed_offset.and_then(Long::get))
        else {
            continue;
        };
        if lag == Long::from(0_u64) {
            row.lag_ms = Some(lag);
        } else if timed < TIMED_MAX {
            timed += 1;
            let read = reader.read_batches(&row.topic, row.partition, Offset(committed)).await;
            // What cannot be read has no age.
            let header = read.ok().and_then(|bytes| BatchHeader::parse(&bytes).ok());
            let time = header.map(|it| it.base_timestamp).filter(|time| *time >= 0);
            row.lag_ms = time.map(|time| now_ms().saturating_sub(time).max(0).into());
        }
    }
}

fn detail(
    listing: GroupListing,
    description: Option<&GroupDescription>,
    offsets: Vec<GroupOffset>,
) -> GroupDetail {
    let lags = offsets.iter().filter_map(|it| it.lag.and_then(Long::get));
    let lag = lags.reduce(i64::saturating_add).map(Long::from);
    let not_told = description.is_none().then(|| WHY_NO_MEMBERS.to_owned());
    let members = description.iter().flat_map(|group| &group.members).map(|member| Member {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.trim_start_matches('/').to_owned(),
        is_leader: None,
        assignment: assigned(&member.assignment),
    });
    GroupDetail {
        group_id: listing.group_id.clone(),
        r#type: type_of(&listing),
        protocol: description.map(|it| it.assignor.clone()).filter(|it| !it.is_empty()),
        state: description.map_or(listing.state, |it| it.state.clone()),
        protocol_type: listing.protocol_type,
        generation_id: None,
        coordinator: listing.coordinator.get(),
        state_since_ms: None,
        members: members.collect(),
        members_not_told: not_told,
        offsets,
        lag,
        now_ms: now_ms().into(),
    }
}

fn assigned(partitions: &[Place]) -> Vec<AssignedTopic> {
    let mut topics: BTreeMap<&String, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let assigned = |(topic, partitions): (&String, Vec<i32>)| AssignedTopic {
        topic: topic.clone(),
        partitions,
    };
    topics.into_iter().map(assigned).collect()
}
