//! Asks the master where to send frames, and goes on asking while more workers are wanted.

use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Candidate, Route, RouteQuery, WorkerId, wire};
use facefleet_service::address::HostPort;
use facefleet_service::backoff::Backoff;
use facefleet_service::grpc;
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

/// How soon a worker that joins is found by a stream that wants more.
const REFRESH: Duration = Duration::from_secs(1);

/// What a stream has, as far as routing cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InUse {
    /// Workers that it is connected to, or tries to be.
    pub(crate) links: usize,
    /// Whether one of them takes frames.
    pub(crate) up: bool,
    /// Workers not to be offered: those, and others that have just been lost.
    pub(crate) exclude: Vec<WorkerId>,
}

/// What a stream is told.
#[derive(Debug)]
pub(crate) enum News {
    /// Workers to use.
    Candidates { candidates: Vec<Candidate>, lease_id: Option<u64> },
    /// There is no worker; one line that says what is waited for.
    Waiting(String),
}

/// Asks until the stream no longer listens.
pub(crate) async fn run(
    master: HostPort,
    query: RouteQuery,
    mut in_use: watch::Receiver<InUse>,
    news: mpsc::Sender<News>,
) {
    let mut client = MasterClient::new(grpc::channel(&master));
    let mut backoff = Backoff::default();
    let mut said = String::new();
    while !news.is_closed() {
        let InUse { links, up, exclude } = in_use.borrow_and_update().clone();
        let missing = query.wanted.saturating_sub(links);
        if up {
            said.clear();
        }
        // Of workers that have just been lost the stream has spoken already.
        let nobody_known = exclude.is_empty();
        if missing == 0 {
            if in_use.changed().await.is_err() {
                return;
            }
            continue;
        }
        let now = RouteQuery { wanted: missing, exclude, ..query.clone() };
        let waits_for = match ask(&mut client, now).await {
            Ok(Route { candidates, lease, epoch: _ }) if !candidates.is_empty() => {
                backoff = Backoff::default();
                let lease_id = lease.map(|lease| lease.id);
                if news.send(News::Candidates { candidates, lease_id }).await.is_err() {
                    return;
                }
                None
            }
            Ok(_) if !nobody_known => None,
            Ok(_) => Some(waits_for_worker(&master, query.detector.as_deref())),
            Err(reason) => Some(format!("waiting for the master at {master}: {reason}")),
        };
        let pause = match waits_for {
            Some(waits_for) if links == 0 => {
                if waits_for != said {
                    said.clone_from(&waits_for);
                    if news.send(News::Waiting(waits_for)).await.is_err() {
                        return;
                    }
                }
                backoff.next_wait()
            }
            _ => REFRESH,
        };
        // A loss cuts the pause short; so does the end of the stream.
        if let Ok(Err(_ended)) = tokio::time::timeout(pause, in_use.changed()).await {
            return;
        }
    }
}

/// Whether there is no worker at all, or none with the detector, the master does not say.
fn waits_for_worker(master: &HostPort, detector: Option<&str>) -> String {
    let why = detector.map_or_else(String::new, |name| format!(": no worker has the detector `{name}`"));
    format!("waiting for a worker to join the master at {master}{why}")
}

async fn ask(client: &mut MasterClient<Channel>, query: RouteQuery) -> Result<Route, String> {
    let mut request = tonic::Request::new(wire::RouteRequest::from(query));
    request.set_timeout(grpc::CALL_TIMEOUT);
    let reply = client.route_guide(request).await.map_err(|status| grpc::explain(&status))?;
    Route::try_from(reply.into_inner()).map_err(|invalid| format!("its route is nonsense: {invalid}"))
}
