//! The cluster that a console shows: the broker that it sits in, or any cluster that a client
//! reaches.
//!
//! What both know is asked here, once for both; the broker answers from its views, another cluster
//! over the wire. What only the broker knows (its journal, its connections, its segments) is behind
//! [`Console::own`], and [`ABSENT`] lists it for the app. Kafka: none.

mod remote;
mod transactions;

use std::{collections::BTreeMap, time::Duration};

use axum::http::StatusCode;
use ottla_broker::views::{LookError, Moment, Views};
use ottla_client::Offset;

pub(crate) use self::{
    remote::Remote,
    transactions::{BlockedPlace, Open, Transaction},
};
use crate::{
    api::{
        groups::{GroupDetail, GroupEntry, GroupPosition, detail, own_entries, unknown_group},
        live::by_partition,
        log::{BatchList, FoundBatch, look},
        topics::{Cursors, PartitionRow, TopicDetail, TopicRow},
    },
    console::Console,
    error::ApiError,
};

/// Routes that only a broker's own console has, without `/api/v1`.
pub(crate) const ABSENT: [&str; 10] = [
    "/events",
    "/events/stream",
    "/timeline",
    "/connect",
    "/connections",
    "/clients",
    "/groups/{group}/lag",
    "/groups/{group}/timeline",
    "/groups/{group}/lanes",
    "/topics/{topic}/partitions/{partition}/segments",
];

/// Why they are absent.
pub(crate) const WHY_ABSENT: &str = "Only a broker of Ottla's tells this, in its own console: it \
     keeps a journal and sees connections and files, which no client does.";

/// A partition, as a key.
pub(crate) type Place = (String, i32);

/// Where a console's answers come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The broker that the console sits in.
    Own(Views),
    /// A cluster that a client reaches.
    Remote(Box<Remote>),
}

impl Console {
    /// The views of the broker that the console sits in.
    pub(crate) fn own(&self) -> Result<&Views, ApiError> {
        match self.source() {
            Source::Own(views) => Ok(views),
            Source::Remote(_) => {
                Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FROM_OUTSIDE", WHY_ABSENT))
            }
        }
    }

    /// Every topic.
    pub(crate) async fn topics(&self) -> Result<Vec<TopicRow>, ApiError> {
        match self.source() {
            Source::Own(views) => Ok(views.topics().into_iter().map(TopicRow::from).collect()),
            Source::Remote(remote) => remote.topics(self.client().await?).await,
        }
    }

    /// A topic and its partitions.
    pub(crate) async fn topic(&self, name: &str) -> Result<TopicDetail, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let topic = views.topic(name).ok_or_else(|| ApiError::unknown_topic(name))?;
                Ok(TopicDetail::from(topic))
            }
            Source::Remote(remote) => remote.topic(self.client().await?, name).await,
        }
    }

    /// Where the cursors of partitions stand; those that are gone or offline are left out.
    pub(crate) async fn cursors(
        &self,
        places: impl IntoIterator<Item = Place> + Send,
    ) -> Result<BTreeMap<Place, Cursors>, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let own = |place: Place| {
                    let cursors = views.cursors(&place.0, place.1)?;
                    Some((place, Cursors::from(cursors)))
                };
                Ok(places.into_iter().filter_map(own).collect())
            }
            Source::Remote(remote) => {
                let places = places.into_iter().collect();
                remote.cursors(self.client().await?, places).await
            }
        }
    }

    /// Every group, now or at a moment, which only the broker knows; with its lag in time where the
    /// list is sorted by that.
    pub(crate) async fn groups(
        &self,
        moment: Option<Moment>,
        is_by_time: bool,
    ) -> Result<Vec<GroupEntry>, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let all =
                    move |views: &Views| Ok::<_, LookError>(own_entries(views, moment, is_by_time));
                look(views, all).await
            }
            Source::Remote(remote) => remote.groups(self.client().await?).await,
        }
    }

    /// A group with its members and offsets, as it is now.
    pub(crate) async fn group(&self, group_id: &str) -> Result<GroupDetail, ApiError> {
        self.group_at(group_id, None).await
    }

    /// A group, now or at a moment, which only the broker knows.
    pub(crate) async fn group_at(
        &self,
        group_id: &str,
        moment: Option<Moment>,
    ) -> Result<GroupDetail, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let found = match moment {
                    Some(moment) => views.group_at(group_id, moment),
                    None => views.group(group_id),
                };
                let (group, offsets) = found.ok_or_else(|| unknown_group(group_id))?;
                let made =
                    move |views: &Views| Ok::<_, LookError>(detail(views, &group, offsets, moment));
                look(views, made).await
            }
            Source::Remote(remote) => remote.group(self.client().await?, group_id).await,
        }
    }

    /// The partitions of a topic as they are now, and where groups stand in each; `None` where the
    /// topic is gone.
    pub(crate) async fn live(&self, name: &str, groups_max: usize) -> Result<Live, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let Some(topic) = views.topic(name) else { return Ok(None) };
                let positions = by_partition(views.positions(name, groups_max));
                Ok(Some((
                    topic.partitions.into_iter().map(PartitionRow::from).collect(),
                    positions,
                )))
            }
            Source::Remote(remote) => remote.live(self.client().await?, name, groups_max).await,
        }
    }

    /// How often it is worth while to look at what moves.
    pub(crate) fn look_interval(&self) -> Duration {
        match self.source() {
            Source::Own(_) => Duration::from_millis(125),
            Source::Remote(_) => Duration::from_secs(1),
        }
    }

    /// The batch that holds an offset, or the first one after it.
    pub(crate) async fn batch(
        &self,
        (topic, partition): (&str, i32),
        offset: Offset,
    ) -> Result<Option<FoundBatch>, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let name = topic.to_owned();
                let found = look(views, move |views| views.batch(&name, partition, offset)).await?;
                Ok(found.map(FoundBatch::from))
            }
            Source::Remote(_) => {
                let mut found = None;
                let take = |batch| {
                    found = Some(batch);
                    false
                };
                remote::each_batch(self.client().await?, (topic, partition), offset, take).await?;
                Ok(found)
            }
        }
    }

    /// Batches from the one that holds `from` on, as long as the list takes more.
    pub(crate) async fn batches(
        &self,
        (topic, partition): (&str, i32),
        from: Offset,
        mut list: BatchList,
    ) -> Result<BatchList, ApiError> {
        match self.source() {
            Source::Own(views) => {
                let name = topic.to_owned();
                let each = move |views: &Views| {
                    let take = |batch| list.take(&FoundBatch::from(batch));
                    views.each_batch((&name, partition), from, take)?;
                    Ok(list)
                };
                look(views, each).await
            }
            Source::Remote(_) => {
                let take = |batch: FoundBatch| list.take(&batch);
                remote::each_batch(self.client().await?, (topic, partition), from, take).await?;
                Ok(list)
            }
        }
    }
}

/// Partitions and where groups stand in each.
pub(crate) type Live = Option<(Vec<PartitionRow>, BTreeMap<i32, Vec<GroupPosition>>)>;
