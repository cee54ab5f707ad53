//! What an administrator changes from the page.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use facefleet_proto::AdminChange;
use facefleet_service::http::body;
use facefleet_service::http::token::bearer;
use serde::Serialize;

use super::{NOT_READY, json};
use crate::administer::refusal;
use crate::shared::Shared;

/// Longest request. The longest name that a worker may have is 64 bytes.
const MAX_BYTES: usize = 4096;

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Said(String),
    Error(String),
}

/// `POST /api/admin`.
pub(super) async fn administer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    if let Err(refused) = shared.admin.open(bearer(&headers), peer.ip()) {
        return refused.response(json(&Answer::Error(refusal(refused, peer.ip()))));
    }
    // Another site's page may send a form or plain text without asking, but not this.
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json");
    }
    let change: AdminChange = match body(sent, MAX_BYTES).await.map(|sent| serde_json::from_slice(&sent)) {
        Ok(Ok(change)) => change,
        Ok(Err(problem)) => {
            let what = "write an object with one of policy, admission, rest and resume, and a name";
            return error(StatusCode::BAD_REQUEST, &format!("{problem}: {what}"));
        }
        Err(status) => return error(status, "the request is too long, too slow or cut off"),
    };
    if !shared.is_ready() {
        return error(StatusCode::SERVICE_UNAVAILABLE, NOT_READY);
    }
    match shared.administer(&change).await {
        Ok(said) => json(&Answer::Said(said)).into_response(),
        Err(problem) => error(StatusCode::BAD_REQUEST, &problem.to_string()),
    }
}

fn error(status: StatusCode, problem: &str) -> Response {
    (status, json(&Answer::Error(problem.to_owned()))).into_response()
}
