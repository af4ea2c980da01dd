//! What a connection reads from and writes to: the network, or in a simulation a pipe in memory.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

/// A stream of bytes in both directions.
#[derive(Debug)]
pub(crate) enum Socket {
    /// A connection over the network.
    Tcp(TcpStream),
    /// One within the process.
    #[cfg(feature = "simulation")]
    Memory(tokio::io::DuplexStream),
}

impl Socket {
    /// Returns once there is something to read, or never will be. What is within the process is
    /// always taken to be there.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            #[cfg(feature = "simulation")]
            Self::Memory(_) => Ok(()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(feature = "simulation")]
            Self::Memory(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}
