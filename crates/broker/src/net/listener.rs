//! Listening sockets: accepts connections, within limits, and spreads them over the runtimes.
//!
//! Kafka: `SocketServer.Acceptor`, `ConnectionQuotas`.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex, PoisonError},
};

use ottla_config::{BrokerKey, Listener, ServerConfig, keys};
use tokio::{net::TcpListener, runtime::Handle, sync::watch};

use crate::{
    broker::Shared,
    journal::Event,
    net::{
        connection::{self, Peer},
        pacing::Pacing,
        socket::Socket,
    },
};

/// A listener with its bound sockets (a name such as `localhost` may have several addresses).
#[derive(Debug)]
pub(crate) struct Bound {
    /// The listener as configured, with the real port where 0 was asked for.
    pub(crate) listener: Listener,
    sockets: Vec<(StdListener, Pacing)>,
}

impl Bound {
    /// Binds every address of the listener's host; an error says which port and by what key.
    pub(crate) fn bind(listener: &Listener) -> io::Result<Self> {
        let mut listener = listener.clone();
        let mut sockets = Vec::new();
        let mut failure = None;
        for address in addresses(&listener)? {
            let address = SocketAddr::new(address, listener.port);
            match bind_one(address) {
                Ok(bound) => {
                    listener.port = bound.0.local_addr()?.port();
                    sockets.push(bound);
                }
                Err(error) => failure = failure.or(Some((address, error))),
            }
        }
        match failure {
            // One family of `localhost` may be missing on a machine; a port in use is never fine.
            Some((_, error))
                if !sockets.is_empty() && error.kind() == io::ErrorKind::AddrNotAvailable => {}
            Some((address, error)) => {
                return Err(io::Error::new(
                    error.kind(),
                    format!("cannot listen on {address} (listeners, {}): {error}", listener.name),
                ));
            }
            None => {}
        }
        Ok(Self { listener, sockets })
    }

    /// Accepts until the broker stops, giving connections to the runtimes in turn.
    pub(crate) fn serve(self, shared: &Arc<Shared>, workers: &[Handle]) -> io::Result<()> {
        let name: Arc<str> = self.listener.name.as_str().into();
        for (socket, pacing) in self.sockets {
            socket.set_nonblocking(true)?;
            let (shared, name, workers) = (Arc::clone(shared), Arc::clone(&name), workers.to_vec());
            let Some(home) = workers.first().cloned() else { continue };
            home.spawn(async move {
                match TcpListener::from_std(socket) {
                    Ok(socket) => accept(shared, (socket, pacing), name, workers).await,
                    Err(error) => tracing::error!("listener {name} failed: {error}"),
                }
            });
        }
        Ok(())
    }
}

fn addresses(listener: &Listener) -> io::Result<Vec<IpAddr>> {
    use std::net::ToSocketAddrs as _;
    if listener.host.is_empty() {
        return Ok(vec![IpAddr::from([0_u8; 16])]);
    }
    let mut found: Vec<IpAddr> = (listener.host.as_str(), listener.port)
        .to_socket_addrs()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "cannot resolve host '{}' of listener {}: {error}",
                    listener.host, listener.name
                ),
            )
        })?
        .map(|address| address.ip())
        .collect();
    found.dedup();
    // A port of 0 gives each socket another port, so only one address can be served.
    if listener.port == 0 {
        found.truncate(1);
    }
    Ok(found)
}

pub(super) fn bind_one(address: SocketAddr) -> io::Result<(StdListener, Pacing)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // The wildcard takes both families; a named address takes its own.
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    rustix::net::bind(&socket, &address)?;
    let pacing = Pacing::switch_off(&socket);
    rustix::net::listen(&socket, 1024)?;
    Ok((StdListener::from(socket), pacing))
}

async fn accept(
    shared: Arc<Shared>,
    (socket, pacing): (TcpListener, Pacing),
    name: Arc<str>,
    workers: Vec<Handle>,
) {
    let mut turn = 0_usize;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.stopping.wait() => return,
            accepted = socket.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: wait for connections to close.
                tracing::warn!("listener {name} cannot accept: {error}");
                tokio::time::sleep(shared.limits.accept_pause).await;
                continue;
            }
        };
        let slot = match shared.connections.enter(remote.ip(), &shared.config()) {
            Ok(slot) => slot,
            Err(key) => {
                tracing::warn!(client = %remote, listener = %name, "connection refused: {key} are open");
                let event = Event::new("connection.refused").remote(remote);
                shared.journal.put(event.with("listener", &name).with("reason", key));
                continue;
            }
        };
        turn = turn.wrapping_add(1);
        let worker = workers.get(turn % workers.len().max(1)).cloned();
        hand_over(&shared, (stream, &pacing), (remote, Arc::clone(&name), slot), worker);
    }
}

fn hand_over(
    shared: &Arc<Shared>,
    (stream, pacing): (tokio::net::TcpStream, &Pacing),
    (remote, listener, slot): (SocketAddr, Arc<str>, Slot),
    worker: Option<Handle>,
) {
    let prepared = stream.set_nodelay(true).and_then(|()| {
        // A client whose machine is gone is noticed even while its request waits.
        rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
        let local = stream.local_addr()?;
        pacing.restore(&stream, remote, local);
        Ok((local, stream.into_std()?))
    });
    let (Ok((local, stream)), Some(worker)) = (prepared, worker) else { return };
    let shared = Arc::clone(shared);
    let peer = Peer { remote, local, listener };
    worker.spawn(async move {
        let _slot = slot;
        if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
            connection::serve(shared, Socket::Tcp(stream), peer).await;
        }
    });
}

/// How many connections there are, in all and per address.
#[derive(Debug)]
pub(crate) struct Connections {
    counts: Arc<Mutex<Counts>>,
    total: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Counts {
    by_ip: HashMap<IpAddr, usize>,
}

/// A connection's place in the count; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Slot {
    counts: Arc<Mutex<Counts>>,
    total: watch::Sender<usize>,
    ip: IpAddr,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self { counts: Arc::default(), total: watch::Sender::new(0) }
    }

    /// A place for one more connection from this address; else the key of the limit that is
    /// reached.
    fn enter(&self, ip: IpAddr, config: &ServerConfig) -> Result<Slot, &'static str> {
        let is_reached = |count: usize, key: &BrokerKey<i32>| {
            usize::try_from(config.get(key)).is_ok_and(|limit| count >= limit)
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let from_ip = counts.by_ip.get(&ip).copied().unwrap_or(0);
        if is_reached(self.open(), &keys::MAX_CONNECTIONS) {
            return Err(keys::MAX_CONNECTIONS.name);
        }
        if is_reached(from_ip, &keys::MAX_CONNECTIONS_PER_IP) {
            return Err(keys::MAX_CONNECTIONS_PER_IP.name);
        }
        self.total.send_modify(|total| *total = total.saturating_add(1));
        counts.by_ip.insert(ip, from_ip.saturating_add(1));
        let total = self.total.clone();
        Ok(Slot { counts: Arc::clone(&self.counts), total, ip })
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        *self.total.borrow()
    }

    /// Returns once no connection is open.
    pub(crate) async fn none(&self) {
        let mut total = self.total.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(total.wait_for(|total| *total == 0).await);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.total.send_modify(|total| *total = total.saturating_sub(1));
        let left = counts.by_ip.get(&self.ip).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.by_ip.remove(&self.ip);
        } else {
            counts.by_ip.insert(self.ip, left);
        }
    }
}
