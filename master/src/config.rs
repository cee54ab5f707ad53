//! What a master is started with, and why it does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use facefleet_service::http::token::Token;
use facefleet_service::listen::ListenError;
use tokio::net::TcpListener;

use crate::journal::HeartbeatLog;
use crate::store::Store;

/// The settings of a master when it starts.
#[derive(Debug, Default)]
pub struct Config {
    /// How workers are chosen.
    pub policy: PolicyName,
    /// Which streams are let in.
    pub admission: AdmissionName,
    /// How long a stream waits to be let in before it is refused.
    pub max_wait: Duration,
    /// The file to which heartbeats are logged; None: they are not.
    pub heartbeat_log: Option<HeartbeatLog>,
    /// The store of registrations.
    pub store: Store,
    /// The address at which other masters of the same store reach this one; None: the address on which it listens, or, when that
    /// is every address of the machine, the one from which it reaches the store.
    pub advertise: Option<SocketAddr>,
    /// Whether the master is announced on this network by mDNS.
    pub announce: bool,
    /// The listener of the page; None: there is no page.
    pub http: Option<TcpListener>,
    /// The token that lets whoever shows it change policy and admission, and send workers out of service; None: nobody may.
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
        /// The error of the system.
        source: io::Error,
    },
    /// The system refuses what every process needs: signal handlers, or its own address.
    #[error("cannot set the process up")]
    System(#[from] io::Error),
    /// The gRPC server ended, which it never does by itself.
    #[error("the gRPC server ended")]
    Serve(#[from] tonic::transport::Error),
}
