//! What a running command has at hand: the client, the output, the flags, and whether to stop.

use std::{
    io::{self, BufRead, IsTerminal},
    process,
    time::Duration,
};

use ottla_client::{Client, ClientBuilder};
use tokio::sync::watch;

use crate::{
    exit::{Exit, Failure},
    output::{Out, note},
    settings::{Global, Settings},
};

/// Whether Ctrl-C was pressed. Once asks to stop, twice ends the process.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    requested: watch::Receiver<bool>,
}

impl Stop {
    pub(crate) fn listen() -> Self {
        let (sender, requested) = watch::channel(false);
        tokio::spawn(async move {
            let mut presses = 0;
            while tokio::signal::ctrl_c().await.is_ok() {
                presses += 1;
                sender.send_replace(true);
                if presses > 1 {
                    process::exit(i32::from(Exit::Interrupted as u8));
                }
            }
            // Without a signal to wait for, the sender must live on.
            std::future::pending::<()>().await;
        });
        Self { requested }
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Waits for the first Ctrl-C.
    pub(crate) async fn requested(&self) {
        let mut requested = self.requested.clone();
        if requested.wait_for(|it| *it).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) global: Global,
    pub(crate) out: Out,
    pub(crate) stop: Stop,
}

impl Session {
    pub(crate) const fn new(global: Global, out: Out, stop: Stop) -> Self {
        Self { global, out, stop }
    }

    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Settings::parse(&self.global.set)
    }

    /// Connects.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let settings = self.settings()?;
        let mut builder: ClientBuilder =
            Client::builder().bootstrap(&self.global.bootstrap(&settings));
        builder = builder.client_id(settings.get("client.id").unwrap_or("ottla-cli"));
        if let Some(limit) = settings.parsed("request.timeout.ms")? {
            builder = builder.request_timeout(Duration::from_millis(limit));
        }
        if let Some(limit) = self.global.timeout {
            builder = builder.api_timeout(limit).connect_timeout(limit);
        }
        Ok(builder.connect().await?)
    }

    /// A line for people, unless they want quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.global.quiet {
            note(text);
        }
    }

    /// A line for people who want to know more.
    pub(crate) fn explain(&self, text: &str) {
        if self.global.verbose && !self.global.quiet {
            note(text);
        }
    }

    /// Asks before something is destroyed: on a terminal by typing `answer`, elsewhere `-y` is
    /// needed.
    pub(crate) fn confirm(&self, what: &str, answer: &str) -> Result<(), Failure> {
        if self.global.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let why = "standard input is no terminal, so nobody can be asked";
            return Err(Failure::usage(format!("{what}: not done"), why)
                .with_next("the same with -y, which does it without asking"));
        }
        note(&format!("{what}\nType {answer} to do it:"));
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        if line.trim() == answer {
            Ok(())
        } else {
            Err(Failure::new(Exit::Usage, format!("{what}: not done"), "it was not confirmed"))
        }
    }
}
