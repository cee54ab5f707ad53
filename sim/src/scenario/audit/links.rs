//! When a stream may have a link, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_stream::session::{DisconnectKind, Greeting, LinkId};

use super::Audit;
use super::lane::{Lane, Life, Up};
use crate::engine::At;
use crate::world::worker::Worker;

/// A worker that was lost is left alone for no longer than this.
const COOLING: Duration = Duration::from_secs(5);
/// A worker that was lost, and has done no frame since it was last left alone, is left alone for at least this time, twice
/// as long with each further loss, up to the second; all is forgiven after the third.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// The losses of a worker that has not answered since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Losses {
    in_a_row: u32,
    last: At,
}

impl Losses {
    /// How long the worker is left alone at least.
    fn wait(self) -> Duration {
        (FIRST_WAIT * 2_u32.pow((self.in_a_row - 1).min(5))).min(LONGEST_WAIT)
    }
}

impl Audit {
    /// Workers that a route need not offer.
    pub(super) fn excusable(&self, now: At) -> BTreeSet<SocketAddr> {
        let lost = self.lost_at.iter().filter(|(_, at)| now < **at + COOLING).map(|(address, _)| *address);
        lost.chain(self.lanes.values().map(|lane| lane.address)).collect()
    }

    pub(super) fn connect(&mut self, link: LinkId, address: SocketAddr, now: At) {
        assert!(self.lanes.values().all(|lane| lane.address != address), "{now:?}: two links to {address}");
        let lane = Lane {
            address,
            connected: now,
            up: None,
            held: BTreeMap::new(),
            had_frames: now,
            is_measured: false,
            blames_itself: false,
            broken: 0,
        };
        self.lanes.insert(link, lane);
        assert!(self.lanes.len() <= self.wanted, "{now:?}: more links than were wanted");
        if let Some(losses) = self.losses.get(&address) {
            assert!(now - losses.last >= losses.wait(), "{now:?}: {address} is tried too soon: {losses:?}");
        }
    }

    /// The client's clock has jumped: waits are over sooner.
    pub(in crate::scenario) fn jumped(&mut self) {
        self.losses.clear();
    }

    pub(super) fn up(&mut self, link: LinkId, greeting: &Greeting, now: At) {
        let Some(lane) = self.lanes.get_mut(&link) else { return };
        let slot = Worker::slot_of(lane.address);
        let Greeting { name, generation, threads } = greeting.clone();
        lane.up = Some(Up { life: Life { slot, generation }, since: now, name, threads, service: self.services[slot] });
    }

    pub(super) fn down(&mut self, link: LinkId, kind: DisconnectKind, now: At) {
        if self.lanes.len() == self.wanted {
            self.full_at = Some(now);
        }
        let Some(Lane { address, up, held, blames_itself, .. }) = self.lanes.remove(&link) else { return };
        self.in_vain += u32::from(blames_itself);
        self.lost_at.insert(address, now);
        let before = self.losses.get(&address).filter(|losses| now <= losses.last + FORGIVEN_AFTER);
        let in_a_row = before.map_or(0, |losses| losses.in_a_row) + 1;
        self.losses.insert(address, Losses { in_a_row, last: now });
        let Some(up) = up.filter(|_| !held.is_empty()) else { return };
        *self.counted.taken_back.entry(up.name).or_default() += held.len() as u64;
        for seq in held.into_keys() {
            self.waiting.insert(seq);
            // A worker that leaves is no loss.
            if kind != DisconnectKind::Left {
                let trail = self.trails.get_mut(&seq).expect("what is in flight is not reported");
                trail.losses += 1;
                trail.lost_with.insert(up.life);
            }
        }
    }
}
