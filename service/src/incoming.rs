//! Accepts the connections of a server: a limited number of them, none of which may stay silent for long. When the system cannot
//! accept connections, this neither spins nor floods the log.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::clock;
use crate::log_limit::LogLimit;

/// The length of the preface with which every HTTP/2 client starts (RFC 9113, section 3.4). Keepalive pings start only after it.
const PREFACE_BYTES: usize = 24;
/// How long a peer may take to send the preface.
const PREFACE_WITHIN: Duration = Duration::from_secs(10);
/// The wait after a connection that the system could not accept. The usual cause is that too many files are open, and then further
/// attempts fail as well until some connection has ended.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is logged that connections cannot be accepted.
pub(crate) const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The connections of `listener`, which send small packets at once. At most `max` are open at a time, and further ones wait in the
/// system's queue. A peer that does not start to speak HTTP/2 within 10 s loses its connection.
pub fn incoming(
    listener: TcpListener,
    max: usize,
) -> impl Stream<Item = Result<Connection, Infallible>> + Send + use<> {
    incoming_within(listener, max, PREFACE_WITHIN)
}

fn incoming_within(
    listener: TcpListener,
    max: usize,
    preface_within: Duration,
) -> impl Stream<Item = Result<Connection, Infallible>> + Send + use<> {
    let places = Arc::new(Semaphore::new(max));
    stream::unfold((listener, LogLimit::new(REPORT_EVERY)), move |(listener, mut log_limit)| {
        let places = places.clone();
        async move {
            let place = places.acquire_owned().await.expect("nobody closes it");
            let tcp = accept(&listener, &mut log_limit).await;
            Some((Ok(Connection::new(tcp, place, preface_within)), (listener, log_limit)))
        }
    })
}

/// Waits for the next connection, which sends small packets at once.
pub(crate) async fn accept(listener: &TcpListener, log_limit: &mut LogLimit) -> TcpStream {
    loop {
        let error = match listener.accept().await {
            Ok((tcp, _)) => match tcp.set_nodelay(true) {
                Ok(()) => return tcp,
                // The option cannot be set when the peer has gone again.
                Err(_) => continue,
            },
            Err(error) => error,
        };
        if let Some(kept_back) = log_limit.allow(clock::now()) {
            tracing::warn!(kept_back, "a connection cannot be accepted: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A connection. It occupies one of the places of its server until it is dropped.
#[derive(Debug)]
pub struct Connection {
    tcp: TcpStream,
    /// The preface that the peer still has to send; None once it has sent it.
    preface: Option<Preface>,
    _place: OwnedSemaphorePermit,
}

/// A preface that is not complete yet, and when it must be.
#[derive(Debug)]
struct Preface {
    bytes_left: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(tcp: TcpStream, place: OwnedSemaphorePermit, preface_within: Duration) -> Connection {
        let deadline = Box::pin(tokio::time::sleep(preface_within));
        Connection { tcp, preface: Some(Preface { bytes_left: PREFACE_BYTES, deadline }), _place: place }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if let Some(preface) = &mut self.preface {
            preface.bytes_left = preface.bytes_left.saturating_sub(buf.filled().len() - before);
            if preface.bytes_left == 0 {
                self.preface = None;
            } else if read.is_pending() && preface.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// Provides the addresses of both ends for `Request::local_addr` and `Request::remote_addr`.
impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.tcp.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn listen() -> (TcpListener, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn silent_connections_keep_nobody_out_for_ever() {
        let (listener, address) = listen().await;
        let mut incoming = Box::pin(incoming_within(listener, 2, Duration::ZERO));
        let _idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let mut taken = Vec::new();
        for _ in 0..2 {
            let Some(Ok(connection)) = incoming.next().await else { panic!("a stream without end") };
            taken.push(connection);
        }
        let third = TcpStream::connect(address).await.unwrap();
        assert!(incoming.next().now_or_never().is_none(), "there are two places");
        for mut silent in taken {
            assert_eq!(silent.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        let Some(Ok(connection)) = incoming.next().await else { panic!("a stream without end") };
        let TcpConnectInfo { local_addr, remote_addr } = connection.connect_info();
        assert_eq!((local_addr, remote_addr), (Some(address), Some(third.local_addr().unwrap())));
    }

    #[tokio::test]
    async fn who_has_spoken_may_be_silent_and_half_a_greeting_is_none() {
        let (listener, address) = listen().await;
        let mut incoming = Box::pin(incoming_within(listener, 2, Duration::ZERO));
        for (said, is_cut) in [(PREFACE_BYTES, false), (PREFACE_BYTES - 1, true)] {
            let mut peer = TcpStream::connect(address).await.unwrap();
            peer.write_all(&vec![b'x'; said]).await.unwrap();
            let Some(Ok(mut connection)) = incoming.next().await else { panic!("a stream without end") };
            connection.tcp.readable().await.unwrap();
            connection.read_exact(&mut vec![0; said]).await.unwrap();
            assert_eq!(connection.preface.is_some(), is_cut, "after {said} bytes");
            if is_cut {
                assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
        }
    }
}
