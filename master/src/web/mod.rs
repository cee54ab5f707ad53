//! The page: its files, what it is told, and what it may ask for.
//!
//! `GET /` and the files of `master/page`, `GET /api/events` (the cluster, once a second), `GET /api/history`,
//! `GET /api/about`, `POST /api/admin`, and `GET /live/…`, which is answered by a worker. What keeps strangers out is in
//! [`facefleet_service::http`].

mod admin;
mod events;
mod files;
mod live;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use facefleet_service::address::host_name;
use facefleet_service::http::{Probes, connections, serve as serve_site, site};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::shared::Shared;

/// What people are told while a store has not been reached.
const NOT_READY: &str =
    "the cluster is not known yet: the registry that this master shares with others has not been reached";

/// Shows the cluster on `listener` until `stop`.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let ready = {
        let shared = shared.clone();
        move || {
            if shared.is_ready() { Ok(()) } else { Err(NOT_READY) }
        }
    };
    let metrics = metrics::of(&shared);
    let open = connections(&metrics);
    let probes = Probes { ready: Box::new(ready), metrics: Box::new(move || metrics.text()) };
    serve_site(listener, site(pages(shared), probes), open, stop).await;
}

fn pages(shared: Arc<Shared>) -> Router {
    let relay = Arc::new(live::Relay::default());
    let api = Router::new()
        .route("/api/about", get(about))
        .route("/api/events", get(events::events))
        .route("/api/history", get(history))
        .route("/api/admin", post(admin::administer))
        .with_state(shared.clone());
    let live = Router::new()
        .route("/live/{worker}", get(live::streams))
        .route("/live/{worker}/{stream}/picture.jpg", get(live::picture))
        .with_state((shared, relay));
    files::routes().merge(api).merge(live)
}

/// What does not change while the master runs.
#[derive(Serialize)]
struct About {
    name: String,
    version: &'static str,
    /// Whether there is a token with which changes can be made.
    admin: bool,
}

/// `GET /api/about`.
async fn about(State(shared): State<Arc<Shared>>) -> Response {
    let host = host_name().unwrap_or_else(|| "an unnamed machine".to_owned());
    let name = format!("facefleet-master on {host}");
    json(&About { name, version: env!("CARGO_PKG_VERSION"), admin: shared.admin.can_open() })
}

/// `GET /api/history`: the last ten minutes.
async fn history(State(shared): State<Arc<Shared>>) -> Response {
    json_text(shared.watching.history_json())
}

fn json(value: &impl Serialize) -> Response {
    json_text(serde_json::to_string(value).expect("it has no map whose keys are not text"))
}

fn json_text(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
