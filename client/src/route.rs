//! Questions to the masters, one at a time, asked beside everything else.
//!
//! Most are answered at once. Where a master lets in so many streams at once and no more, it keeps an answer back until the
//! stream has its turn, which may take minutes. So a call has no timeout: that its master is dead is seen by its
//! connection, which is asked for a sign of life all the time, and that it lets the stream wait is what it says itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{RETRY_AFTER_MS, Route, RouteQuery, TaskResult, wire};
use facefleet_service::address::HostPorts;
use facefleet_service::{clock, grpc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse, FusedFuture};
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::session::NoRoute;

/// How long an answer may take before the master is asked whether it lets the stream wait, and how often it is asked
/// again: 10,000 streams that wait ask 2,000 times a second.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Longest that a refused stream lets itself be told to wait before it asks again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long a stream that has ended tries to say so. Its place becomes free without it, only later.
const END_TIME: Duration = Duration::from_secs(1);

/// The masters of a cluster, as one stream asks them: one of them, and the next when that one does not answer.
pub(crate) struct Masters {
    asker: Asker,
    asking: Fuse<BoxFuture<'static, Result<Route, NoRoute>>>,
    waiting: mpsc::UnboundedReceiver<u32>,
}

/// What comes of a question.
#[derive(Debug)]
pub(crate) enum Said {
    /// Its answer, or that there is none.
    Route(Result<Route, NoRoute>),
    /// The stream waits for a place, and so many do.
    Waits(u32),
}

#[derive(Clone)]
struct Asker {
    /// How long a master may take to answer that does so at once.
    patience: Duration,
    clients: Arc<[MasterClient<Channel>]>,
    standing: Arc<Mutex<Standing>>,
    waiting: mpsc::UnboundedSender<u32>,
}

/// What goes on from one question to the next.
#[derive(Clone, Copy, Default)]
struct Standing {
    /// How many masters have not answered so far, and so whose turn it is.
    turn: usize,
    /// For how long the stream has waited for its place, in questions that had no answer.
    waited: Duration,
}

impl Masters {
    /// Masters that were not asked yet.
    pub(crate) fn new(all: &HostPorts) -> Masters {
        let patience = grpc::call_timeout(all);
        let channel = |master| {
            // A master that is asked again in vain has lost nothing: the next one knows for how long the stream has waited.
            let endpoint = grpc::endpoint(master).connect_timeout(patience);
            let endpoint = endpoint.http2_keep_alive_interval(patience / 2).keep_alive_timeout(patience / 2);
            MasterClient::new(endpoint.keep_alive_while_idle(false).connect_lazy())
        };
        let (sender, waiting) = mpsc::unbounded_channel();
        let clients = all.iter().map(channel).collect();
        let asker = Asker { patience, clients, standing: Arc::default(), waiting: sender };
        Masters { asker, asking: Fuse::terminated(), waiting }
    }

    /// Asks. What comes of it is what [`Masters::says`] gives next.
    pub(crate) fn ask(&mut self, query: RouteQuery) {
        debug_assert!(self.asking.is_terminated(), "one question at a time");
        let asker = self.asker.clone();
        self.asking = async move { asker.ask(query).await }.boxed().fuse();
    }

    /// Waits for what comes of the question that is open; for ever, if none is.
    pub(crate) async fn says(&mut self) -> Said {
        if self.asking.is_terminated() {
            return std::future::pending().await;
        }
        tokio::select! {
            biased;
            route = &mut self.asking => Said::Route(route),
            Some(streams) = self.waiting.recv() => Said::Waits(streams),
        }
    }

    /// Tells what a stream that has ended has cost, and so that its place is free.
    pub(crate) async fn end(self, results: Vec<TaskResult>) {
        let Masters { asker, asking, waiting: _ } = self;
        // A question that is open must not be let in any more.
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
            let question = wire::RouteRequest::from(RouteQuery { waited, ..query.clone() });
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
                    return route.map_err(|invalid| NoRoute::Away(format!("its route is nonsense: {invalid}")));
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

    /// Asks, while an answer is kept back, whether that is because the stream `waits`. Ends when there is no answer to this
    /// either.
    async fn watch(&self, mut client: MasterClient<Channel>, waits: &mut bool) -> Status {
        tokio::time::sleep(FIRST_LOOK).await;
        loop {
            let mut look = Request::new(wire::ListNodesRequest { without_nodes: true });
            look.set_timeout(self.patience);
            let streams = match client.list_nodes(look).await {
                Ok(reply) => reply.into_inner().waiting,
                // An old master lets nobody wait: it is only slow.
                Err(status) if status.code() == Code::Unimplemented => {
                    tokio::time::sleep(self.patience).await;
                    return status;
                }
                Err(status) => return status,
            };
            *waits = streams > 0;
            if *waits {
                // Err: the stream is over.
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

/// When to ask again, if a master says that it has no place for the stream.
fn retry_after(status: &Status) -> Option<Duration> {
    let after = status.metadata().get(RETRY_AFTER_MS).filter(|_| status.code() == Code::ResourceExhausted)?;
    let after = Duration::from_millis(after.to_str().ok()?.parse().ok()?);
    Some(after.min(LONGEST_RETRY))
}
