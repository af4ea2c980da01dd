//! Answers that go on: server-sent events and downloads, made by a task that ends with its reader.
//!
//! Invariants: a stream holds a few items that were not sent yet, never more; when its reader goes
//! the task is told by [`Feed::closed`] or by the next item that nobody takes; only so many streams
//! are open.
//! Kafka: none.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{
        IntoResponse as _, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_core::Stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::ApiError;

/// Items that wait to be sent.
const WAITING: usize = 16;

/// Streams that may be open at once.
const OPEN_MAX: usize = 64;

/// How often a stream without news says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Room for streams.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Arc<Semaphore>);

impl Streams {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(OPEN_MAX)))
    }

    fn open(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let message = format!("{OPEN_MAX} streams are open already");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "BUSY", message)
        })
    }

    /// Server-sent events, made by a task.
    pub(crate) fn events<F>(
        &self,
        make: impl FnOnce(Feed<Event>) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let items = self.start(make)?;
        let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
        let mut response = Sse::new(items).keep_alive(keep_alive).into_response();
        // A proxy that waits for the end of an answer would wait for ever.
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    }

    /// A download, made by a task.
    pub(crate) fn download<F>(
        &self,
        (content_type, file_name): (&'static str, &str),
        make: impl FnOnce(Feed<Bytes>) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let items = self.start(make)?;
        let disposition = attachment(file_name);
        let headers =
            [(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, &disposition)];
        Ok((headers, Body::from_stream(items)).into_response())
    }

    fn start<T: Send + 'static, F>(
        &self,
        make: impl FnOnce(Feed<T>) -> F,
    ) -> Result<Items<T>, ApiError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let place = self.open()?;
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(make(Feed(sender)));
        Ok(Items { receiver, _place: place })
    }
}

/// The value of a header that makes a browser save a file under a harmless name.
pub(crate) fn attachment(file_name: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String =
        file_name.chars().map(|c| if is_fine(c) { c } else { '_' }).take(100).collect();
    format!("attachment; filename=\"{name}\"")
}

/// Where a task puts what it makes.
#[derive(Debug)]
pub(crate) struct Feed<T>(mpsc::Sender<T>);

/// The reader is gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl<T> Feed<T> {
    /// Waits until there is room.
    pub(crate) async fn put(&self, item: T) -> Result<(), Gone> {
        self.0.send(item).await.map_err(|_| Gone)
    }

    /// Returns once the reader is gone.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Whether an item could be put without waiting.
    pub(crate) fn has_room(&self) -> bool {
        self.0.capacity() > 0
    }
}

impl Feed<Event> {
    /// An event with a body of JSON.
    pub(crate) async fn tell(&self, name: &str, body: &impl Serialize) -> Result<(), Gone> {
        self.put(event(name, body)).await
    }

    /// The last event, if something failed.
    pub(crate) async fn fail(&self, error: ApiError) -> Result<(), Gone> {
        self.tell("failed", &error.into_detail()).await
    }
}

/// An event with a body of JSON.
pub(crate) fn event(name: &str, body: &impl Serialize) -> Event {
    // What is told are plain types, which JSON can say.
    let json = serde_json::to_string(body).unwrap_or_default();
    Event::default().event(name).data(json)
}

struct Items<T> {
    receiver: mpsc::Receiver<T>,
    _place: OwnedSemaphorePermit,
}

impl<T> Stream for Items<T> {
    type Item = Result<T, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context).map(|item| item.map(Ok))
    }
}
