//! Where registrations are kept: in this process alone, or in an etcd that any number of masters share.
//!
//! Little is shared. etcd holds the epoch of the cluster, the next id, the addresses of the masters, and one key for each worker
//! with what it said when it joined, under a lease of the master that hears the worker. It also holds what administrators have
//! [set](facefleet_cluster::sharing::settings), for as long as nobody takes it back. Loads and heartbeats are not written
//! anywhere: each master hears some of the workers, and reads the heartbeats of the others from the masters that hear them, by
//! the same `GetQ` that anybody can call. So all masters know at once when a worker falls silent, and how busy it is, even while
//! etcd is down.
//!
//! Every master answers from memory. What changes the memory, and what must be written, is decided by the
//! [scheduler](facefleet_cluster::scheduler) and its [book](facefleet_cluster::sharing::book), which are pure. `etcd` and
//! `peers` are the adapters.

use std::str::FromStr;

use facefleet_service::address::{HostPort, HostPortError};

#[cfg(feature = "etcd")]
pub(crate) mod etcd;
#[cfg(feature = "etcd")]
pub(crate) mod peers;

/// Where registrations are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// In this process.
    #[default]
    Memory,
    /// In an etcd with these members, at least one.
    #[cfg(feature = "etcd")]
    Etcd(Vec<HostPort>),
}

/// Why a text is not a [`Store`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The text is neither of the two.
    #[error("write `memory`, or `etcd://HOST:2379` with more members behind commas")]
    Neither,
    /// The address of a member is not valid.
    #[error(transparent)]
    Member(#[from] HostPortError),
    /// The program was built without support for etcd.
    #[error("this master was built without the feature `etcd`")]
    NotBuilt,
}

impl FromStr for Store {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Store, StoreError> {
        if text == "memory" {
            return Ok(Store::Memory);
        }
        let members = text.strip_prefix("etcd://").ok_or(StoreError::Neither)?;
        let members = members.split(',').map(HostPort::from_str).collect::<Result<Vec<_>, _>>()?;
        Store::etcd(members)
    }
}

impl Store {
    #[cfg(feature = "etcd")]
    fn etcd(members: Vec<HostPort>) -> Result<Store, StoreError> {
        Ok(Store::Etcd(members))
    }

    #[cfg(not(feature = "etcd"))]
    fn etcd(_: Vec<HostPort>) -> Result<Store, StoreError> {
        Err(StoreError::NotBuilt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "etcd")]
    fn what_a_person_types() {
        assert_eq!("memory".parse(), Ok(Store::Memory));
        let members = vec!["a:2379".parse().unwrap(), "[::1]:1".parse().unwrap()];
        assert_eq!("etcd://a:2379,[::1]:1".parse(), Ok(Store::Etcd(members)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |store: &str| store.parse::<Store>().unwrap_err().to_string();
        assert!(text("disk").contains("etcd://HOST:2379"));
        assert!(text("etcd://").contains("has no port"));
        assert!(text("etcd://a:2379,b").contains("`b` has no port"));
        assert!(text("etcd://a:2379/path").contains("not a port"));
    }
}
