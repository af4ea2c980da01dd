//! Who is connected: each connection, what it said of itself and what it has asked for.
//!
//! A connection writes its own entry, with relaxed counters; the list is locked when one comes or
//! goes and when somebody looks. Kafka: `SelectorMetrics`, `ConnectionRegistry`.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use ottla_wire::Str;

use crate::{clock::now_ms, net::connection::Peer};

/// Every connection that is open.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    open: Mutex<BTreeMap<u64, Arc<ClientEntry>>>,
    next: AtomicU64,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct ClientEntry {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    pub(crate) opened_ms: i64,
    pub(crate) requests: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    /// The key of the last request; −1 before the first.
    pub(crate) last_key: AtomicI64,
    pub(crate) last_request_ms: AtomicI64,
    said: Mutex<Said>,
}

/// What a client said of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) client_id: Option<Str>,
    pub(crate) software_name: Option<Str>,
    pub(crate) software_version: Option<Str>,
}

impl Clients {
    /// A connection is open.
    pub(crate) fn enter(&self, peer: &Peer) -> Arc<ClientEntry> {
        let now = now_ms();
        let entry = Arc::new(ClientEntry {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            peer: peer.clone(),
            opened_ms: now,
            requests: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            last_key: AtomicI64::new(-1),
            last_request_ms: AtomicI64::new(now),
            said: Mutex::default(),
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(entry.id, Arc::clone(&entry));
        entry
    }

    /// A connection is closed.
    pub(crate) fn leave(&self, entry: &ClientEntry) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&entry.id);
    }

    /// Every connection that is open, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<ClientEntry>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().cloned().collect()
    }
}

impl ClientEntry {
    /// A request came.
    pub(crate) fn asked(&self, key: i16, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
        self.last_key.store(key.into(), Ordering::Relaxed);
        self.last_request_ms.store(now_ms(), Ordering::Relaxed);
    }

    /// An answer went.
    pub(crate) fn answered(&self, bytes: usize) {
        self.bytes_out.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    /// What the client says of itself now.
    pub(crate) fn says(&self, said: Said) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }

    /// What it said last.
    pub(crate) fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it comes from.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.peer.remote
    }
}
