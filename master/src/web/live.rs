//! Passes pictures of the workers on, so that a browser that shows the page only needs to reach the master.
//!
//! A request goes to the address and the port that the worker has joined with, and nowhere else: a browser names a worker and a
//! stream, never an address. The worker decides who may see its pictures. So the master tells it whose request it is, and proves
//! that the browser has the token. The worker never gets the token itself, since anybody may have joined as a worker
//! ([`facefleet_service::http::proof`]).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use facefleet_service::http::caller::{FORWARDED, forwarded};
use facefleet_service::http::proof::{NONCE, PROOF, proof};
use facefleet_service::http::token::bearer;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::members::Members;

/// Requests that are passed on at once, which is what a class of forty looks at. Further ones are refused for the moment. Each costs
/// a task, a connection, and memory for its answer.
const AT_ONCE: usize = 256;
/// Seconds after which a refused browser is to try again.
const AGAIN_AFTER_S: &str = "2";
/// How long connecting to a worker may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long a request may take. A worker keeps a request for a new picture open for 5 s.
const WITHIN: Duration = Duration::from_secs(6);
/// Greatest answer. A picture has 640×640 pixels at most, which are 300 kB where they are pure noise.
const MAX_BYTES: usize = 512 << 10;
/// The header with the number of the picture.
const X_PICTURE: HeaderName = HeaderName::from_static("x-picture");

/// Passes requests on.
pub(super) struct Relay {
    places: Semaphore,
}

/// The state of the handlers here.
pub(super) type LiveState = State<(Arc<Members>, Arc<Relay>)>;

impl Default for Relay {
    fn default() -> Relay {
        Relay { places: Semaphore::new(AT_ONCE) }
    }
}

/// `GET /live/WORKER`: the worker's streams, as JSON.
pub(super) async fn streams(
    State((members, relay)): LiveState,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    worker: Result<Path<String>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Response<Body> {
    let Ok(Path(worker)) = worker else { return nothing_here() };
    relay.pass_on(&members, &worker, "/live", peer, &headers).await
}

/// `GET /live/WORKER/STREAM/picture.jpg?after=N`: the next picture of a stream that is newer than N.
pub(super) async fn picture(
    State((members, relay)): LiveState,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    names: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let Ok(Path((worker, stream))) = names else { return nothing_here() };
    let Some(path) = picture_path(&stream, query.as_deref()) else { return nothing_here() };
    relay.pass_on(&members, &worker, &path, peer, &headers).await
}

/// The path of the picture at its worker; None: the stream is not named as streams are, or the picture has no number.
fn picture_path(stream: &str, query: Option<&str>) -> Option<String> {
    let is_name = stream.len() == 16 && stream.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let after = match query {
        Some(query) => query.strip_prefix("after=")?.parse::<u64>().ok()?,
        None => 0,
    };
    is_name.then(|| format!("/live/{stream}/picture.jpg?after={after}"))
}

impl Relay {
    async fn pass_on(
        &self,
        members: &Members,
        worker: &str,
        path: &str,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> Response<Body> {
        let Some(address) = members.live_address(worker) else { return nothing_here() };
        let Ok(_place) = self.places.try_acquire() else { return full() };
        let question = Question { address, path, forwarded: forwarded(peer, headers), token: bearer(headers) };
        let problem = match tokio::time::timeout(WITHIN, question.ask()).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(problem)) => problem,
            Err(_) => Problem::Late,
        };
        // What the system or the worker says is for the people who run the master.
        tracing::debug!("no picture of worker `{worker}` at {address}: {problem} ({problem:?})");
        (problem.status(), format!("{problem}\n")).into_response()
    }
}

/// Why there is no answer of a worker to pass on.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the worker cannot be reached for its pictures")]
    Connect(#[source] std::io::Error),
    #[error("the worker cannot be reached for its pictures in time")]
    Far,
    #[error("the worker did not answer in time")]
    Late,
    #[error("the worker does not speak HTTP as it should")]
    Http(#[source] hyper::Error),
    #[error("the worker answers with more than {MAX_BYTES} bytes, or breaks off")]
    Body,
    #[error("the worker answers with what is no picture and no list of streams")]
    Unfit(StatusCode),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Problem::Far | Problem::Late => StatusCode::GATEWAY_TIMEOUT,
            Problem::Connect(_) | Problem::Http(_) | Problem::Body | Problem::Unfit(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

/// A request to a worker.
struct Question<'a> {
    address: SocketAddr,
    path: &'a str,
    forwarded: HeaderValue,
    /// The token of the browser, for the proof.
    token: Option<&'a str>,
}

impl Question<'_> {
    /// Sends the request on a connection of its own, which ends with the answer.
    async fn ask(&self) -> Result<Response<Body>, Problem> {
        let connected = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(self.address)).await;
        let tcp = connected.map_err(|_| Problem::Far)?.map_err(Problem::Connect)?;
        let (mut worker, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(Problem::Http)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let mut answer = self.put(&mut worker, None).await?;
        if let Some(proof) = self.proof(&answer) {
            worker.ready().await.map_err(Problem::Http)?;
            answer = self.put(&mut worker, Some(proof)).await?;
        }
        let (parts, content) = answer.into_parts();
        fit(parts.status, &parts.headers, content).ok_or(Problem::Unfit(parts.status))
    }

    async fn put(&self, worker: &mut SendRequest<Body>, proof: Option<String>) -> Result<Response<Bytes>, Problem> {
        let mut request = Request::get(self.path)
            .header(HOST, self.address.to_string())
            .header(ACCEPT, "application/json, image/jpeg")
            .header(FORWARDED, &self.forwarded);
        if let Some(proof) = proof {
            request = request.header(PROOF, proof);
        }
        let request = request.body(Body::empty()).expect("the path was in a request before, and all else is ours");
        let (parts, content) = worker.send_request(request).await.map_err(Problem::Http)?.into_parts();
        let content = to_bytes(Body::new(content), MAX_BYTES).await.map_err(|_| Problem::Body)?;
        Ok(Response::from_parts(parts, content))
    }

    /// The proof that the worker asks for in this answer; None: it asks for none, or the browser has no token.
    fn proof(&self, answer: &Response<Bytes>) -> Option<String> {
        let nonce = answer.headers().get(NONCE).filter(|_| answer.status() == StatusCode::UNAUTHORIZED)?;
        Some(proof(self.token?, self.address, self.path, nonce.to_str().ok()?))
    }
}

/// The part of a worker's answer that a browser gets: only what our page is known to handle safely. None: nothing of it.
fn fit(status: StatusCode, headers: &HeaderMap, content: Bytes) -> Option<Response<Body>> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let (kind, content) = match (status, kind) {
        (StatusCode::NO_CONTENT, _) => (None, Bytes::new()),
        (StatusCode::OK, "image/jpeg") => (Some("image/jpeg"), content),
        (StatusCode::OK, "application/json") => (Some("application/json"), content),
        (no, "text/plain") if is_no(no) => (Some("text/plain; charset=utf-8"), content),
        (no, _) if is_no(no) => (None, Bytes::new()),
        _ => return None,
    };
    let mut answer = Response::builder().status(status);
    if let Some(kind) = kind {
        answer = answer.header(CONTENT_TYPE, kind);
    }
    for name in [X_PICTURE, RETRY_AFTER] {
        if let Some(value) = headers.get(&name) {
            answer = answer.header(name, value);
        }
    }
    answer.body(Body::from(content)).ok()
}

/// Whether a worker refuses, or says that too many are looking.
fn is_no(status: StatusCode) -> bool {
    status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE
}

fn full() -> Response<Body> {
    let said = "as many look at pictures as this master can ask for; try again in a moment\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, AGAIN_AFTER_S)], said).into_response()
}

fn nothing_here() -> Response<Body> {
    (StatusCode::NOT_FOUND, "no such worker shows pictures here\n").into_response()
}
