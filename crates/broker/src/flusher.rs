//! Group commit: one thread per log directory that syncs the partitions which asked for it.
//!
//! While a sync runs, further appends gather; the next sync answers all of them at once. A
//! partition stands in the queue at most once, so the queue is bounded by the partitions.
//! Budget: one `fdatasync` per partition and round, never under the partition's lock.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
};

use crate::{metrics::Metrics, partition::Partition};

/// The queue and its thread.
#[derive(Debug)]
pub(crate) struct Flusher {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    partitions: Vec<Arc<Partition>>,
    is_stopping: bool,
}

impl Flusher {
    /// Starts the thread; it ends after [`Self::stop`], when the queue is empty.
    pub(crate) fn start(metrics: Arc<Metrics>) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let flusher = Arc::new(Self { queue: Mutex::default(), work: Condvar::new() });
        let runner = Arc::clone(&flusher);
        let thread = std::thread::Builder::new()
            .name("ottla-flusher".to_owned())
            .spawn(move || runner.run(&metrics))?;
        Ok((flusher, thread))
    }

    /// Asks for a sync of this partition.
    pub(crate) fn queue(&self, partition: Arc<Partition>) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).partitions.push(partition);
        self.work.notify_one();
    }

    /// Lets the thread end once nothing waits.
    pub(crate) fn stop(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).is_stopping = true;
        self.work.notify_one();
    }

    fn run(&self, metrics: &Metrics) {
        while let Some(round) = self.next_round() {
            for partition in round {
                metrics.synced(partition.sync());
            }
        }
    }

    fn next_round(&self) -> Option<Vec<Arc<Partition>>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.partitions.is_empty() {
            if queue.is_stopping {
                return None;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut queue.partitions))
    }
}
