//! The masters that share a registry, as one of them knows them. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The other masters, by where they are reached, each with a `Line` to it.
#[derive(Debug)]
pub struct Masters<Line> {
    /// The revision of the registry that has this master since.
    since: i64,
    others: BTreeMap<SocketAddr, Other<Line>>,
}

#[derive(Debug)]
struct Other<Line> {
    /// The life of it that was registered last.
    keeper: u64,
    since: i64,
    /// One that is not is listened to for as long as it talks: it may be cut off from the registry alone.
    is_registered: bool,
    /// Whether its heartbeats come.
    is_heard: bool,
    line: Line,
}

/// A master as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// This life of it.
    pub keeper: u64,
    /// Where others reach it.
    pub address: SocketAddr,
    /// The revision of the registry that has it since.
    pub since: i64,
}

impl<Line> Default for Masters<Line> {
    fn default() -> Masters<Line> {
        Masters { since: i64::MAX, others: BTreeMap::new() }
    }
}

impl<Line: Clone> Masters<Line> {
    /// A session has begun: this master is registered since then, and of the others none is until it is added again.
    pub fn begin(&mut self, since: i64) {
        self.since = since;
        self.others.values_mut().for_each(|other| other.is_registered = false);
    }

    /// A master is registered. Returns whether it has to be listened to from now on.
    pub fn add(&mut self, master: Registered, line: impl FnOnce() -> Line) -> bool {
        let Registered { keeper, address, since } = master;
        let is_new = !self.others.contains_key(&address);
        let fresh = || Other { keeper, since, is_registered: true, is_heard: false, line: line() };
        let other = self.others.entry(address).or_insert_with(fresh);
        // An earlier life's registration may outlive it, and come after this one's in a list. What was known before it was
        // registered again may be of a registry that has lost all it knew, revisions included.
        if !other.is_registered || since >= other.since {
            (other.keeper, other.since) = (keeper, since);
        }
        other.is_registered = true;
        is_new
    }

    /// A life of a master is registered no more.
    pub fn remove(&mut self, keeper: u64) {
        let lives = self.others.values_mut().filter(|other| other.keeper == keeper);
        lives.for_each(|other| other.is_registered = false);
    }

    /// What a master is reached by.
    pub fn line(&self, address: SocketAddr) -> Option<Line> {
        self.others.get(&address).map(|other| other.line.clone())
    }

    /// Its heartbeats come from now on.
    pub fn heard(&mut self, address: SocketAddr) {
        self.others.entry(address).and_modify(|other| other.is_heard = true);
    }

    /// Its heartbeats come no more. Returns whether it is worth trying again.
    pub fn not_heard(&mut self, address: SocketAddr) -> bool {
        let Some(other) = self.others.get_mut(&address) else { return false };
        other.is_heard = false;
        if !other.is_registered {
            self.others.remove(&address);
            return false;
        }
        true
    }

    /// The masters that are heard and have been registered for longer than this one, the oldest first. What only one master
    /// may decide, the first of them does, or this one, if there is none.
    pub fn elders(&self) -> Vec<(SocketAddr, Line)> {
        let older = |(_, other): &(&SocketAddr, &Other<Line>)| other.is_heard && other.since < self.since;
        let mut elders: Vec<_> = self.others.iter().filter(older).collect();
        elders.sort_by_key(|(_, other)| other.since);
        elders.into_iter().map(|(address, other)| (*address, other.line.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn add(masters: &mut Masters<()>, keeper: u64, port: u16, since: i64) -> bool {
        masters.add(Registered { keeper, address: at(port), since }, || ())
    }

    fn elders(masters: &Masters<()>) -> Vec<u16> {
        masters.elders().into_iter().map(|(address, ())| address.port()).collect()
    }

    #[test]
    fn the_oldest_that_is_heard_decides() {
        let mut masters = Masters::default();
        masters.begin(30);
        for (keeper, port, since) in [(1, 1, 20), (2, 2, 10), (3, 3, 40)] {
            assert!(add(&mut masters, keeper, port, since));
        }
        assert!(elders(&masters).is_empty());
        (1..=3).for_each(|port| masters.heard(at(port)));
        assert_eq!(elders(&masters), [2, 1]);
        assert!(masters.not_heard(at(2)));
        assert_eq!(elders(&masters), [1]);
        // It comes back after its key has ended.
        masters.heard(at(2));
        assert!(!add(&mut masters, 2, 2, 50));
        assert_eq!(elders(&masters), [1]);
        // This one has the same fate.
        masters.begin(60);
        assert_eq!(elders(&masters), [1, 3, 2]);
    }

    #[test]
    fn who_is_cut_off_from_the_registry_is_an_elder_for_as_long_as_it_talks() {
        let mut masters = Masters::default();
        masters.begin(30);
        add(&mut masters, 1, 1, 20);
        masters.heard(at(1));
        masters.remove(1);
        assert_eq!(elders(&masters), [1]);
        assert!(!masters.not_heard(at(1)));
        assert_eq!((elders(&masters), masters.line(at(1))), (vec![], None));
        assert!(add(&mut masters, 1, 1, 50), "it is listened to again");
    }

    #[test]
    fn a_second_life_at_an_address_outlives_the_registration_of_the_first() {
        let mut masters = Masters::default();
        for order in [[(1, 10), (2, 20)], [(2, 20), (1, 10)]] {
            masters.begin(30);
            for (keeper, since) in order {
                add(&mut masters, keeper, 1, since);
            }
            masters.remove(1);
            assert!(masters.not_heard(at(1)), "the second life is registered");
        }
        masters.remove(2);
        assert!(!masters.not_heard(at(1)));
    }

    #[test]
    fn a_registry_that_has_lost_all_it_knew_counts_anew() {
        let mut masters = Masters::default();
        masters.begin(5000);
        add(&mut masters, 1, 1, 4000);
        masters.heard(at(1));
        assert_eq!(elders(&masters), [1]);
        masters.begin(4);
        add(&mut masters, 1, 1, 6);
        assert!(elders(&masters).is_empty());
        masters.begin(8);
        assert_eq!(elders(&masters), [1]);
    }
}
