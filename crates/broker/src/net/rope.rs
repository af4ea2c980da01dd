//! A response on its way out: chunks of memory and ranges of segment files.
//!
//! Budget: memory chunks go out by one vectored write; a file range goes from the page cache to
//! the socket by `sendfile`, so a fetched record is never copied into this process.
//! Kafka: `MultiRecordsSend`, `TransportLayer.transferFrom`.

use std::io::{self, IoSlice};

use bytes::Bytes;
use ottla_log::FileRange;
use tokio::{io::Interest, net::TcpStream};

use super::{page_cache, socket::Socket};

/// The most one `sendfile` call is asked for, so that one reader of a large range does not keep
/// the thread from the others.
const SENDFILE_BYTES_MAX: usize = 1 << 20;

/// The most chunks one vectored write is given.
const SLICES_MAX: usize = 64;

/// One piece of a response.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Records in a segment file.
    File(FileRange),
}

impl Chunk {
    /// The number of bytes this puts on the wire.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.length,
        }
    }
}

/// A whole response, size prefix included.
#[derive(Debug, Default)]
pub(crate) struct Rope {
    chunks: Vec<Chunk>,
}

impl Rope {
    /// Adds to the end; empty chunks vanish.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        if chunk.len() > 0 {
            self.chunks.push(chunk);
        }
    }

    /// The number of bytes this puts on the wire.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum()
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
        for chunk in self.chunks {
            match chunk {
                Chunk::Bytes(bytes) => stream.write_all(&bytes).await?,
                Chunk::File(range) => stream.write_all(&range.read()?).await?,
            }
        }
        Ok(())
    }

    async fn send_over_network(self, stream: &TcpStream) -> io::Result<()> {
        let mut memory: Vec<Bytes> = Vec::new();
        for chunk in self.chunks {
            match chunk {
                Chunk::Bytes(bytes) => memory.push(bytes),
                Chunk::File(range) => {
                    send_memory(stream, &mut memory).await?;
                    send_file(stream, &range).await?;
                }
            }
        }
        send_memory(stream, &mut memory).await
    }
}

/// Writes the chunks and leaves the list empty.
async fn send_memory(stream: &TcpStream, chunks: &mut Vec<Bytes>) -> io::Result<()> {
    let mut rest = chunks.as_mut_slice();
    while let Some(first) = rest.first() {
        if first.is_empty() {
            rest = rest.get_mut(1..).unwrap_or_default();
            continue;
        }
        stream.writable().await?;
        let slices: Vec<IoSlice<'_>> =
            rest.iter().take(SLICES_MAX).map(|bytes| IoSlice::new(bytes)).collect();
        let mut written = match stream.try_write_vectored(&slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        for bytes in &mut *rest {
            let taken = written.min(bytes.len());
            bytes::Buf::advance(bytes, taken);
            written -= taken;
            if written == 0 {
                break;
            }
        }
    }
    chunks.clear();
    Ok(())
}

/// Moves a file range to the socket inside the kernel.
async fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let Some(file) = range.as_file() else { return send_copy(stream, range).await };
    let mut position = range.position;
    let mut left = range.length;
    let mut ready = 0;
    while left > 0 {
        if ready == 0 {
            ready = left.min(SENDFILE_BYTES_MAX);
            page_cache::bring_in(range, range.length.saturating_sub(left), ready).await?;
        }
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                let mut from = position;
                Ok(rustix::fs::sendfile(stream, file, Some(&mut from), ready)?)
            })
            .await?;
        if sent == 0 {
            // The segment is shorter than the log said: only a truncation from outside does that.
            // The size prefix is out already, so the connection cannot be saved.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a segment file shrank"));
        }
        position = position.saturating_add(u64::try_from(sent).unwrap_or(0));
        left = left.saturating_sub(sent);
        ready = ready.saturating_sub(sent);
    }
    Ok(())
}

/// Sends a range whose file is not the operating system's.
async fn send_copy(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let mut chunks = vec![range.read()?];
    send_memory(stream, &mut chunks).await
}
