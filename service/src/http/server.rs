//! Serves HTTP connections: a limited number of them, none of which may be silent or stuck for long.

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
use super::rejected::Rejected;
use super::write_timeout::WriteTimeout;
use crate::incoming::{REPORT_EVERY, accept};
use crate::log_limit::LogLimit;
use crate::metrics::{IntGauge, Metrics, gauge};

/// The most connections at once. A browser that shows the page has two to six.
pub const MAX_CONNECTIONS: usize = 500;
/// How long the header of a request may take, counted from the start of the connection or the answer before it. So a silent
/// connection is closed as well.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may read nothing of an answer that waits for it.
const PROGRESS_WITHIN: Duration = Duration::from_secs(10);
/// How long answers may still take when the server stops.
const GRACE: Duration = Duration::from_secs(1);
/// The size of a connection's buffer: the largest header of a request, and how much of an answer may wait before its next piece is
/// produced. With a small buffer a slow reader gets what is new when it reads, and not what has piled up.
const BUFFER_BYTES: usize = 16 << 10;
/// The size of the system's send buffer for a connection, which the system doubles. It is small for the sake of slow readers, like
/// [`BUFFER_BYTES`].
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// The limits of every connection, which tests shorten.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    header: Duration,
    progress: Duration,
}

/// The gauge of a site's open connections, for [`serve`], which is added to the metrics of the program.
///
/// # Panics
/// Panics when the metrics have this gauge already.
pub fn connections(metrics: &Metrics) -> IntGauge {
    let help = "Connections to the HTTP port that are open; beyond 500 the next is answered 503.";
    let open = gauge("facefleet_http_connections", help);
    metrics.add(open.clone());
    open
}

/// Serves `site` on `listener` until `stop`, and then gives answers another second. Answers without an end, such as a stream of
/// events, should end by themselves at `stop`.
///
/// Handlers find the peer's address as `ConnectInfo<SocketAddr>`, and their own address as `Extension<ReachedAt>`. A connection
/// beyond [`MAX_CONNECTIONS`] is answered 503 and closed.
pub async fn serve(listener: TcpListener, site: Router, open: IntGauge, stop: CancellationToken) {
    let limits = Limits { connections: MAX_CONNECTIONS, header: HEADER_WITHIN, progress: PROGRESS_WITHIN };
    serve_within(limits, listener, site, open, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, site: Router, open: IntGauge, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut rejected = Rejected::default();
    let mut log_limit = LogLimit::new(REPORT_EVERY);
    loop {
        open.set(connections.len() as i64);
        let tcp = tokio::select! {
            () = stop.cancelled() => break,
            tcp = accept(&listener, &mut log_limit) => tcp,
            Some(_) = connections.join_next() => continue,
            () = rejected.close_next() => continue,
        };
        while connections.try_join_next().is_some() {}
        // Neither address is known when the peer has gone again.
        let (Ok(peer), Ok(own)) = (tcp.peer_addr(), tcp.local_addr()) else { continue };
        if connections.len() < limits.connections {
            let ends = Ends { peer, own };
            connections.spawn(serve_connection(tcp, ends, site.clone(), limits, stop.clone()));
        } else {
            rejected.reject(tcp);
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The addresses of a connection's two ends.
#[derive(Clone, Copy)]
struct Ends {
    peer: SocketAddr,
    own: SocketAddr,
}

/// Serves one connection until it ends.
async fn serve_connection(
    tcp: TcpStream,
    Ends { peer, own }: Ends,
    site: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // With a larger buffer a slow reader would get older pictures.
    let _ = SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER_BYTES);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(ReachedAt(own));
        let answer = site.clone().oneshot(request.map(Body::new));
        async move { answer.await as Result<Response, Infallible> }
    });
    let io = TokioIo::new(WriteTimeout::new(tcp, limits.progress));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, answer);
    let mut connection = pin!(connection);
    // The result is ignored, because how a connection ends is up to its peer: it left, was too slow, or spoke another protocol.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(GRACE, connection).await;
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
