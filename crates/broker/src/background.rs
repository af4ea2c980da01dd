//! Work that may wait for the disk, kept off the threads that serve clients.
//!
//! In a simulation there is one thread, and such work is done on it in its turn.

use std::{io, thread::JoinHandle};

use tokio::task::JoinError;

/// Does something that ends by itself on a thread of its own.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        drop(tokio::spawn(async move { work() }));
        return Ok(());
    }
    let thread: JoinHandle<()> = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    drop(thread);
    Ok(())
}

/// Does something on a thread that may wait, and nobody waits for it.
pub(crate) fn meanwhile(work: impl FnOnce() + Send + 'static) {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        drop(tokio::spawn(async move { work() }));
        return;
    }
    drop(tokio::task::spawn_blocking(work));
}

/// Does something on a thread that may wait, and waits for it without holding up others.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}
