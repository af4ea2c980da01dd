//! The way between a client and a broker: bytes arrive in order and late, and what was sent arrives
//! even when the client has given up.

use std::time::Duration;

use ottla_broker::simulation::Random;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

/// Bytes that are on their way at the same time in one direction.
const PIPE_BYTES: usize = 64 * 1024;

/// How late bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// A few milliseconds, and now and then seconds.
    Rough,
    /// Always less than a millisecond.
    Calm,
}

/// Puts a network in front of a connection.
pub fn between(server: DuplexStream, seed: u64, weather: Weather) -> DuplexStream {
    let (client, near) = tokio::io::duplex(PIPE_BYTES);
    let (from_client, to_client) = tokio::io::split(near);
    let (from_server, to_server) = tokio::io::split(server);
    drop(tokio::spawn(carry(from_client, to_server, Random::new(seed), weather)));
    drop(tokio::spawn(carry(from_server, to_client, Random::new(!seed), weather)));
    client
}

/// Carries bytes until one side is gone.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut random: Random,
    weather: Weather,
) {
    let mut buffer = vec![0; PIPE_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(lateness(&mut random, weather)).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // A client that is gone; what the broker still says falls on deaf ears.
    let _gone = to.shutdown().await;
}

fn lateness(random: &mut Random, weather: Weather) -> Duration {
    let most_micros = match weather {
        Weather::Calm => 500,
        Weather::Rough if random.one_in(400) => 4_000_000,
        Weather::Rough => 3_000,
    };
    Duration::from_micros(random.any() % most_micros)
}
