//! What every site here has beside its pages: security headers, one name, and what operators ask for.

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

/// Each of them is set where the page has not said otherwise.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    // Files of ours alone, and pictures that a script has fetched. Nothing inline, nothing from elsewhere, no form, no frame.
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
    // What a cluster does now is not worth keeping, and what a camera sees must not be.
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// What monitoring asks a program.
pub struct Probes {
    /// Whether it can do its work; what is missing, if not. `GET /readyz`.
    pub ready: Box<dyn Fn() -> Result<(), &'static str> + Send + Sync>,
    /// What it counts, in Prometheus' text format, version 0.0.4. `GET /metrics`.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probes")
    }
}

/// A site with these pages, `/healthz`, `/readyz` and `/metrics`, and 404 for all else. Every answer has the headers that keep a
/// browser from doing what nobody wants. The pages are not shown under names that may be somebody else's ([`host::is_own`]);
/// monitoring may ask under any.
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

/// Whether the request names one host, which is this one.
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
