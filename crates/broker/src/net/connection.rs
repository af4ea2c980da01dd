//! One client connection: frames in, responses out in request order.
//!
//! Requests of a connection are handled one after the other, as in Kafka, with one exception that
//! clients cannot see but feel: a Produce whose batches are in the log already (so its order is
//! fixed) may wait for its disk sync while the next request is read. The queue of unanswered
//! requests is bounded, and every frame holds its share of the broker's request memory until it is
//! answered. Kafka: `SocketServer.Processor`, `KafkaChannel` (mute and unmute).

use std::{collections::VecDeque, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use bytes::Bytes;
use ottla_wire::Str;
use tokio::net::TcpStream;

use crate::{
    api::{self, Outcome},
    broker::Shared,
    net::{
        budget::Share,
        frame::{FrameError, FrameReader},
        rope::Rope,
    },
};

/// Requests of one connection that may wait for their answer at the same time.
const UNANSWERED_MAX: usize = 64;

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

/// A request that has begun: its answer comes from the future.
pub(crate) struct Begun {
    /// Whether the next request may be handled before this one is answered.
    pub(crate) order_is_fixed: bool,
    /// Gives the answer.
    pub(crate) outcome: Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

struct Unanswered {
    begun: Begun,
    _share: Share,
}

/// What happened next on the connection.
enum Event {
    Frame(Option<Bytes>, Option<Share>),
    Answered(Outcome),
    Idle,
    Stopping,
}

/// Serves a connection until it closes, fails, idles out or the broker stops.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: Peer) {
    let mut connection = Connection {
        reader: FrameReader::default(),
        unanswered: VecDeque::new(),
        client: ClientIdentity::default(),
        shared,
        stream,
        peer,
    };
    match connection.run().await {
        Ok(()) => {}
        Err(Closed::Quietly) => {}
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
#[derive(Clone, Debug, Default)]
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
    stream: TcpStream,
    peer: Peer,
    reader: FrameReader,
    unanswered: VecDeque<Unanswered>,
    client: ClientIdentity,
}

impl Connection {
    async fn run(&mut self) -> Result<(), Closed> {
        loop {
            match self.next_event().await? {
                Event::Frame(Some(frame), Some(share)) => self.begin(frame, share)?,
                Event::Frame(..) | Event::Idle => return Ok(()),
                Event::Stopping if self.unanswered.is_empty() => return Ok(()),
                Event::Stopping => {
                    while let Some(mut first) = self.unanswered.pop_front() {
                        let outcome = first.begun.outcome.as_mut().await;
                        self.answer(outcome).await?;
                    }
                    return Ok(());
                }
                Event::Answered(outcome) => {
                    self.unanswered.pop_front();
                    self.answer(outcome).await?;
                }
            }
        }
    }

    async fn next_event(&mut self) -> Result<Event, Closed> {
        let may_read = self.unanswered.len() < UNANSWERED_MAX
            && self.unanswered.back().is_none_or(|last| last.begun.order_is_fixed);
        let limit = self.shared.limits.request_bytes_max;
        let idle = self.shared.limits.idle_max;
        let Self { shared, stream, reader, unanswered, .. } = self;
        let is_busy = !unanswered.is_empty();
        let first = async {
            match unanswered.front_mut() {
                Some(first) => first.begun.outcome.as_mut().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = first => Ok(Event::Answered(outcome)),
            frame = next_frame(shared, stream, reader, limit), if may_read => {
                let (frame, share) = frame?;
                Ok(Event::Frame(frame, share))
            }
            () = tokio::time::sleep(idle), if !is_busy => Ok(Event::Idle),
            () = shared.stopping.wait() => Ok(Event::Stopping),
        }
    }

    /// Starts a request; its answer is queued.
    fn begin(&mut self, frame: Bytes, share: Share) -> Result<(), Closed> {
        match api::begin(&self.shared, &self.peer, &mut self.client, frame) {
            Ok(begun) => {
                self.unanswered.push_back(Unanswered { begun, _share: share });
                Ok(())
            }
            Err(reason) => Err(Closed::Because(reason)),
        }
    }

    async fn answer(&mut self, outcome: Outcome) -> Result<(), Closed> {
        match outcome {
            Outcome::Reply(rope) => self.send(rope).await,
            Outcome::Nothing => Ok(()),
            Outcome::Close(reason) => Err(Closed::Because(reason)),
        }
    }

    async fn send(&mut self, rope: Rope) -> Result<(), Closed> {
        let bytes = rope.len();
        self.shared.metrics.bytes_out(bytes);
        // A peer that does not read its answers must not hold them for ever.
        let limit = self.shared.limits.slow_read_max;
        match tokio::time::timeout(limit, rope.send(&self.stream)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Closed::Quietly),
            Err(_elapsed) => Err(Closed::Because(format!(
                "the client did not read a response of {bytes} bytes within {} s",
                limit.as_secs()
            ))),
        }
    }
}

/// Waits for a frame and its share of the request memory.
async fn next_frame(
    shared: &Shared,
    stream: &TcpStream,
    reader: &mut FrameReader,
    limit: usize,
) -> Result<(Option<Bytes>, Option<Share>), Closed> {
    let Some(size) = reader.size(stream, limit).await? else { return Ok((None, None)) };
    let share = shared.budget.take(size).await;
    let frame = reader.frame(stream, size).await?;
    shared.metrics.bytes_in(size);
    Ok((frame, Some(share)))
}
