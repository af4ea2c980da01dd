//! The console: an HTTP API over a broker or a cluster, and the app that is made of it.
//!
//! [`app`] gives the router for a broker's own console, and [`app_of`] one for clusters that a
//! client reaches; whoever runs them serves it. What only the broker knows comes from its views;
//! everything that a client can do goes through our own client and the broker's listener, so that
//! it means here what it means to everyone.
//! Invariants: a 64-bit number crosses the wire as text; nothing is described that was not asked
//! for; every stream ends when its reader goes, and what all of them keep in memory is bounded.
//! Architecture invariant: knows the broker by its views alone.
//! Kafka: none; what kafka-ui and its like do from outside.

mod api;
mod assets;
mod base_path;
mod clock;
mod cluster;
mod console;
mod encoding;
mod error;
mod extract;
mod fields;
mod filter;
mod guard;
mod guesses;
mod lag;
mod login;
mod number;
mod page;
mod past;
mod payload;
mod scan;
mod serve;
mod sessions;
mod stream;
mod users;

pub use base_path::{BasePath, BasePathError};
pub use console::Settings;
pub use serve::serve;
pub use users::{Users, UsersError, hash_password};

use std::sync::Arc;

use axum::{Router, http::header, response::Redirect, routing::get};
use ottla_broker::views::Views;

use crate::{
    api::session::ClusterLink,
    cluster::{Remote, Source},
    console::{Console, Here},
    login::Logins,
};

/// The console of a broker.
pub fn app(views: Views, settings: &Settings) -> Router {
    let logins = Arc::new(Logins::new(settings.users.clone()));
    let here = Here { base_path: settings.base_path.clone(), clusters: Vec::new() };
    let console = Console::new(Source::Own(views), here, settings.clone(), logins);
    below(&settings.base_path, &console)
}

/// A cluster that a client reaches.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// What people call it.
    pub name: String,
    /// Its first addresses, `host:port`, separated by commas.
    pub bootstrap: String,
    /// Whether every change to it is refused.
    pub is_read_only: bool,
}

/// The console of clusters that a client reaches. A single one is at the base path; several are
/// below it, each under its name, and the base path leads to the first.
pub fn app_of(mut clusters: Vec<Cluster>, settings: &Settings) -> Router {
    let logins = Arc::new(Logins::new(settings.users.clone()));
    let made = |cluster: Cluster, here: Here| {
        let mut settings = settings.clone();
        settings.is_read_only |= cluster.is_read_only;
        let source = Source::Remote(Box::new(Remote::new(cluster.name, cluster.bootstrap)));
        Console::new(source, here, settings, Arc::clone(&logins))
    };
    let base_path = settings.base_path.clone();
    if clusters.len() == 1
        && let Some(cluster) = clusters.pop()
    {
        let here = Here { base_path: base_path.clone(), clusters: Vec::new() };
        return below(&base_path, &made(cluster, here));
    }
    let links = links(&clusters, &base_path);
    let first = links.first().map(|link| format!("{}/", link.path)).unwrap_or_default();
    let to_first = get(move || std::future::ready(Redirect::temporary(&first)));
    let mut router = Router::new().route(&base_path.folder(), to_first.clone());
    if !base_path.is_root() {
        router = router.route(&base_path.to_string(), to_first);
    }
    for (cluster, link) in clusters.into_iter().zip(&links) {
        let here = Here { base_path: BasePath::of(&link.path), clusters: links.clone() };
        router = router.merge(at(&link.path, &made(cluster, here)));
    }
    router.fallback(move || std::future::ready(assets::elsewhere(&base_path)))
}

/// Where the console of each cluster is: its name in letters that a path may have, made unique.
fn links(clusters: &[Cluster], base_path: &BasePath) -> Vec<ClusterLink> {
    let mut links: Vec<ClusterLink> = Vec::new();
    for cluster in clusters {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = cluster.name.chars().map(plain).collect();
        let path = format!("{base_path}/clusters/{name}");
        let taken = links.iter().filter(|link| link.path == path).count();
        let path = if taken == 0 { path } else { format!("{path}-{}", links.len()) };
        links.push(ClusterLink { name: cluster.name.clone(), path });
    }
    links
}

/// The API and the app of one cluster, at the root.
fn of_cluster(console: &Console) -> Router {
    let (api, _) = api::router();
    let described = [(header::CONTENT_TYPE, "application/json")];
    let document = get(move || std::future::ready((described, api::document())));
    let app = api.route("/api/v1/openapi.json", document).fallback(assets::serve);
    guard::protect(app, console).with_state(console.clone())
}

/// A console at its base path, with and without a slash behind it.
fn at(base_path: &str, console: &Console) -> Router {
    let folder = Router::new().route(&format!("{base_path}/"), get(assets::serve));
    let folder = guard::protect(folder, console).with_state(console.clone());
    folder.nest(base_path, of_cluster(console))
}

/// A console below a path; all else says where it is.
fn below(base_path: &BasePath, console: &Console) -> Router {
    if base_path.is_root() {
        return of_cluster(console);
    }
    let told = base_path.clone();
    at(&base_path.to_string(), console)
        .fallback(move || std::future::ready(assets::elsewhere(&told)))
}

/// The API's description, OpenAPI 3.1 as JSON.
pub fn openapi() -> String {
    api::document()
}
