//! Connections for which there is no room.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a connection that was turned away stays open. One that is closed while its request is still coming in is reset, and a
/// peer that is reset may lose what it has not read yet.
const STAYS: Duration = Duration::from_secs(1);
/// Most of them. The oldest is closed for one more.
const PLACES: usize = 64;

const FULL: &str = "every place is taken: close a page that shows this cluster, or try again in a few seconds\n";

/// Those that were turned away, for the moment in which they read why. Nothing is read from them, and none has a task.
#[derive(Debug, Default)]
pub(super) struct Doorstep {
    /// The oldest first, each with when it is closed.
    turned_away: VecDeque<(TcpStream, Instant)>,
}

impl Doorstep {
    /// Says that there is no room. It never waits: what is said fits into any new connection's buffer.
    pub(super) fn turn_away(&mut self, tcp: TcpStream) {
        let said = tcp.try_write(answer().as_bytes());
        if said.is_err() || SockRef::from(&tcp).shutdown(Shutdown::Write).is_err() {
            return;
        }
        if self.turned_away.len() == PLACES {
            self.turned_away.pop_front();
        }
        self.turned_away.push_back((tcp, Instant::now() + STAYS));
    }

    /// Closes the oldest one when its time has come; waits for ever where there is none.
    pub(super) async fn tidy(&mut self) {
        match self.turned_away.front() {
            Some((_, until)) => tokio::time::sleep_until(*until).await,
            None => std::future::pending().await,
        }
        self.turned_away.pop_front();
    }
}

fn answer() -> String {
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{FULL}",
        FULL.len()
    )
}
