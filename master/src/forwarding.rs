//! What only one of the masters that share a registry may decide, the others ask it: who gets a slot. That one is the oldest
//! that is heard ([`Masters::elders`]), so that all who hear each other agree on it without a word.
//!
//! [`Masters::elders`]: facefleet_cluster::sharing::masters::Masters::elders

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Route, RouteQuery, TaskResult, wire};
use facefleet_service::{clock, grpc};
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::shared::Shared;
use crate::waiting::NoPlace;
use facefleet_cluster::sharing::masters::Masters;

/// Marks a request that other masters have passed on, and says how many.
const FORWARDED: &str = "facefleet-forwarded";
/// A request that so many masters have passed on is answered where it arrives: for a moment each of two may take the other
/// for the older one.
const MOST_HOPS: u32 = 3;
/// How long another master may take for what it answers at once. The caller waits, too, and not for much longer.
const PATIENCE: Duration = Duration::from_millis(300);
/// A master that says nothing for this long is pinged, and given up when as long has passed again: others wait for it with
/// what only one of them may decide.
#[cfg(feature = "etcd")]
const KEEPALIVE: Duration = Duration::from_millis(500);

/// How another master is reached. Calls that wait for a slot have a connection of their own: a connection has room for so
/// many calls, and when that is taken, whatever comes next waits for one of them to end.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    waiting: MasterClient<Channel>,
    /// For what is answered at once, and for its heartbeats.
    pub(crate) short: MasterClient<Channel>,
}

#[cfg(feature = "etcd")]
impl Line {
    /// Connects when it is first used.
    pub(crate) fn to(address: SocketAddr) -> Line {
        let endpoint = grpc::endpoint(&address.into()).connect_timeout(2 * KEEPALIVE);
        let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE).keep_alive_timeout(KEEPALIVE);
        let client = || MasterClient::new(endpoint.connect_lazy());
        Line { waiting: client(), short: client() }
    }
}

impl Shared {
    /// Waits until the master that lets streams in has let this one in, and says where to. The question goes away with this
    /// future. It has come through so many other masters.
    pub(crate) async fn route_as_one(&self, mut query: RouteQuery, hops: u32) -> Result<Route, Status> {
        if !self.asks_others(hops) {
            return Ok(self.route(&query).await?);
        }
        let (begun, waited) = (clock::now(), query.waited);
        let mut changes = self.masters.subscribe();
        let mut asked = HashSet::new();
        loop {
            let elder = next_elder(&changes.borrow_and_update(), &mut asked);
            let address = elder.as_ref().map(|(address, _)| *address);
            let answer = tokio::select! {
                answer = self.decide(elder.map(|(_, line)| line), &query, hops) => answer,
                // Whoever has the say now must know of all who wait, or two masters give the same slots.
                _ = changes.wait_for(|masters| next_elder(masters, &mut asked).map(|(elder, _)| elder) != address) => {
                    query.waited = waited + clock::now().saturating_duration_since(begun);
                    continue;
                }
                () = self.waiting.stopped() => return Err(NoPlace::Here.into()),
            };
            match (answer, address) {
                (Err(status), Some(address)) if status.code() != Code::ResourceExhausted => {
                    tracing::debug!("the master at {address} lets nobody in: {}", grpc::explain(&status));
                    asked.insert(address);
                }
                (decided, _) => return decided,
            }
            query.waited = waited + clock::now().saturating_duration_since(begun);
        }
    }

    /// What another master decides, or, if there is none, this one.
    async fn decide(&self, elder: Option<Line>, query: &RouteQuery, hops: u32) -> Result<Route, Status> {
        let Some(mut elder) = elder else { return Ok(self.route(query).await?) };
        let reply = elder.waiting.route_guide(forwarded(wire::RouteRequest::from(query.clone()), hops)).await?;
        Route::try_from(reply.into_inner()).map_err(|invalid| Status::internal(invalid.to_string()))
    }

    /// Takes what a stream has cost, and tells it to the master that has let it in.
    pub(crate) async fn submit_as_one(&self, result: wire::TaskResult, hops: u32) {
        self.submit(&TaskResult::from(result));
        for (address, mut elder) in self.elders(hops) {
            match timeout(PATIENCE, elder.short.submit_result(forwarded(result, hops))).await {
                Ok(Ok(_)) => return,
                // The slot becomes free without it, only later.
                _ => tracing::debug!("the master at {address} was not told that a stream has ended"),
            }
        }
    }

    /// How many streams wait for the master that lets them in. None: that is this one, or it does not say.
    pub(crate) async fn waiting_elsewhere(&self, hops: u32) -> Option<u32> {
        let (_, mut elder) = self.elders(hops).into_iter().next()?;
        let summary = elder.short.list_nodes(forwarded(wire::ListNodesRequest { without_nodes: true }, hops));
        Some(timeout(PATIENCE, summary).await.ok()?.ok()?.into_inner().waiting)
    }

    /// The masters that have the say before this one.
    fn elders(&self, hops: u32) -> Vec<(SocketAddr, Line)> {
        if self.asks_others(hops) { self.masters.borrow().elders() } else { Vec::new() }
    }

    /// Whether others decide, if they are older. None of them does, where everybody is let in.
    fn asks_others(&self, hops: u32) -> bool {
        !self.is_open() && hops < MOST_HOPS
    }
}

/// The oldest master that has not failed to answer. One that was gone and is heard again is new: it may have the say again.
fn next_elder(masters: &Masters<Line>, failed: &mut HashSet<SocketAddr>) -> Option<(SocketAddr, Line)> {
    let elders = masters.elders();
    failed.retain(|address| elders.iter().any(|(elder, _)| elder == address));
    elders.into_iter().find(|(address, _)| !failed.contains(address))
}

/// How many masters have passed a request on. What cannot be read has come far enough.
pub(crate) fn hops<T>(request: &Request<T>) -> u32 {
    let read = |hops: &MetadataValue<Ascii>| hops.to_str().ok()?.parse().ok();
    request.metadata().get(FORWARDED).map_or(0, |hops| read(hops).unwrap_or(MOST_HOPS))
}

/// A message that one master more has passed on.
fn forwarded<T>(message: T, hops: u32) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(FORWARDED, (hops + 1).into());
    request
}

#[cfg(test)]
#[cfg(feature = "etcd")]
mod tests;
