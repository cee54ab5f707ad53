//! The page: its files, the data that it gets, and the changes that it can make.
//!
//! `GET /` and the files of `master/page`, `GET /api/events` (the cluster, once a second), `GET /api/history`,
//! `GET /api/about`, `POST /api/admin`, and `GET /live/…`, which is answered by a worker. What keeps strangers out is in
//! [`facefleet_service::http`].

mod admin;
mod events;
mod files;
mod json;
mod live;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use facefleet_service::address::host_name;
use facefleet_service::http::{Probes, connections, serve as serve_site, site};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::parts::Parts;
use json::{NOT_READY, json, json_text};

/// Shows the cluster on `listener` until `stop`.
pub(crate) async fn serve(listener: TcpListener, master: Arc<Parts>, stop: CancellationToken) {
    let scheduler = master.scheduler.clone();
    let ready = move || if scheduler.is_ready() { Ok(()) } else { Err(NOT_READY) };
    let metrics = metrics::of(&master.events, &master.scheduler);
    let open = connections(&metrics);
    let probes = Probes { ready: Box::new(ready), metrics: Box::new(move || metrics.text()) };
    serve_site(listener, site(pages(&master), probes), open, stop).await;
}

fn pages(master: &Arc<Parts>) -> Router {
    let relay = Arc::new(live::Relay::default());
    let api = Router::new()
        .route("/api/about", get(about))
        .route("/api/events", get(events::events))
        .route("/api/history", get(history))
        .route("/api/admin", post(admin::administer))
        .with_state(master.clone());
    let live = Router::new()
        .route("/live/{worker}", get(live::streams))
        .route("/live/{worker}/{stream}/picture.jpg", get(live::picture))
        .with_state((master.members.clone(), relay));
    files::routes().merge(api).merge(live)
}

/// Facts that do not change while the master runs.
#[derive(Serialize)]
struct About {
    name: String,
    version: &'static str,
    /// Whether there is a token with which changes can be made.
    admin: bool,
}

/// `GET /api/about`.
async fn about(State(master): State<Arc<Parts>>) -> Response {
    let host = host_name().unwrap_or_else(|| "an unnamed machine".to_owned());
    let name = format!("facefleet-master on {host}");
    json(&About { name, version: env!("CARGO_PKG_VERSION"), admin: master.administration.gate().can_open() })
}

/// `GET /api/history`: the last ten minutes.
async fn history(State(master): State<Arc<Parts>>) -> Response {
    json_text(master.observed.history_json())
}
