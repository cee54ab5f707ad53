//! The leases under which streams are open. The heartbeat names them to the master, which ends those that no worker names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use facefleet_proto::MAX_STREAM_LEASES;

/// The leases of one worker, shared by its streams and its heartbeat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases(Arc<Mutex<BTreeMap<u64, usize>>>);

impl Leases {
    /// Counts a stream that is open under `lease` until the guard is dropped. A client may have several streams open under one
    /// lease.
    pub(crate) fn hold(&self, lease: u64) -> LeaseGuard {
        *self.counted().entry(lease).or_default() += 1;
        LeaseGuard { leases: self.clone(), lease }
    }

    /// The leases under which streams are open, each once, and at most as many as fit into a heartbeat.
    pub(crate) fn open(&self) -> Vec<u64> {
        self.counted().keys().copied().take(MAX_STREAM_LEASES).collect()
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.0.lock().expect("nothing panics while it counts")
    }
}

/// Counts one open stream of a lease for as long as it lives.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    leases: Leases,
    lease: u64,
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        let mut counted = self.leases.counted();
        match counted.get_mut(&self.lease) {
            Some(streams) if *streams > 1 => *streams -= 1,
            _ => drop(counted.remove(&self.lease)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_named_once_for_as_long_as_a_stream_has_it() {
        let leases = Leases::default();
        let streams = [7, 3, 7].map(|lease| leases.hold(lease));
        assert_eq!(leases.open(), [3, 7]);
        let [first, second, third] = streams;
        drop((first, second));
        assert_eq!(leases.open(), [7]);
        drop(third);
        assert!(leases.open().is_empty());
    }

    #[test]
    fn no_more_are_named_than_a_heartbeat_takes() {
        let leases = Leases::default();
        let _held: Vec<LeaseGuard> = (0..=MAX_STREAM_LEASES as u64).map(|lease| leases.hold(lease)).collect();
        assert_eq!(leases.open().len(), MAX_STREAM_LEASES);
    }
}
