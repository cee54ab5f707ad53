//! Workers and clients that are only talk: a few connections, on which everything happens when it is due, whether or
//! not what went before was answered.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use facefleet_proto::wire;
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_service::{clock, grpc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::master::Master;

/// Connections of clients. One program has one, so a real fleet has as many as it has programs.
const CLIENTS_CONNECTIONS: u32 = 2;
/// How often what is due is sent.
const TICK: Duration = Duration::from_millis(1);
/// Heartbeats of one worker.
const INTERVAL: Duration = Duration::from_secs(1);
/// The fleet beats for so long before it is looked at.
const WARM_UP: Duration = Duration::from_secs(3);
/// A worker that is not taken at once, because so many join from one address, comes again after this.
const JOIN_AGAIN: Duration = Duration::from_millis(200);
/// What clients want, in turn: 0 is an old one, which gets one; ours wants 8 at first, and later as many again as it has.
const WANTED: [u32; 3] = [0, 8, 16];
/// Every so many-th route finds nobody, as that of a client that has all workers: it asks for a detector that none has.
const FINDS_NOBODY: usize = 4;
const NO_DETECTOR: &str = "none-has-this";

/// Why the load could not be put on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("no runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error("the master cannot be reached: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("the master does not take part: {0}")]
    Call(#[from] Status),
    #[error("the master offers nobody")]
    NoRoute,
    #[error("the master offers somebody for a detector that none has")]
    WrongRoute,
    #[error("the master does not know a worker that has joined")]
    Unknown,
}

/// What is asked of a master.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) workers: u32,
    /// Connections that the workers share.
    pub(super) connections: u32,
    pub(super) routes_per_s: u32,
    pub(super) span: Duration,
}

/// What came of it.
pub(super) struct Seen {
    /// From the call to the answer.
    pub(super) routes: Vec<Duration>,
    pub(super) beats: Vec<Duration>,
    /// Heartbeats that were not answered when the next was due.
    pub(super) late: usize,
    /// Workers that the master did not take for healthy at the end.
    pub(super) lost: usize,
    /// The longest that the generator itself was behind.
    pub(super) behind: Duration,
    /// Processor time that the master used, in cores.
    pub(super) cores: Option<f64>,
    pub(super) peak_mb: Option<f64>,
}

/// One call, answered.
enum Answered {
    Route(Duration),
    Beat(Duration),
}

pub(crate) type Client = MasterClient<Channel>;

impl Load {
    pub(super) async fn put_on(self, master: &Master) -> Result<Seen, LoadError> {
        let (mut workers, mut clients) = (Vec::new(), Vec::new());
        let connections = self.connections.min(self.workers);
        for n in 0..connections {
            workers.push(connect(master, n).await?);
        }
        for n in 0..CLIENTS_CONNECTIONS {
            clients.push(connect(master, connections + n).await?);
        }
        let ids = self.join(&workers).await?;

        let start = clock::now();
        let (watched, end) = (start + WARM_UP, start + WARM_UP + self.span);
        let mut seen = Seen {
            routes: Vec::new(),
            beats: Vec::new(),
            late: 0,
            lost: 0,
            behind: Duration::ZERO,
            cores: None,
            peak_mb: None,
        };
        let mut cpu_before = None;
        let mut calls = JoinSet::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut beats, mut routes) = (0, 0);
        let mut previous = start;
        while previous < end {
            tick.tick().await;
            let now = clock::now();
            if now >= watched {
                cpu_before = cpu_before.or_else(|| Some((master.cpu()?, now)));
                seen.behind = seen.behind.max(now.saturating_duration_since(previous).saturating_sub(TICK));
            }
            previous = now;
            for n in due(&mut beats, self.workers, now - start) {
                let at = n % ids.len();
                calls.spawn(beat(workers[at % workers.len()].clone(), state(ids[at], n), now));
            }
            for n in due(&mut routes, self.routes_per_s, now - start) {
                calls.spawn(route(clients[n % clients.len()].clone(), n, now));
            }
            while let Some(answered) = calls.try_join_next() {
                seen.take(answered.expect("a call does not panic"), now >= watched)?;
            }
        }
        seen.cores = cpu_before.zip(master.cpu()).map(|((before, at), after)| {
            after.saturating_sub(before).as_secs_f64() / clock::now().saturating_duration_since(at).as_secs_f64()
        });
        while let Some(answered) = calls.join_next().await {
            seen.take(answered.expect("a call does not panic"), true)?;
        }
        seen.peak_mb = master.peak_mb();
        seen.lost = self.lost(&mut clients[0]).await?;
        Ok(seen)
    }

    /// Has all workers join and returns their ids; each connection joins its own one after the other.
    async fn join(self, connections: &[Client]) -> Result<Vec<i32>, LoadError> {
        let mut joins = JoinSet::new();
        for (first, client) in (0..).zip(connections) {
            let mut client = client.clone();
            let own = (first..self.workers).step_by(connections.len());
            joins.spawn(async move {
                let mut ids = Vec::new();
                for n in own {
                    ids.push((n, join(&mut client, n).await?));
                }
                Ok::<_, LoadError>(ids)
            });
        }
        let joined = joins.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut ids: Vec<(u32, i32)> = joined.into_iter().flatten().collect();
        ids.sort_unstable();
        Ok(ids.into_iter().map(|(_, id)| id).collect())
    }

    async fn lost(self, client: &mut Client) -> Result<usize, LoadError> {
        let nodes = client.list_nodes(wire::ListNodesRequest::default()).await?.into_inner().nodes;
        let healthy = nodes.iter().filter(|node| node.health() == wire::NodeHealth::Healthy).count();
        Ok((self.workers as usize).saturating_sub(healthy))
    }
}

impl Seen {
    fn take(&mut self, answered: Result<Answered, LoadError>, counts: bool) -> Result<(), LoadError> {
        match answered? {
            _ if !counts => {}
            Answered::Route(time) => self.routes.push(time),
            Answered::Beat(time) => {
                self.beats.push(time);
                self.late += usize::from(time > INTERVAL);
            }
        }
        Ok(())
    }
}

/// A connection from an address of its own, where all of 127.0.0.0/8 is this machine, which Linux is alone with: a
/// master holds back who joins too often from one.
async fn connect(master: &Master, n: u32) -> Result<Client, LoadError> {
    let mut endpoint = grpc::endpoint(&master.address.into());
    if cfg!(target_os = "linux") {
        let first = Ipv4Addr::new(127, 0, 1, 1).to_bits();
        endpoint = endpoint.local_address(Some(IpAddr::from(Ipv4Addr::from_bits(first + n))));
    }
    Ok(MasterClient::new(endpoint.connect().await?))
}

/// Joins as the `n`-th worker; returns its id.
pub(crate) async fn join(client: &mut Client, n: u32) -> Result<i32, LoadError> {
    let [_, a, b, c] = n.to_be_bytes();
    let request = wire::JoinRequest {
        ip: Ipv4Addr::new(10, a, b, c).to_string(),
        port: 50_050,
        weight: 1,
        name: format!("worker-{n}"),
        generation: 1,
        cores: 1 + n % 4,
        heartbeat_interval_ms: 1000,
        frames_per_s: 25.0,
        version: env!("CARGO_PKG_VERSION").into(),
        detectors: vec!["yunet".into(), "seeta".into()],
        http_port: 0,
    };
    loop {
        match client.join(request.clone()).await {
            Ok(reply) => return Ok(reply.into_inner().id),
            Err(status) if status.code() == Code::ResourceExhausted => tokio::time::sleep(JOIN_AGAIN).await,
            Err(status) => return Err(status.into()),
        }
    }
}

/// Numbers of what has come due since it was last asked, `per_s` a second.
fn due(done: &mut usize, per_s: u32, elapsed: Duration) -> std::ops::Range<usize> {
    let from = *done;
    let all = elapsed.as_micros() * u128::from(per_s) / 1_000_000;
    *done = usize::try_from(all).expect("there are not so many calls in a lifetime");
    from..*done
}

/// The `n`-th heartbeat of all, of a worker that is busy.
pub(crate) fn state(id: i32, n: usize) -> wire::NodeState {
    let n = n as u32;
    wire::NodeState {
        id,
        cpu_usage: 40.0 + (n % 50) as f32,
        generation: 1,
        in_flight: n % 7,
        queued: n % 3,
        frame_ms: 30.0 + (n % 40) as f32,
        frames_ok: u64::from(n),
        memory_usage: 35.0,
        temperature_c: 51.5,
        ..Default::default()
    }
}

async fn beat(mut client: Client, state: wire::NodeState, sent: Instant) -> Result<Answered, LoadError> {
    let reply = client.push_state(Request::new(state)).await?.into_inner();
    if reply.unknown { Err(LoadError::Unknown) } else { Ok(Answered::Beat(clock::now() - sent)) }
}

async fn route(mut client: Client, n: usize, sent: Instant) -> Result<Answered, LoadError> {
    let finds_nobody = n.is_multiple_of(FINDS_NOBODY);
    let detector = if finds_nobody { NO_DETECTOR.to_owned() } else { String::new() };
    let wanted = WANTED[n % WANTED.len()];
    let query = wire::RouteRequest { task_sz: 10_000, task_type: 50, wanted, detector, ..Default::default() };
    let reply = client.route_guide(Request::new(query)).await?.into_inner();
    match (reply.ip.is_empty(), finds_nobody) {
        (true, false) => Err(LoadError::NoRoute),
        (false, true) => Err(LoadError::WrongRoute),
        _ => Ok(Answered::Route(clock::now() - sent)),
    }
}
