//! A master and workers whose detectors are simulated, in one process.
//!
//! The benchmark starts itself a second time for it, so that the processor time of clusters and clients can be told apart.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Arc;

use facefleet_e2e::{LOOPBACK, Process};
use facefleet_service::address::HostPort;
use facefleet_service::cli;
use facefleet_worker::{Device, SimulatedDevice};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Error;

/// What the benchmark calls itself with for this.
pub(crate) const COMMAND: &str = "simulated-cluster";

/// How far the time of a frame is from the average at most, as a part of it.
pub(super) const JITTER: f32 = 0.2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A worker of one thread, which takes so long for a frame.
    #[arg(long = "worker-ms", value_name = "MS")]
    workers_ms: Vec<u32>,
}

/// Why there is no simulated cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulationError {
    #[error("cannot listen on loopback: {0}")]
    Listen(#[from] io::Error),
    #[error(transparent)]
    Master(#[from] facefleet_master::RunError),
    #[error(transparent)]
    Worker(#[from] facefleet_worker::RunError),
}

/// Runs the cluster until the process is ended. Prints where the master listens when all workers have joined.
pub(crate) fn serve(args: &Args) -> Result<(), Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(SimulationError::from)?;
    Ok(runtime.block_on(cluster(&args.workers_ms))?)
}

async fn cluster(workers_ms: &[u32]) -> Result<(), SimulationError> {
    let mut programs: JoinSet<Result<(), SimulationError>> = JoinSet::new();
    let (listener, master) = loopback().await?;
    programs.spawn(async {
        Ok(facefleet_master::run(listener, facefleet_master::Config::default(), std::future::pending()).await?)
    });
    let joined = Arc::new(Semaphore::new(0));
    for (number, ms) in (1..).zip(workers_ms) {
        let (listener, _) = loopback().await?;
        let mut config = facefleet_worker::Config::new(HostPort::from(master), NonZeroUsize::MIN);
        config.name = Some(format!("worker-{number}"));
        let frame_time = Duration::from_millis((*ms).into());
        config.device = Device::Simulated(SimulatedDevice { frame_time, jitter: JITTER, seed: number });
        let joined = joined.clone();
        config.on_join = Arc::new(move |_, _| joined.add_permits(1));
        programs.spawn(async { Ok(facefleet_worker::run(listener, config, std::future::pending()).await?) });
    }
    let all = u32::try_from(workers_ms.len()).expect("these are as many as arguments of one process");
    tokio::select! {
        all = joined.acquire_many(all) => all.expect("nobody closes it").forget(),
        Some(ended) = programs.join_next() => return ended.expect("the programs do not panic"),
    }
    cli::announce(&format!("listening on {master}"));
    programs.join_next().await.expect("there is a master").expect("the programs do not panic")
}

async fn loopback() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(LOOPBACK).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Starts a process with such a cluster, and waits until all of it is there. Returns it with the master's address.
pub(crate) fn start(workers_ms: &[u32]) -> Result<(Process, String), Error> {
    let own =
        env::current_exe().map_err(|source| Error::File { path: "the benchmark's own program".into(), source })?;
    let mut command = Command::new(own);
    command.arg(COMMAND);
    for ms in workers_ms {
        command.args(["--worker-ms", &ms.to_string()]);
    }
    let mut process = Process::start("the simulated cluster", command)?;
    let master =
        process.wait_for("have all its workers", |line| Some(line.strip_prefix("listening on ")?.to_owned()))?;
    Ok((process, master))
}
