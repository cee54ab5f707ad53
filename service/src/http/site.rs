//! What every site of ours has beside its pages: security headers, a check of the host name, and probes for monitoring.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::host;
use crate::address::host_name;

/// The headers of every answer, unless the page sets them itself.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    // Only our own files, and pictures that a script has fetched: nothing inline, nothing from elsewhere, no form, no frame.
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    // The state of a cluster is not worth keeping, and what a camera sees must not be kept.
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// What monitoring asks of a program.
pub struct Probes {
    /// Answers `GET /readyz`: whether the program can do its work, and otherwise what is missing.
    pub ready: Box<dyn Fn() -> Result<(), &'static str> + Send + Sync>,
    /// Answers `GET /metrics`: all metrics in Prometheus' text format, version 0.0.4.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probes")
    }
}

/// A site with these pages, `/healthz`, `/readyz` and `/metrics`, and 404 for everything else. Every answer has security headers. The
/// pages are served only under host names that cannot be a stranger's ([`host::is_own`]), and the probes under any.
pub fn site(pages: Router, probes: Probes) -> Router {
    let Probes { ready, metrics } = probes;
    let own = host_name();
    let pages = pages.fallback(nothing_here).layer(middleware::from_fn(move |request: Request, next: Next| {
        let is_own = is_own(&request, own.as_deref());
        async move { if is_own { next.run(request).await } else { misdirected() } }
    }));
    let (ready, metrics) = (Arc::new(ready), Arc::new(metrics));
    Router::new()
        .route("/healthz", get(|| async { "up\n" }))
        .route("/readyz", get(move || async move { readiness(ready()) }))
        .route("/metrics", get(move || async move { ([(CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], metrics()) }))
        .merge(pages)
        .layer(middleware::map_response(secured))
}

fn readiness(ready: Result<(), &'static str>) -> Response {
    match ready {
        Ok(()) => "ready\n".into_response(),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")).into_response(),
    }
}

async fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here\n").into_response()
}

/// Whether the request names exactly one host, and that host is this one.
fn is_own(request: &Request, own: Option<&str>) -> bool {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(|host| host::is_own(host, own)),
        _ => false,
    }
}

fn misdirected() -> Response {
    let why = "this name may be another's, which leads here to read along (DNS rebinding): ask for this site by its IP address, \
               as in http://192.168.1.5:8080/, or by its name without dots or in .local\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

async fn secured(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
