//! What all streams of a run share: the cluster, and the metrics of the run.

use facefleet_service::address::HostPorts;
use facefleet_service::http::{self, Probes};
use facefleet_service::listen;
use facefleet_service::metrics::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cli::{ClusterChoice, RunArgs};
use crate::local::Local;
use crate::masters;
use crate::run::RunError;

/// The cluster that a run uses.
pub(super) struct Cluster {
    pub(super) masters: HostPorts,
    /// The cluster inside this process; None if there is another one.
    _local: Option<Local>,
}

impl Cluster {
    /// Finds the cluster, or starts one inside this process that has room for `streams` at a time.
    ///
    /// # Errors
    /// Fails if there are several, or if the one inside this process does not start.
    pub(super) async fn find(args: &RunArgs, streams: u16) -> Result<Cluster, RunError> {
        let masters = match args.cluster() {
            ClusterChoice::ThisMachine => None,
            ClusterChoice::Named(masters) => Some(masters.clone()),
            ClusterChoice::Discovered => masters::found_or_none().await?,
        };
        if let Some(masters) = masters {
            return Ok(Cluster { masters, _local: None });
        }
        let local = Local::start(args.workers, streams).await?;
        Ok(Cluster { masters: local.masters().clone(), _local: Some(local) })
    }
}

/// Binds the address of `--http`, so that a wrong one is reported before anything starts.
///
/// # Errors
/// Fails if the address cannot be used.
pub(super) async fn bind(args: &RunArgs) -> Result<Option<TcpListener>, RunError> {
    Ok(match args.http {
        Some(address) => Some(listen::bind_http(address).await?),
        None => None,
    })
}

/// Serves the metrics until the guard is dropped.
pub(super) fn serve_metrics(listener: TcpListener, metrics: Metrics) -> AbortOnDropHandle<()> {
    match listener.local_addr() {
        Ok(address) => eprintln!("metrics on http://{address}/metrics"),
        Err(error) => tracing::warn!("the address of the metrics is unknown: {error}"),
    }
    let open = http::connections(&metrics);
    let probes = Probes { ready: Box::new(|| Ok(())), metrics: Box::new(move || metrics.text()) };
    let site = http::site(Default::default(), probes);
    AbortOnDropHandle::new(tokio::spawn(http::serve(listener, site, open, CancellationToken::new())))
}
