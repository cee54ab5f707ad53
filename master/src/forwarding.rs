//! Which master decides who gets a slot, where several share a registry.
//!
//! The oldest master that is heard decides ([`Masters::elders`]), so all that hear each other agree on it without a word. The
//! others pass route requests and results on to it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use facefleet_cluster::sharing::masters::{Elder, Masters};
use facefleet_proto::{Route, RouteQuery, TaskResult, wire};
use facefleet_service::{clock, grpc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request, Status};

use crate::masters::{KnownMasters, MasterChannels};
use crate::routing::Routing;
use crate::shared_scheduler::SharedScheduler;
use crate::waiting::NoPlace;

/// The metadata key of requests that masters have passed on; the value is how many masters have.
const FORWARDED: &str = "facefleet-forwarded";
/// A request that so many masters have passed on is answered where it arrives: for a moment each of two masters may take the
/// other for the older one.
const MOST_HOPS: u32 = 3;
/// How long another master may take for what it answers at once. The caller waits, too, and not for much longer.
const PATIENCE: Duration = Duration::from_millis(300);

/// Answers a call here, or passes it on to the master that decides.
pub(crate) struct Forwarding {
    scheduler: SharedScheduler,
    routing: Routing,
    masters: Arc<KnownMasters>,
    stopping: CancellationToken,
}

impl Forwarding {
    pub(crate) fn new(
        scheduler: SharedScheduler,
        routing: Routing,
        masters: Arc<KnownMasters>,
        stopping: CancellationToken,
    ) -> Forwarding {
        Forwarding { scheduler, routing, masters, stopping }
    }

    /// Waits until the master that decides has let the stream in, and has chosen its workers. The call is withdrawn there when
    /// this future is dropped. `hops` masters have passed it on before.
    pub(crate) async fn route(&self, mut query: RouteQuery, hops: u32) -> Result<Route, Status> {
        if !self.asks_others(hops) {
            return Ok(self.routing.route(&query).await?);
        }
        let (begun, waited) = (clock::now(), query.waited);
        let mut changes = self.masters.subscribe();
        let mut failed = HashSet::new();
        loop {
            let elder = next_elder(&changes.borrow_and_update(), &mut failed);
            let address = elder.as_ref().map(|elder| elder.address);
            let answer = tokio::select! {
                answer = self.decide(elder, &query, hops) => answer,
                // The master that decides now must know of all streams that wait, or two masters give the same slots.
                _ = changes.wait_for(|masters| next_elder(masters, &mut failed).map(|elder| elder.address) != address) => {
                    query.waited = waited + clock::now().saturating_duration_since(begun);
                    continue;
                }
                () = self.stopping.cancelled() => return Err(NoPlace::Here.into()),
            };
            match (answer, address) {
                (Err(status), Some(address)) if status.code() != Code::ResourceExhausted => {
                    tracing::debug!("the master at {address} lets nobody in: {}", grpc::explain(&status));
                    failed.insert(address);
                }
                (decided, _) => return decided,
            }
            query.waited = waited + clock::now().saturating_duration_since(begun);
        }
    }

    /// Lets the elder decide, or this master if there is none.
    async fn decide(
        &self,
        elder: Option<Elder<MasterChannels>>,
        query: &RouteQuery,
        hops: u32,
    ) -> Result<Route, Status> {
        let Some(Elder { address: _, connection: mut channels }) = elder else {
            return Ok(self.routing.route(query).await?);
        };
        let reply = channels.routes.route_guide(forwarded(wire::RouteRequest::from(query.clone()), hops)).await?;
        Route::try_from(reply.into_inner()).map_err(|invalid| Status::internal(invalid.to_string()))
    }

    /// Takes the result of a stream that has ended, and passes it on to the master that has let the stream in.
    pub(crate) async fn submit(&self, result: wire::TaskResult, hops: u32) {
        self.routing.submit(&TaskResult::from(result));
        for Elder { address, connection: mut channels } in self.elders(hops) {
            match timeout(PATIENCE, channels.short.submit_result(forwarded(result, hops))).await {
                Ok(Ok(_)) => return,
                // The slot becomes free without it, only later.
                _ => tracing::debug!("the master at {address} was not told that a stream has ended"),
            }
        }
    }

    /// How many streams wait for the master that decides. None: that is this one, or it does not say.
    pub(crate) async fn waiting_elsewhere(&self, hops: u32) -> Option<u32> {
        let Elder { address: _, connection: mut channels } = self.elders(hops).into_iter().next()?;
        let summary = channels.short.list_nodes(forwarded(wire::ListNodesRequest { without_nodes: true }, hops));
        Some(timeout(PATIENCE, summary).await.ok()?.ok()?.into_inner().waiting)
    }

    /// The masters that decide before this one.
    fn elders(&self, hops: u32) -> Vec<Elder<MasterChannels>> {
        if self.asks_others(hops) { self.masters.borrow().elders() } else { Vec::new() }
    }

    /// Whether older masters decide. None does where every stream is let in.
    fn asks_others(&self, hops: u32) -> bool {
        hops < MOST_HOPS && !self.scheduler.lock().is_open()
    }
}

/// The oldest master that has not failed to answer. A master that was gone and is heard again counts as new, so it may decide
/// again.
fn next_elder(masters: &Masters<MasterChannels>, failed: &mut HashSet<SocketAddr>) -> Option<Elder<MasterChannels>> {
    let elders = masters.elders();
    failed.retain(|address| elders.iter().any(|elder| elder.address == *address));
    elders.into_iter().find(|elder| !failed.contains(&elder.address))
}

/// How many masters have passed a request on. A number that cannot be read counts as the most.
pub(crate) fn hops<T>(request: &Request<T>) -> u32 {
    let read = |hops: &MetadataValue<Ascii>| hops.to_str().ok()?.parse().ok();
    request.metadata().get(FORWARDED).map_or(0, |hops| read(hops).unwrap_or(MOST_HOPS))
}

/// A request with `message` that one master more has passed on.
fn forwarded<T>(message: T, hops: u32) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(FORWARDED, (hops + 1).into());
    request
}

#[cfg(test)]
#[cfg(feature = "etcd")]
mod tests;
