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
/// What is too long also where everybody shares a few cores that are all busy.
const TOO_LONG: Duration = Duration::from_secs(3);

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
    /// Each time for which there was none for more than a second, in milliseconds.
    pub(crate) over_a_second_ms: Vec<u64>,
}

impl Answers {
    /// Whether clients that began had to wait for longer than a busy machine explains.
    pub(crate) fn are_late(&self) -> bool {
        u128::from(self.longest_without_ms) > TOO_LONG.as_millis()
    }

    /// There was none between these.
    fn gap(&mut self, from: Instant, to: Instant) {
        let ms = to.saturating_duration_since(from).as_millis() as u64;
        self.longest_without_ms = self.longest_without_ms.max(ms);
        self.over_a_second_ms.extend((u128::from(ms) > IN_TIME.as_millis()).then_some(ms));
    }
}

#[derive(Debug)]
struct Seen {
    answers: Answers,
    /// When each master last gave a route.
    last: Vec<Option<Instant>>,
    /// When the first question was asked.
    start: Instant,
}

impl Seen {
    fn answer(&mut self, master: usize, now: Instant) {
        // Before the first answer masters and workers have yet to start.
        if let Some(before) = self.latest() {
            self.answers.gap(before, now);
        }
        self.answers.routes += 1;
        self.last[master] = Some(now);
    }

    /// When any master last gave a route.
    fn latest(&self) -> Option<Instant> {
        self.last.iter().flatten().max().copied()
    }

    /// What was answered until now, with the gap that no answer has ended.
    fn answers(&self, now: Instant) -> Answers {
        let mut answers = self.answers.clone();
        answers.gap(self.latest().unwrap_or(self.start), now);
        answers
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
        let seen = Arc::new(Mutex::new(Seen {
            answers: Answers::default(),
            last: vec![None; masters.len()],
            start: clock::now(),
        }));
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
        locked(&self.seen).answers(clock::now())
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
        let mut seen = Seen { answers: Answers::default(), last: vec![None; 2], start };
        for (master, ms) in [(0, 5_000), (1, 5_400), (0, 5_900), (0, 6_900), (1, 8_000), (0, 8_001)] {
            seen.answer(master, start + Duration::from_millis(ms));
        }
        let expected = Answers { routes: 6, longest_without_ms: 1_100, over_a_second_ms: vec![1_100] };
        assert_eq!(seen.answers(start + Duration::from_millis(8_101)), expected);
        // Nobody answers any more.
        let at_the_end = seen.answers(start + Duration::from_millis(12_001));
        assert_eq!(at_the_end.over_a_second_ms, [1_100, 4_000]);
        assert!(at_the_end.are_late() && !expected.are_late());
        let never = Seen { answers: Answers::default(), last: vec![None; 2], start };
        assert!(never.answers(start + TOO_LONG * 2).are_late(), "nobody has ever answered");
    }
}
