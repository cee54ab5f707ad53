//! Joins the master, tells it every second how this worker is, and joins again whenever that is needed.
//!
//! A master that is away changes nothing for the streams that are open; this loop tries until it is back.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Heartbeat, Join, LegacyState, Load, WorkerId, wire};
use facefleet_service::address::{HostPort, local_towards};
use facefleet_service::backoff::Backoff;
use facefleet_service::{clock, grpc};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::config::OnJoin;
use crate::load::LoadMonitor;
use crate::stats::Stats;

/// A refused worker asks again after this many heartbeats: only a person can change the answer.
const REFUSED_HEARTBEATS: u32 = 10;

/// Keeps one worker joined.
pub(crate) struct Member {
    pub(crate) master: HostPort,
    /// What the worker says of itself. `address` is found again at each join, unless `fixed_address`.
    pub(crate) join: Join,
    pub(crate) fixed_address: bool,
    pub(crate) interval: Duration,
    pub(crate) stats: Stats,
    pub(crate) machine: LoadMonitor,
    /// Cancelled when the worker drains; this loop cancels it when the master asks for that.
    pub(crate) draining: CancellationToken,
    pub(crate) on_join: OnJoin,
}

#[derive(Clone, Copy)]
struct Joined {
    id: WorkerId,
    /// Which life of the master knows the id.
    epoch: u64,
}

#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error("cannot find the address of {master}: {source}")]
    Lookup { master: HostPort, source: io::Error },
    #[error("cannot find the address at which {master} can reach this worker (--advertise says it): {source}")]
    Route { master: HostPort, source: io::Error },
    #[error("{}", grpc::explain(.0))]
    Call(#[from] Status),
    #[error("it said no and not why")]
    NotTaken,
}

impl JoinError {
    /// Whether the master is there and does not want this worker.
    fn is_refusal(&self) -> bool {
        match self {
            JoinError::Lookup { .. } | JoinError::Route { .. } => false,
            JoinError::NotTaken => true,
            JoinError::Call(status) => matches!(
                status.code(),
                Code::InvalidArgument
                    | Code::FailedPrecondition
                    | Code::AlreadyExists
                    | Code::PermissionDenied
                    | Code::Unauthenticated
                    | Code::Unimplemented
            ),
        }
    }
}

impl Member {
    /// Joins and beats until `stop`, then leaves.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut client = MasterClient::new(grpc::endpoint(&self.master).timeout(grpc::CALL_TIMEOUT).connect_lazy());
        let mut joined = None;
        let None = stop.run_until_cancelled(self.stay_joined(&mut client, &mut joined)).await;
        if let Some(Joined { id, .. }) = joined {
            let leave = wire::LeaveRequest { id: wire_id(id), generation: self.join.identity.generation };
            match client.leave(leave).await {
                Ok(_) => tracing::info!(%id, "left the master"),
                Err(status) => tracing::warn!("left without a word to the master: {}", grpc::explain(&status)),
            }
        }
    }

    async fn stay_joined(&self, client: &mut MasterClient<Channel>, joined: &mut Option<Joined>) -> Infallible {
        let mut outage = Outage::default();
        let mut beats = interval(self.interval);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.draining.is_cancelled() {
                // To join now would bring streams here that would be turned away.
                return std::future::pending().await;
            }
            let now = match self.join(client).await {
                Ok(now) => now,
                Err(error) => {
                    self.wait_after(&error, &mut outage).await;
                    continue;
                }
            };
            *joined = Some(now);
            (self.on_join)(&self.master, now.id);
            if let Err(status) = self.beat(client, now, &mut beats, &mut outage).await {
                self.wait_after(&status.into(), &mut outage).await;
            }
        }
    }

    async fn join(&self, client: &mut MasterClient<Channel>) -> Result<Joined, JoinError> {
        let mut join = self.join.clone();
        if !self.fixed_address {
            let lookup = |source| JoinError::Lookup { master: self.master.clone(), source };
            let route = |source| JoinError::Route { master: self.master.clone(), source };
            let master = self.master.resolve().await.map_err(lookup)?;
            join.address.set_ip(local_towards(master).map_err(route)?);
        }
        join.frames_per_s = self.stats.load().frame_ms.map(|ms| join.cores as f32 * 1e3 / ms);
        let address = join.address;
        let wire::JoinReply { id, success, epoch } = client.join(wire::JoinRequest::from(join)).await?.into_inner();
        let id = u32::try_from(id).ok().filter(|_| success).map(WorkerId).ok_or(JoinError::NotTaken)?;
        tracing::info!(master = %self.master, %id, %address, "joined");
        Ok(Joined { id, epoch })
    }

    /// Pushes the state until the master does not know this worker any more, or (Err) cannot be reached.
    async fn beat(
        &self,
        client: &mut MasterClient<Channel>,
        joined: Joined,
        beats: &mut Interval,
        outage: &mut Outage,
    ) -> Result<(), Status> {
        let mut said_draining = false;
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = self.draining.cancelled(), if !said_draining => {}
            }
            let load = self.load();
            said_draining = load.draining;
            let reply = client.push_state(self.heartbeat(joined.id, load)).await?.into_inner();
            *outage = Outage::default();
            let wire::PushStateReply { unknown, drain, epoch } = reply;
            if drain && !self.draining.is_cancelled() {
                tracing::info!("the master asks this worker to drain");
                self.draining.cancel();
            }
            if unknown || epoch != joined.epoch {
                tracing::info!("the master has forgotten this worker, or is a new one");
                return Ok(());
            }
        }
    }

    fn heartbeat(&self, id: WorkerId, load: Load) -> wire::NodeState {
        let utx = i64::try_from(clock::unix_us() / 1_000_000).unwrap_or(i64::MAX);
        let generation = self.join.identity.generation;
        Heartbeat { id, generation, load, legacy: LegacyState { utx, ..LegacyState::default() } }.into()
    }

    fn load(&self) -> Load {
        let machine = self.machine.latest();
        Load {
            cpu_percent: machine.cpu_percent,
            memory_percent: machine.memory_percent,
            temperature_c: machine.temperature_c,
            draining: self.draining.is_cancelled(),
            ..self.stats.load()
        }
    }

    /// Says what went wrong, an outage once, and waits until it is time to try again.
    async fn wait_after(&self, error: &JoinError, outage: &mut Outage) {
        let wait = if error.is_refusal() {
            let wait = self.interval * REFUSED_HEARTBEATS;
            tracing::error!("the master at {} refuses this worker; asking again in {wait:?}: {error}", self.master);
            wait
        } else {
            if !outage.said {
                tracing::warn!("waiting for the master at {}: {error}", self.master);
            }
            outage.said = true;
            // A heartbeat comes no more often than this either, and a new master's registry is whole within one.
            outage.backoff.next_wait().min(self.interval)
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = self.draining.cancelled() => {}
        }
    }
}

/// From the first failure until a heartbeat has arrived again.
#[derive(Default)]
struct Outage {
    backoff: Backoff,
    said: bool,
}

fn wire_id(id: WorkerId) -> i32 {
    i32::try_from(id.0).expect("it came from an i32")
}
