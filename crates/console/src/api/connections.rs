//! Who is connected.
//!
//! Kafka: none.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use axum::{Json, extract::State};
use ottla_broker::views::{Asked, ConnectionView, PastConnection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::Params,
    number::{Long, int},
    page::{Page, Paging},
    past::AtQuery,
};

/// Which connections are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectionsQuery {
    /// Only those of this listener.
    listener: Option<String>,
}

/// A connection of a client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    id: Long,
    /// Where the client is.
    remote: String,
    /// The address that it came in by.
    local: String,
    listener: String,
    opened_ms: Long,
    client_id: Option<String>,
    software_name: Option<String>,
    software_version: Option<String>,
    /// `null` in a look back, as the next ones.
    requests: Option<Long>,
    /// Kafka's name of the last one.
    last_request: Option<String>,
    last_request_ms: Option<Long>,
    bytes_in: Option<Long>,
    bytes_out: Option<Long>,
}

impl From<PastConnection> for Connection {
    fn from(view: PastConnection) -> Self {
        Self {
            id: view.id.into(),
            remote: view.remote.to_string(),
            local: view.local,
            listener: view.listener,
            opened_ms: view.opened_ms.into(),
            client_id: view.client_id,
            software_name: view.software_name,
            software_version: view.software_version,
            requests: None,
            last_request: None,
            last_request_ms: None,
            bytes_in: None,
            bytes_out: None,
        }
    }
}

impl From<ConnectionView> for Connection {
    fn from(view: ConnectionView) -> Self {
        Self {
            id: view.id.into(),
            remote: view.remote.to_string(),
            local: view.local.to_string(),
            listener: view.listener.to_string(),
            opened_ms: view.opened_ms.into(),
            client_id: view.client_id,
            software_name: view.software_name,
            software_version: view.software_version,
            requests: Some(view.requests.into()),
            last_request: view.last_request.map(str::to_owned),
            last_request_ms: Some(view.last_request_ms.into()),
            bytes_in: Some(view.bytes_in.into()),
            bytes_out: Some(view.bytes_out.into()),
        }
    }
}

/// Connections, a page of them; `q` looks into client ids, software and addresses.
#[utoipa::path(get, path = "/connections", tag = "clients", params(Paging, ConnectionsQuery, AtQuery),
    responses((status = 200, body = Page<Connection>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(console): State<Console>,
    Params(paging): Params<Paging>,
    Params(query): Params<ConnectionsQuery>,
    Params(at): Params<AtQuery>,
) -> Result<Json<Page<Connection>>, ApiError> {
    let own = console.own()?;
    if let Some(moment) = at.moment(own, Asked::Connections)? {
        let is_shown = |view: &PastConnection| {
            let texts = [view.client_id.as_deref(), view.software_name.as_deref()];
            query.listener.as_ref().is_none_or(|listener| *listener == view.listener)
                && (texts.into_iter().flatten().any(|text| paging.matches(text))
                    || paging.matches(&view.remote.to_string()))
        };
        let then = own.connections_at(moment).into_iter().filter(is_shown).collect();
        return Ok(Json(paging.cut(then, compare_past)?.map(Connection::from)));
    }
    let is_shown = |view: &ConnectionView| {
        let texts = [view.client_id.as_deref(), view.software_name.as_deref()];
        query.listener.as_ref().is_none_or(|listener| **listener == *view.listener)
            && (texts.into_iter().flatten().any(|text| paging.matches(text))
                || paging.matches(&view.remote.to_string()))
    };
    let views = own.connections().into_iter().filter(is_shown).collect();
    Ok(Json(paging.cut(views, compare)?.map(Connection::from)))
}

fn compare(field: &str, a: &ConnectionView, b: &ConnectionView) -> Option<Ordering> {
    Some(match field {
        "id" | "openedMs" => a.id.cmp(&b.id),
        "clientId" => a.client_id.cmp(&b.client_id),
        "softwareName" => a.software_name.cmp(&b.software_name),
        "remote" => a.remote.cmp(&b.remote),
        "listener" => a.listener.cmp(&b.listener),
        "requests" => a.requests.cmp(&b.requests),
        "bytesIn" => a.bytes_in.cmp(&b.bytes_in),
        "bytesOut" => a.bytes_out.cmp(&b.bytes_out),
        "lastRequestMs" => a.last_request_ms.cmp(&b.last_request_ms),
        _ => return None,
    })
}

fn compare_past(field: &str, a: &PastConnection, b: &PastConnection) -> Option<Ordering> {
    Some(match field {
        "clientId" => a.client_id.cmp(&b.client_id),
        "softwareName" => a.software_name.cmp(&b.software_name),
        "remote" => a.remote.cmp(&b.remote),
        "listener" => a.listener.cmp(&b.listener),
        // What else there is to sort by is not known of the past.
        "id" | "openedMs" | "requests" | "bytesIn" | "bytesOut" | "lastRequestMs" => {
            a.id.cmp(&b.id)
        }
        _ => return None,
    })
}

/// Clients by what they call themselves.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientList {
    clients: Vec<ClientRow>,
}

/// The connections that share a client id.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientRow {
    client_id: String,
    /// Such as `apache-kafka-java 4.4.0`.
    software: Vec<String>,
    hosts: Vec<String>,
    connections: i32,
    /// The groups that it is a member of.
    groups: Vec<String>,
    /// What its connections asked for last.
    last_requests: Vec<String>,
}

/// Clients by what they call themselves, with the groups that they are in.
#[utoipa::path(get, path = "/clients", tag = "clients",
    responses((status = 200, body = ClientList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn clients(State(console): State<Console>) -> Result<Json<ClientList>, ApiError> {
    let own = console.own()?;
    let mut rows: BTreeMap<String, Vec<ConnectionView>> = BTreeMap::new();
    for view in own.connections() {
        rows.entry(view.client_id.clone().unwrap_or_default()).or_default().push(view);
    }
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (client_id, group_id) in own.members(5_000) {
        groups.entry(client_id).or_default().insert(group_id);
    }
    let distinct = |texts: BTreeSet<String>| texts.into_iter().collect::<Vec<String>>();
    let row = |(client_id, views): (String, Vec<ConnectionView>)| ClientRow {
        groups: distinct(groups.remove(&client_id).unwrap_or_default()),
        software: distinct(views.iter().filter_map(software).collect()),
        hosts: distinct(views.iter().map(|it| it.remote.ip().to_string()).collect()),
        connections: int(views.len()),
        last_requests: distinct(
            views.iter().filter_map(|it| it.last_request.map(str::to_owned)).collect(),
        ),
        client_id,
    };
    Ok(Json(ClientList { clients: rows.into_iter().map(row).collect() }))
}

fn software(view: &ConnectionView) -> Option<String> {
    let name = view.software_name.as_deref()?;
    Some(
        format!("{name} {}", view.software_version.as_deref().unwrap_or_default())
            .trim()
            .to_owned(),
    )
}
