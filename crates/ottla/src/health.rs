//! `ottla health`: whether what runs on this machine is ready, a broker or a console alone.
//!
//! Both answer `/ready` at the console's address. A broker whose console is off is asked as a
//! client would ask it. Kafka: none; the health check of its images starts a JVM.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use ottla_client::Client;

/// How long each step may take: a container's check is given three seconds.
const LIMIT: Duration = Duration::from_secs(2);

/// Most bytes of an answer that are read.
const ANSWER_MAX: u64 = 4096;

/// Say whether the broker or the console that runs here is ready, for health checks
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Where the console is served [default: `OTTLA_CONSOLE_LISTEN`, or localhost:8080]
    #[arg(long, value_name = "ADDRESS")]
    console: Option<String>,
}

/// Exits with 0 if it is ready, and else says why it is not. `bootstrap` is what the flags say.
pub(crate) fn run(command: &Health, bootstrap: Option<&str>) -> ExitCode {
    match check(command.console.as_deref(), bootstrap) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn check(console: Option<&str>, bootstrap: Option<&str>) -> anyhow::Result<()> {
    let of_environment = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    let console = console.map(str::to_owned).or_else(|| of_environment("OTTLA_CONSOLE_LISTEN"));
    let console = console.unwrap_or_else(|| "localhost:8080".to_owned());
    if let Some(connection) = connect(&console) {
        return ask(connection).with_context(|| format!("not ready (asked at {console})"));
    }
    let bootstrap = bootstrap.map(str::to_owned).or_else(|| of_environment("OTTLA_BOOTSTRAP"));
    let bootstrap = bootstrap.unwrap_or_else(|| "localhost:9092".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::builder().bootstrap(&bootstrap).client_id("ottla-health");
        let client = client.connect_timeout(LIMIT).api_timeout(LIMIT);
        let asked = async { client.connect().await?.admin().describe_cluster().await };
        asked.await.map(drop).with_context(|| format!("no console answers at {console}"))
    })
}

/// Whoever listens at the console's address, asked on this machine.
fn connect(console: &str) -> Option<TcpStream> {
    let (host, port) = console.rsplit_once(':')?;
    let host = match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let addresses = (host, port.parse::<u16>().ok()?).to_socket_addrs().ok()?;
    addresses.into_iter().find_map(|it| TcpStream::connect_timeout(&it, LIMIT).ok())
}

fn ask(mut connection: TcpStream) -> anyhow::Result<()> {
    connection.set_read_timeout(Some(LIMIT))?;
    connection.set_write_timeout(Some(LIMIT))?;
    connection.write_all(b"GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    connection.take(ANSWER_MAX).read_to_end(&mut answer).context("no answer")?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    let text = answer.rsplit("\r\n\r\n").next().unwrap_or_default().trim();
    anyhow::ensure!(status == "200", "{text}");
    Ok(())
}
