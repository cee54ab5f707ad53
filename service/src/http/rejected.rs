//! Rejects connections for which there is no room.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::clock;

/// How long a rejected connection stays open. A connection that is closed while its request is still coming in is reset, and then
/// the peer may lose the answer before it has read it.
const LINGER: Duration = Duration::from_secs(1);
/// The most rejected connections that stay open. The oldest is closed when there is one more.
const MAX_REJECTED: usize = 64;

const FULL: &str = "every place is taken: close a page that shows this cluster, or try again in a few seconds\n";

/// The rejected connections, which stay open for a moment so that their peers can read the answer. Nothing is read from them, and
/// none has a task.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    /// The oldest first.
    lingering: VecDeque<Lingering>,
}

#[derive(Debug)]
struct Lingering {
    /// Closed when it is dropped.
    _tcp: TcpStream,
    until: Instant,
}

impl Rejected {
    /// Answers that there is no room. This never waits, because the answer fits into the buffer of any new connection.
    pub(super) fn reject(&mut self, tcp: TcpStream) {
        let written = tcp.try_write(answer().as_bytes());
        if written.is_err() || SockRef::from(&tcp).shutdown(Shutdown::Write).is_err() {
            return;
        }
        if self.lingering.len() == MAX_REJECTED {
            self.lingering.pop_front();
        }
        self.lingering.push_back(Lingering { _tcp: tcp, until: (clock::now() + LINGER).into() });
    }

    /// Waits until the oldest connection has lingered long enough, and closes it. Waits for ever while there is none.
    pub(super) async fn close_next(&mut self) {
        match self.lingering.front() {
            Some(oldest) => tokio::time::sleep_until(oldest.until).await,
            None => std::future::pending().await,
        }
        self.lingering.pop_front();
    }
}

fn answer() -> String {
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{FULL}",
        FULL.len()
    )
}
