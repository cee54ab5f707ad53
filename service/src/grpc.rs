//! The one place that sets the limits and timeouts of gRPC servers and channels.
//!
//! tonic's own defaults do not fit here: messages end at 4 MiB, keepalive is off, and the HTTP/2 windows are smaller than one
//! video frame, so that a frame would wait for a round trip.

use std::error::Error;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Server};

use crate::address::{HostPort, HostPorts};
pub use crate::incoming::{Connection, incoming};

/// The default limit on the size of a message, in both directions. A 3840×2160 JPEG of video quality has 2 to 4 MiB.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A peer that has sent nothing for this long is pinged.
pub const KEEPALIVE: Duration = Duration::from_secs(5);
/// A peer that does not answer a ping within this time is given up.
/// See [`KEEPALIVE`].
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The HTTP/2 window of a stream, in which a few 1080p frames can be on their way.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// The HTTP/2 window of a connection, which has room for eight streams with full windows.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// How long a call that is answered at once may take, connecting included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call that is answered at once may take, connecting included, where another peer can be asked instead.
const CALL_TIMEOUT_OF_ONE: Duration = Duration::from_secs(1);
/// How long connecting may take.
/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The builder of a server that accepts at most `max_streams` calls at once on one connection.
pub fn server(max_streams: u32) -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(max_streams)
}

/// A channel to `peer`, which connects when it is first used, and again when it is used after a loss.
///
/// # Panics
/// Never panics, because a [`HostPort`] always makes a URI.
pub fn channel(peer: &HostPort) -> Channel {
    endpoint(peer).connect_lazy()
}

/// How long a call that is answered at once may take when it can be made to any of `peers`.
pub fn call_timeout(peers: &HostPorts) -> Duration {
    if peers.count() > 1 { CALL_TIMEOUT_OF_ONE } else { CALL_TIMEOUT }
}

/// The settings of a channel to `peer`.
///
/// # Panics
/// Never panics, because a [`HostPort`] always makes a URI.
pub fn endpoint(peer: &HostPort) -> Endpoint {
    Endpoint::from_shared(peer.uri())
        .expect("a host and a port always make a URI")
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}

/// A channel to a collector of traces, which connects when it is first used. It has no keepalive, because a server of grpc-go with
/// default settings closes a connection that is pinged more than once in five minutes.
///
/// # Panics
/// Never panics, because a [`HostPort`] always makes a URI.
#[cfg(feature = "otlp")]
pub(crate) fn collector(peer: &HostPort) -> Channel {
    let endpoint = Endpoint::from_shared(peer.uri()).expect("a host and a port always make a URI");
    endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT).connect_lazy()
}

/// Describes an error and its causes on one line. Nothing is repeated, and tonic's `transport error`, which explains nothing, is left
/// out.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = match error.downcast_ref::<tonic::Status>() {
            Some(status) if status.message().is_empty() => status.code().description().to_owned(),
            Some(status) => status.message().to_owned(),
            None => error.to_string(),
        };
        let is_repeated = parts.iter().any(|part| part.contains(&text));
        if !is_repeated && text != "transport error" {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_refused_connection_is_said_once_and_plainly() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = endpoint(&nobody.into()).connect().await.unwrap_err();
        let text = explain(&error);
        assert!(text.to_lowercase().matches("refused").count() == 1 && !text.contains("transport error"), "{text}");
    }

    #[test]
    fn a_status_is_its_message() {
        assert_eq!(
            explain(&tonic::Status::invalid_argument("JoinRequest.port: 0 is not a port")),
            "JoinRequest.port: 0 is not a port"
        );
        assert_eq!(explain(&tonic::Status::unknown("")), "Unknown error");
    }
}
