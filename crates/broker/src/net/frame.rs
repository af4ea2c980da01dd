//! Cuts a byte stream into length-prefixed frames, within limits.
//!
//! A frame above [`OWN_BUFFER_BYTES`] gets a buffer of its own; smaller ones share the connection's
//! read buffer.
//! The buffer grows with what has come, so a size that is only announced takes no memory.
//! Kafka: `NetworkReceive`.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;

use super::socket::Socket;

/// Frames above this are read into a buffer of their own.
const OWN_BUFFER_BYTES: usize = 8 * 1024;

/// What a buffer of a large frame has once more of it has come than fits into a small one.
const LARGE_BYTES: usize = 64 * 1024;

/// How many times of what has come a buffer may take.
const GROWTH: usize = 8;

/// What a buffer starts with at most, on a connection that brought a frame of that size before.
const TRUSTED_BYTES_MAX: usize = 1 << 20;

/// What a read buffer starts with: enough for a request of a few small records.
const BUFFER_BYTES: usize = 4 * 1024;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer closed in the middle of a frame.
    #[error("the connection closed in the middle of a request: {read} of {size} bytes came")]
    Cut {
        /// Bytes that came.
        read: usize,
        /// Bytes that were announced.
        size: usize,
    },
    /// The size prefix is negative, zero or above the limit.
    #[error("{0}")]
    BadSize(String),
}

/// Reads frames from one connection. Safe to cancel: what was read stays here.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    buffer: BytesMut,
    /// A frame too large for the shared buffer: its bytes so far, and its size.
    large: Option<(BytesMut, usize)>,
    /// The largest frame so far that came whole, up to [`TRUSTED_BYTES_MAX`].
    trusted: usize,
}

/// What is at hand after a read.
#[derive(Debug)]
pub(crate) enum Progress {
    /// A whole frame without its prefix.
    Frame(Bytes),
    /// The peer closed between frames.
    Closed,
    /// The frame is not whole yet.
    More,
}

impl FrameReader {
    /// The size of the frame that is coming, once its prefix is here; checked against `limit`
    /// (inclusive).
    pub(crate) async fn size(
        &mut self,
        stream: &mut Socket,
        limit: usize,
    ) -> Result<Option<usize>, FrameError> {
        if let Some((_, size)) = &self.large {
            return Ok(Some(*size));
        }
        while self.buffer.len() < 4 {
            if !self.fill(stream, BUFFER_BYTES).await? {
                let read = self.buffer.len();
                return if read == 0 { Ok(None) } else { Err(FrameError::Cut { read, size: 4 }) };
            }
        }
        let prefix = self.buffer.first_chunk::<4>().copied().unwrap_or_default();
        check_size(prefix, limit).map(Some)
    }

    /// Whether a whole frame is here already.
    pub(crate) fn has_frame(&self) -> bool {
        let prefix = self.buffer.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes));
        let size = prefix.and_then(|size| usize::try_from(size).ok());
        size.is_some_and(|size| size <= OWN_BUFFER_BYTES && self.buffer.len() >= size + 4)
    }

    /// Returns once more of a large frame has come, or all of it, or the peer has closed. Before
    /// that no memory need be kept for it.
    pub(crate) async fn more(&self, stream: &Socket, size: usize) -> Result<(), FrameError> {
        let received = match &self.large {
            Some((bytes, _)) => bytes.len(),
            // The read that brought the size may have brought the rest, too; nothing follows then.
            None => self.buffer.len().saturating_sub(4),
        };
        if size > OWN_BUFFER_BYTES && received < size {
            stream.readable().await?;
        }
        Ok(())
    }

    /// The memory that the next [`Self::advance`] may take for the frame that is coming.
    pub(crate) fn room(&self, size: usize) -> usize {
        if size <= OWN_BUFFER_BYTES {
            return size;
        }
        let received = self.large.as_ref().map_or(0, |(bytes, _)| bytes.len());
        if received < OWN_BUFFER_BYTES {
            return size.min(self.trusted.max(OWN_BUFFER_BYTES));
        }
        size.min(received.saturating_mul(GROWTH).max(self.trusted).max(LARGE_BYTES))
    }

    /// Reads once. `size` is what [`Self::size`] gave.
    pub(crate) async fn advance(
        &mut self,
        stream: &mut Socket,
        size: usize,
    ) -> Result<Progress, FrameError> {
        if size > OWN_BUFFER_BYTES {
            return self.advance_large(stream, size).await;
        }
        if self.buffer.len() >= size.saturating_add(4) {
            self.buffer.advance(4);
            return Ok(Progress::Frame(self.buffer.split_to(size).freeze()));
        }
        let read = self.buffer.len();
        if self.fill(stream, size.saturating_add(4)).await? {
            Ok(Progress::More)
        } else if read == 0 {
            Ok(Progress::Closed)
        } else {
            Err(FrameError::Cut { read: read.saturating_sub(4), size })
        }
    }

    async fn advance_large(
        &mut self,
        stream: &mut Socket,
        size: usize,
    ) -> Result<Progress, FrameError> {
        let room = self.room(size);
        if self.large.is_none() {
            self.buffer.advance(4);
            let mut bytes = BytesMut::with_capacity(room);
            let here = self.buffer.split_to(self.buffer.len().min(size));
            bytes.extend_from_slice(&here);
            self.large = Some((bytes, size));
        }
        let Some((bytes, _)) = &mut self.large else { return Ok(Progress::More) };
        let received = bytes.len();
        if received < room {
            // What came before stays where it is: a cancelled read must not lose it.
            bytes.reserve(room.saturating_sub(received));
            let mut rest = bytes::BufMut::limit(&mut *bytes, room.saturating_sub(received));
            if stream.read_buf(&mut rest).await? == 0 {
                return Err(FrameError::Cut { read: received, size });
            }
        }
        if bytes.len() < size {
            return Ok(Progress::More);
        }
        self.trusted = self.trusted.max(size.min(TRUSTED_BYTES_MAX));
        let whole = self.large.take().map(|(bytes, _)| bytes.freeze());
        Ok(Progress::Frame(whole.unwrap_or_default()))
    }

    /// Reads what is there; false at the end of the stream.
    async fn fill(&mut self, stream: &mut Socket, room: usize) -> io::Result<bool> {
        self.buffer.reserve(room.max(BUFFER_BYTES));
        // A read that does not fill the buffer tells tokio that the socket is empty, which saves
        // the read that would find nothing: a third of the system calls of a small request.
        Ok(stream.read_buf(&mut self.buffer).await? > 0)
    }
}

/// Checks a size prefix, and says what the peer seems to speak where it is no Kafka client.
fn check_size(prefix: [u8; 4], limit: usize) -> Result<usize, FrameError> {
    let size = i32::from_be_bytes(prefix);
    let guess = match prefix {
        [b'G', b'E', b'T', b' ']
        | [b'P', b'O', b'S', b'T']
        | [b'H', b'E', b'A', b'D']
        | [b'P', b'U', b'T', b' '] => "; it looks like an HTTP request",
        [0x16, 3, _, _] => "; it looks like a TLS handshake, and this listener is PLAINTEXT",
        _ => "",
    };
    let bad =
        |what: &str| Err(FrameError::BadSize(format!("request of {size} bytes {what}{guess}")));
    match usize::try_from(size) {
        Ok(0) => bad("is empty"),
        Ok(size) if size <= limit => Ok(size),
        Ok(_) => bad(&format!("is larger than socket.request.max.bytes ({limit})")),
        Err(_) => bad("is negative"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_here_once_all_of_it_is() {
        let has = |bytes: &[u8]| {
            FrameReader { buffer: BytesMut::from(bytes), ..FrameReader::default() }.has_frame()
        };
        let large = i32::try_from(OWN_BUFFER_BYTES + 1).unwrap();
        let large = [&large.to_be_bytes()[..], &[7; OWN_BUFFER_BYTES + 1]].concat();
        for nothing in [&[][..], &[0, 0, 0], &[0, 0, 0, 2, 7], &[0xff; 8], &large] {
            assert!(!has(nothing), "{nothing:?}");
        }
        assert!(has(&[0, 0, 0, 2, 7, 7]) && has(&[0, 0, 0, 1, 7, 7]));
    }

    #[test]
    fn sizes_outside_the_limit_are_refused_with_a_guess() {
        assert_eq!(check_size([0, 0, 0, 5], 10).unwrap(), 5);
        assert_eq!(check_size([0, 0, 0, 10], 10).unwrap(), 10);
        assert!(check_size([0, 0, 0, 11], 10).is_err());
        assert!(check_size([0, 0, 0, 0], 10).is_err());
        assert!(check_size([0xff, 0, 0, 0], 10).unwrap_err().to_string().contains("negative"));
        assert!(check_size(*b"GET ", 100).unwrap_err().to_string().contains("HTTP"));
        assert!(check_size([0x16, 3, 1, 2], 100).unwrap_err().to_string().contains("TLS"));
    }
}
