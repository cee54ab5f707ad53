//! Whether routes can be had all the time: each of several masters is asked again and again, as by clients that begin.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::wire::{ListNodesRequest, NodeHealth, RouteRequest};
use facefleet_service::{clock, grpc};
use serde::Serialize;
use tokio::runtime::Runtime;
use tonic::Request;
use tonic::transport::Channel;

use crate::error::Error;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(100);
/// The time within which another master has to answer when one is gone.
const IN_TIME: Duration = Duration::from_secs(1);

/// Questions to all masters.
pub(crate) struct Routes {
    masters: Vec<(SocketAddr, MasterClient<Channel>)>,
    seen: Arc<Mutex<Seen>>,
    runtime: Runtime,
}

/// Answers that named a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answers {
    pub(crate) routes: u64,
    /// The longest time without one from any master, in milliseconds.
    pub(crate) longest_without_ms: u64,
    /// How often there was none for more than a second.
    pub(crate) over_a_second: u32,
}

#[derive(Debug)]
struct Seen {
    answers: Answers,
    /// When each master last gave a route.
    last: Vec<Option<Instant>>,
}

impl Seen {
    fn answer(&mut self, master: usize, now: Instant) {
        let before = self.last.iter().flatten().max().copied();
        let without = before.map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        let Answers { routes, longest_without_ms, over_a_second } = &mut self.answers;
        *routes += 1;
        *longest_without_ms = (*longest_without_ms).max(without.as_millis() as u64);
        *over_a_second += u32::from(without > IN_TIME);
        self.last[master] = Some(now);
    }
}

impl Routes {
    /// Begins to ask.
    pub(crate) fn ask(masters: &[SocketAddr]) -> Result<Routes, Error> {
        let runtime = Runtime::new().map_err(Error::Runtime)?;
        let inside = runtime.enter(); // Channels are made in one.
        let client = |master: &SocketAddr| {
            let endpoint = grpc::endpoint(&(*master).into()).connect_timeout(PATIENCE);
            (*master, MasterClient::new(endpoint.connect_lazy()))
        };
        let masters: Vec<_> = masters.iter().map(client).collect();
        let seen = Arc::new(Mutex::new(Seen { answers: Answers::default(), last: vec![None; masters.len()] }));
        for (number, (_, client)) in masters.iter().enumerate() {
            runtime.spawn(ask_one(number, client.clone(), seen.clone()));
        }
        drop(inside);
        Ok(Routes { masters, seen, runtime })
    }

    /// Whether a master has given a route since then.
    pub(crate) fn given_since(&self, master: usize, then: Instant) -> bool {
        locked(&self.seen).last[master].is_some_and(|last| last >= then)
    }

    /// What masters say of the workers that should not be: each of them is to list all as healthy.
    pub(crate) fn doubts(&self, workers: usize) -> Vec<String> {
        let doubt = |(address, client): &(SocketAddr, MasterClient<Channel>)| {
            let mut request = Request::new(ListNodesRequest::default());
            request.set_timeout(PATIENCE);
            let reply = match self.runtime.block_on(client.clone().list_nodes(request)) {
                Ok(reply) => reply.into_inner(),
                Err(status) => return Some(format!("{address} does not list its workers: {}", status.message())),
            };
            let healthy = reply.nodes.iter().filter(|node| node.health() == NodeHealth::Healthy).count();
            match reply.stale_ms {
                0 if (healthy, reply.nodes.len()) == (workers, workers) => None,
                0 => Some(format!("{address} lists {} workers, {healthy} of them healthy", reply.nodes.len())),
                ms => Some(format!("{address} has been cut off from etcd for {ms} ms")),
            }
        };
        self.masters.iter().filter_map(doubt).collect()
    }

    /// What was answered so far.
    pub(crate) fn answers(&self) -> Answers {
        locked(&self.seen).answers.clone()
    }
}

async fn ask_one(number: usize, mut client: MasterClient<Channel>, seen: Arc<Mutex<Seen>>) {
    loop {
        let mut request = Request::new(RouteRequest::default());
        request.set_timeout(PATIENCE);
        if client.route_guide(request).await.is_ok_and(|reply| !reply.get_ref().ip.is_empty()) {
            locked(&seen).answer(number, clock::now());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("nothing panics while it notes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_the_time_in_which_no_master_answers() {
        let start = clock::now();
        let mut seen = Seen { answers: Answers::default(), last: vec![None; 2] };
        for (master, ms) in [(0, 5_000), (1, 5_400), (0, 5_900), (0, 6_900), (1, 8_000), (0, 8_001)] {
            seen.answer(master, start + Duration::from_millis(ms));
        }
        assert_eq!(seen.answers, Answers { routes: 6, longest_without_ms: 1_100, over_a_second: 1 });
    }
}
