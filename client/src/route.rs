//! Route requests of one stream to the masters, one at a time, in the background.
//!
//! Most requests are answered at once. A master that limits the number of streams delays its answer until the stream is
//! admitted, which may take minutes, so a request has no timeout. A dead master is detected by the keepalive of its
//! connection, and a second request asks whether the stream is in the queue for admission.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{RETRY_AFTER_MS, Route, RouteQuery, TaskResult, wire};
use facefleet_service::address::HostPorts;
use facefleet_service::trace::StreamTrace;
use facefleet_service::{clock, grpc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse, FusedFuture};
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use facefleet_stream::session::{NoRoute, RouteEvent};

/// How long an answer may take before the master is asked whether the stream is queued.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How often the master is asked again: 10,000 queued streams ask 2,000 times per second.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The longest time that a master can make a refused stream wait before it asks again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long a stream that has ended tries to tell a master. Without it the slot becomes free, too, but later.
const END_TIME: Duration = Duration::from_secs(1);

/// The masters of a cluster, as one stream asks them: always the same one, until it does not answer, and then the next.
pub(crate) struct Masters {
    asker: Asker,
    asking: Fuse<BoxFuture<'static, Result<Route, NoRoute>>>,
    waiting: mpsc::UnboundedReceiver<u32>,
}

#[derive(Clone)]
struct Asker {
    /// Timeout of a call that is answered at once.
    patience: Duration,
    clients: Arc<[MasterClient<Channel>]>,
    standing: Arc<Mutex<Standing>>,
    waiting: mpsc::UnboundedSender<u32>,
    trace: StreamTrace,
}

/// The state that is kept between two requests.
#[derive(Clone, Copy, Default)]
struct Standing {
    /// How many requests have failed so far, which selects the master to ask.
    turn: usize,
    /// How long the stream has waited for admission in requests that failed. The next master counts this time.
    waited: Duration,
}

impl Masters {
    /// Creates the masters for a stream. Requests carry the trace id of the stream.
    pub(crate) fn new(all: &HostPorts, trace: StreamTrace) -> Masters {
        let patience = grpc::call_timeout(all);
        let channel = |master| {
            // A short keepalive does no harm: the next master is told how long the stream has waited.
            let endpoint = grpc::endpoint(master).connect_timeout(patience);
            let endpoint = endpoint.http2_keep_alive_interval(patience / 2).keep_alive_timeout(patience / 2);
            MasterClient::new(endpoint.keep_alive_while_idle(false).connect_lazy())
        };
        let (sender, waiting) = mpsc::unbounded_channel();
        let clients = all.iter().map(channel).collect();
        let asker = Asker { patience, clients, standing: Arc::default(), waiting: sender, trace };
        Masters { asker, asking: Fuse::terminated(), waiting }
    }

    /// Starts a request. [`Masters::poll_answer`] returns its result.
    pub(crate) fn ask(&mut self, query: RouteQuery) {
        debug_assert!(self.asking.is_terminated(), "one request at a time");
        let asker = self.asker.clone();
        self.asking = async move { asker.ask(query).await }.boxed().fuse();
    }

    /// Polls for the result of the running request; `Pending` if there is none.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<RouteEvent> {
        if self.asking.is_terminated() {
            return Poll::Pending;
        }
        if let Poll::Ready(route) = self.asking.poll_unpin(cx) {
            return Poll::Ready(RouteEvent::Route(route));
        }
        let queued = self.waiting.poll_recv(cx);
        queued.map(|streams| RouteEvent::Queued(streams.expect("`Masters` holds a sender of its own")))
    }

    /// Returns the master that is asked at the moment.
    pub(crate) fn current(&self) -> MasterClient<Channel> {
        self.asker.clients[self.asker.standing().turn % self.asker.clients.len()].clone()
    }

    /// Tells a master that the stream has ended, so that its slot is free, and what its frames have cost.
    pub(crate) async fn end(self, results: Vec<TaskResult>) {
        let Masters { asker, asking, waiting: _ } = self;
        // A request that is still queued must not be admitted any more.
        drop(asking);
        if let Err(problem) = tokio::time::timeout(END_TIME, asker.submit(results)).await.unwrap_or(Err(None)) {
            let why = problem.map_or_else(|| "no answer in time".to_owned(), |status| grpc::explain(&status));
            tracing::debug!("the masters were not told that the stream has ended: {why}");
        }
    }
}

impl Asker {
    async fn ask(self, query: RouteQuery) -> Result<Route, NoRoute> {
        let mut problems = Vec::new();
        for _ in self.clients.iter() {
            let Standing { turn, waited } = *self.standing();
            let client = &self.clients[turn % self.clients.len()];
            let mut question = Request::new(wire::RouteRequest::from(RouteQuery { waited, ..query.clone() }));
            self.trace.inject(&mut question);
            let (begun, mut waits) = (clock::now(), false);
            let answer = tokio::select! {
                biased;
                answer = async { client.clone().route_guide(question).await } => answer,
                lost = self.watch(client.clone(), &mut waits) => Err(lost),
            };
            let answer = answer.map(|reply| Route::try_from(reply.into_inner()));
            let refused = answer.as_ref().err().and_then(retry_after);
            match (answer, refused) {
                (Ok(route), _) => {
                    self.standing().waited = Duration::ZERO;
                    return route.map_err(|invalid| NoRoute::Away(format!("its route is invalid: {invalid}")));
                }
                (Err(status), Some(after)) => {
                    self.standing().waited = Duration::ZERO;
                    return Err(NoRoute::Later { why: grpc::explain(&status), after });
                }
                (Err(status), None) => problems.push(grpc::explain(&status)),
            }
            let took = clock::now().saturating_duration_since(begun);
            *self.standing() = Standing { turn: turn + 1, waited: if waits { waited + took } else { waited } };
        }
        problems.dedup();
        Err(NoRoute::Away(problems.join("; ")))
    }

    /// Asks repeatedly, while the answer to a request is delayed, whether the stream is queued, and sets `waits`. Returns the
    /// error when this question fails, too.
    async fn watch(&self, mut client: MasterClient<Channel>, waits: &mut bool) -> Status {
        tokio::time::sleep(FIRST_LOOK).await;
        loop {
            let mut look = Request::new(wire::ListNodesRequest { without_nodes: true });
            look.set_timeout(self.patience);
            let streams = match client.list_nodes(look).await {
                Ok(reply) => reply.into_inner().waiting,
                // An old master has no queue, so it is only slow.
                Err(status) if status.code() == Code::Unimplemented => {
                    tokio::time::sleep(self.patience).await;
                    return status;
                }
                Err(status) => return status,
            };
            *waits = streams > 0;
            if *waits {
                // An error means that the stream has ended.
                let _ = self.waiting.send(streams);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn submit(&self, results: Vec<TaskResult>) -> Result<(), Option<Status>> {
        let mut problem = None;
        for turn in 0..self.clients.len() {
            let turn = self.standing().turn + turn;
            let mut client = self.clients[turn % self.clients.len()].clone();
            let tell = async {
                for result in &results {
                    client.submit_result(wire::TaskResult::from(*result)).await?;
                }
                Ok(())
            };
            match tell.await {
                Ok(()) => return Ok(()),
                Err(status) => problem = Some(status),
            }
        }
        Err(problem)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns after what time to ask again, if a master has refused the stream because the cluster is full.
fn retry_after(status: &Status) -> Option<Duration> {
    let after = status.metadata().get(RETRY_AFTER_MS).filter(|_| status.code() == Code::ResourceExhausted)?;
    let after = Duration::from_millis(after.to_str().ok()?.parse().ok()?);
    Some(after.min(LONGEST_RETRY))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use facefleet_cluster::admission::AdmissionName;
    use facefleet_master::{Config, run};
    use facefleet_service::address::HostPort;
    use tokio::net::TcpListener;
    use tokio_util::sync::{CancellationToken, DropGuard};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn listener() -> (TcpListener, HostPort) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().into();
        (listener, address)
    }

    /// A master without workers, or, with a limit, one whose worker has no slots, as it does not beat. It ends with the guard.
    async fn master(max_wait: Option<Duration>) -> (DropGuard, HostPort) {
        let (listener, address) = listener().await;
        let admission = if max_wait.is_some() { AdmissionName::Fifo } else { AdmissionName::Open };
        let config = Config { admission, max_wait: max_wait.unwrap_or_default(), ..Config::default() };
        let stop = CancellationToken::new();
        tokio::spawn(run(listener, config, stop.clone().cancelled_owned()));
        if max_wait.is_some() {
            let heartbeat_interval_ms = 60_000;
            let join = wire::JoinRequest {
                ip: "10.0.0.1".into(),
                port: 7,
                weight: 1,
                heartbeat_interval_ms,
                ..Default::default()
            };
            MasterClient::new(grpc::channel(&address)).join(join).await.unwrap();
        }
        (stop.drop_guard(), address)
    }

    fn masters(all: &[&HostPort]) -> Masters {
        let all: Vec<String> = all.iter().map(|master| master.to_string()).collect();
        Masters::new(&all.join(",").parse().unwrap(), StreamTrace::random())
    }

    async fn answer(masters: &mut Masters) -> RouteEvent {
        poll_fn(|cx| masters.poll_answer(cx)).await
    }

    fn query() -> RouteQuery {
        RouteQuery { lease: Some(5), ..RouteQuery::default() }
    }

    #[tokio::test]
    async fn a_master_that_says_nothing_is_left_for_the_next() {
        // The system takes its connections, as those of a process that is stopped.
        let (_silent, silent) = listener().await;
        let (_up, master) = master(None).await;
        let mut masters = masters(&[&silent, &master]);
        for turn in [1, 1] {
            masters.ask(query());
            assert!(matches!(answer(&mut masters).await, RouteEvent::Route(Ok(_))));
            assert_eq!(masters.asker.standing().turn, turn);
        }
    }

    #[tokio::test]
    async fn what_was_waited_for_counts_at_the_next_master() {
        let (up, first) = master(Some(LONG)).await;
        let (_up, second) = master(Some(Duration::from_secs(1))).await;
        let mut masters = masters(&[&first, &second]);
        masters.ask(query());
        assert!(matches!(answer(&mut masters).await, RouteEvent::Queued(1)));
        drop(up);
        let RouteEvent::Route(Err(NoRoute::Later { why, after })) = answer(&mut masters).await else {
            panic!("it has waited a second")
        };
        assert!(why.contains("--max-wait") && after == Duration::from_secs(5), "{why} {after:?}");
        assert_eq!(masters.asker.standing().waited, Duration::ZERO, "to be refused is an answer");
    }

    #[tokio::test]
    async fn a_stream_that_ends_while_it_waits_leaves_the_queue() {
        let (_up, address) = master(Some(LONG)).await;
        let mut masters = masters(&[&address]);
        masters.ask(query());
        assert!(matches!(answer(&mut masters).await, RouteEvent::Queued(1)));
        masters.end(vec![TaskResult { lease: Some(5), ..TaskResult::default() }]).await;
        let mut client = MasterClient::new(grpc::channel(&address));
        let list = client.list_nodes(wire::ListNodesRequest { without_nodes: true }).await.unwrap().into_inner();
        assert_eq!(list.waiting, 0);
    }
}
