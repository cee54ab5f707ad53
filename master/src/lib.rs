//! The registry and scheduler of a facefleet cluster.
//!
//! Workers join and send heartbeats; clients ask where to send their frames, which never pass through here. The state
//! is in memory only: after a restart the workers join again within a heartbeat.
//!
//! [`run`] is the whole program but for its command line, so that it can be embedded. What a cluster does is decided in
//! [`facefleet_cluster`], which is pure; here are the adapters around it: gRPC, the stores, the page, the queue of heartbeats,
//! and the heartbeat log.
#![forbid(unsafe_code)]

mod administer;
pub mod cli;
mod forwarding;
mod grpc;
mod journal;
mod metrics;
#[cfg(unix)]
mod open_files;
mod queue;
mod record;
mod ring;
mod shared;
pub mod store;
mod waiting;
mod watch;
mod web;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use facefleet_proto::MASTER_DESCRIPTORS;
use facefleet_proto::wire::master_server::{MasterServer, SERVICE_NAME};
use facefleet_service::discovery;
use facefleet_service::grpc as transport;
use facefleet_service::health::{self, Health};
use facefleet_service::http::token::Token;
use facefleet_service::listen::ListenError;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::liveness::Loss;
use facefleet_cluster::policy::PolicyName;
pub use journal::HeartbeatLog;
use shared::Shared;
use store::Store;

/// How often the registry is searched for workers that have gone silent.
const TICK: Duration = Duration::from_millis(250);
/// How long calls may take to end when the master stops. Each is answered at once, but a peer may be paused.
const GRACE: Duration = Duration::from_secs(2);
/// Greatest message: no frame ever comes here, and the largest list of workers to leave out has half of this.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Programs that are connected at once. A worker and a client have one connection each.
const MAX_CONNECTIONS: usize = 16_384;
/// Calls at once on one connection: one program has a few, a proxy for a whole site some hundreds, and a master that passes on
/// the questions of its clients as many as may wait ([`facefleet_cluster::admission::MAX_WAITING`]), and those that come too late for that.
const MAX_STREAMS: u32 = 16_384;

/// What a master is told when it starts.
#[derive(Debug, Default)]
pub struct Config {
    /// How workers are chosen.
    pub policy: PolicyName,
    /// How losses are detected.
    pub loss: Loss,
    /// Who is let in.
    pub admission: AdmissionName,
    /// How long a stream waits to be let in before it is refused.
    pub max_wait: Duration,
    /// Where heartbeats are logged; None: nowhere.
    pub heartbeat_log: Option<HeartbeatLog>,
    /// Where registrations are kept.
    pub store: Store,
    /// Where other masters of the same store reach this one; None: the address that it listens on, or, when that is every
    /// address of the machine, the one that reaches the store.
    pub advertise: Option<SocketAddr>,
    /// Whether this network is told where the master is.
    pub announce: bool,
    /// Where people find the page; None: nowhere.
    pub http: Option<TcpListener>,
    /// Who shows it may change policy and admission, and send workers out of service; None: nobody.
    pub admin_token: Option<Token>,
}

/// Why a master does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The heartbeat log cannot be opened.
    #[error("cannot write the heartbeat log {}: {source}; choose another with --heartbeat-log", path.display())]
    HeartbeatLog {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses what every process may ask for: signal handlers, or its own address.
    #[error("cannot set the process up")]
    System(#[from] io::Error),
    /// The server ended, which it does not do by itself.
    #[error("the gRPC server ended")]
    Serve(#[from] tonic::transport::Error),
}

/// Has the system make room for as many connections as a master takes: most let a process open 1024 files unless it asks for
/// more, and a connection is one. Warns where there is not that much. For a process that is a master and nothing else.
pub fn make_room() {
    #[cfg(unix)]
    open_files::make_room();
}

/// Serves on `listener` until `shutdown` resolves, then lets calls finish for a moment and ends.
///
/// # Errors
/// The server fails.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let bound = listener.local_addr()?;
    let (shared, share) = open(&config, bound);
    let Config { policy, heartbeat_log, announce, http, .. } = config;
    let journal = heartbeat_log.map(|log| {
        let records = shared.queue.subscribe(0);
        task::spawn_blocking(move || log.keep(records, &Handle::current()))
    });
    tracing::info!(address = %bound, policy = policy.as_str(), "master is up");

    let stopping = CancellationToken::new();
    let announcing = announce.then(|| {
        let (shared, stop) = (shared.clone(), stopping.clone());
        AbortOnDropHandle::new(tokio::spawn(discovery::announce(bound, move || shared.epoch(), stop)))
    });
    let page = http
        .map(|listener| AbortOnDropHandle::new(tokio::spawn(web::serve(listener, shared.clone(), stopping.clone()))));
    let service = MasterServer::new(grpc::Service(shared.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let routes = transport::server(MAX_STREAMS).add_service(service);
    let (routes, health) = health::add_health_and_reflection(routes, SERVICE_NAME, MASTER_DESCRIPTORS).await;
    let server = routes.serve_with_incoming_shutdown(transport::incoming(listener, MAX_CONNECTIONS), async {
        shutdown.await;
        shared.queue.close();
        shared.waiting.stop();
        shared.watching.close();
        stopping.cancel();
        health.set_serving(false).await;
        health.clone().close().await;
    });
    let ended = tokio::select! {
        ended = server => ended.map_err(RunError::from),
        never = expire(&shared) => match never {},
        never = share => match never {},
        never = shared.keep_watching() => match never {},
        never = serve_once_ready(&shared, &health, &stopping) => match never {},
        () = grace_over(&stopping) => {
            tracing::warn!(grace = ?GRACE, "some calls did not end in time and are cut");
            Ok(())
        }
    };

    stopping.cancel();
    if let Some(announcing) = announcing {
        announcing.await.expect("announcing does not panic");
    }
    if let Some(page) = page {
        page.await.expect("serving the page does not panic");
    }
    shared.queue.close();
    if let Some(journal) = journal {
        journal.await.expect("the journal does not panic");
    }
    ended
}

/// The state, and what shares it with other masters for as long as it is polled.
#[cfg_attr(not(feature = "etcd"), expect(unused_variables, reason = "nobody looks for a master that shares nothing"))]
fn open(config: &Config, bound: SocketAddr) -> (Arc<Shared>, Pin<Box<dyn Future<Output = Infallible> + Send>>) {
    let Config { policy, loss, admission, max_wait, ref store, advertise, ref admin_token, .. } = *config;
    let finish = |shared: Shared| Arc::new(shared.admitting(admission).guarded(admin_token.clone()));
    match store {
        Store::Memory => (finish(Shared::new(policy, loss, max_wait)), Box::pin(std::future::pending())),
        #[cfg(feature = "etcd")]
        Store::Etcd(members) => {
            let shared = finish(Shared::sharing(policy, loss, max_wait));
            let registrar = store::etcd::Registrar::new(shared.clone(), members.clone(), bound, advertise);
            (shared, Box::pin(registrar.run()))
        }
    }
}

async fn expire(shared: &Shared) -> Infallible {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
        shared.expire();
    }
}

/// Says that the master serves, from when it knows its cluster.
async fn serve_once_ready(shared: &Shared, health: &Health, stopping: &CancellationToken) -> Infallible {
    let mut tick = tokio::time::interval(TICK);
    while !shared.is_ready() {
        tick.tick().await;
    }
    if !stopping.is_cancelled() {
        health.set_serving(true).await;
    }
    std::future::pending().await
}

async fn grace_over(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
