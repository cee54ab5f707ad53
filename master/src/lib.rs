//! The registry and scheduler of a facefleet cluster.
//!
//! Workers join and send heartbeats; clients ask where to send their frames, which never pass through here. The state is in
//! memory only: after a restart the workers join again within a heartbeat.
//!
//! [`run`] is the whole program but for its command line, so that it can be embedded. What a cluster does is decided in
//! [`facefleet_cluster`], which is pure. Here are the adapters around it: gRPC, the stores, the page, the queue of heartbeats,
//! and the heartbeat log.
#![forbid(unsafe_code)]

mod administer;
pub mod cli;
mod config;
mod forwarding;
mod grpc;
mod journal;
mod limits;
mod masters;
mod members;
mod metrics;
mod nodes;
mod observed;
#[cfg(unix)]
mod open_files;
mod parts;
mod publication;
mod queue;
mod record;
mod ring;
mod routing;
mod shared_scheduler;
mod slot_calls;
pub mod store;
mod waiting;
mod watch;
mod web;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use facefleet_proto::MASTER_DESCRIPTORS;
use facefleet_proto::wire::master_server::{MasterServer, SERVICE_NAME};
use facefleet_service::discovery;
use facefleet_service::grpc as transport;
use facefleet_service::health::{self, Health, ServingStatus};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use config::{Config, RunError};
pub use journal::HeartbeatLog;
use limits::{MAX_CONNECTIONS, MAX_MESSAGE_BYTES, MAX_STREAMS};
use members::{LOOK_EVERY, Members};
use parts::Parts;
use shared_scheduler::SharedScheduler;
use store::Store;

/// How long calls may take to end when the master stops. Each is answered at once, but a peer may be paused.
const GRACE: Duration = Duration::from_secs(2);

/// Asks the system for as many connections as a master takes. Most systems let a process open 1024 files unless it asks for
/// more, and a connection is one. Warns where the system refuses. For a process that is a master and nothing else.
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
    let master = Arc::new(Parts::of(&config));
    let share = share(&master, &config, bound);
    let Config { policy, heartbeat_log, announce, http, .. } = config;
    let journal = heartbeat_log.map(|log| {
        let records = master.queue.subscribe(0);
        task::spawn_blocking(move || log.keep(records, &Handle::current()))
    });
    tracing::info!(address = %bound, policy = policy.as_str(), "master is up");

    let stopping = master.stopping.clone();
    let announcing = announce.then(|| {
        let (scheduler, stop) = (master.scheduler.clone(), stopping.clone());
        AbortOnDropHandle::new(tokio::spawn(discovery::announce(bound, move || scheduler.epoch(), stop)))
    });
    let page = http
        .map(|listener| AbortOnDropHandle::new(tokio::spawn(web::serve(listener, master.clone(), stopping.clone()))));
    let service = MasterServer::new(grpc::Service(master.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let routes = transport::server(MAX_STREAMS).add_service(service);
    let (routes, health) = health::add_health_and_reflection(routes, SERVICE_NAME, MASTER_DESCRIPTORS).await;
    let server = routes.serve_with_incoming_shutdown(transport::incoming(listener, MAX_CONNECTIONS), async {
        shutdown.await;
        master.queue.close();
        master.viewers.close();
        stopping.cancel();
        health.set(ServingStatus::NotServing).await;
        health.clone().close().await;
    });
    let ended = tokio::select! {
        ended = server => ended.map_err(RunError::from),
        never = keep_looking(&master.members) => match never {},
        never = share => match never {},
        never = master.viewers.keep_showing() => match never {},
        never = serve_once_ready(&master.scheduler, &health, &stopping) => match never {},
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
    master.queue.close();
    if let Some(journal) = journal {
        journal.await.expect("the journal does not panic");
    }
    ended
}

/// Shares the registry with other masters for as long as this is polled, if it is in a store that they share.
#[cfg_attr(not(feature = "etcd"), expect(unused_variables, reason = "nobody looks for a master that shares nothing"))]
fn share(master: &Parts, config: &Config, bound: SocketAddr) -> Pin<Box<dyn Future<Output = Infallible> + Send>> {
    match &config.store {
        Store::Memory => Box::pin(std::future::pending()),
        #[cfg(feature = "etcd")]
        Store::Etcd(members) => {
            let Parts { scheduler, publication, masters, .. } = master;
            let peers = store::peers::Peers::new(scheduler.clone(), masters.clone());
            let place = store::etcd::Place { members: members.clone(), bound, advertise: config.advertise };
            Box::pin(store::etcd::Registrar::new(scheduler.clone(), publication.clone(), peers, place).run())
        }
    }
}

/// Looks for workers that have fallen silent.
async fn keep_looking(members: &Members) -> Infallible {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        members.look();
    }
}

/// Reports the master as serving once it knows its cluster.
async fn serve_once_ready(scheduler: &SharedScheduler, health: &Health, stopping: &CancellationToken) -> Infallible {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    while !scheduler.is_ready() {
        tick.tick().await;
    }
    if !stopping.is_cancelled() {
        health.set(ServingStatus::Serving).await;
    }
    std::future::pending().await
}

async fn grace_over(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
