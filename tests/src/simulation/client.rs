//! A client on a pipe to a simulated broker: one request at a time, and nothing hidden.

use std::time::Duration;

use bytes::Bytes;
use ottla_wire::{Message, Reader, Request, Writer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::timeout,
};

use crate::connection::Header;

/// Why there is no answer: the connection is gone, and nobody knows what became of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: DuplexStream,
    client_id: String,
    patience: Duration,
    next_correlation_id: i32,
}

impl Client {
    /// A client that gives its connection up when an answer takes longer than `patience`.
    pub fn new(stream: DuplexStream, client_id: &str, patience: Duration) -> Self {
        Self { stream, client_id: client_id.to_owned(), patience, next_correlation_id: 1 }
    }

    /// Sends a request and waits for its response. After [`Lost`] the client is of no more use.
    pub async fn call<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, Lost> {
        let mut writer = Writer::new();
        request.encode(&mut writer, version).expect("a request that can be written");
        let body = writer.finish().0;
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let header = Header { key: R::KEY.code(), version, correlation_id };
        let frame = header.frame(&self.client_id, R::is_flexible(version), &body);
        let asked = timeout(self.patience, self.exchange(&frame)).await;
        let frame = asked.map_err(|_elapsed| Lost)??;
        let mut reader = Reader::new(frame);
        assert_eq!(reader.get_i32(), Ok(correlation_id), "answers keep the order of requests");
        if R::is_flexible(version) {
            reader.skip_tags().expect("a response header");
        }
        let response = R::Response::decode(&mut reader, version).expect("a response");
        assert_eq!(reader.remaining(), 0, "nothing follows the response");
        Ok(response)
    }

    async fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, Lost> {
        self.stream.write_all(frame).await.map_err(|_gone| Lost)?;
        let size = self.stream.read_i32().await.map_err(|_gone| Lost)?;
        let mut answer = vec![0; usize::try_from(size).expect("a size")];
        self.stream.read_exact(&mut answer).await.map_err(|_gone| Lost)?;
        Ok(Bytes::from(answer))
    }
}
