//! The live view over HTTP: the list of streams, and their pictures.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use facefleet_service::http::caller::{Caller, ReachedAt, is_local};
use facefleet_service::http::proof::{Challenge, NONCE, PROOF};
use facefleet_service::http::refusal::{Refused, TokenTexts};
use facefleet_service::http::token::{Gate, Token, bearer};
use futures_util::stream::{self, StreamExt};
use tokio::time::timeout;

use super::gallery::{Picture, Refusal};
use super::list;
use super::query::parameter;
use super::state::{Live, Watcher};

/// How long a request for the next picture waits for one.
const NEXT_WITHIN: Duration = Duration::from_secs(5);
/// The boundary between the pictures of a stream that plays. A picture may contain it, because each part states its length.
const BOUNDARY: &str = "frame";

/// How callers are told about the token of the live view.
const LIVE_TOKEN: TokenTexts = TokenTexts {
    name: "the worker's token (live-token)",
    how: "as `Authorization: Bearer TOKEN` or as ?token=TOKEN, because faces are personal data",
    unset: "faces are personal data, so pictures are shown on this machine alone until the worker has a token: \
            set live-token in its configuration file, or FACEFLEET_LIVE_TOKEN, and restart it",
};
const NO_STREAM: &str = "there is no such stream here, or not any more; /live names those that there are\n";
const TOO_MANY_WATCHERS: &str = "as many as can look at this worker do so already; try again later\n";

/// What the handlers of the pages share.
#[derive(Clone)]
struct Pages {
    live: Live,
    gate: Arc<Gate>,
    challenge: Arc<Challenge>,
}

/// The pages `/live`, `/live/STREAM` and `/live/STREAM/picture.jpg`, for callers on this machine or with the token.
pub(crate) fn pages(live: Live, token: Option<Token>) -> Router {
    let pages = Pages { live, gate: Arc::new(Gate::new(token)), challenge: Arc::default() };
    Router::new()
        .route("/live", get(streams))
        .route("/live/{stream}", get(play))
        .route("/live/{stream}/picture.jpg", get(next_picture))
        .route_layer(middleware::from_fn_with_state(pages.clone(), guard))
        .with_state(pages)
}

/// Admits those who may see faces: callers on this machine, those with the token, and those who prove that the one for whom they ask
/// has it, as a master does.
async fn guard(
    State(pages): State<Pages>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(ReachedAt(own)): Extension<ReachedAt>,
    request: Request,
    next: Next,
) -> Response {
    if !is_local(peer, request.headers())
        && let Err(refused) = pages.admit(&request, peer, own)
    {
        return pages.refuse(refused);
    }
    next.run(request).await
}

impl Pages {
    /// Lets a request through that shows the token, or a proof of it.
    fn admit(&self, request: &Request, peer: SocketAddr, own: SocketAddr) -> Result<(), Refused> {
        let (headers, uri) = (request.headers(), request.uri());
        let from = Caller::of(peer, headers);
        if let Some(proof) = headers.get(PROOF).and_then(|proof| proof.to_str().ok()) {
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            return self.gate.open_if(Some(|token: &Token| self.challenge.is_met(token, own, path, proof)), from);
        }
        let in_query = parameter(uri, "token");
        self.gate.open(bearer(headers).or(in_query.as_deref()), from)
    }

    /// The answer to a caller who is not admitted. The nonce in it lets the caller come back with a proof.
    fn refuse(&self, refused: Refused) -> Response {
        let text = format!("{}\n", refused.message(&LIVE_TOKEN));
        refused.response(([(NONCE, self.challenge.nonce())], text))
    }

    fn watch(&self, uri: &Uri) -> Result<Watcher, Refusal> {
        self.live.watch(stream_of(uri.path()).ok_or(Refusal::NoStream)?)
    }
}

/// Answers the list of streams, as a page for browsers and as JSON for programs.
async fn streams(State(pages): State<Pages>, request: Request) -> Response {
    let streams = pages.live.list();
    let mut accepted = request.headers().get_all(ACCEPT).iter().filter_map(|kinds| kinds.to_str().ok());
    if accepted.any(|kinds| kinds.contains("text/html")) {
        let page = list::html(&streams, parameter(request.uri(), "token").as_deref());
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
    } else {
        ([(CONTENT_TYPE, "application/json")], list::json(&streams)).into_response()
    }
}

/// Answers the pictures of a stream until it ends, each of which replaces the one before. A slow reader gets fewer of them.
async fn play(State(pages): State<Pages>, uri: Uri) -> Response {
    let watcher = match pages.watch(&uri) {
        Ok(watcher) => watcher,
        Err(refusal) => return refused(refusal),
    };
    let pictures = stream::unfold((watcher, 0), |(mut watcher, shown)| async move {
        let picture = watcher.picture(shown).await?;
        Some((part(&picture), (watcher, picture.number)))
    });
    // A browser shows a picture when it sees the boundary after it, so that is sent at once.
    let parts = stream::once(async { Bytes::from(format!("--{BOUNDARY}\r\n")) }).chain(pictures);
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    ([(CONTENT_TYPE, kind)], Body::from_stream(parts.map(Ok::<_, Infallible>))).into_response()
}

fn part(Picture { number, jpeg }: &Picture) -> Bytes {
    let length = jpeg.len();
    let head = format!("Content-Type: image/jpeg\r\nContent-Length: {length}\r\nX-Picture: {number}\r\n\r\n");
    [head.as_bytes(), jpeg, b"\r\n--", BOUNDARY.as_bytes(), b"\r\n"].concat().into()
}

/// Answers the next picture after number `after`: 204 if there is none for a while, 404 if the stream has ended.
async fn next_picture(State(pages): State<Pages>, uri: Uri) -> Response {
    let mut watcher = match pages.watch(&uri) {
        Ok(watcher) => watcher,
        Err(refusal) => return refused(refusal),
    };
    let after = parameter(&uri, "after").and_then(|after| after.parse().ok()).unwrap_or(0);
    match timeout(NEXT_WITHIN, watcher.picture(after)).await {
        Ok(Some(Picture { number, jpeg })) => {
            ([("content-type", "image/jpeg".to_owned()), ("x-picture", number.to_string())], jpeg).into_response()
        }
        Ok(None) => refused(Refusal::NoStream),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The number of the stream in `/live/STREAM…`, which must be written as it is listed: in sixteen lower-case hexadecimal digits.
fn stream_of(path: &str) -> Option<u64> {
    let name = path.split('/').nth(2)?;
    let is_listed_so = name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_listed_so.then(|| u64::from_str_radix(name, 16).ok()).flatten()
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::NoStream => (StatusCode::NOT_FOUND, NO_STREAM).into_response(),
        Refusal::TooMany => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], TOO_MANY_WATCHERS).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_sixteen_digits_and_no_trick() {
        assert_eq!(stream_of("/live/00000000000000ab"), Some(0xab));
        assert_eq!(stream_of("/live/ffffffffffffffff/picture.jpg"), Some(u64::MAX));
        for path in [
            "/live",
            "/live/",
            "/live/ab",
            "/live/00000000000000AB",
            "/live/+0000000000000ab",
            "/live/..%2f..%2fetc%2fpw",
            "/live/%30000000000000ab",
            "/live/0000000000000000ab",
            "/live//00000000000000ab",
            "/live/../00000000000000ab",
        ] {
            assert_eq!(stream_of(path), None, "{path}");
        }
    }
}
