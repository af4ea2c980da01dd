//! What compose files that still name ZooKeeper wait for: `imok` in answer to `ruok`. Nothing else.
//!
//! Kafka: no part of it; `ruok` is one of ZooKeeper's four-letter words.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    time::timeout,
};

const DEFAULT_PORT: u16 = 2181;
/// How long a caller may take to say its word.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers until it is told to stop.
pub(super) fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(
                io::stderr().lock(),
                "ottla: cannot answer in ZooKeeper's place: {error}"
            ));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let port = std::env::var("ZOOKEEPER_CLIENT_PORT").ok().and_then(|port| port.parse().ok());
    let port = port.unwrap_or(DEFAULT_PORT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(("0.0.0.0", port)).await?;
        let text = format!("port {port}: ruok is answered with imok; Ottla needs no ZooKeeper");
        drop(writeln!(io::stdout().lock(), "{text}"));
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    // A caller that says nothing, or goes away, is none of the others' business.
                    if let Ok((stream, _)) = accepted {
                        drop(timeout(PATIENCE, answer(stream)).await);
                    }
                }
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
            }
        }
    })
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut word = [0; 4];
    stream.read_exact(&mut word).await?;
    if &word == b"ruok" {
        stream.write_all(b"imok").await?;
    }
    stream.shutdown().await?;
    // A line's end may follow the word. What is left unread would reset the connection, and the
    // answer with it.
    let mut rest = [0; 16];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
