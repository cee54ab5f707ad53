//! The `Master` service: messages to domain types and back, and which status an error has.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use facefleet_cluster::advertised::{Ends, as_seen, is_at_home};
use facefleet_cluster::join_limit::PER_S;
use facefleet_cluster::registry::Refused;
use facefleet_proto::view::StreamReport;
use facefleet_proto::{AdminChange, Heartbeat, Join, RETRY_AFTER_MS, RouteQuery, WorkerId, wire};
use facefleet_service::trace::StreamTrace;
use futures_util::{Stream, stream};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

use crate::forwarding::hops;
use crate::members::{HeartbeatReply, Member};
use crate::nodes::{nodes, summary};
use crate::parts::Parts;
use crate::record::Record;
use crate::ring::Next;
use crate::waiting::{NoPlace, RETRY_AFTER};

type CallResult<T> = Result<Response<T>, Status>;

/// The service of one master.
pub(crate) struct Service(pub(crate) Arc<Parts>);

impl Service {
    /// The master, once its cluster is known.
    fn ready(&self) -> Result<&Parts, Status> {
        if self.0.scheduler.is_ready() {
            return Ok(&self.0);
        }
        Err(Status::unavailable(
            "this master has not reached the registry that it shares with others yet; ask another one",
        ))
    }
}

#[tonic::async_trait]
impl wire::master_server::Master for Service {
    async fn join(&self, request: Request<wire::JoinRequest>) -> CallResult<wire::JoinReply> {
        let (from, ends) = (request.remote_addr(), ends(&request));
        if let Some(from) = from.map(|from| from.ip()).filter(|from| !self.0.members.may_join(*from)) {
            let text = format!(
                "{PER_S} workers a second may join from one address, and from {from} come more: wait and try again"
            );
            return Err(Status::resource_exhausted(text));
        }
        let mut join = Join::try_from(request.into_inner()).inspect_err(|invalid| {
            tracing::warn!(?from, "a worker cannot join: {invalid}");
        })?;
        if ends.is_some_and(|ends| !is_at_home(join.address.ip(), ends)) {
            // The master asks for pictures there, and must not be sent to somebody else's address.
            join.http_port = None;
        }
        let joined = self.ready()?.members.join(join);
        let Member { id, epoch } = joined.map_err(|refused| not_joined(&refused))?;
        Ok(Response::new(wire::JoinReply { id: id.to_wire(), success: true, epoch }))
    }

    async fn leave(&self, request: Request<wire::LeaveRequest>) -> CallResult<wire::LeaveReply> {
        let wire::LeaveRequest { id, generation, epoch } = request.into_inner();
        let id = WorkerId::from_wire("LeaveRequest.id", id)?;
        let success = self.ready()?.members.leave(id, generation, epoch).is_ok();
        Ok(Response::new(wire::LeaveReply { success }))
    }

    async fn push_state(&self, request: Request<wire::NodeState>) -> CallResult<wire::PushStateReply> {
        let heartbeat = Heartbeat::try_from(request.into_inner())?;
        let HeartbeatReply { unknown, epoch, stale, rest } = self.ready()?.members.heartbeat(heartbeat);
        // `drain` is for other masters: this one asks no worker to leave, and sends workers out of service with `rest`.
        Ok(Response::new(wire::PushStateReply { unknown, drain: false, epoch, stale, rest }))
    }

    async fn route_guide(&self, request: Request<wire::RouteRequest>) -> CallResult<wire::RouteReply> {
        let client = ends(&request);
        let hops = hops(&request);
        let trace = StreamTrace::extract(&request).map(tracing::field::display);
        let query = RouteQuery::try_from(request.into_inner())?;
        let (stream, wanted) = (query.stream_id.clone(), query.wanted);
        let mut route = self.ready()?.forwarding.route(query, hops).await?;
        for candidate in &mut route.candidates {
            candidate.address = as_seen(candidate.address, client);
        }
        tracing::debug!(stream, wanted, offered = route.candidates.len(), trace, "route");
        Ok(Response::new(route.into()))
    }

    async fn submit_result(&self, request: Request<wire::TaskResult>) -> CallResult<wire::TaskResult> {
        let hops = hops(&request);
        let result = request.into_inner();
        self.0.forwarding.submit(result, hops).await;
        Ok(Response::new(result))
    }

    type GetQStream = Pin<Box<dyn Stream<Item = Result<wire::HeartbeatRecord, Status>> + Send>>;

    async fn get_q(&self, request: Request<wire::QueueRequest>) -> CallResult<Self::GetQStream> {
        let wire::QueueRequest { last } = request.into_inner();
        let subscription = self.0.queue.subscribe(usize::try_from(last).unwrap_or(usize::MAX));
        let records = stream::unfold(subscription, |mut subscription| async {
            let next = subscription.next().await?;
            Some((Ok(record(next)), subscription))
        });
        Ok(Response::new(Box::pin(records)))
    }

    async fn report_stream(&self, request: Request<wire::StreamReport>) -> CallResult<wire::StreamReportReply> {
        let report = StreamReport::try_from(request.into_inner())?;
        self.0.observed.report(report).map_err(|full| Status::resource_exhausted(full.to_string()))?;
        Ok(Response::new(wire::StreamReportReply {}))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<wire::ClusterView, Status>> + Send>>;

    async fn watch(&self, _request: Request<wire::WatchRequest>) -> CallResult<Self::WatchStream> {
        let viewer = self.0.viewers.viewer().map_err(|many| Status::resource_exhausted(many.to_string()))?;
        let views = stream::unfold(viewer, |mut viewer| async {
            let seeing = viewer.next().await?;
            Some((Ok(seeing.view().into()), viewer))
        });
        Ok(Response::new(Box::pin(views)))
    }

    async fn administer(&self, request: Request<wire::AdminRequest>) -> CallResult<wire::AdminReply> {
        // None: a call in memory. All callers of this kind count as one.
        let from = request.remote_addr().map_or(IpAddr::from([0; 4]), |from| from.ip());
        self.0.administration.authorize(request.metadata(), from)?;
        let change = AdminChange::try_from(request.into_inner())?;
        let said = self.ready()?.administration.administer(&change).await?;
        Ok(Response::new(wire::AdminReply { said }))
    }

    async fn list_nodes(&self, request: Request<wire::ListNodesRequest>) -> CallResult<wire::ListNodesReply> {
        let hops = hops(&request);
        let wire::ListNodesRequest { without_nodes } = request.into_inner();
        let mut cluster = {
            let scheduler = self.0.scheduler.lock();
            let list = if without_nodes { summary } else { nodes };
            list(&scheduler, scheduler.now())
        };
        if let Some(waiting) = self.0.forwarding.waiting_elsewhere(hops).await {
            cluster.waiting = waiting;
        }
        Ok(Response::new(cluster.into()))
    }
}

/// The status of a join that the registry refuses.
fn not_joined(refused: &Refused) -> Status {
    let text = refused.to_string();
    match refused {
        Refused::Superseded { .. } | Refused::AddressTaken { .. } => Status::failed_precondition(text),
        Refused::Full | Refused::OutOfIds => Status::resource_exhausted(text),
    }
}

impl From<NoPlace> for Status {
    fn from(no_place: NoPlace) -> Status {
        let text = no_place.to_string();
        match no_place {
            NoPlace::InTime { .. } | NoPlace::ToWait => {
                let after = u64::try_from(RETRY_AFTER.as_millis()).expect("it is a few seconds");
                let mut metadata = MetadataMap::new();
                metadata.insert(RETRY_AFTER_MS, after.into());
                Status::with_metadata(Code::ResourceExhausted, text, metadata)
            }
            NoPlace::Here => Status::unavailable(text),
        }
    }
}

fn record(next: Next<Arc<Record>>) -> wire::HeartbeatRecord {
    let Next { item, missed } = next;
    let Record { received_us, name, address, heartbeat } = Arc::unwrap_or_clone(item);
    wire::HeartbeatRecord {
        received_us,
        name,
        ip: address.ip().to_string(),
        port: address.port().into(),
        state: Some(heartbeat.into()),
        missed,
    }
}

fn ends<T>(request: &Request<T>) -> Option<Ends> {
    Some(Ends { here: request.local_addr()?.ip(), there: request.remote_addr()?.ip() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::queue::KEPT;
    use futures_util::StreamExt;
    use tonic::transport::server::TcpConnectInfo;
    use wire::master_server::Master;

    fn service() -> Service {
        Service(Arc::new(Parts::of(&Config::default())))
    }

    #[tokio::test]
    async fn a_client_elsewhere_is_told_where_it_reached_this_machine() {
        let service = service();
        let join = wire::JoinRequest { ip: "127.0.0.1".into(), port: 7, weight: 1, ..Default::default() };
        service.join(Request::new(join)).await.unwrap();
        let mut request = Request::new(wire::RouteRequest::default());
        request.extensions_mut().insert(TcpConnectInfo {
            local_addr: Some("10.0.0.1:50051".parse().unwrap()),
            remote_addr: Some("10.0.0.9:40000".parse().unwrap()),
        });
        let route = service.route_guide(request).await.unwrap().into_inner();
        assert_eq!((route.ip.as_str(), route.port), ("10.0.0.1", 7));
        assert_eq!((route.candidates[0].ip.as_str(), route.candidates[0].port), ("10.0.0.1", 7));
    }

    fn join_from(address: &str, port: i32) -> Request<wire::JoinRequest> {
        let join = wire::JoinRequest { ip: "10.0.0.1".into(), port, weight: 1, ..Default::default() };
        let mut request = Request::new(join);
        let remote_addr = Some(format!("{address}:40000").parse().unwrap());
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
        request
    }

    #[tokio::test]
    async fn who_joins_too_often_is_turned_away_and_others_do_not_notice() {
        let service = service();
        let mut refused = None;
        // The same worker again and again: an old one, which has another id each time.
        for _ in 0..100_000 {
            refused = service.join(join_from("10.0.0.9", 7)).await.err();
            if refused.is_some() {
                break;
            }
        }
        let refused = refused.unwrap();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(refused.message().contains("10.0.0.9") && refused.message().contains("try again"), "{refused:?}");
        let other = service.join(join_from("10.0.0.8", 8)).await.unwrap().into_inner();
        let beat = wire::NodeState { id: other.id, ..Default::default() };
        assert!(!service.push_state(Request::new(beat)).await.unwrap().into_inner().unknown);
        let nodes =
            service.list_nodes(Request::new(wire::ListNodesRequest::default())).await.unwrap().into_inner().nodes;
        assert_eq!(nodes.len(), 2);
    }

    #[tokio::test]
    async fn a_subscriber_that_does_not_read_is_told_what_it_missed_and_slows_nobody() {
        let service = service();
        let join = wire::JoinRequest { ip: "10.0.0.1".into(), port: 7, weight: 1, ..Default::default() };
        service.join(Request::new(join)).await.unwrap();
        let subscribe = Request::new(wire::QueueRequest { last: 0 });
        let mut queue = service.get_q(subscribe).await.unwrap().into_inner();

        for n in 1..=KEPT as u64 + 5 {
            let state = wire::NodeState { frames_ok: n, ..Default::default() };
            service.push_state(Request::new(state)).await.unwrap();
        }
        for (frames_ok, missed) in [(6, 5), (7, 0), (8, 0)] {
            let record = queue.next().await.unwrap().unwrap();
            assert_eq!((record.state.unwrap().frames_ok, record.missed), (frames_ok, missed));
        }
    }
}
