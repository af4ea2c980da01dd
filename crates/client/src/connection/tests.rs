//! A connection against brokers that behave oddly.

use ottla_wire::{
    api_versions_response::ApiVersion,
    messages::{MetadataRequest, MetadataResponse},
};
use tokio::net::TcpListener;

use super::*;

fn options() -> ConnectOptions {
    ConnectOptions {
        client_id: "test".into(),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Reads one request: its key, version and correlation id.
async fn request(socket: &mut TcpStream) -> (i16, i16, i32) {
    let length = socket.read_i32().await.unwrap();
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    socket.read_exact(&mut frame).await.unwrap();
    let mut frame = Bytes::from(frame);
    (frame.get_i16(), frame.get_i16(), frame.get_i32())
}

async fn answer<M: Message>(socket: &mut TcpStream, correlation_id: i32, body: &M, version: i16) {
    let mut writer = Writer::new();
    writer.put_i32(correlation_id);
    body.encode(&mut writer, version).unwrap();
    let (frame, _) = writer.finish();
    socket.write_i32(i32::try_from(frame.len()).unwrap()).await.unwrap();
    socket.write_all(&frame).await.unwrap();
}

fn versions(error: ErrorCode) -> ApiVersionsResponse {
    let api = |api_key, max_version| ApiVersion { api_key, min_version: 0, max_version };
    ApiVersionsResponse {
        error_code: error.code(),
        api_keys: vec![api(MetadataRequest::KEY.code(), 5), api(18, 2)],
        ..ApiVersionsResponse::default()
    }
}

/// A broker that answers ApiVersions and then does what `behave` says.
async fn broker<F>(behave: impl FnOnce(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (_, version, correlation_id) = request(&mut socket).await;
        answer(&mut socket, correlation_id, &versions(ErrorCode::None), version).await;
        behave(socket).await;
    });
    address
}

async fn ask(connection: &Connection, cluster_id: &str) -> Result<MetadataResponse> {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let response = connection.send(5, &request).await?.response(Duration::ZERO).await?;
    assert_eq!(response.cluster_id.as_deref(), Some(cluster_id));
    Ok(response)
}

#[tokio::test]
async fn an_old_broker_is_asked_again_in_a_version_it_knows() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (_, first, id) = request(&mut socket).await;
        answer(&mut socket, id, &versions(ErrorCode::UnsupportedVersion), 0).await;
        let (_, second, id) = request(&mut socket).await;
        answer(&mut socket, id, &versions(ErrorCode::None), second).await;
        (first, second)
    });
    let connection = Connection::open(&address, &options()).await.unwrap();
    assert_eq!(serving.await.unwrap(), (*ApiVersionsRequest::VERSIONS.end(), 2));
    assert_eq!(connection.version_of::<MetadataRequest>(0..=i16::MAX).unwrap(), 5);
    assert_eq!(connection.version_of::<MetadataRequest>(0..=3).unwrap(), 3);
    let error = connection.version_of::<MetadataRequest>(6..=9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn responses_find_their_requests_in_any_order() {
    let address = broker(async |mut socket| {
        let first = request(&mut socket).await.2;
        let second = request(&mut socket).await.2;
        for (id, name) in [(second, "second"), (first, "first")] {
            let cluster_id = Some(name.into());
            let body = MetadataResponse { cluster_id, ..MetadataResponse::default() };
            answer(&mut socket, id, &body, 5).await;
        }
    })
    .await;
    let connection = Connection::open(&address, &options()).await.unwrap();
    let (first, second) = tokio::join!(ask(&connection, "first"), ask(&connection, "second"));
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn a_closed_connection_fails_what_is_pending_and_what_comes_later() {
    let address = broker(async |mut socket| {
        request(&mut socket).await;
    })
    .await;
    let connection = Connection::open(&address, &options()).await.unwrap();
    for _ in 0..2 {
        let error = ask(&connection, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.is_retriable());
    }
    assert!(!connection.is_alive());
}

#[tokio::test]
async fn an_impossible_length_ends_the_connection() {
    let address = broker(async |mut socket| {
        request(&mut socket).await;
        socket.write_i32(-5).await.unwrap();
        // The client hangs up; reading until then keeps the socket open.
        drop(socket.read_i32().await);
    })
    .await;
    let connection = Connection::open(&address, &options()).await.unwrap();
    let error = ask(&connection, "").await.unwrap_err();
    assert!(error.why().contains("impossible length"), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_said_so() {
    let (listener, address) = listen().await;
    drop(listener);
    let error = Connection::open(&address, &options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.why(), "connection refused");
}
