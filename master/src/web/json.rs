//! Answers in JSON, and what they say while there is nothing to show.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// The answer while a shared registry has not been reached.
pub(super) const NOT_READY: &str =
    "the cluster is not known yet: the registry that this master shares with others has not been reached";

pub(super) fn json(value: &impl Serialize) -> Response {
    json_text(serde_json::to_string(value).expect("it has no map whose keys are not text"))
}

pub(super) fn json_text(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
