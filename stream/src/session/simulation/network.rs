//! What lies between processes: packets that take their time, in the order of their connection, are held up by losses and
//! cuts, and are sent again, as TCP does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use facefleet_proto::AnalyzeFrame;

use super::master::{Reply, Request};
use super::world::{At, ConnId, Event, Host, Timer, World};
use crate::session::{Answer, Greeting, Lost};

/// TCP waits this long before it sends again what was lost, and twice as long each further time.
const RETRANSMITTED_AFTER: Duration = Duration::from_millis(200);
/// As in `facefleet_service::grpc`: a peer is pinged when it has said nothing for this time, and given up after twice that.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_CHECK: Duration = Duration::from_millis(2500);

#[derive(Debug)]
pub(super) struct Packet {
    pub(super) from: Host,
    pub(super) to: Host,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    /// With its number among all calls.
    Call(u64, Request),
    Reply(u64, Reply),
    Segment(ConnId, Segment),
}

/// What goes over the connection of one stream.
#[derive(Debug)]
pub(super) enum Segment {
    Connect,
    Connected,
    Open {
        max_age: Option<Duration>,
    },
    Opened(Greeting),
    Frame(AnalyzeFrame),
    /// With its number among all answers.
    Answer(u64, Answer),
    /// The worker ends the stream, in order.
    Ended(Lost),
    /// There is no such connection (any more).
    Reset,
    Ping,
    Pong,
}

#[derive(Debug)]
pub(super) struct Network {
    /// The shortest time from host to host.
    base: Duration,
    /// Of ten thousand packets so many are lost.
    pub(super) loss: u32,
    pub(super) normal_loss: u32,
    /// Times that everything takes longer than it should.
    pub(super) slowness: u32,
    /// From whom nothing comes to whom.
    cuts: BTreeSet<(Host, Host)>,
    /// What was sent over a cut.
    held_up: Vec<Packet>,
    /// Not before this does the next packet of a connection come, from this end of it.
    order: BTreeMap<(ConnId, Host), At>,
    /// What is on the way of such a connection may have overtaken what was held up, and is not seen before.
    resent: BTreeMap<(Host, Host), At>,
}

impl Network {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Network {
        let normal_loss = if rng.bool() { 0 } else { rng.u32(0..50) };
        Network {
            base: Duration::from_micros(rng.u64(100..15_000)),
            loss: normal_loss,
            normal_loss,
            slowness: 1,
            cuts: BTreeSet::new(),
            held_up: Vec::new(),
            order: BTreeMap::new(),
            resent: BTreeMap::new(),
        }
    }

    pub(super) fn cut(&mut self, from: Host, to: Host) {
        self.cuts.insert((from, to));
    }

    pub(super) fn is_calm(&self) -> bool {
        self.cuts.is_empty() && self.loss == self.normal_loss && self.slowness == 1
    }

    fn delay(&self, rng: &mut fastrand::Rng) -> Duration {
        let mut delay = self.base.mul_f64(1.0 + rng.f64()) * self.slowness;
        let mut again = RETRANSMITTED_AFTER;
        while rng.u32(0..10_000) < self.loss {
            delay += again;
            again = (again * 2).min(RETRANSMITTED_AFTER * 16);
        }
        delay
    }
}

impl World {
    pub(super) fn send(&mut self, from: Host, to: Host, body: Body) {
        let mut at = self.now + self.net.delay(&mut self.rng);
        if let Body::Segment(conn, _) = &body {
            let earliest = self.net.order.entry((*conn, from)).or_default();
            at = at.max(*earliest);
            *earliest = at;
        }
        self.at(at, Event::Packet(Packet { from, to, body }));
    }

    /// A packet would come now.
    pub(super) fn arrive(&mut self, packet: Packet) {
        let path = (packet.from, packet.to);
        if self.net.cuts.contains(&path) {
            self.tally.cut += 1;
            self.net.held_up.push(packet);
            return;
        }
        if let Some(resent) = self.net.resent.get(&path).filter(|resent| **resent > self.now) {
            return self.at(*resent, Event::Packet(packet));
        }
        let Packet { from, to, body } = packet;
        match (to, body) {
            (Host::Master, Body::Call(call, request)) => self.master_called(from, call, request),
            (_, Body::Call(..)) => unreachable!("only the master is called"),
            (_, Body::Reply(call, reply)) => self.replied(call, reply),
            (Host::Worker(slot), Body::Segment(conn, segment)) => self.worker_hears(slot, conn, segment),
            (Host::Client(_), Body::Segment(conn, segment)) => self.client_hears(from, conn, segment),
            (Host::Master, Body::Segment(..)) => unreachable!("frames never pass through the master"),
        }
    }

    /// All cuts are over. What they held up is sent again soon, in its order.
    pub(super) fn heal(&mut self) {
        self.net.cuts.clear();
        for packet in std::mem::take(&mut self.net.held_up) {
            let path = (packet.from, packet.to);
            let at = match self.net.resent.get(&path).filter(|at| **at > self.now) {
                Some(at) => *at,
                None => {
                    let at = self.now + self.between(1, 1600);
                    self.net.resent.insert(path, at);
                    at
                }
            };
            if let Body::Segment(conn, _) = &packet.body {
                let earliest = self.net.order.entry((*conn, packet.from)).or_default();
                *earliest = at.max(*earliest);
            }
            self.at(at, Event::Packet(packet));
        }
    }

    /// Looks whether the peer is still there, as both ends of a connection do. Returns whether it is given up.
    pub(super) fn is_silent(&mut self, host: Host, peer: Host, conn: ConnId, heard: At) -> bool {
        let silence = self.now.saturating_sub(heard);
        if silence >= KEEPALIVE * 2 {
            self.tally.keepalives += 1;
            return true;
        }
        if silence >= KEEPALIVE {
            self.send(host, peer, Body::Segment(conn, Segment::Ping));
        }
        self.timer(KEEPALIVE_CHECK, host, Timer::Keepalive(conn));
        false
    }
}
