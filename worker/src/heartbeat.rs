//! Joins a master, sends it a heartbeat every second, and joins it again, or the next master, whenever that is needed.
//!
//! A master that is away changes nothing for the streams that are open. This loop tries until that master or another one is back.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use facefleet_proto::backoff::Backoff;
use facefleet_proto::{Heartbeat, Join, LegacyState, Load, WorkerId, wire};
use facefleet_service::address::{HostPort, HostPorts, hears, local_towards};
use facefleet_service::{clock, grpc};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::config::OnJoin;
use crate::contact::{Contact, Search};
use crate::duty::{Duty, DutyState};
use crate::leases::Leases;
use crate::load::LoadMonitor;
use crate::stats::Stats;

/// A worker that was refused asks again after this many heartbeat intervals: only a person can change the answer.
const REFUSED_HEARTBEATS: u32 = 10;
/// How long a worker stays with a master that is cut off from the shared registry. With each further master that turns out to be
/// cut off as well, the worker stays longer by this much, for then it is etcd that is away.
const STAY: Duration = Duration::from_secs(10);

/// Keeps one worker joined to a master.
pub(crate) struct Member {
    pub(crate) masters: HostPorts,
    /// Whether the network is searched for other masters when none of `masters` answers.
    pub(crate) discover: bool,
    /// What the worker says of itself when it joins.
    pub(crate) join: Join,
    /// Whether the address in `join` is sent as it is. Otherwise its IP address is found anew at each join.
    pub(crate) fixed_address: bool,
    /// Whether the worker is joined to a master now, for the readiness probe.
    pub(crate) joined: Arc<AtomicBool>,
    /// The address on which the live view listens, if there is one.
    pub(crate) http: Option<SocketAddr>,
    /// Time between heartbeats.
    pub(crate) interval: Duration,
    pub(crate) stats: Stats,
    pub(crate) leases: Leases,
    pub(crate) machine: LoadMonitor,
    /// The worker's duty, which this loop changes when the master asks for it.
    pub(crate) duty: DutyState,
    pub(crate) on_join: OnJoin,
}

/// The worker's place in the registry of a master.
#[derive(Clone, Copy)]
struct Joined {
    id: WorkerId,
    /// The life of the master that knows the id.
    epoch: u64,
}

/// The master at which a worker that was joined has to join again.
enum Rejoin {
    /// The master that the worker had joined, which does not know it any more.
    Here,
    /// Another master, because this one is cut off from the shared registry.
    Elsewhere,
}

#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error("cannot find the address of {master}: {source}")]
    Lookup { master: HostPort, source: io::Error },
    #[error("cannot find the address at which {master} can reach this worker (--advertise says it): {source}")]
    Route { master: HostPort, source: io::Error },
    #[error(
        "{master} has no address of the kind that this worker listens on, which is {bound}; listen on both kinds with \
         --listen [::]:{}, or say with --advertise where clients reach this worker", bound.port()
    )]
    Family { master: HostPort, bound: SocketAddr },
    #[error("{}", grpc::explain(.0))]
    Call(#[from] Status),
    #[error("it said no and not why")]
    NotTaken,
}

impl JoinError {
    /// Whether the master answered and will not take this worker until a person has changed something. A failed precondition is no
    /// refusal, because it changes by itself: an earlier life of this worker still counts as alive.
    fn is_refusal(&self) -> bool {
        match self {
            JoinError::Lookup { .. } | JoinError::Route { .. } | JoinError::Family { .. } => false,
            JoinError::NotTaken => true,
            JoinError::Call(status) => matches!(
                status.code(),
                Code::InvalidArgument
                    | Code::AlreadyExists
                    | Code::PermissionDenied
                    | Code::Unauthenticated
                    | Code::Unimplemented
            ),
        }
    }
}

impl Member {
    /// Joins and sends heartbeats until `stop`, then leaves.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut contact = Contact::first(self.masters.clone());
        let mut joined = None;
        let None = stop.run_until_cancelled(self.stay_joined(&mut contact, &mut joined)).await;
        let Some(Joined { id, epoch }) = joined else { return };
        let leave = wire::LeaveRequest { id: id.to_wire(), generation: self.join.identity.generation, epoch };
        for _ in 0..contact.count() {
            match contact.client.leave(leave).await {
                Ok(_) => return tracing::info!(%id, "left the master"),
                Err(status) => tracing::warn!("left without a word to the master: {}", grpc::explain(&status)),
            }
            contact.next();
        }
    }

    /// Joins and sends heartbeats for ever. `joined` is set to where the worker is registered, from where it has to leave at the end.
    async fn stay_joined(&self, contact: &mut Contact, joined: &mut Option<Joined>) -> Infallible {
        let mut reconnect = Reconnect::default();
        let mut beats = interval(self.interval);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.duty.now() == Duty::Leaving {
                // Joining now would attract streams that would be turned away.
                return std::future::pending().await;
            }
            let ended = match self.join(contact).await {
                Ok(now) => {
                    *joined = Some(now);
                    (self.on_join)(&contact.master, now.id);
                    self.joined.store(true, Ordering::Relaxed);
                    let ended = self.beat(contact, now, &mut beats, &mut reconnect).await;
                    self.joined.store(false, Ordering::Relaxed);
                    ended.map_err(JoinError::from)
                }
                Err(error) => Err(error),
            };
            match ended {
                Ok(Rejoin::Here) => {}
                Ok(Rejoin::Elsewhere) => {
                    let cut_off = contact.cut_off + 1;
                    contact.next();
                    contact.cut_off = cut_off;
                }
                Err(error) => {
                    self.wait_after(&error, contact, &mut reconnect).await;
                    contact.next();
                }
            }
        }
    }

    /// Joins the master once.
    async fn join(&self, contact: &mut Contact) -> Result<Joined, JoinError> {
        let mut join = self.join.clone();
        if !self.fixed_address {
            join.address.set_ip(self.own_ip(&contact.master).await?);
        }
        join.frames_per_s = self.stats.frames_per_s();
        join.http_port = self.http.and_then(|http| reachable_port(http, join.address.ip()));
        let address = join.address;
        let reply = contact.client.join(wire::JoinRequest::from(join)).await?;
        let wire::JoinReply { id, success, epoch } = reply.into_inner();
        let id = u32::try_from(id).ok().filter(|_| success).map(WorkerId).ok_or(JoinError::NotTaken)?;
        tracing::info!(master = %contact.master, %id, %address, "joined");
        Ok(Joined { id, epoch })
    }

    /// The IP address of this machine at which the master can reach it.
    async fn own_ip(&self, master: &HostPort) -> Result<IpAddr, JoinError> {
        let bound = self.join.address;
        let found =
            master.resolve_all().await.map_err(|source| JoinError::Lookup { master: master.clone(), source })?;
        let mut failure = JoinError::Family { master: master.clone(), bound };
        for peer in found.into_iter().filter(|peer| hears(bound.ip(), peer.ip())) {
            match local_towards(peer) {
                Ok(ip) => return Ok(ip),
                Err(source) => failure = JoinError::Route { master: master.clone(), source },
            }
        }
        Err(failure)
    }

    /// Sends heartbeats until the worker has to join again.
    ///
    /// # Errors
    /// The master cannot be reached.
    async fn beat(
        &self,
        contact: &mut Contact,
        joined: Joined,
        beats: &mut Interval,
        reconnect: &mut Reconnect,
    ) -> Result<Rejoin, Status> {
        let mut duty = self.duty.changes();
        let mut cut_off = CutOff::default();
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                changed = duty.changed() => changed.expect("this worker holds the sender"),
            }
            let load = self.load(*duty.borrow_and_update());
            let reply = contact.client.push_state(self.heartbeat(joined, load)).await?.into_inner();
            *reconnect = Reconnect::default();
            let wire::PushStateReply { unknown, drain, epoch, stale, rest } = reply;
            if drain && self.duty.now() != Duty::Leaving {
                tracing::info!("the master asks this worker to drain");
                self.duty.leave();
            }
            if epoch != joined.epoch {
                tracing::info!("the master has started anew; joining again");
                return Ok(Rejoin::Here);
            }
            if unknown {
                tracing::info!("the master has forgotten this worker; joining again");
                return Ok(Rejoin::Here);
            }
            let changed = if rest { self.duty.rest() } else { self.duty.resume() };
            if changed {
                let what = if rest { "out of service; it stays, and takes nothing new" } else { "back into service" };
                tracing::info!("an administrator has sent this worker {what}");
            }
            if !stale {
                contact.cut_off = 0;
                cut_off = CutOff::default();
            } else if cut_off.lasts_too_long(contact.cut_off, clock::now()) && contact.count() > 1 {
                tracing::info!("the master is cut off from the registry that it shares; joining the next one");
                return Ok(Rejoin::Elsewhere);
            }
        }
    }

    /// The heartbeat message with this load.
    fn heartbeat(&self, Joined { id, epoch }: Joined, load: Load) -> wire::NodeState {
        let utx = i64::try_from(clock::unix_us() / 1_000_000).unwrap_or(i64::MAX);
        let generation = self.join.identity.generation;
        let legacy = LegacyState { utx, ..LegacyState::default() };
        Heartbeat { id, generation, epoch, load, legacy, leases: self.leases.open() }.into()
    }

    /// The load of worker and machine now.
    fn load(&self, duty: Duty) -> Load {
        let machine = self.machine.latest();
        Load {
            cpu_percent: machine.cpu_percent,
            memory_percent: machine.memory_percent,
            temperature_c: machine.temperature_c,
            draining: duty != Duty::Serving,
            resting: duty == Duty::Resting,
            throttling: machine.throttling,
            ..self.stats.load(clock::now())
        }
    }

    /// Logs what went wrong, unless it was logged before in the same outage, and waits until it is time to try again. While there
    /// are masters that were not asked yet, there is no wait.
    async fn wait_after(&self, error: &JoinError, contact: &mut Contact, reconnect: &mut Reconnect) {
        let master = &contact.master;
        let wait = reconnect.next_wait(error, self.interval, contact.count());
        if reconnect.is_news(master, error) {
            if error.is_refusal() {
                tracing::error!("the master at {master} refuses this worker; asking every {wait:?}: {error}");
            } else if wait.is_zero() {
                tracing::warn!("the master at {master} does not answer, trying the next: {error}");
            } else {
                tracing::warn!("waiting for the master at {master}: {error}");
            }
        }
        let is_lost_for_long = self.discover && reconnect.search.is_due(clock::now());
        let wait = async {
            sleep(wait).await;
            if is_lost_for_long {
                contact.look_elsewhere().await;
            }
        };
        tokio::select! {
            () = wait => {}
            () = self.duty.leaves() => {}
        }
    }
}

/// The port of a live view that listens on `http`, if it can be reached at `ip`, the address under which the worker is
/// registered. A live view on the loopback interface can be reached only where the worker is registered there as well, and then its
/// master is on the same machine.
fn reachable_port(http: SocketAddr, ip: IpAddr) -> Option<NonZeroU16> {
    let (bound, ip) = (http.ip().to_canonical(), ip.to_canonical());
    let is_heard = if bound.is_unspecified() { hears(bound, ip) } else { bound == ip };
    NonZeroU16::new(http.port()).filter(|_| is_heard)
}

/// Since when the master has said, at each heartbeat, that it is cut off from the registry that it shares.
#[derive(Default)]
struct CutOff(Option<Instant>);

impl CutOff {
    /// Takes note that the master is cut off now, and returns whether it is time for another one. `left` is the number of masters
    /// before this one that were left for the same reason.
    fn lasts_too_long(&mut self, left: u32, now: Instant) -> bool {
        let since = *self.0.get_or_insert(now);
        now.saturating_duration_since(since) >= STAY * (1 + left)
    }
}

/// The tries to reach a master, from the first failure until a heartbeat has arrived again.
#[derive(Default)]
struct Reconnect {
    backoff: Backoff,
    failures: usize,
    /// The causes that were logged.
    logged: HashSet<String>,
    search: Search,
}

impl Reconnect {
    /// How long to wait before the next of `masters` masters is asked. There is no wait until all of them were.
    fn next_wait(&mut self, error: &JoinError, heartbeat: Duration, masters: usize) -> Duration {
        if error.is_refusal() {
            return heartbeat * REFUSED_HEARTBEATS;
        }
        self.failures += 1;
        if !self.failures.is_multiple_of(masters) {
            return Duration::ZERO;
        }
        // No longer than a heartbeat interval, because the registry of a new master is to be complete within one.
        self.backoff.next_wait().min(heartbeat)
    }

    /// Whether this cause was not logged before. Takes note that it is now.
    fn is_news(&mut self, master: &HostPort, error: &JoinError) -> bool {
        self.logged.insert(format!("{master}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: Duration = Duration::from_millis(50);

    #[test]
    fn a_master_that_is_cut_off_has_time_to_come_back() {
        let (mut cut_off, joined) = (CutOff::default(), clock::now());
        let mut lasts_too_long = |s, left| cut_off.lasts_too_long(left, joined + Duration::from_secs(s));
        assert!(!lasts_too_long(3610, 0), "it has just been cut off, however long ago this worker joined");
        assert!(!lasts_too_long(3619, 0));
        assert!(!lasts_too_long(3620, 1), "all seem to be cut off");
        assert!(lasts_too_long(3620, 0));
        assert!(lasts_too_long(3630, 1));
    }

    #[test]
    fn whoever_listens_on_the_other_kind_of_address_is_told_what_to_do() {
        let master = "pi.local:50051".parse().unwrap();
        let error = JoinError::Family { master, bound: "0.0.0.0:50050".parse().unwrap() }.to_string();
        assert!(error.contains("--listen [::]:50050") && error.contains("--advertise"), "{error}");
    }

    #[test]
    fn a_live_view_is_announced_where_it_can_be_reached() {
        for (http, worker, reachable) in [
            ("127.0.0.1:8081", "127.0.0.1", true),
            ("127.0.0.1:8081", "10.0.0.7", false),
            ("0.0.0.0:8081", "10.0.0.7", true),
            ("0.0.0.0:8081", "127.0.0.1", true),
            ("0.0.0.0:8081", "fd00::7", false),
            ("[::]:8081", "10.0.0.7", true),
            ("[::1]:8081", "::1", true),
            ("10.0.0.7:8081", "10.0.0.7", true),
            ("10.0.0.7:8081", "127.0.0.1", false),
            ("10.0.0.7:8081", "::ffff:10.0.0.7", true),
        ] {
            let port = reachable_port(http.parse().unwrap(), worker.parse().unwrap());
            assert_eq!(port.map(NonZeroU16::get), reachable.then_some(8081), "{http} of a worker at {worker}");
        }
    }

    #[test]
    fn what_only_a_person_changes_is_asked_for_seldom() {
        let wait = |status: Status| Reconnect::default().next_wait(&status.into(), HEARTBEAT, 1);
        assert_eq!(wait(Status::invalid_argument("weight 0")), HEARTBEAT * REFUSED_HEARTBEATS);
        assert_eq!(wait(Status::failed_precondition("an earlier life is alive")), HEARTBEAT);
        assert_eq!(wait(Status::unavailable("nobody there")), HEARTBEAT);
    }

    #[test]
    fn the_next_master_is_asked_at_once_until_all_were() {
        let (mut reconnect, gone) = (Reconnect::default(), JoinError::from(Status::unavailable("nobody there")));
        let waits: Vec<bool> = (0..6).map(|_| reconnect.next_wait(&gone, HEARTBEAT, 3).is_zero()).collect();
        assert_eq!(waits, [true, true, false, true, true, false]);
    }

    #[test]
    fn each_cause_of_an_outage_is_logged_once() {
        let mut reconnect = Reconnect::default();
        let causes = ["connection refused", "connection refused", "no route to host", "connection refused"];
        let [a, b] = ["a:1", "b:1"].map(|master| master.parse().unwrap());
        let news = causes.map(|cause| reconnect.is_news(&a, &Status::unavailable(cause).into()));
        assert_eq!(news, [true, false, true, false]);
        assert!(reconnect.is_news(&b, &Status::unavailable("connection refused").into()));
    }
}
