//! Group commit: a few threads per log directory that sync the partitions which asked for it.
//!
//! While a partition syncs, its further appends gather; its next sync answers all of them at once.
//! A partition is in the queue or being synced at most once, so the queue is bounded by the
//! partitions. Syncs of several partitions run side by side because the file system then commits
//! them together: on ext4, with 16 KiB appended to each of 6 files, one thread after the other
//! takes 26 ms, eight at once 0.8 ms. From [`TOGETHER`] partitions on one `syncfs` does for all: for
//! 1000 files of 4 KiB 14 ms, where eight threads take 63 ms and one 3.5 s. For few it is worse
//! (up to 4 ms for 6), and it writes what others have not asked for. `sync_file_range` before the
//! syncs gains nothing. `io_uring` runs the same calls on threads of the kernel: 0.6 ms for the 6
//! files where the threads took 0.75 ms, and 7 ms for 50 where `syncfs` took 2 ms; that is not worth
//! a second way to sync. All of it was measured beside other load: the ratios count, not the times.
//! What a request appends is asked for together once all of it is written ([`Gathering`]): otherwise
//! the threads would begin with the first few partitions of a thousand, one by one.
//!
//! Where crowds wait, a thread lets others run before it syncs ([`Crowd`]): on two cores, 100
//! connections then share half as many syncs, and a request costs 27 µs of CPU instead of 40.
//! The kernel's batch class for these threads gains the same, but others take more from it when the
//! machine is busy; a lower priority starves them.
//! Budget: one `fdatasync` per partition and round, or one `syncfs` for a round of many; never
//! under a partition's lock.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

use ottla_log::{FileSystem, SyncTask};

mod crowd;
mod gathering;

use crowd::Crowd;
pub(crate) use gathering::Gathering;

use crate::{
    metrics::Metrics,
    partition::{Partition, SyncError},
};

/// Syncs at the same time. More than this gain little.
const THREADS: usize = 8;

/// With this many partitions in the queue the file system is synced as a whole.
const TOGETHER: usize = 16;

/// The queue and its threads.
#[derive(Debug)]
pub(crate) struct Flusher {
    queue: Mutex<Queue>,
    work: Condvar,
    file_system: FileSystem,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Queue {
    partitions: VecDeque<Arc<Partition>>,
    /// Threads that wait for partitions.
    idle: usize,
    is_stopping: bool,
}

impl Queue {
    /// One partition, or all there are if they are many.
    fn take_round(&mut self) -> Option<Vec<Arc<Partition>>> {
        if self.partitions.len() >= TOGETHER {
            return Some(self.partitions.drain(..).collect());
        }
        self.partitions.pop_front().map(|partition| vec![partition])
    }

    /// How many of the idle threads are to look, after so many partitions were added.
    fn to_wake(&self, added: usize) -> usize {
        let rounds = if self.partitions.len() >= TOGETHER { added.min(1) } else { added };
        rounds.min(self.idle)
    }
}

impl Flusher {
    /// Starts the threads; they end after [`Self::stop`], when the queue is empty.
    pub(crate) fn start(
        file_system: FileSystem,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Arc<Self>, Vec<JoinHandle<()>>)> {
        let (queue, work) = (Mutex::default(), Condvar::new());
        let flusher = Arc::new(Self { queue, work, file_system, metrics });
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            return Ok((flusher, Vec::new()));
        }
        let threads = (0..THREADS).map(|_| {
            let runner = Arc::clone(&flusher);
            let thread = std::thread::Builder::new().name("ottla-flusher".to_owned());
            thread.stack_size(256 * 1024).spawn(move || runner.run())
        });
        Ok((Arc::clone(&flusher), threads.collect::<io::Result<_>>()?))
    }

    /// Asks for a sync of this partition, now or when its [`Gathering`] ends.
    pub(crate) fn queue(self: &Arc<Self>, partition: Arc<Partition>) {
        if let Some(partition) = gathering::keep(self, partition) {
            self.queue_all(std::iter::once(partition));
        }
    }

    fn queue_all(self: &Arc<Self>, partitions: impl Iterator<Item = Arc<Partition>>) {
        let mut queue = self.lock();
        let before = queue.partitions.len();
        queue.partitions.extend(partitions);
        let added = queue.partitions.len() - before;
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            drop(queue);
            return (0..added).for_each(|_| self.sync_in_turn());
        }
        let to_wake = queue.to_wake(added);
        drop(queue);
        (0..to_wake).for_each(|_| self.work.notify_one());
    }

    /// Does what a thread does with a round, in a simulation.
    #[cfg(feature = "simulation")]
    fn sync_in_turn(self: &Arc<Self>) {
        let this = Arc::clone(self);
        drop(tokio::spawn(async move {
            tokio::time::sleep(crate::simulation::sync_time()).await;
            let Some(round) = this.lock().take_round() else { return };
            let [one] = round.as_slice() else {
                this.sync_together(&round);
                return;
            };
            // What is appended before the disk has answered is not part of it.
            let done = one.run_sync();
            tokio::time::sleep(crate::simulation::sync_time()).await;
            one.finish_sync(done);
        }));
    }

    /// Syncs these partitions, which nobody else uses yet, before it returns.
    pub(crate) fn sync_now(&self, partitions: &[Arc<Partition>]) {
        if partitions.len() >= TOGETHER {
            self.sync_together(partitions);
        } else {
            for partition in partitions {
                partition.sync();
            }
        }
    }

    /// Lets the threads end once nothing waits.
    pub(crate) fn stop(&self) {
        self.lock().is_stopping = true;
        self.work.notify_all();
    }

    fn run(self: &Arc<Self>) {
        let (mut crowd, mut again) = (Crowd::default(), Vec::new());
        while let Some(round) = self.next_round(&mut again) {
            if let [_] = round.as_slice() {
                crowd.gather();
            }
            let began = Instant::now();
            // What is wanted again is this thread's next round: nobody need be woken for it.
            let gathering = Gathering::begin();
            let answered = match round.as_slice() {
                [one] => one.sync(),
                many => self.sync_together(many),
            };
            gathering.end_for(self, &mut again);
            crowd.answered(answered);
            self.metrics.synced(began.elapsed().as_secs_f64());
        }
    }

    /// Waits for partitions, besides these. `None` at the end.
    fn next_round(&self, again: &mut Vec<Arc<Partition>>) -> Option<Vec<Arc<Partition>>> {
        let mut queue = self.lock();
        // One of them is for the calling thread.
        let added = again.len().saturating_sub(1);
        queue.partitions.extend(again.drain(..));
        (0..queue.to_wake(added)).for_each(|_| self.work.notify_one());
        loop {
            if let Some(round) = queue.take_round() {
                return Some(round);
            }
            if queue.is_stopping {
                return None;
            }
            queue.idle += 1;
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    /// Says how many waited for it.
    fn sync_together(&self, partitions: &[Arc<Partition>]) -> usize {
        let staged = partitions.iter().map(|partition| {
            let task = partition.begin_file_system_sync()?;
            let staged = task.stage();
            SyncError::check(task, staged)
        });
        let tasks: Vec<Result<SyncTask, SyncError>> = staged.collect();
        let mut synced = self.file_system.sync();
        let mut is_again = false;
        let installed = tasks.into_iter().map(|task| {
            let task = task?;
            let installed = task.install().map(|again| is_again |= again);
            SyncError::check(task, installed)
        });
        let installed: Vec<Result<SyncTask, SyncError>> = installed.collect();
        if is_again && synced.is_ok() {
            synced = self.file_system.sync();
        }
        let synced = synced.map_err(|error| error.to_string());
        let mut woken = 0;
        for (partition, task) in partitions.iter().zip(installed) {
            let done = match &synced {
                Ok(()) => task,
                Err(error) => Err(SyncError::Failed(error.clone())),
            };
            woken += partition.finish_sync(done);
        }
        woken
    }

    /// Makes everything durable that was written to the directory's file system.
    pub(crate) fn sync_file_system(&self) -> io::Result<()> {
        self.file_system.sync()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
