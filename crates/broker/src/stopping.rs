//! The signal that the broker is to stop: set once, seen by everyone who waits for it.

use tokio::sync::watch;

/// The signal.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    sender: watch::Sender<bool>,
}

impl Stopping {
    /// Not stopping yet.
    pub(crate) fn new() -> Self {
        Self { sender: watch::Sender::new(false) }
    }

    /// Tells everyone.
    pub(crate) fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// Whether the broker is stopping.
    pub(crate) fn has_begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Returns once the broker is stopping.
    pub(crate) async fn wait(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        while !*receiver.borrow_and_update() {
            if receiver.changed().await.is_err() {
                return;
            }
        }
    }
}
