//! Groups the masters that were found into clusters. Pure.

use std::fmt;

use crate::address::{HostPort, HostPorts};

/// The most clusters that an error lists, and the most masters of each. Further ones are only counted.
const LISTED: usize = 8;

/// A master that was found and accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundMaster {
    pub(super) name: String,
    pub(super) address: HostPort,
    /// The epoch of the master's cluster.
    pub(super) cluster: u64,
}

impl FoundMaster {
    /// Adds the master to those that were found, in place of what was known of it before: it may have a better address by now, or
    /// have restarted.
    pub(super) fn add_to(self, found: &mut Vec<FoundMaster>) {
        found.retain(|known| {
            known.address != self.address && (&known.name, known.cluster) != (&self.name, self.cluster)
        });
        found.push(self);
    }
}

/// The masters, at least one, of a cluster that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster(Vec<FoundMaster>);

impl Cluster {
    /// The addresses of the cluster's masters.
    ///
    /// # Panics
    /// Never panics, because a cluster that was found has a master.
    pub fn masters(&self) -> HostPorts {
        HostPorts::new(self.0.iter().map(|master| master.address.clone()))
            .expect("a cluster that was found has a master")
    }
}

/// Lists the masters by name and address: ``master `laptop:50051` at 10.0.0.5:50051``.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "master " } else { "masters " })?;
        let shown = self.0.iter().map(|FoundMaster { name, address, .. }| format!("`{name}` at {address}"));
        f.write_str(&listed(shown, ", "))
    }
}

/// The error that masters of different clusters announce themselves, and nobody has said which cluster is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("several clusters announce themselves on this network: {}; say which with --master HOST:PORT", list(.0))]
pub struct SeveralClusters(Vec<Cluster>);

fn list(clusters: &[Cluster]) -> String {
    listed(clusters.iter().map(Cluster::to_string), "; ")
}

fn listed(all: impl ExactSizeIterator<Item = String>, between: &str) -> String {
    let unlisted = all.len().saturating_sub(LISTED);
    let listed = all.take(LISTED).collect::<Vec<_>>().join(between);
    if unlisted == 0 { listed } else { format!("{listed}{between}and {unlisted} more") }
}

/// The cluster that all of these masters belong to, or None when there are no masters.
///
/// # Errors
/// The masters belong to several clusters.
pub(super) fn choose(mut found: Vec<FoundMaster>) -> Result<Option<Cluster>, SeveralClusters> {
    // Sorted by name, so that everybody sees the same order.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let mut clusters: Vec<Cluster> = Vec::new();
    for master in found {
        match clusters.iter_mut().find(|cluster| cluster.0[0].cluster == master.cluster) {
            Some(cluster) => cluster.0.push(master),
            None => clusters.push(Cluster(vec![master])),
        }
    }
    if clusters.len() > 1 { Err(SeveralClusters(clusters)) } else { Ok(clusters.pop()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(name: &str, address: &str, cluster: u64) -> FoundMaster {
        FoundMaster { name: name.into(), address: address.parse().unwrap(), cluster }
    }

    #[test]
    fn nobody_and_one() {
        assert_eq!(choose(vec![]), Ok(None));
        let one = choose(vec![master("a:1", "10.0.0.1:1", 7)]).unwrap().unwrap();
        assert_eq!(
            (one.to_string(), one.masters().to_string()),
            ("master `a:1` at 10.0.0.1:1".into(), "10.0.0.1:1".into())
        );
    }

    #[test]
    fn a_master_that_answers_again_is_one_master() {
        let mut found = vec![master("a:1", "10.0.0.1:1", 7)];
        let (elsewhere, anew) = (master("a:1", "10.0.0.2:1", 7), master("a:1", "10.0.0.2:1", 8));
        elsewhere.clone().add_to(&mut found);
        assert_eq!(found, [elsewhere]);
        anew.clone().add_to(&mut found);
        assert_eq!(found, [anew]);
        master("a:1", "10.0.0.3:1", 9).add_to(&mut found);
        assert_eq!(found.len(), 2, "boards that were cloned have one name");
    }

    #[test]
    fn masters_that_share_a_registry_are_one_cluster() {
        let found = vec![master("b:1", "10.0.0.2:1", 7), master("a:1", "10.0.0.1:1", 7)];
        let one = choose(found).unwrap().unwrap();
        assert_eq!(one.masters().to_string(), "10.0.0.1:1,10.0.0.2:1");
        assert_eq!(one.to_string(), "masters `a:1` at 10.0.0.1:1, `b:1` at 10.0.0.2:1");
    }

    #[test]
    fn several_clusters_are_listed() {
        let found =
            vec![master("b:1", "10.0.0.2:1", 8), master("a:1", "10.0.0.1:1", 7), master("c:1", "10.0.0.3:1", 8)];
        let said = choose(found).unwrap_err().to_string();
        let list = "master `a:1` at 10.0.0.1:1; masters `b:1` at 10.0.0.2:1, `c:1` at 10.0.0.3:1; say";
        assert!(said.contains(list) && said.contains("--master HOST:PORT"), "{said}");
    }

    #[test]
    fn a_flood_is_not_listed() {
        let found = (1..=100).map(|n| master(&format!("m{n}"), &format!("10.0.0.1:{n}"), n)).collect();
        let said = choose(found).unwrap_err().to_string();
        assert!(said.contains("; and 92 more; say") && said.len() < 600, "{said}");
    }
}
