//! A cluster inside this process, for `--local`: a master and one worker per core, on loopback.
//!
//! Master and workers are the same code as the programs, on ports that the system picks, so that everything works as it
//! does on several machines.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use facefleet_service::address::HostPorts;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long the workers may take to join: far more than loading the model takes.
const START_TIME: Duration = Duration::from_secs(30);

/// Why the cluster inside this process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// No port on loopback was available.
    #[error("cannot listen on loopback")]
    Listen(#[from] io::Error),
    /// The master ended.
    #[error("the master inside this process ended")]
    Master(#[from] facefleet_master::RunError),
    /// A worker ended.
    #[error("a worker inside this process ended")]
    Worker(#[from] facefleet_worker::RunError),
    /// The workers did not join the master in time.
    #[error("the workers inside this process did not join within {} s", START_TIME.as_secs())]
    Slow,
}

/// A running cluster inside this process. Dropping it stops the master and the workers.
#[derive(Debug)]
pub(crate) struct Local {
    masters: HostPorts,
    _tasks: JoinSet<Result<(), LocalError>>,
}

impl Local {
    /// Starts a master and one worker per core, at most `workers`, and waits until all have joined. Each worker has one
    /// detector thread and room for `streams` streams.
    pub(crate) async fn start(workers: Option<NonZeroUsize>, streams: u16) -> Result<Local, LocalError> {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = workers.map_or(cores, |most| most.min(cores)).get();
        let (listener, address) = loopback().await?;
        let masters = HostPorts::from(address);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let config = facefleet_master::Config::default();
            Ok(facefleet_master::run(listener, config, std::future::pending()).await?)
        });
        let joined = Arc::new(Semaphore::new(0));
        for number in 1..=workers {
            let (listener, _) = loopback().await?;
            let mut config = facefleet_worker::Config::new(masters.clone(), NonZeroUsize::MIN);
            config.name = Some(format!("core-{number}"));
            config.limits.streams = config.limits.streams.max(NonZeroU32::MIN.saturating_add(streams.into()));
            let joined = joined.clone();
            config.on_join = Arc::new(move |_, _| joined.add_permits(1));
            tasks.spawn(async move { Ok(facefleet_worker::run(listener, config, std::future::pending()).await?) });
        }
        let all = joined.acquire_many(u32::try_from(workers).unwrap_or(u32::MAX));
        tokio::select! {
            all = tokio::time::timeout(START_TIME, all) => drop(all.map_err(|_| LocalError::Slow)?),
            Some(ended) = tasks.join_next() => ended.expect("the programs do not panic")?,
        }
        Ok(Local { masters, _tasks: tasks })
    }

    /// The address of the only master.
    pub(crate) fn masters(&self) -> &HostPorts {
        &self.masters
    }
}

async fn loopback() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
