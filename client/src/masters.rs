//! Discovery of the masters to use when the command line names none.

use std::time::Duration;

use facefleet_service::address::HostPorts;
use facefleet_service::discovery::{self, Cluster, SeveralClusters};

/// How long to look for a master in commands that cannot work without one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the masters to use could not be determined.
#[derive(Debug, thiserror::Error)]
pub enum MastersError {
    /// Several clusters were found, so a choice is needed.
    #[error(transparent)]
    Several(#[from] SeveralClusters),
    /// No master was found.
    #[error("no master announces itself on this network: start one, or say where it is with --master HOST:PORT")]
    Nobody,
}

/// Returns the masters that were named, or those that are discovered if none were.
pub(crate) async fn of(named: Option<HostPorts>) -> Result<HostPorts, MastersError> {
    match named {
        Some(named) => Ok(named),
        None => discovery::look(PATIENCE).await?.as_ref().map(chosen).ok_or(MastersError::Nobody),
    }
}

/// Looks for masters for a short time. Returns None, after telling the user, if there are none.
pub(crate) async fn found_or_none() -> Result<Option<HostPorts>, SeveralClusters> {
    let found = discovery::look(discovery::SHORTEST).await?;
    if found.is_none() {
        eprintln!("no master announces itself on this network: running on this machine alone, as with --local");
    }
    Ok(found.as_ref().map(chosen))
}

fn chosen(cluster: &Cluster) -> HostPorts {
    eprintln!("found the {cluster}; use --master to choose another");
    cluster.masters()
}
