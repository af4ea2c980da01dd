//! One connection to one broker: requests go out in the order they are sent, responses find their
//! request by correlation id.
//!
//! Invariants: any number of requests may be in flight; what waits to be written is bounded;
//! dropping a caller's future never leaves half a frame on the socket, because one task owns the
//! writing. Once broken, every pending and later request fails with the same error.
//! Kafka: `NetworkClient`, `Selector`, `InFlightRequests`.

use std::{
    collections::BTreeMap,
    io,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use ottla_types::ErrorCode;
use ottla_wire::{
    Message, Reader, Request, Writer,
    messages::{ApiVersionsRequest, ApiVersionsResponse},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};

use crate::{Error, ErrorKind, Result};

/// Frames that may wait for the writing task.
const OUTGOING_MAX: usize = 64;
/// The largest response accepted, in bytes.
const FRAME_MAX: usize = 1 << 30;
/// Frames are read into memory in steps of this size, so that a wrong length costs little.
const READ_STEP: usize = 4 << 20;

/// What a connection is made with.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    pub(crate) client_id: Arc<str>,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
}

/// The versions of each API that a broker speaks.
pub(crate) type ApiRanges = BTreeMap<i16, RangeInclusive<i16>>;

/// A live connection. Clones share it; it closes with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Bytes>,
    ranges: Arc<ApiRanges>,
}

#[derive(Debug)]
struct Shared {
    address: String,
    client_id: Arc<str>,
    request_timeout: Duration,
    next_correlation_id: AtomicI32,
    pending: Mutex<Pending>,
    tasks: Mutex<Vec<AbortHandle>>,
}

#[derive(Debug)]
enum Pending {
    Open(BTreeMap<i32, oneshot::Sender<Bytes>>),
    Broken(Error),
}

impl Drop for Shared {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.drain(..) {
            task.abort();
        }
    }
}

impl Shared {
    /// Fails everything that waits, and everything that is still to come.
    fn fail(&self, error: Error) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*pending, Pending::Open(_)) {
            *pending = Pending::Broken(error);
        }
    }

    fn error(&self) -> Option<Error> {
        match &*self.pending.lock().unwrap_or_else(PoisonError::into_inner) {
            Pending::Open(_) => None,
            Pending::Broken(error) => Some(error.clone()),
        }
    }

    fn disconnected(&self, why: impl Into<String>) -> Error {
        Error::new(ErrorKind::Connection, format!("lost the broker at {}", self.address), why)
    }

    fn complete(&self, frame: Bytes) -> Result<()> {
        let mut reader = frame;
        let correlation_id = reader
            .try_get_i32()
            .map_err(|_| self.disconnected("it sent a frame without a correlation id"))?;
        let waiter = match &mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner) {
            Pending::Open(pending) => pending.remove(&correlation_id),
            Pending::Broken(error) => return Err(error.clone()),
        };
        match waiter {
            // A caller that went away is no reason to complain.
            Some(waiter) => drop(waiter.send(reader)),
            None => return Err(self.disconnected("it answered a request that was not sent")),
        }
        Ok(())
    }
}

/// A request that went out and whose response is still to come.
#[derive(Debug)]
pub(crate) struct Receipt<R: Request> {
    shared: Arc<Shared>,
    response: oneshot::Receiver<Bytes>,
    version: i16,
    request: std::marker::PhantomData<fn() -> R>,
}

impl<R: Request> Receipt<R> {
    /// The response, within `extra` on top of the connection's request timeout.
    pub(crate) async fn response(self, extra: Duration) -> Result<R::Response> {
        let limit = self.shared.request_timeout.saturating_add(extra);
        let body = match timeout(limit, self.response).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => {
                let error = self.shared.error();
                return Err(error.unwrap_or_else(|| self.shared.disconnected("it closed")));
            }
            Err(_) => {
                // Responses come in order: nothing behind this one can be trusted to come in time.
                let name = R::KEY.name();
                let what = format!("{name} to the broker at {}", self.shared.address);
                let error = Error::timeout(what, limit);
                self.shared.fail(error.clone());
                return Err(error);
            }
        };
        let decoded = decode_response::<R>(body, self.version);
        decoded.map_err(|why| {
            let what = format!("cannot read the {} response", R::KEY.name());
            Error::new(ErrorKind::Protocol, what, why)
        })
    }
}

/// Reads a response behind its correlation id.
fn decode_response<R: Request>(
    body: Bytes,
    version: i16,
) -> std::result::Result<R::Response, String> {
    let mut reader = Reader::new(body);
    // The response to ApiVersions never has tagged fields in its header, so that a client can read
    // it whatever version the broker chose.
    if R::is_flexible(version) && R::KEY.code() != ApiVersionsRequest::KEY.code() {
        reader.skip_tags().map_err(|error| error.to_string())?;
    }
    R::Response::decode(&mut reader, version).map_err(|error| error.to_string())
}

impl Connection {
    /// Connects and learns which versions the broker speaks.
    pub(crate) async fn open(address: &str, options: &ConnectOptions) -> Result<Self> {
        let what = || format!("cannot reach the broker at {address}");
        let connecting = timeout(options.connect_timeout, TcpStream::connect(address));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(Error::new(ErrorKind::Connection, what(), plain(&error)));
            }
            Err(_) => return Err(Error::timeout(what(), options.connect_timeout)),
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(address, %error, "cannot switch off Nagle's algorithm");
        }
        let mut connection = Self::start(stream, address, options);
        let ranges = connection.negotiate(options).await?;
        connection.ranges = Arc::new(ranges);
        Ok(connection)
    }

    fn start(stream: TcpStream, address: &str, options: &ConnectOptions) -> Self {
        let (read, write) = stream.into_split();
        let shared = Arc::new(Shared {
            address: address.to_owned(),
            client_id: options.client_id.clone(),
            request_timeout: options.request_timeout,
            next_correlation_id: AtomicI32::new(1),
            pending: Mutex::new(Pending::Open(BTreeMap::new())),
            tasks: Mutex::new(Vec::new()),
        });
        let (outgoing, frames) = mpsc::channel(OUTGOING_MAX);
        // The tasks hold the shared part weakly: the last connection handle ends them.
        let reading = tokio::spawn(read_loop(read, Arc::downgrade(&shared))).abort_handle();
        let writing = tokio::spawn(write_loop(write, frames, Arc::downgrade(&shared)));
        let mut tasks = shared.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.extend([reading, writing.abort_handle()]);
        drop(tasks);
        Self { shared, outgoing, ranges: Arc::new(ApiRanges::new()) }
    }

    /// Asks for the versions, in the newest version first and in the one the broker names next.
    async fn negotiate(&self, options: &ConnectOptions) -> Result<ApiRanges> {
        let mut version = *ApiVersionsRequest::VERSIONS.end();
        for _ in 0..2 {
            let response = match self.ask_versions(version, options).await {
                Ok(response) => response,
                Err(error) if error.kind() == ErrorKind::Protocol && version > 0 => {
                    // A broker that does not know the version answers in version 0.
                    version = 0;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let ranges: ApiRanges = response
                .api_keys
                .iter()
                .map(|api| (api.api_key, api.min_version..=api.max_version))
                .collect();
            let code = ErrorCode::from_code(response.error_code);
            if code == ErrorCode::UnsupportedVersion && version > 0 {
                let known = ranges.get(&ApiVersionsRequest::KEY.code());
                version = known.map_or(0, |range| (*range.end()).clamp(0, version - 1));
                continue;
            }
            if code.is_error() {
                let what = format!("the broker at {} refused ApiVersions", self.shared.address);
                return Err(Error::broker(code, what, None));
            }
            return Ok(ranges);
        }
        let what = format!("cannot agree on a version with the broker at {}", self.shared.address);
        Err(Error::new(ErrorKind::Unsupported, what, "it refused every version of ApiVersions"))
    }

    async fn ask_versions(
        &self,
        version: i16,
        options: &ConnectOptions,
    ) -> Result<ApiVersionsResponse> {
        let request = ApiVersionsRequest {
            client_software_name: "ottla".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..ApiVersionsRequest::default()
        };
        let receipt = self.send(version, &request).await?;
        let limit = options.connect_timeout;
        let body = match timeout(limit, receipt.response).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => {
                let why = "it closed the connection at the first request";
                let error = self.shared.error().unwrap_or_else(|| self.shared.disconnected(why));
                return Err(error.with_next("check that a Kafka listener without TLS is there"));
            }
            Err(_) => {
                let what = format!("ApiVersions to the broker at {}", self.shared.address);
                return Err(Error::timeout(what, limit)
                    .with_next("check that a Kafka listener without TLS is there"));
            }
        };
        let answer = decode_response::<ApiVersionsRequest>(body.clone(), version);
        match answer {
            Ok(response) => Ok(response),
            Err(_) if version > 0 => decode_response::<ApiVersionsRequest>(body, 0)
                .map_err(|why| Error::new(ErrorKind::Protocol, "cannot read ApiVersions", why)),
            Err(why) => Err(Error::new(ErrorKind::Protocol, "cannot read ApiVersions", why)),
        }
    }

    /// Where it leads to, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.shared.address
    }

    /// Whether requests can still be sent.
    pub(crate) fn is_alive(&self) -> bool {
        self.shared.error().is_none() && !self.outgoing.is_closed()
    }

    /// The versions the broker offers, by API key.
    pub(crate) fn ranges(&self) -> &ApiRanges {
        &self.ranges
    }

    /// The newest version of an API within `wanted` that both sides speak.
    pub(crate) fn version_of<R: Request>(&self, wanted: RangeInclusive<i16>) -> Result<i16> {
        let low = (*wanted.start()).max(*R::VERSIONS.start());
        let high = (*wanted.end()).min(*R::VERSIONS.end());
        let unsupported = |why: String| {
            let what = format!("cannot use {} at {}", R::KEY.name(), self.shared.address);
            Error::new(ErrorKind::Unsupported, what, why)
        };
        let Some(theirs) = self.ranges.get(&R::KEY.code()) else {
            return Err(unsupported("the broker does not offer it".into()));
        };
        let version = high.min(*theirs.end());
        if version < low.max(*theirs.start()) {
            let theirs = format!("{}–{}", theirs.start(), theirs.end());
            return Err(unsupported(format!("it speaks {theirs}, we speak {low}–{high}")));
        }
        Ok(version)
    }

    /// Puts a request into the queue to the broker. Order of calls is order on the wire.
    pub(crate) async fn send<R: Request>(&self, version: i16, request: &R) -> Result<Receipt<R>> {
        let correlation_id = self.shared.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = self.encode(version, correlation_id, request)?;
        let (sender, response) = oneshot::channel();
        match &mut *self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner) {
            Pending::Open(pending) => drop(pending.insert(correlation_id, sender)),
            Pending::Broken(error) => return Err(error.clone()),
        }
        self.enqueue(frame).await?;
        Ok(Receipt {
            shared: self.shared.clone(),
            response,
            version,
            request: std::marker::PhantomData,
        })
    }

    /// Sends a request that has no response: Produce with acks=0.
    pub(crate) async fn send_only<R: Request>(&self, version: i16, request: &R) -> Result<()> {
        let correlation_id = self.shared.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = self.encode(version, correlation_id, request)?;
        self.enqueue(frame).await
    }

    async fn enqueue(&self, frame: Bytes) -> Result<()> {
        let queued = self.outgoing.send(frame).await;
        queued.map_err(|_| {
            self.shared.error().unwrap_or_else(|| self.shared.disconnected("it closed"))
        })
    }

    fn encode<R: Request>(&self, version: i16, correlation_id: i32, request: &R) -> Result<Bytes> {
        let cannot = |why: String| {
            let what = format!("cannot write a {} request", R::KEY.name());
            Error::new(ErrorKind::Invalid, what, why)
        };
        let mut writer = Writer::new();
        writer.put_i32(0);
        writer.put_i16(R::KEY.code());
        writer.put_i16(version);
        writer.put_i32(correlation_id);
        // The client id keeps its old form even where the rest of the header is flexible.
        writer
            .put_string(false, &self.shared.client_id)
            .map_err(|error| cannot(error.to_string()))?;
        if R::is_flexible(version) {
            writer.put_empty_tags();
        }
        request.encode(&mut writer, version).map_err(|error| cannot(error.to_string()))?;
        let (mut frame, _) = writer.finish();
        let length = frame.len().saturating_sub(4);
        let length = i32::try_from(length).map_err(|_| cannot("it is over 2 GiB".into()))?;
        for (slot, byte) in frame.iter_mut().zip(length.to_be_bytes()) {
            *slot = byte;
        }
        Ok(frame.freeze())
    }
}

/// An I/O error in a person's words.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset".into(),
        io::ErrorKind::UnexpectedEof => "it closed the connection".into(),
        _ => error.to_string(),
    }
}

async fn write_loop(
    mut socket: OwnedWriteHalf,
    mut frames: mpsc::Receiver<Bytes>,
    shared: std::sync::Weak<Shared>,
) {
    while let Some(frame) = frames.recv().await {
        if let Err(error) = socket.write_all(&frame).await {
            if let Some(shared) = shared.upgrade() {
                shared.fail(shared.disconnected(plain(&error)));
            }
            return;
        }
    }
}

async fn read_loop(socket: OwnedReadHalf, shared: std::sync::Weak<Shared>) {
    let mut socket = BufReader::with_capacity(64 << 10, socket);
    loop {
        let frame = read_frame(&mut socket).await;
        let Some(shared) = shared.upgrade() else { return };
        let done = match frame {
            Ok(frame) => shared.complete(frame),
            Err(error) => Err(shared.disconnected(plain(&error))),
        };
        if let Err(error) = done {
            shared.fail(error);
            return;
        }
    }
}

async fn read_frame(socket: &mut BufReader<OwnedReadHalf>) -> io::Result<Bytes> {
    let length = socket.read_i32().await?;
    let length = usize::try_from(length).ok().filter(|length| *length <= FRAME_MAX);
    let length = length.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "it sent a frame of an impossible length")
    })?;
    let mut frame = BytesMut::with_capacity(length.min(READ_STEP));
    while frame.len() < length {
        let missing = length - frame.len();
        if frame.capacity() == frame.len() {
            frame.reserve(missing.min(frame.len().max(READ_STEP)));
        }
        let mut limited = (&mut *socket).take(u64::try_from(missing).unwrap_or(u64::MAX));
        if limited.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.freeze())
}

#[cfg(test)]
mod tests;
