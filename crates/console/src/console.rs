//! What every handler shares: the broker's views, a client of it, and the settings.
//!
//! Kafka: none.

use std::{sync::Arc, time::Duration};

use ottla_broker::views::Views;
use ottla_client::{Admin, Client};
use tokio::sync::OnceCell;

use crate::{
    api::{reset::Kept, session::ClusterLink},
    base_path::BasePath,
    cluster::Source,
    error::ApiError,
    login::Logins,
    scan::Pieces,
    stream::Streams,
    users::Users,
};

/// The client id that brokers see.
pub(crate) const CLIENT_ID: &str = "ottla-console";

/// How long one call to the broker may take with all its attempts.
const API_TIMEOUT: Duration = Duration::from_secs(20);

/// How the console behaves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether every change is refused.
    pub is_read_only: bool,
    /// Who may use it; without any, everybody may.
    pub users: Users,
    /// What comes before every path.
    pub base_path: BasePath,
    /// Host names, beside the machine's own and addresses, by which the console may be asked.
    pub hosts: Vec<String>,
}

/// The console of one cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    inner: Arc<Inner>,
}

/// Where the console of one cluster is among those of several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Here {
    /// What comes before its paths.
    pub(crate) base_path: BasePath,
    /// The clusters that there are, if there is more than one.
    pub(crate) clusters: Vec<ClusterLink>,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    here: Here,
    settings: Settings,
    logins: Arc<Logins>,
    client: OnceCell<Client>,
    pieces: Pieces,
    streams: Streams,
    kept: Kept,
}

impl Console {
    /// `logins` may be shared by the consoles of several clusters.
    pub(crate) fn new(source: Source, here: Here, settings: Settings, logins: Arc<Logins>) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                here,
                settings,
                logins,
                client: OnceCell::new(),
                pieces: Pieces::new(),
                streams: Streams::new(),
                kept: Kept::default(),
            }),
        }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.inner.source
    }

    /// Where this cluster's console is.
    pub(crate) fn here(&self) -> &Here {
        &self.inner.here
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn logins(&self) -> &Logins {
        &self.inner.logins
    }

    /// Room for what is read.
    pub(crate) fn pieces(&self) -> Pieces {
        self.inner.pieces.clone()
    }

    /// Room for streams.
    pub(crate) fn streams(&self) -> &Streams {
        &self.inner.streams
    }

    /// What resets can be undone to.
    pub(crate) fn kept(&self) -> &Kept {
        &self.inner.kept
    }

    /// The client, connected when it is first needed.
    pub(crate) async fn client(&self) -> Result<&Client, ApiError> {
        let connect = || async {
            let builder = Client::builder().client_id(CLIENT_ID).api_timeout(API_TIMEOUT);
            let builder = match self.source() {
                Source::Own(views) => builder.bootstrap(&own_address(views)?).stay_at_bootstrap(),
                Source::Remote(remote) => builder.bootstrap(&remote.bootstrap),
            };
            Ok::<_, ApiError>(builder.connect().await?)
        };
        self.inner.client.get_or_try_init(connect).await
    }

    pub(crate) async fn admin(&self) -> Result<Admin, ApiError> {
        Ok(self.client().await?.admin())
    }
}

/// Where this machine reaches the broker that it runs.
fn own_address(views: &Views) -> Result<String, ApiError> {
    let listeners = views.listeners();
    let listener = listeners.iter().find(|it| it.protocol == "PLAINTEXT").ok_or_else(|| {
        ApiError::unavailable("no listener speaks PLAINTEXT, which the console needs")
    })?;
    Ok(match listener.host.as_str() {
        "" | "0.0.0.0" | "::" => format!("localhost:{}", listener.port),
        host if host.contains(':') => format!("[{host}]:{}", listener.port),
        host => format!("{host}:{}", listener.port),
    })
}
