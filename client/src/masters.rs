//! The masters of whoever names none.

use std::time::Duration;

use facefleet_service::address::HostPorts;
use facefleet_service::discovery::{self, Cluster, SeveralClusters};

/// How long a master is looked for where nothing can be done without one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why it is not known which masters are meant.
#[derive(Debug, thiserror::Error)]
pub enum MastersError {
    /// It could be any of these.
    #[error(transparent)]
    Several(#[from] SeveralClusters),
    /// Nobody was found.
    #[error("no master announces itself on this network: start one, or say where it is with --master HOST:PORT")]
    Nobody,
}

/// The masters that are named; if none are, those that are found.
pub(crate) async fn of(named: Option<HostPorts>) -> Result<HostPorts, MastersError> {
    match named {
        Some(named) => Ok(named),
        None => discovery::look(PATIENCE).await?.as_ref().map(chosen).ok_or(MastersError::Nobody),
    }
}

/// The masters that are found in a moment; None, and a line that says so, if there are none.
pub(crate) async fn found_or_none() -> Result<Option<HostPorts>, SeveralClusters> {
    let found = discovery::look(discovery::SHORTEST).await?;
    if found.is_none() {
        eprintln!("no master announces itself on this network: this machine does the work, as with --local");
    }
    Ok(found.as_ref().map(chosen))
}

fn chosen(cluster: &Cluster) -> HostPorts {
    eprintln!("found the {cluster}; --master chooses another");
    cluster.masters()
}
