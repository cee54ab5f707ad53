//! Connections: so many and no more, none of them silent or stuck for long.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::caller::ReachedAt;
use super::doorstep::Doorstep;
use super::progress::Progress;
use crate::incoming::{REPORT_EVERY, accept};
use crate::metrics::{IntGauge, Metrics, gauge};
use crate::quiet::Quiet;

/// Connections at once. A browser that looks at the page has two to six.
pub const MAX_CONNECTIONS: usize = 500;
/// How long the header of a request may take, counted from the connection's beginning or the answer before it: so a connection
/// that says nothing is closed, too.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may take nothing of what it asked for.
const PROGRESS_WITHIN: Duration = Duration::from_secs(10);
/// How long answers may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(1);
/// Greatest header of a request; and once so much of an answer waits, its next piece is not asked for, so that who reads slowly
/// gets what is new then, not what has piled up.
const BUFFER_BYTES: usize = 16 << 10;
/// What the system holds beside that, and doubles, for the same reason.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// What every connection is held to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    header: Duration,
    progress: Duration,
}

/// How many connections a site has open, for [`serve`] and the metrics of its program.
///
/// # Panics
/// They are told already.
pub fn connections(metrics: &Metrics) -> IntGauge {
    let help = "Connections to the HTTP port that are open; beyond 500 the next is told 503.";
    let open = gauge("facefleet_http_connections", help);
    metrics.add(open.clone());
    open
}

/// Serves `site` on `listener` until `stop`, then lets answers end for a second. Answers without an end, such as a stream of
/// events, had better end by themselves at `stop`.
///
/// Handlers find the peer's address as `ConnectInfo<SocketAddr>`, and their own as `Extension<ReachedAt>`. A connection beyond
/// [`MAX_CONNECTIONS`] is answered 503 and closed.
pub async fn serve(listener: TcpListener, site: Router, open: IntGauge, stop: CancellationToken) {
    let limits = Limits { connections: MAX_CONNECTIONS, header: HEADER_WITHIN, progress: PROGRESS_WITHIN };
    serve_within(limits, listener, site, open, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, site: Router, open: IntGauge, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut doorstep = Doorstep::default();
    let mut quiet = Quiet::new(REPORT_EVERY);
    loop {
        open.set(connections.len() as i64);
        let tcp = tokio::select! {
            () = stop.cancelled() => break,
            tcp = accept(&listener, &mut quiet) => tcp,
            Some(_) = connections.join_next() => continue,
            () = doorstep.tidy() => continue,
        };
        while connections.try_join_next().is_some() {}
        // Err: the peer has gone again.
        let (Ok(peer), Ok(own)) = (tcp.peer_addr(), tcp.local_addr()) else { continue };
        if connections.len() < limits.connections {
            connections.spawn(talk(tcp, (peer, own), site.clone(), limits, stop.clone()));
        } else {
            doorstep.turn_away(tcp);
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection, to its end.
async fn talk(
    tcp: TcpStream,
    (peer, own): (SocketAddr, SocketAddr),
    site: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // Without it a slow reader gets older pictures.
    let _ = SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER_BYTES);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(ReachedAt(own));
        let answer = site.clone().oneshot(request.map(Body::new));
        async move { answer.await as Result<Response, Infallible> }
    });
    let io = TokioIo::new(Progress::new(tcp, limits.progress));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, answer);
    let mut connection = pin!(connection);
    // How a connection ended is its peer's affair: it went away, was too slow, or spoke something else.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(GRACE, connection).await;
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
