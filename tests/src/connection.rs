//! One connection to a broker, one request at a time, with nothing hidden.
//!
//! The frame and header are written and read here by hand, so that the codec under test does not
//! vouch for itself.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use bytes::Bytes;
use ottla_wire::{Message, Reader, Request, Writer};

/// How long a broker has to answer. Long polls in the scenarios are shorter.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest response that is read. None of the scenarios needs more.
const RESPONSE_BYTES_MAX: usize = 64 << 20;

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response, as `{:#?}` shows it.
    Answered(String),
    /// The broker closed the connection.
    Closed,
    /// The broker did not answer, and kept the connection open.
    Silent,
    /// A frame came that is not the response that was due.
    Garbled(String),
    /// The request cannot be written in this version.
    NotSendable(String),
}

/// A TCP connection to a broker.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    next_correlation_id: i32,
    client_id: String,
}

impl Connection {
    pub fn open(address: SocketAddr, client_id: &str) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, next_correlation_id: 1, client_id: client_id.to_owned() })
    }

    /// How long to wait for a response from now on.
    pub fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }

    /// How long a request may take to go out from now on.
    pub fn set_write_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(Some(patience))
    }

    /// Waits until there is something to read, and leaves it. Gives how many bytes are there, up to
    /// 64 KiB.
    pub fn wait_readable(&self) -> io::Result<usize> {
        self.stream.peek(&mut [0; 64 << 10])
    }

    /// Sends these bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }

    /// Sends the request; gives its correlation id.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<i32, SendError> {
        let (id, frame) = self.frame(version, request)?;
        self.stream.write_all(&frame).map_err(|_| SendError::Closed)?;
        Ok(id)
    }

    /// The next correlation id, and the request's bytes with it, which go out by
    /// [`Self::send_raw`].
    pub fn frame<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<(i32, Vec<u8>), SendError> {
        let mut writer = Writer::new();
        request
            .encode(&mut writer, version)
            .map_err(|error| SendError::NotSendable(error.to_string()))?;
        let body = writer.finish().0;
        let id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let header = Header { key: R::KEY.code(), version, correlation_id: id };
        Ok((id, header.frame(&self.client_id, R::is_flexible(version), &body)))
    }

    /// Reads one frame without its length; `None` where the connection is closed.
    pub fn receive_frame(&mut self) -> Result<Option<Bytes>, Outcome> {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if is_timeout(&error) => return Err(Outcome::Silent),
            Err(_) => return Ok(None),
        }
        let length = i32::from_be_bytes(length);
        let size = usize::try_from(length)
            .ok()
            .filter(|&size| size <= RESPONSE_BYTES_MAX)
            .ok_or_else(|| Outcome::Garbled(format!("a frame of {length} bytes")))?;
        let mut frame = vec![0; size];
        self.stream
            .read_exact(&mut frame)
            .map_err(|error| Outcome::Garbled(format!("a frame that is not whole: {error}")))?;
        Ok(Some(Bytes::from(frame)))
    }

    /// Reads the response to request `id` of version `version`, whose body is in version `body`.
    pub fn receive<R: Request>(
        &mut self,
        id: i32,
        version: i16,
        body: i16,
    ) -> Result<(R::Response, Bytes), Outcome> {
        let frame = self.receive_frame()?.ok_or(Outcome::Closed)?;
        let garbled = |what: String| Outcome::Garbled(format!("{what} in {}", hex(&frame)));
        let mut reader = Reader::new(frame.clone());
        let correlation_id = reader.get_i32().map_err(|error| garbled(error.to_string()))?;
        if correlation_id != id {
            return Err(garbled(format!("correlation id {correlation_id} instead of {id}")));
        }
        // ApiVersions is answered before the client can know which header the broker speaks.
        let api_versions = R::KEY.code() == 18;
        if R::is_flexible(version) && !api_versions {
            reader.skip_tags().map_err(|error| garbled(error.to_string()))?;
        }
        let at_body = frame.len() - reader.remaining();
        let response =
            R::Response::decode(&mut reader, body).map_err(|error| garbled(error.to_string()))?;
        if reader.remaining() > 0 {
            return Err(garbled(format!("{} bytes after the response", reader.remaining())));
        }
        Ok((response, frame.slice(at_body..)))
    }
}

/// Why a request did not go out.
#[derive(Debug)]
pub enum SendError {
    NotSendable(String),
    Closed,
}

/// A request's header, less the client id.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub key: i16,
    pub version: i16,
    pub correlation_id: i32,
}

impl Header {
    /// The whole frame of a request with this body.
    pub fn frame(self, client_id: &str, flexible: bool, body: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 4];
        frame.extend(self.key.to_be_bytes());
        frame.extend(self.version.to_be_bytes());
        frame.extend(self.correlation_id.to_be_bytes());
        frame.extend((client_id.len() as i16).to_be_bytes());
        frame.extend(client_id.as_bytes());
        if flexible {
            frame.push(0);
        }
        frame.extend(body);
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        frame
    }
}

/// The first bytes, for people.
pub fn hex(bytes: &[u8]) -> String {
    let shown: String = bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 64 { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
