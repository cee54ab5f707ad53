//! What is known of a world of faults: its streams, its poison, and when something was last wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_proto::{Route, RouteQuery};
use fastrand::Rng;

use super::audit::Audit;
use super::poison::Poison;
use super::tally::Tally;
use crate::engine::At;
use crate::world::message::{Ends, Host};
use crate::world::worker::Habit;

/// The longest silence after which a worker may be offered: three missed heartbeats.
const LOST_AFTER: Duration = Duration::from_secs(3);

/// The experiment: a world to which a fate happens, and an audit of each stream in it.
#[derive(Debug, Default)]
pub(super) struct Scenario {
    /// By client.
    pub(super) audits: Vec<Audit>,
    /// By client and frame.
    pub(super) poison: BTreeMap<(usize, u64), Poison>,
    /// Frames that a worker has truly done.
    pub(super) worked_on: BTreeSet<(usize, u64)>,
    /// What the present life of the master last heard of each worker.
    pub(super) heard: BTreeMap<SocketAddr, Sign>,
    /// When a fault last struck or was mended.
    pub(super) disturbed: Option<At>,
    /// From then on there are no more faults.
    pub(super) peace: At,
    pub(super) tally: Tally,
}

/// A sign of life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    /// Of which life of the worker.
    pub(super) generation: u64,
    pub(super) at: At,
}

/// What happens to the world.
#[derive(Debug)]
pub(super) enum Happening {
    Fault(Fault),
    /// A worker joined then, in this life: look whether it is used.
    IsUsed {
        slot: usize,
        life: u32,
        since: At,
    },
}

/// Which faults strike in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Up to eight faults of any kind.
    Any,
    /// Workers take many times as long for a moment, and nothing else is wrong: streams are long enough to come back to them.
    Hiccups,
}

impl Fate {
    pub(super) fn draw(rng: &mut Rng) -> Fate {
        if rng.u32(0..8) == 0 { Fate::Hiccups } else { Fate::Any }
    }
}

/// What goes wrong, and what mends it.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A process starts at a worker's address, under another name or its own.
    Start(usize, Option<String>),
    /// A worker's process ends.
    Kill(usize, Ends),
    /// A worker is told to go.
    Drain(usize),
    /// A worker's machine has another idea of the time, in microseconds.
    Calendar(usize, i64),
    /// A worker's habits change.
    Habit(usize, Habit),
    /// Something between resets all connections of a worker.
    Reset(usize),
    KillMaster(Ends),
    StartMaster,
    Pause(Host),
    Resume(Host),
    /// Nothing comes from the first to the second.
    Cut(Vec<(Host, Host)>),
    Heal,
    /// So many of ten thousand packets are lost; None: as ever.
    Loss(Option<u32>),
    /// Everything on the network takes so many times as long.
    Slow(u32),
    /// A worker's frames take so many times as long until then.
    Hiccup {
        slot: usize,
        until: At,
        times: u32,
    },
    /// A client's clock jumps ahead.
    Jump(usize, Duration),
    /// A client's user presses Ctrl-C.
    Stop(usize),
    /// No more faults, and what was broken is mended.
    Peace,
}

impl Scenario {
    /// Looks at what the master offers to a client, when these workers are healthy.
    pub(super) fn check_route(
        &self,
        client: usize,
        query: &RouteQuery,
        route: &Route,
        healthy: &BTreeSet<SocketAddr>,
        now: At,
    ) {
        let offered: BTreeSet<SocketAddr> = route.candidates.iter().map(|candidate| candidate.address).collect();
        assert_eq!(offered.len(), route.candidates.len(), "nobody is offered twice");
        assert!(offered.len() <= query.wanted);
        for candidate in &route.candidates {
            let sign = self.heard[&candidate.address];
            assert_eq!(sign.generation, candidate.generation, "the master offers another life than it heard of");
            let silent = now - sign.at;
            assert!(silent <= LOST_AFTER, "{now:?}: {candidate:?} is offered after {silent:?} of silence");
        }
        let asked = self.audits[client].asked.as_ref().expect("a route answers a question");
        // What a cut held up may be a question that its client has given up.
        if offered.len() < query.wanted && *query == asked.query {
            let excusable = &asked.excusable;
            let mut left_out = healthy.difference(&offered).filter(|address| !excusable.contains(address));
            let left_out = left_out.next();
            assert!(
                left_out.is_none(),
                "{now:?}: {query:?} leaves out {left_out:?}, which its client neither uses nor has lost"
            );
        }
    }
}
