//! Questions to the masters, one at a time, asked beside everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Route, RouteQuery, wire};
use facefleet_service::address::HostPorts;
use facefleet_service::grpc;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse, FusedFuture};
use tonic::transport::Channel;

/// The masters of a cluster, as one stream asks them: one of them, and the next when that one does not answer.
pub(crate) struct Masters {
    all: HostPorts,
    clients: Arc<[MasterClient<Channel>]>,
    /// How many have not answered so far, and so whose turn it is.
    turn: Arc<AtomicUsize>,
    asking: Fuse<BoxFuture<'static, Result<Route, String>>>,
}

impl Masters {
    /// Masters that were not asked yet.
    pub(crate) fn new(all: HostPorts) -> Masters {
        let clients = all.iter().map(|master| MasterClient::new(grpc::channel(master))).collect();
        Masters { all, clients, turn: Arc::default(), asking: Fuse::terminated() }
    }

    /// Asks. The answer, or why there is none, is what [`Masters::answer`] gives next.
    pub(crate) fn ask(&mut self, query: RouteQuery) {
        debug_assert!(self.asking.is_terminated(), "one question at a time");
        let (all, clients, turn) = (self.all.clone(), self.clients.clone(), self.turn.clone());
        let ask = async move {
            let mut problems = Vec::new();
            for _ in clients.iter() {
                let turn_now = turn.load(Ordering::Relaxed);
                let mut client = clients[turn_now % clients.len()].clone();
                let mut request = tonic::Request::new(wire::RouteRequest::from(query.clone()));
                request.set_timeout(grpc::call_timeout(&all));
                match client.route_guide(request).await {
                    Ok(reply) => {
                        let route = Route::try_from(reply.into_inner());
                        return route.map_err(|invalid| format!("its route is nonsense: {invalid}"));
                    }
                    Err(status) => problems.push(grpc::explain(&status)),
                }
                turn.store(turn_now + 1, Ordering::Relaxed);
            }
            problems.dedup();
            Err(problems.join("; "))
        };
        self.asking = ask.boxed().fuse();
    }

    /// Waits for the answer to the question that is open; for ever, if none is.
    pub(crate) async fn answer(&mut self) -> Result<Route, String> {
        if self.asking.is_terminated() {
            return std::future::pending().await;
        }
        (&mut self.asking).await
    }
}
