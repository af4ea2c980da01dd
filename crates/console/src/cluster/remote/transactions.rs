//! Transactions of another cluster.
//!
//! Invariant: a transaction is said to hang only if its partition has it open both before and after
//! the coordinators said that they do not know of it.
//! Kafka: `ListTransactions`, `DescribeTransactions`, `DescribeProducers`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ottla_client::{Client, ErrorKind, ProducerState, TopicInfo};

use super::{Bounds, Place, Remote, bounds, info, led};
use crate::{
    cluster::transactions::{BlockedPlace, Blocking, Open, Transaction, by_producer},
    error::ApiError,
};

/// How old the list of transactional ids may be.
const TRANSACTIONS_AGE: Duration = Duration::from_secs(2);

/// Most partitions of one transaction that are looked into.
const LOOKED_INTO_MAX: usize = 200;

impl Remote {
    /// Every transactional id, as of some seconds ago.
    pub(in crate::cluster) async fn known_transactions(
        &self,
        client: &Client,
    ) -> Result<Arc<Vec<Transaction>>, ApiError> {
        self.known_transactions.get(TRANSACTIONS_AGE, || ask(client)).await
    }

    /// One transactional id, as it is now.
    pub(in crate::cluster) async fn transaction(
        &self,
        client: &Client,
        id: &str,
    ) -> Result<Option<Transaction>, ApiError> {
        match client.admin().describe_transaction(id).await {
            Ok(found) => Ok(Some(found.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Partitions with open transactions, and whose they are.
    pub(in crate::cluster) async fn blocking(
        &self,
        client: &Client,
        topic: Option<&str>,
    ) -> Result<Blocking, ApiError> {
        let topics: Vec<Arc<TopicInfo>> = match topic {
            None => client.admin().list_topics().await?,
            Some(name) => match info(client, name).await {
                Ok(topic) => vec![topic],
                Err(error) if error.is_not_found() => Vec::new(),
                Err(error) => return Err(error),
            },
        };
        let held_back = |it: &Bounds| it.last_stable < it.high_watermark;
        let mut all = bounds(client, &led(&topics)).await?;
        all.retain(|_, bounds| held_back(bounds));
        let mut found = open_at(client, all).await?;
        if found.is_empty() {
            return Ok((found, BTreeMap::new()));
        }
        let known = by_producer(ask(client).await?);
        let knows = |place: &BlockedPlace, open: &Open| {
            let owner = known.get(&open.producer_id);
            owner.is_some_and(|it| it.holds(&place.topic, place.partition))
        };
        let in_doubt = found.iter().filter(|place| place.open.iter().any(|it| !knows(place, it)));
        let in_doubt: Vec<Place> =
            in_doubt.map(|place| (place.topic.clone(), place.partition)).collect();
        let still = producers(client, &in_doubt).await?;
        for place in &mut found {
            let Some(now) = still.get(&(place.topic.clone(), place.partition)) else { continue };
            let is_still = |open: &Open| {
                let own = now.iter().filter(|it| it.producer_id.get() == open.producer_id);
                own.into_iter().any(|it| it.open_since == Some(open.first_offset))
            };
            let mut open = std::mem::take(&mut place.open);
            open.retain(|it| knows(place, it) || is_still(it));
            place.open = open;
        }
        found.retain(|place| !place.open.is_empty());
        Ok((found, known))
    }

    /// What is open in these partitions.
    pub(in crate::cluster) async fn open_in(
        &self,
        client: &Client,
        places: &[Place],
    ) -> Result<Vec<BlockedPlace>, ApiError> {
        let places: BTreeSet<Place> = places.iter().take(LOOKED_INTO_MAX).cloned().collect();
        let names: BTreeSet<&String> = places.iter().map(|(topic, _)| topic).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let topics = client.admin().describe_topics(&names).await?;
        let topics: Vec<_> = topics.into_iter().filter_map(|(_, topic)| topic.ok()).collect();
        let mut asked = led(&topics);
        asked.retain(|place| places.contains(place));
        open_at(client, bounds(client, &asked).await?).await
    }
}

/// Every transactional id: a list from each broker, and one more request to each.
async fn ask(client: &Client) -> Result<Vec<Transaction>, ApiError> {
    let admin = client.admin();
    let listed = admin.list_transactions(&[]).await?;
    let mut all: Vec<Transaction> =
        admin.describe_transactions(&listed).await?.into_iter().map(Into::into).collect();
    all.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
    Ok(all)
}

/// What partitions say of their producers; those that say nothing are left out.
async fn producers(
    client: &Client,
    places: &[Place],
) -> Result<BTreeMap<Place, Vec<ProducerState>>, ApiError> {
    let told = client.admin().describe_producers_of(places).await?;
    Ok(told.into_iter().filter_map(|(place, result)| Some((place, result.ok()?))).collect())
}

/// Partitions with what is open in them; those with nothing are left out.
async fn open_at(
    client: &Client,
    bounds: BTreeMap<Place, Bounds>,
) -> Result<Vec<BlockedPlace>, ApiError> {
    let places: Vec<Place> = bounds.keys().cloned().collect();
    let mut blocked = Vec::new();
    for (place, producers) in producers(client, &places).await? {
        let Some(bounds) = bounds.get(&place) else { continue };
        let open = producers.iter().filter_map(|it| {
            Some(Open {
                first_offset: it.open_since?,
                producer_id: it.producer_id.get(),
                producer_epoch: it.producer_epoch,
                last_written_ms: it.last_timestamp,
            })
        });
        let mut open: Vec<Open> = open.collect();
        open.sort_by_key(|it| it.first_offset);
        if !open.is_empty() {
            blocked.push(BlockedPlace {
                topic: place.0,
                partition: place.1,
                last_stable_offset: bounds.last_stable,
                high_watermark: bounds.high_watermark,
                open,
            });
        }
    }
    Ok(blocked)
}
