//! Changes that an administrator makes from the page.

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

use super::json::{NOT_READY, json};
use crate::administer::refusal;
use crate::parts::Parts;

/// Longest request. The longest name that a worker may have is 64 bytes.
const MAX_BYTES: usize = 4096;

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum AdminAnswer {
    Said(String),
    Error(String),
}

/// `POST /api/admin`.
pub(super) async fn administer(
    State(master): State<Arc<Parts>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    if let Err(refused) = master.administration.gate().open(bearer(&headers), peer.ip()) {
        return refused.response(json(&AdminAnswer::Error(refusal(refused, peer.ip()))));
    }
    // The page of another site may send a form or plain text without asking first, but not this type.
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
    if !master.scheduler.is_ready() {
        return error(StatusCode::SERVICE_UNAVAILABLE, NOT_READY);
    }
    match master.administration.administer(&change).await {
        Ok(said) => json(&AdminAnswer::Said(said)).into_response(),
        Err(problem) => error(StatusCode::BAD_REQUEST, &problem.to_string()),
    }
}

fn error(status: StatusCode, problem: &str) -> Response {
    (status, json(&AdminAnswer::Error(problem.to_owned()))).into_response()
}
