//! What can go wrong with the soak itself.

use std::io;
use std::path::{Path, PathBuf};

/// Why there are no figures, or not what they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Process(#[from] facefleet_e2e::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("no port of this machine is free between {least} and {most}")]
    NoPort { least: u16, most: u16 },
    #[error("there is no etcd to share a registry in: install it (Debian: `apt-get install etcd-server`)")]
    NoEtcd,
    #[error("the masters cannot be asked: {0}")]
    Runtime(io::Error),
    #[error("{name} could not be {done}: {source}")]
    Fault { name: String, done: &'static str, source: nix::Error },
    #[error("{name} was sent a signal and is not {awaited}")]
    NoEffect { name: String, awaited: &'static str },
}

impl Error {
    /// Names the file in an error of reading or writing it.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    }
}
