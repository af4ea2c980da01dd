//! A response on its way out, or several without records: memory, then ranges of segment files with
//! memory after each.
//!
//! Budget: a response without records is one write. Large ranges go from the page cache to the
//! socket by `sendfile`, so that what is fetched is never copied into this process; small ones are
//! copied into the memory around them, which costs one read and saves a write and two looks at the
//! page cache, and lets the response arrive in one piece.
//! Kafka: `MultiRecordsSend`, `TransportLayer.transferFrom`.

use std::{io, iter};

use bytes::BytesMut;
use ottla_log::FileRange;
use ottla_wire::{Deferred, Writer};
use rustix::net::SendFlags;
use tokio::{io::Interest, net::TcpStream};

use super::{page_cache, socket::Socket};

/// Ranges of at most so many bytes are copied: a fetch of 32 kB took 43 µs of CPU copied and 52 µs
/// sent by `sendfile`, one of 64 kB about as much, one of 128 kB 71 and 56 µs (`bench/run`,
/// fetches).
const COPIED_BYTES_MAX: usize = 32 << 10;

/// Memory that grows by copies beyond this is sent before more is copied.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// A whole response, size prefix included, or several without ranges.
#[derive(Debug)]
pub(crate) struct Rope {
    bytes: BytesMut,
    /// Where ranges belong, and which: none is missing.
    deferred: Vec<Deferred>,
    /// The ranges, by slot.
    files: Vec<FileRange>,
}

impl Rope {
    /// A response and its records, the ranges by slot. Its first four bytes become its size; `None`
    /// where that does not fit, or where a range is missing.
    pub(crate) fn new(writer: Writer, files: Vec<FileRange>) -> Option<Self> {
        let size = i32::try_from(writer.len().checked_sub(4)?).ok()?;
        let (mut bytes, deferred) = writer.finish();
        bytes.get_mut(..4)?.copy_from_slice(&size.to_be_bytes());
        let is_there = |piece: &Deferred| files.get(piece.slot).is_some();
        deferred.iter().all(is_there).then_some(Self { bytes, deferred, files })
    }

    /// The number of bytes this puts on the wire.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.deferred.iter().map(|piece| piece.len).sum::<usize>()
    }

    /// Whether there is nothing but memory.
    pub(crate) fn is_memory(&self) -> bool {
        self.deferred.is_empty()
    }

    /// Whether another response may be put behind this one: both are memory, and no more than so
    /// many bytes.
    pub(crate) fn takes(&self, next: &Self, bytes_max: usize) -> bool {
        self.is_memory() && next.is_memory() && self.len() + next.len() <= bytes_max
    }

    /// Puts another response behind this one, which it [`Self::takes`].
    pub(crate) fn append(&mut self, next: &Self) {
        self.bytes.extend_from_slice(&next.bytes);
    }

    /// The memory in front of each range, each range, and the memory behind the last one.
    fn pieces(&self) -> (impl Iterator<Item = (&[u8], &FileRange)>, &[u8]) {
        let begins = iter::once(0).chain(self.deferred.iter().map(|piece| piece.at));
        let pieces = begins.zip(&self.deferred).filter_map(|(begin, piece)| {
            let before = self.bytes.get(begin..piece.at).unwrap_or_default();
            Some((before, self.files.get(piece.slot)?))
        });
        let last = self.deferred.last().map_or(0, |piece| piece.at);
        (pieces, self.bytes.get(last..).unwrap_or_default())
    }

    /// Writes everything to the socket.
    pub(crate) async fn send(self, socket: &mut Socket) -> io::Result<()> {
        match socket {
            Socket::Tcp(stream) => self.send_over_network(stream).await,
            #[cfg(feature = "simulation")]
            Socket::Memory(stream) => self.send_in_memory(stream).await,
        }
    }

    #[cfg(feature = "simulation")]
    async fn send_in_memory(self, stream: &mut tokio::io::DuplexStream) -> io::Result<()> {
        use tokio::io::AsyncWriteExt as _;
        let (pieces, last) = self.pieces();
        for (before, range) in pieces {
            stream.write_all(before).await?;
            stream.write_all(&range.read()?).await?;
        }
        stream.write_all(last).await
    }

    async fn send_over_network(self, stream: &TcpStream) -> io::Result<()> {
        if self.deferred.is_empty() {
            return send_memory(stream, &self.bytes, SendFlags::empty()).await;
        }
        let mut memory = BytesMut::with_capacity(self.len().min(GATHERED_BYTES_MAX));
        let (pieces, last) = self.pieces();
        for (before, range) in pieces {
            memory.extend_from_slice(before);
            let is_copied = range.length <= COPIED_BYTES_MAX || range.as_file().is_none();
            if !is_copied || memory.len() >= GATHERED_BYTES_MAX {
                // More comes: the kernel need not send a packet of its own for this.
                send_memory(stream, &memory, SendFlags::MORE).await?;
                memory.clear();
            }
            if is_copied {
                page_cache::copy(range, &mut memory).await?;
            } else {
                page_cache::send(stream, range).await?;
            }
        }
        memory.extend_from_slice(last);
        send_memory(stream, &memory, SendFlags::empty()).await
    }
}

async fn send_memory(stream: &TcpStream, mut rest: &[u8], flags: SendFlags) -> io::Result<()> {
    while !rest.is_empty() {
        let sent = stream
            .async_io(Interest::WRITABLE, || Ok(rustix::net::send(stream, rest, flags)?))
            .await?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}
