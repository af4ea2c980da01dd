//! What follows when a data directory fails: its partitions are offline, the cluster is told, and
//! everything else goes on. Without the cluster metadata, or any directory, the broker cannot.
//!
//! Kafka: `ReplicaManager.LogDirFailureHandler`, `handleLogDirFailure`.

use std::sync::Arc;

use ottla_metadata::decide;
use ottla_types::TopicName;

use crate::{broker::Shared, journal::Event, log_dirs::DataDir};

/// Deals with failures until the broker stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut told: Vec<Arc<DataDir>> =
        shared.log_dirs.all().iter().filter(|dir| dir.id.is_zero()).cloned().collect();
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.wait() => return,
            () = shared.log_dirs.failure() => {}
        }
        let is_known = |dir: &DataDir| told.iter().any(|known| known.path == dir.path);
        let failed: Vec<Arc<DataDir>> = shared
            .log_dirs
            .every()
            .filter(|dir| !dir.is_online() && !is_known(dir))
            .cloned()
            .collect();
        for dir in &failed {
            take_offline(&shared, dir);
        }
        if let Some(reason) = fatal(&shared) {
            shared.fatal.send_replace(Some(reason));
            return;
        }
        told.extend(failed);
        tell(&shared).await;
    }
}

/// Takes the partitions of a directory out of service.
fn take_offline(shared: &Arc<Shared>, dir: &DataDir) {
    let lies_there = |partition: &crate::partition::Partition| partition.data_dir().id == dir.id;
    let mut count = 0;
    for topic in shared.partitions.topics() {
        let partitions: Vec<_> =
            topic.partitions().filter(|one| lies_there(one)).cloned().collect();
        for partition in partitions {
            partition.take_offline();
            count += 1;
            let number = partition.topic_partition.partition;
            match &*topic.name {
                TopicName::CONSUMER_OFFSETS => shared.groups.resign(number),
                TopicName::TRANSACTION_STATE => shared.transactions.resign(number),
                _ => {}
            }
        }
    }
    shared.journal.put(
        Event::new("logdir.failed")
            .with("path", dir.path.display())
            .with("partitions", count)
            .with("reason", dir.failure()),
    );
    tracing::warn!("{count} partitions in {} are offline", dir.path.display());
}

/// Why the broker cannot go on, if it cannot.
fn fatal(shared: &Shared) -> Option<String> {
    let metadata = shared.log_dirs.metadata();
    if !metadata.is_online() {
        let path = metadata.path.display();
        return Some(format!("log directory {path} with the cluster metadata has failed"));
    }
    let has_any = shared.log_dirs.online().next().is_some();
    (!has_any).then(|| "every log directory has failed".to_owned())
}

/// Tells the cluster which directories are left.
async fn tell(shared: &Arc<Shared>) {
    let directories = shared.log_dirs.online_ids();
    let told = shared
        .controller
        .decide(move |context| decide::Decision {
            records: decide::fail_directories(context.image, context.broker_id, &directories),
            response: (),
        })
        .await;
    if let Err(code) = told {
        tracing::error!("the failure of a log directory cannot be recorded: {code}");
    }
}
