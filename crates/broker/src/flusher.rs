//! Group commit: a few threads per log directory that sync the partitions which asked for it.
//!
//! What a partition has to sync is written ahead ([`ahead`]), which is one sync for all that wait:
//! with 1,000 partitions 115,000 records/s instead of 80,000, one producer 330,000 to 450,000
//! instead of 170,000 to 250,000, ten connections with five requests each on their way 135,000 to
//! 146,000 requests/s instead of 69,000 to 82,000. Where that does not do, since it is large or new
//! in its directory, its own files are synced.
//!
//! While a partition syncs, its further appends gather; its next sync answers all of them at once.
//! A partition is in the queue or being synced at most once, so the queue is bounded by the
//! partitions. Syncs of several partitions run side by side because the file system then commits
//! them together: on ext4, with 16 KiB appended to each of 6 files, one thread after the other
//! takes 26 ms, eight at once 0.8 ms. From [`TOGETHER`] partitions on one `syncfs` does for all:
//! for 1000 files of 4 KiB 14 ms, where eight threads take 63 ms and one 3.5 s. For few it is worse
//! (up to 4 ms for 6), and it writes what others have not asked for. `sync_file_range` before the
//! syncs gains nothing. `io_uring` runs the same calls on threads of the kernel: 0.6 ms for the 6
//! files where the threads took 0.75 ms, and 7 ms for 50 where `syncfs` took 2 ms; that is not
//! worth a second way to sync. All of it was measured beside other load: the ratios count, not the
//! times. What a request appends is asked for together once all of it is written ([`Gathering`]):
//! otherwise the threads would begin with the first few partitions of a thousand, one by one.
//!
//! Where crowds wait, a thread lets others run before it syncs ([`Crowd`]): on two cores, 100
//! connections then share half as many syncs, and a request costs 27 µs of CPU instead of 40.
//! The kernel's batch class for these threads gains the same, but others take more from it when the
//! machine is busy; a lower priority starves them.
//! Budget: one `fdatasync` for all that is written ahead in a round; one per partition and round,
//! or one `syncfs` for a round of many, where their own files are synced; none under a
//! partition's lock, but for a segment that ends and for DeleteRecords where something is written
//! ahead.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

use ottla_log::{Dir, FileSystem, SyncTask};

mod ahead;
mod crowd;
mod gathering;
mod queue;

use ahead::Writer;
use crowd::Crowd;
pub(crate) use gathering::Gathering;
use queue::{Queue, Stage, Work};

use crate::{
    metrics::Metrics,
    partition::{Partition, SyncError, Synced},
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
    root: Arc<dyn Dir>,
    file_system: FileSystem,
    /// Whoever has it may lock the queue, not the other way round.
    writer: Mutex<Option<Writer>>,
    metrics: Arc<Metrics>,
}

impl Flusher {
    /// Starts the threads; they end after [`Self::stop`], when the queue is empty.
    pub(crate) fn start(
        root: Arc<dyn Dir>,
        file_system: FileSystem,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Arc<Self>, Vec<JoinHandle<()>>)> {
        let (queue, work, writer) = (Mutex::default(), Condvar::new(), Mutex::new(None));
        let flusher = Arc::new(Self { queue, work, root, file_system, writer, metrics });
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
        queue.fresh.extend(partitions);
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            drop(queue);
            return self.work_in_turn();
        }
        let to_wake = queue.to_wake();
        drop(queue);
        (0..to_wake).for_each(|_| self.work.notify_one());
    }

    /// Does what the threads do, in a simulation.
    #[cfg(feature = "simulation")]
    fn work_in_turn(self: &Arc<Self>) {
        let this = Arc::clone(self);
        drop(tokio::spawn(async move {
            use crate::simulation::sync_time;
            tokio::time::sleep(sync_time()).await;
            // What is appended before the disk has answered is not part of it.
            loop {
                let Some(work) = this.lock().take() else { return };
                match work {
                    Work::One(one) => {
                        let done = one.run_sync();
                        this.lock().note_synced(1);
                        tokio::time::sleep(sync_time()).await;
                        one.finish_sync(done.map(Synced::Own));
                    }
                    Work::Together(many) => {
                        this.sync_together(&many);
                        this.lock().note_synced(many.len());
                    }
                    Work::Ahead(many) => {
                        let round = this.write_ahead(many);
                        tokio::time::sleep(sync_time()).await;
                        round.finish();
                        this.leave_write_ahead();
                    }
                    Work::Make(found) => this.make_write_ahead(&found),
                    Work::Settle(partitions) => {
                        tokio::time::sleep(sync_time()).await;
                        this.settle(&partitions);
                    }
                }
            }
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
        while let Some(work) = self.next_work(&mut again) {
            let began = Instant::now();
            // What is wanted again is this thread's to queue: nobody need be woken for it.
            let gathering = Gathering::begin();
            let answered = match work {
                Work::One(one) => {
                    crowd.gather();
                    let answered = one.sync();
                    self.lock().note_synced(1);
                    answered
                }
                Work::Together(many) => {
                    let answered = self.sync_together(&many);
                    self.lock().note_synced(many.len());
                    answered
                }
                Work::Ahead(many) => {
                    crowd.gather();
                    let answered = self.write_ahead(many).finish();
                    self.leave_write_ahead();
                    answered
                }
                Work::Make(found) => {
                    self.make_write_ahead(&found);
                    continue;
                }
                Work::Settle(partitions) => {
                    self.settle(&partitions);
                    continue;
                }
            };
            gathering.end_for(self, &mut again);
            crowd.answered(answered);
            self.metrics.synced(began.elapsed().as_secs_f64());
        }
    }

    /// Waits for something to do, besides these partitions. `None` at the end.
    fn next_work(&self, again: &mut Vec<Arc<Partition>>) -> Option<Work> {
        let mut queue = self.lock();
        // One of them is for the calling thread.
        let added = !again.is_empty();
        queue.fresh.extend(again.drain(..));
        loop {
            let work = queue.take();
            if work.is_none() && queue.is_done() {
                // Others may have waited for what this thread was at.
                self.work.notify_all();
                return None;
            }
            if work.is_some() {
                // Whoever was woken for a partition may have found something else to do first.
                let is_other = matches!(work, Some(Work::Make(_) | Work::Settle(_)));
                let to_wake = if added || is_other { queue.to_wake() } else { 0 };
                drop(queue);
                (0..to_wake).for_each(|_| self.work.notify_one());
                return work;
            }
            queue.idle += 1;
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    /// Lets another thread write to the write-ahead log, or this one again.
    fn leave_write_ahead(&self) {
        let mut queue = self.lock();
        if matches!(queue.stage, Stage::Busy) {
            queue.stage = Stage::Idle;
        }
    }

    /// Says how many waited for it.
    fn sync_together(&self, partitions: &[Arc<Partition>]) -> usize {
        let staged = partitions.iter().map(|partition| {
            let task = partition.begin_file_system_sync(self)?;
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
                Ok(()) => task.map(Synced::Own),
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

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
