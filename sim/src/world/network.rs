//! What lies between processes: packets take their time, keep the order of their connection, are held up by losses and cuts, and
//! are sent again, as TCP does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use fastrand::Rng;

use super::message::{Body, ConnId, Host, Packet};
use crate::engine::At;

/// TCP waits this long before it sends again what was lost, and twice as long each further time.
const RETRANSMITTED_AFTER: Duration = Duration::from_millis(200);

/// The state of all paths.
#[derive(Debug)]
pub struct Network {
    /// The shortest time from host to host.
    base: Duration,
    /// So many of ten thousand packets are lost now.
    pub loss: u32,
    /// So many of ten thousand packets are lost when nothing is wrong.
    pub normal_loss: u32,
    /// Times that everything takes longer than it should.
    pub slowness: u32,
    /// From whom nothing comes to whom.
    cuts: BTreeSet<(Host, Host)>,
    /// What was sent over a cut.
    held_up: Vec<Packet>,
    /// Not before this does the next packet of a connection come, from this end of it.
    order: HashMap<(ConnId, Host), At>,
    /// When what was held up comes. What is on the way of such a path may have overtaken it, and is not seen before.
    resent: BTreeMap<(Host, Host), At>,
}

/// What becomes of a packet that has come to the end of its way.
#[derive(Debug)]
pub enum Arrival {
    /// The packet is there.
    Here(Packet),
    /// The packet was sent over a cut, and waits until that is healed.
    HeldUp,
    /// The packet comes at that time, behind what was sent before it.
    Later(At, Packet),
}

impl Network {
    /// A network that loses so many of ten thousand packets, and takes `base` to twice as long from host to host.
    pub fn new(base: Duration, normal_loss: u32) -> Network {
        Network {
            base,
            loss: normal_loss,
            normal_loss,
            slowness: 1,
            cuts: BTreeSet::new(),
            held_up: Vec::new(),
            order: HashMap::new(),
            resent: BTreeMap::new(),
        }
    }

    /// Lets nothing through from one host to another.
    pub fn cut(&mut self, from: Host, to: Host) {
        self.cuts.insert((from, to));
    }

    /// Whether nothing is wrong with it.
    pub fn is_calm(&self) -> bool {
        self.cuts.is_empty() && self.loss == self.normal_loss && self.slowness == 1
    }

    /// When a packet that is sent now comes to the end of its way.
    pub(super) fn arrival(&mut self, from: Host, body: &Body, now: At, rng: &mut Rng) -> At {
        let mut at = now + self.delay(rng);
        if let Body::Segment(conn, _) = body {
            let earliest = self.order.entry((*conn, from)).or_default();
            at = at.max(*earliest);
            *earliest = at;
        }
        at
    }

    fn delay(&self, rng: &mut Rng) -> Duration {
        let mut delay = self.base.mul_f64(1.0 + rng.f64()) * self.slowness;
        let mut again = RETRANSMITTED_AFTER;
        while self.loss > 0 && rng.u32(0..10_000) < self.loss {
            delay += again;
            again = (again * 2).min(RETRANSMITTED_AFTER * 16);
        }
        delay
    }

    /// A packet has come to the end of its way.
    pub(super) fn arrive(&mut self, packet: Packet, now: At) -> Arrival {
        let path = (packet.from, packet.to);
        if self.cuts.contains(&path) {
            self.held_up.push(packet);
            return Arrival::HeldUp;
        }
        match self.resent.get(&path).filter(|resent| **resent > now) {
            Some(resent) => Arrival::Later(*resent, packet),
            None => Arrival::Here(packet),
        }
    }

    /// Ends all cuts. Returns what they held up and when it comes: soon, in its order.
    pub(super) fn heal(&mut self, now: At, rng: &mut Rng) -> Vec<(At, Packet)> {
        self.cuts.clear();
        let mut resent = Vec::new();
        for packet in std::mem::take(&mut self.held_up) {
            let path = (packet.from, packet.to);
            let at = match self.resent.get(&path).filter(|at| **at > now) {
                Some(at) => *at,
                None => {
                    let at = now + Duration::from_micros(rng.u64(1_000..=1_600_000));
                    self.resent.insert(path, at);
                    at
                }
            };
            if let Body::Segment(conn, _) = &packet.body {
                let earliest = self.order.entry((*conn, packet.from)).or_default();
                *earliest = at.max(*earliest);
            }
            resent.push((at, packet));
        }
        resent
    }

    /// Forgets a connection that has ended at both ends.
    pub(super) fn forget(&mut self, conn: ConnId, worker: Host) {
        self.order.remove(&(conn, worker));
        self.order.remove(&(conn, Host::Client(conn.0)));
    }
}
