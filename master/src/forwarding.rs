//! What only one of the masters that share a registry may decide, the others ask it: who gets a slot. That one is the oldest
//! that is heard ([`Masters::elders`]), so that all who hear each other agree on it without a word.
//!
//! [`Masters::elders`]: crate::store::masters::Masters::elders

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Route, RouteQuery, TaskResult, wire};
use facefleet_service::{clock, grpc};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::shared::Shared;
use crate::waiting::NoPlace;

/// Marks a request that another master has passed on. It is answered where it arrives.
pub(crate) const FORWARDED: &str = "facefleet-forwarded";
/// How long another master may take for what it answers at once. The caller waits, too, and not for much longer.
const PATIENCE: Duration = Duration::from_millis(300);

impl Shared {
    /// Waits until the master that lets streams in has let this one in, and says where to. The question goes away with this
    /// future.
    pub(crate) async fn route_as_one(&self, mut query: RouteQuery) -> Result<Route, Status> {
        if self.is_open {
            return Ok(self.route(&query).await?);
        }
        let (begun, waited) = (clock::now(), query.waited);
        let mut changes = self.masters.subscribe();
        let mut asked: HashSet<SocketAddr> = HashSet::new();
        loop {
            let elders = self.elders();
            let Some((address, mut elder)) = elders.into_iter().find(|(address, _)| !asked.contains(address)) else {
                // An elder that was not there has the say from the moment that it is heard.
                let is_new = |(address, _): &(SocketAddr, _)| !asked.contains(address);
                tokio::select! {
                    route = self.route(&query) => return Ok(route?),
                    _ = changes.wait_for(|masters| masters.elders().iter().any(is_new)) => {}
                }
                query.waited = waited + clock::now().saturating_duration_since(begun);
                continue;
            };
            let answer = tokio::select! {
                answer = elder.route_guide(forwarded(wire::RouteRequest::from(query.clone()))) => answer,
                () = self.waiting.stopped() => return Err(NoPlace::Here.into()),
            };
            match answer {
                Ok(reply) => {
                    return Route::try_from(reply.into_inner())
                        .map_err(|invalid| Status::internal(invalid.to_string()));
                }
                // It has decided.
                Err(status) if status.code() == Code::ResourceExhausted => return Err(status),
                Err(status) => tracing::debug!("the master at {address} lets nobody in: {}", grpc::explain(&status)),
            }
            asked.insert(address);
            query.waited = waited + clock::now().saturating_duration_since(begun);
        }
    }

    /// Takes what a stream has cost, and tells it to the master that has let it in.
    pub(crate) async fn submit_as_one(&self, result: wire::TaskResult) {
        self.submit(&TaskResult::from(result));
        for (address, mut elder) in self.elders() {
            match timeout(PATIENCE, elder.submit_result(forwarded(result))).await {
                Ok(Ok(_)) => return,
                // The slot becomes free without it, only later.
                _ => tracing::debug!("the master at {address} was not told that a stream has ended"),
            }
        }
    }

    /// How many streams wait for the master that lets them in. None: that is this one, or it does not say.
    pub(crate) async fn waiting_elsewhere(&self) -> Option<u32> {
        let (_, mut elder) = self.elders().into_iter().next()?;
        let summary = elder.list_nodes(forwarded(wire::ListNodesRequest { without_nodes: true }));
        Some(timeout(PATIENCE, summary).await.ok()?.ok()?.into_inner().waiting)
    }

    /// The masters that have the say before this one. None of them has, where everybody is let in.
    fn elders(&self) -> Vec<(SocketAddr, MasterClient<Channel>)> {
        if self.is_open { Vec::new() } else { self.masters.borrow().elders() }
    }
}

fn forwarded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(FORWARDED, "1".parse().expect("a digit is a value"));
    request
}
