//! `kafka-transactions.sh find-hanging`: open transactions that no coordinator will end.

use std::collections::BTreeMap;

use ottla_client::{Client, Offset, ProducerState};

use super::{print, suspects};
use crate::{
    command::open_since_before,
    output::Out,
    time::now_ms,
    tools::{Refusal, flags::Given},
};

const TITLES: &[&str] = &[
    "Topic",
    "Partition",
    "ProducerId",
    "ProducerEpoch",
    "CoordinatorEpoch",
    "StartOffset",
    "LastTimestamp",
    "Duration(min)",
];

pub(super) async fn run(given: &Given, client: &Client, out: &mut Out) -> Result<(), Refusal> {
    let admin = client.admin();
    let minutes = given.number::<i64>("max-transaction-timeout")?.unwrap_or(15);
    let now = now_ms();
    let oldest = now.saturating_sub(minutes.saturating_mul(60_000));
    let places = suspects(given, client).await?;
    let mut open = open_since_before(&admin, &places, oldest).await?;
    let known = match open.as_slice() {
        [] => BTreeMap::new(),
        _ => admin.transactions_by_producer().await?,
    };
    open.retain(|(topic, partition, producer)| {
        let place = (topic.clone(), *partition);
        let known = known.get(&producer.producer_id);
        !known.is_some_and(|it| it.state == "Ongoing" && it.partitions.contains(&place))
    });
    let row = |(topic, partition, it): (String, i32, ProducerState)| {
        let duration = now.saturating_sub(it.last_timestamp) / 60_000;
        vec![
            topic,
            partition.to_string(),
            it.producer_id.to_string(),
            it.producer_epoch.to_string(),
            it.coordinator_epoch.to_string(),
            it.open_since.map_or(-1, Offset::get).to_string(),
            it.last_timestamp.to_string(),
            duration.to_string(),
        ]
    };
    print(out, TITLES, open.into_iter().map(row).collect())
}
