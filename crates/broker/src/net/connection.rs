//! One client connection: frames in, responses out in request order.
//!
//! Requests of a connection are handled one after the other, as in Kafka, with one exception that
//! clients cannot see but feel: a Produce whose batches are in the log already (so its order is
//! fixed) may wait for its disk sync while the next request is read. The queue of unanswered
//! requests is bounded, and every frame holds its share of the broker's request memory until its
//! answer is there. However a connection ends, the requests before its end are answered first.
//! Budget: one write for each answer, or one for several to small requests that came together and
//! need not wait.
//! Kafka: `SocketServer.Processor`, `KafkaChannel` (mute and unmute).

use std::{
    collections::VecDeque, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration,
};

use bytes::Bytes;
use ottla_wire::Str;

use crate::{
    api::{self, Outcome},
    broker::Shared,
    clock::now_ms,
    journal,
    net::{
        budget::Share,
        clients::{ClientEntry, Said},
        frame::{FrameError, FrameReader, Progress},
        rope::Rope,
        socket::Socket,
    },
};

/// Requests of one connection that may wait for their answer at the same time.
const UNANSWERED_MAX: usize = 64;

/// Answers that wait for each other go out once there is so much of them.
const HELD_BYTES_MAX: usize = 16 * 1024;

/// How long a request that has begun to come waits for memory for the rest of it. Requests that
/// wait for each other's memory would wait for ever.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

/// Who is connected, and how.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) remote: SocketAddr,
    /// The address the client came in by.
    pub(crate) local: SocketAddr,
    /// The name of the listener.
    pub(crate) listener: Arc<str>,
}

/// A request that has begun.
pub(crate) enum Begun {
    /// All is done.
    Answered(Outcome),
    /// Its answer has to wait for something.
    Pending {
        /// Whether the next request may be handled before this one is answered.
        order_is_fixed: bool,
        /// Gives the answer.
        outcome: PendingOutcome,
    },
}

/// The rest of a request's work.
pub(crate) type PendingOutcome = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Unanswered {
    order_is_fixed: bool,
    outcome: PendingOutcome,
    _share: Option<Share>,
}

impl Unanswered {
    fn new(begun: Begun, share: Option<Share>) -> Self {
        match begun {
            Begun::Answered(outcome) => {
                let outcome = Box::pin(std::future::ready(outcome));
                Self { order_is_fixed: true, outcome, _share: share }
            }
            Begun::Pending { order_is_fixed, outcome } => {
                Self { order_is_fixed, outcome, _share: share }
            }
        }
    }
}

/// What happened next on the connection.
enum Event {
    Frame(Bytes, Option<Share>),
    Answered(Outcome),
    /// Nothing more is at hand.
    Waits,
    /// No request follows: the peer closed, or spoke nonsense, or the broker stops.
    End(Result<(), Closed>),
    Idle,
}

/// Serves a connection until it closes, fails, idles out or the broker stops.
pub(crate) async fn serve(shared: Arc<Shared>, stream: Socket, peer: Peer) {
    let mut connection = Connection {
        reader: FrameReader::default(),
        reading: None,
        unanswered: VecDeque::new(),
        held: None,
        client: ClientIdentity::default(),
        said: ClientIdentity::default(),
        entry: shared.clients.enter(&peer),
        shared,
        stream,
        peer,
    };
    connection.note("connection.opened", None);
    let ended = connection.run().await;
    connection.shared.clients.leave(&connection.entry);
    match &ended {
        Ok(()) | Err(Closed::Quietly) => connection.note("connection.closed", None),
        Err(Closed::Because(reason)) => connection.note("connection.failed", Some(reason)),
    }
    match ended {
        Ok(()) | Err(Closed::Quietly) => {}
        Err(Closed::Because(reason)) => {
            tracing::warn!(
                client = %connection.peer.remote,
                listener = %connection.peer.listener,
                software = connection.client.software_name.as_deref().unwrap_or("unknown"),
                version = connection.client.software_version.as_deref().unwrap_or("unknown"),
                "connection closed: {reason}"
            );
        }
    }
}

/// What the client said about itself in ApiVersions (KIP-511).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientIdentity {
    pub(crate) software_name: Option<Str>,
    pub(crate) software_version: Option<Str>,
    client_id: Option<Str>,
}

impl ClientIdentity {
    /// A copy of the client id that does not keep the frame alive; the same one for every request
    /// of a connection whose client id does not change.
    pub(crate) fn remember_id(&mut self, client_id: Option<Str>) -> Option<Str> {
        if self.client_id != client_id {
            self.client_id = client_id.map(|id| Str::from(id.as_str()));
        }
        self.client_id.clone()
    }
}

/// Why serving ended.
enum Closed {
    Quietly,
    Because(String),
}

impl From<FrameError> for Closed {
    fn from(error: FrameError) -> Self {
        match error {
            // Clients close and reset connections all the time; that is no news.
            FrameError::Io(_) => Self::Quietly,
            FrameError::Cut { .. } | FrameError::BadSize(_) => Self::Because(error.to_string()),
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    stream: Socket,
    peer: Peer,
    reader: FrameReader,
    /// The memory of the frame that is coming.
    reading: Option<Share>,
    unanswered: VecDeque<Unanswered>,
    /// Answers that go out with the next one, which is at hand.
    held: Option<Rope>,
    client: ClientIdentity,
    /// What is known outside of the connection of what the client said of itself.
    said: ClientIdentity,
    entry: Arc<ClientEntry>,
}

impl Connection {
    async fn run(&mut self) -> Result<(), Closed> {
        let ended = self.serve_requests().await;
        let flushed = self.flush().await;
        ended.and(flushed)
    }

    async fn serve_requests(&mut self) -> Result<(), Closed> {
        loop {
            match self.next_event().await {
                Event::Frame(frame, share) => match self.begin(frame) {
                    Ok(Begun::Answered(outcome)) if self.unanswered.is_empty() => {
                        self.answer(outcome).await?;
                    }
                    Ok(begun) => {
                        // It may take long, also before it waits for the first time.
                        if matches!(begun, Begun::Pending { order_is_fixed: false, .. }) {
                            self.flush().await?;
                        }
                        self.unanswered.push_back(Unanswered::new(begun, share));
                    }
                    Err(reason) => {
                        self.answer_all().await?;
                        return Err(Closed::Because(reason));
                    }
                },
                Event::Answered(outcome) => {
                    self.unanswered.pop_front();
                    self.answer(outcome).await?;
                }
                Event::Waits => self.flush().await?,
                Event::End(closed) => {
                    self.answer_all().await?;
                    return closed;
                }
                Event::Idle => return Ok(()),
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        // Looked at first: a client that never pauses would hold up the stop for ever.
        if self.shared.stopping.has_begun() {
            return Event::End(Ok(()));
        }
        let may_read = self.unanswered.len() < UNANSWERED_MAX
            && self.unanswered.back().is_none_or(|last| last.order_is_fixed)
            && (self.held.is_none() || self.reader.has_frame());
        let idle = self.shared.limits.idle_max;
        let Self { shared, stream, reader, reading, unanswered, held, .. } = self;
        let first = async {
            match unanswered.front_mut() {
                Some(first) => first.outcome.as_mut().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = first => Event::Answered(outcome),
            frame = next_frame(shared, stream, reader, reading), if may_read => match frame {
                Ok(Some(frame)) => Event::Frame(frame, reading.take()),
                Ok(None) => Event::End(Ok(())),
                Err(closed) => Event::End(Err(closed)),
            },
            () = std::future::ready(()), if held.is_some() => Event::Waits,
            () = shared.stopping.wait() => Event::End(Ok(())),
            // As in Kafka, also while a request waits: its client may have gone without a word.
            () = tokio::time::sleep(idle) => Event::Idle,
        }
    }

    /// Tells others what the client says of itself.
    fn make_known(&mut self) {
        let is_identified = self.client.software_name != self.said.software_name;
        self.said = self.client.clone();
        self.entry.says(Said {
            client_id: self.client.client_id.clone(),
            software_name: self.client.software_name.clone(),
            software_version: self.client.software_version.clone(),
        });
        if is_identified {
            self.note("client.identified", None);
        }
    }

    /// Writes into the journal what happened to the connection.
    fn note(&self, kind: &'static str, reason: Option<&str>) {
        let client = &self.client;
        let mut event = journal::Event::new(kind)
            .client(client.client_id.as_deref())
            .remote(self.peer.remote)
            .with("connection", self.entry.id)
            .with("listener", &self.peer.listener)
            .with("local", self.peer.local)
            .with("ms", now_ms().saturating_sub(self.entry.opened_ms));
        let said = [
            ("software", client.software_name.as_deref()),
            ("version", client.software_version.as_deref()),
            ("reason", reason),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                event = event.with(name, value);
            }
        }
        self.shared.journal.put(event);
    }

    /// Starts a request.
    fn begin(&mut self, frame: Bytes) -> Result<Begun, String> {
        let key = frame.first_chunk::<2>().map_or(-1, |bytes| i16::from_be_bytes(*bytes));
        self.entry.asked(key, frame.len());
        let is_behind = !self.unanswered.is_empty();
        let begun = api::begin(&self.shared, &self.peer, &mut self.client, frame, is_behind)?;
        if self.client != self.said {
            self.make_known();
        }
        Ok(begun)
    }

    async fn answer_all(&mut self) -> Result<(), Closed> {
        while let Some(first) = self.unanswered.front_mut() {
            let outcome = tokio::select! {
                biased;
                outcome = first.outcome.as_mut() => outcome,
                () = std::future::ready(()), if self.held.is_some() => {
                    self.flush().await?;
                    continue;
                }
            };
            self.unanswered.pop_front();
            self.answer(outcome).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, outcome: Outcome) -> Result<(), Closed> {
        match outcome {
            Outcome::Reply(rope) => self.send(rope).await,
            Outcome::Nothing => Ok(()),
            Outcome::Close(reason) => Err(Closed::Because(reason)),
        }
    }

    /// Writes an answer, or holds it while the next one is at hand: a client that has several
    /// requests on their way gets their answers by one write.
    async fn send(&mut self, answer: Rope) -> Result<(), Closed> {
        self.shared.metrics.bytes_out(answer.len());
        self.entry.answered(answer.len());
        if self.held.as_ref().is_some_and(|held| !held.takes(&answer, HELD_BYTES_MAX)) {
            self.flush().await?;
        }
        let rope = match self.held.take() {
            Some(mut held) => {
                held.append(&answer);
                held
            }
            None => answer,
        };
        let is_followed = !self.unanswered.is_empty() || self.reader.has_frame();
        if is_followed && rope.is_memory() && rope.len() < HELD_BYTES_MAX {
            self.held = Some(rope);
            return Ok(());
        }
        self.write(rope).await
    }

    /// Writes the answers that were held.
    async fn flush(&mut self) -> Result<(), Closed> {
        match self.held.take() {
            Some(held) => self.write(held).await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, rope: Rope) -> Result<(), Closed> {
        let bytes = rope.len();
        // A peer that does not read its answers must not hold them for ever.
        let limit = self.shared.limits.slow_read_max;
        match tokio::time::timeout(limit, rope.send(&mut self.stream)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if is_of_client(&error) => Err(Closed::Quietly),
            Ok(Err(error)) => Err(Closed::Because(format!("a response was cut off: {error}"))),
            Err(_elapsed) => Err(Closed::Because(format!(
                "the client did not read a response of {bytes} bytes within {} s",
                limit.as_secs()
            ))),
        }
    }
}

/// Whether a response could not be sent because the client, or the network between, was gone.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown,
        NetworkUnreachable, NotConnected, TimedOut,
    };
    matches!(
        error.kind(),
        BrokenPipe
            | ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | NetworkDown
            | NetworkUnreachable
            | NotConnected
            | TimedOut
    )
}

/// Waits for a frame and for the request memory it takes. Memory is asked for as bytes come, so
/// that a size that is only announced keeps no memory from others. Safe to cancel.
async fn next_frame(
    shared: &Shared,
    stream: &mut Socket,
    reader: &mut FrameReader,
    reading: &mut Option<Share>,
) -> Result<Option<Bytes>, Closed> {
    let limit = shared.limits.request_bytes_max;
    let Some(size) = reader.size(stream, limit).await? else { return Ok(None) };
    loop {
        let room = reader.room(size);
        if !shared.budget.covers(reading.as_ref(), room) {
            reader.more(stream, size).await?;
        }
        if reading.is_none() {
            shared.budget.cover(reading, room).await;
        } else if !shared.budget.covers(reading.as_ref(), room) {
            let covered =
                tokio::time::timeout(MEMORY_WAIT, shared.budget.cover(reading, room)).await;
            covered.map_err(|_elapsed| {
                Closed::Because(format!(
                    "no memory for a request of {size} bytes within {} s (queued.max.request.bytes)",
                    MEMORY_WAIT.as_secs()
                ))
            })?;
        }
        match reader.advance(stream, size).await? {
            Progress::Frame(frame) => {
                shared.metrics.bytes_in(size);
                return Ok(Some(frame));
            }
            Progress::Closed => return Ok(None),
            Progress::More => {}
        }
    }
}
