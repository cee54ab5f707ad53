//! The masters that share a registry, as one of them knows them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a master that is not heard is tried again after its registration has ended. It may be cut off from the registry,
/// which then holds nothing of it, and have lost the connection to this master for only a moment.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// The other masters, by the address at which they are reached, each with a connection `C` to it.
#[derive(Debug)]
pub struct Masters<C> {
    /// The revision of the registry at which this master was registered.
    since: i64,
    others: BTreeMap<SocketAddr, Other<C>>,
}

#[derive(Debug)]
struct Other<C> {
    /// The life of the master that was registered last.
    keeper: u64,
    since: i64,
    /// A master that is not registered is listened to for as long as it talks, and tried for some time more: it may be cut off
    /// from the registry alone.
    is_registered: bool,
    /// Whether its heartbeats come.
    is_heard: bool,
    /// When its heartbeats stopped; None: they come, or never came.
    missed: Option<Instant>,
    connection: C,
}

/// A master as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// This life of the master.
    pub keeper: u64,
    /// Where other masters reach it.
    pub address: SocketAddr,
    /// The revision of the registry at which it was registered.
    pub since: i64,
}

/// Whether a master that is not heard is to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Yes: it is registered.
    Registered,
    /// Yes: it may be cut off from the registry.
    Unregistered,
    /// No: it is gone.
    Enough,
}

impl<C> Default for Masters<C> {
    fn default() -> Masters<C> {
        Masters { since: i64::MAX, others: BTreeMap::new() }
    }
}

/// A master that decides before this one.
#[derive(Clone, Debug)]
pub struct Elder<C> {
    /// Where it listens.
    pub address: SocketAddr,
    /// The connection to it.
    pub connection: C,
}

impl<C: Clone> Masters<C> {
    /// A session has begun, and this master is registered since then. The other masters count as not registered until they are
    /// added again.
    pub fn begin(&mut self, since: i64) {
        self.since = since;
        self.others.values_mut().for_each(|other| other.is_registered = false);
    }

    /// A master is registered. Returns whether it must be listened to from now on.
    pub fn add(&mut self, master: Registered, connect: impl FnOnce() -> C) -> bool {
        let Registered { keeper, address, since } = master;
        let is_new = !self.others.contains_key(&address);
        let fresh =
            || Other { keeper, since, is_registered: true, is_heard: false, missed: None, connection: connect() };
        let other = self.others.entry(address).or_insert_with(fresh);
        // The registration of an earlier life may outlive that life, and come after the present one's in a list. What was known
        // before the master was registered again may come from a registry that has lost all it knew, revisions included.
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

    /// The connection to the master at this address.
    pub fn connection(&self, address: SocketAddr) -> Option<C> {
        self.others.get(&address).map(|other| other.connection.clone())
    }

    /// The heartbeats of the master at this address come from now on.
    pub fn heard(&mut self, address: SocketAddr) {
        self.others.entry(address).and_modify(|other| (other.is_heard, other.missed) = (true, None));
    }

    /// The heartbeats of the master at this address do not come. Returns whether to try again; after [`Tried::Enough`] the
    /// master is known no more.
    pub fn not_heard(&mut self, address: SocketAddr, now: Instant) -> Tried {
        let Some(other) = self.others.get_mut(&address) else { return Tried::Enough };
        other.is_heard = false;
        let missed = *other.missed.get_or_insert(now);
        if other.is_registered {
            Tried::Registered
        } else if now.saturating_duration_since(missed) < TRIED_FOR {
            Tried::Unregistered
        } else {
            self.others.remove(&address);
            Tried::Enough
        }
    }

    /// The masters that are heard and were registered before this one, the oldest first. The first of them decides what only
    /// one master may decide; if there is none, this master does.
    pub fn elders(&self) -> Vec<Elder<C>> {
        let older = |(_, other): &(&SocketAddr, &Other<C>)| other.is_heard && other.since < self.since;
        let mut elders: Vec<_> = self.others.iter().filter(older).collect();
        elders.sort_by_key(|(_, other)| other.since);
        let elder = |(address, other): (&SocketAddr, &Other<C>)| Elder {
            address: *address,
            connection: other.connection.clone(),
        };
        elders.into_iter().map(elder).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::test_clock;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn add(masters: &mut Masters<()>, keeper: u64, port: u16, since: i64) -> bool {
        masters.add(Registered { keeper, address: at(port), since }, || ())
    }

    fn elders(masters: &Masters<()>) -> Vec<u16> {
        masters.elders().into_iter().map(|elder| elder.address.port()).collect()
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
        assert_eq!(masters.not_heard(at(2), test_clock::start()), Tried::Registered);
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
    fn who_is_cut_off_from_the_registry_is_an_elder_while_it_talks_and_is_tried_again() {
        let (mut masters, start) = (Masters::default(), test_clock::start());
        masters.begin(30);
        add(&mut masters, 1, 1, 20);
        masters.heard(at(1));
        masters.remove(1);
        assert_eq!(elders(&masters), [1]);
        let hiccup = start + Duration::from_secs(3600);
        assert_eq!(masters.not_heard(at(1), hiccup), Tried::Unregistered);
        assert_eq!((elders(&masters), masters.connection(at(1))), (vec![], Some(())));
        masters.heard(at(1));
        assert_eq!(elders(&masters), [1]);
        let gone = hiccup + TRIED_FOR;
        assert_eq!(masters.not_heard(at(1), gone), Tried::Unregistered, "it was heard in between");
        assert_eq!(masters.not_heard(at(1), gone + TRIED_FOR), Tried::Enough);
        assert_eq!((elders(&masters), masters.connection(at(1))), (vec![], None));
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
            assert_eq!(masters.not_heard(at(1), test_clock::start()), Tried::Registered, "the second life is");
        }
        masters.remove(2);
        assert_eq!(masters.not_heard(at(1), test_clock::start()), Tried::Unregistered);
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
