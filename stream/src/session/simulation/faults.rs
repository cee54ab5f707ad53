//! What goes wrong. All of it is drawn when the world begins, so that a log starts with the whole fate.

use std::time::Duration;

use super::network::{Body, Segment};
use super::worker::Habit;
use super::world::{At, Event, Host, Poison, Timer, World};

/// Kinds of faults, beginnings and ends of peace not counted.
pub(super) const KINDS: usize = 12;
/// A worker that was told to go has gone by then.
const REPLACED_AFTER: Duration = Duration::from_secs(14);

#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A process starts at a worker's address, under another name or its own.
    Start(usize, Option<String>),
    /// A worker's process ends: its machine says so, or is `dark`.
    Kill {
        slot: usize,
        dark: bool,
    },
    /// A worker is told to go.
    Drain(usize),
    /// A worker's machine has another idea of the time, in microseconds.
    Calendar(usize, i64),
    /// A worker's habits change.
    Habit(usize, Habit),
    /// Something between resets all connections of a worker.
    Reset(usize),
    KillMaster {
        dark: bool,
    },
    StartMaster,
    Pause(Host),
    Resume(Host),
    /// Nothing comes from the first to the second.
    Cut(Vec<(Host, Host)>),
    Heal,
    /// Of ten thousand packets so many are lost; None: as ever.
    Loss(Option<u32>),
    /// Everything on the network takes so many times as long.
    Slow(u32),
    /// A client's clock jumps ahead.
    Jump(usize, Duration),
    /// A client's user presses Ctrl-C.
    Stop(usize),
    /// No more faults, and what was broken is mended.
    Peace,
}

/// Draws who starts when, which frames are poison, and which faults strike when.
pub(super) fn foresee(world: &mut World) {
    for slot in 0..world.workers.len() {
        let late = slot > 0 && world.rng.u32(0..5) < 2;
        let at = if late { world.between(1000, 15_000) } else { world.between(0, 500) };
        world.at(at, Event::Fault(Fault::Start(slot, None)));
    }
    for client in 0..world.clients.len() {
        poison(world, client);
    }
    world.peace = world.between(3000, 20_000);
    let faults = if world.one_in(8) { 0 } else { world.rng.usize(1..=8) };
    for _ in 0..faults {
        let at = world.between(300, u64::try_from(world.peace.as_millis()).expect("seconds") - 300);
        let lasts = match world.rng.u32(0..4) {
            0 => world.between(100, 1000),
            3 => world.between(4000, 15_000),
            _ => world.between(500, 4000),
        };
        let until = (at + lasts).min(world.peace);
        one(world, at, until);
    }
    if world.one_in(6) {
        roll(world);
    }
    world.at(world.peace, Event::Fault(Fault::Peace));
}

fn poison(world: &mut World, client: usize) {
    if !world.one_in(3) {
        return;
    }
    for _ in 0..world.rng.u32(1..4) {
        let frame = world.rng.u64(0..world.clients[client].source.frames);
        let kind = [Poison::Unreadable, Poison::Corrupt, Poison::Kills][world.rng.usize(0..3)];
        world.poison.insert((client, frame), kind);
    }
}

/// All workers are replaced, one after the other, as for a new version.
fn roll(world: &mut World) {
    let mut at = world.between(300, 5000);
    for slot in 0..world.workers.len() {
        world.at(at, Event::Fault(Fault::Drain(slot)));
        world.at(at + REPLACED_AFTER, Event::Fault(Fault::Start(slot, None)));
        at += world.between(10, 500);
    }
}

/// Draws one fault, and its end.
fn one(world: &mut World, at: At, until: At) {
    let slot = world.rng.usize(0..world.workers.len());
    let client = world.rng.usize(0..world.clients.len());
    let any = match world.rng.u32(0..3) {
        0 => Host::Master,
        1 => Host::Client(client),
        _ => Host::Worker(slot),
    };
    let (fault, end) = match world.rng.u32(0..14) {
        0 | 1 => {
            let dark = world.rng.bool();
            // Another one may come to the address of the first.
            let name = world.one_in(4).then(|| format!("x{slot}"));
            (Fault::Kill { slot, dark }, Some((until, Fault::Start(slot, name))))
        }
        2 => (Fault::Drain(slot), Some((at + REPLACED_AFTER, Fault::Start(slot, None)))),
        3 | 4 => (Fault::Pause(any), Some((until, Fault::Resume(any)))),
        5 | 6 => (Fault::Cut(cuts(world, any)), Some((until, Fault::Heal))),
        7 => (Fault::Loss(Some(world.rng.u32(100..4000))), Some((until, Fault::Loss(None)))),
        8 => (Fault::Slow(world.rng.u32(2..20)), Some((until, Fault::Slow(1)))),
        9 => (Fault::Reset(slot), None),
        10 => {
            let dark = world.rng.bool();
            (Fault::KillMaster { dark }, Some((until, Fault::StartMaster)))
        }
        11 => (Fault::Calendar(slot, -world.rng.i64(1..3_600_000_000)), None),
        12 if slot > 0 => {
            let habits = [
                Habit::Honest,
                Habit::Fails { blames_itself: true },
                Habit::Fails { blames_itself: false },
                Habit::Twice,
                Habit::Unasked,
                Habit::Mute,
            ];
            (Fault::Habit(slot, habits[world.rng.usize(0..habits.len())]), None)
        }
        12 | 13 if world.one_in(4) => (Fault::Stop(client), None),
        _ => (Fault::Jump(client, until - at), None),
    };
    world.at(at, Event::Fault(fault));
    if let Some((until, end)) = end {
        world.at(until, Event::Fault(end));
    }
}

/// Cuts a host off from one other or from all, in one direction or both.
fn cuts(world: &mut World, from: Host) -> Vec<(Host, Host)> {
    let mut others: Vec<Host> = vec![Host::Master];
    others.extend((0..world.workers.len()).map(Host::Worker));
    others.extend((0..world.clients.len()).map(Host::Client));
    others.retain(|other| *other != from);
    if world.rng.bool() {
        others = vec![others[world.rng.usize(0..others.len())]];
    }
    let (there, back) = [(true, true), (true, true), (true, false), (false, true)][world.rng.usize(0..4)];
    let both = |other: Host| [(from, other, there), (other, from, back)];
    others.into_iter().flat_map(both).filter(|(.., cut)| *cut).map(|(from, to, _)| (from, to)).collect()
}

impl Fault {
    /// None for what begins or ends in peace.
    fn kind(&self) -> Option<&'static str> {
        match self {
            Fault::Kill { dark: false, .. } => Some("kill"),
            Fault::Kill { dark: true, .. } => Some("power off"),
            Fault::Drain(_) => Some("drain"),
            Fault::Calendar(..) => Some("calendar"),
            Fault::Habit(..) => Some("habit"),
            Fault::Reset(_) => Some("reset"),
            Fault::KillMaster { .. } => Some("master"),
            Fault::Pause(_) => Some("pause"),
            Fault::Cut(_) => Some("cut"),
            Fault::Loss(Some(_)) => Some("loss"),
            Fault::Slow(2..) => Some("slow"),
            Fault::Jump(..) => Some("jump"),
            Fault::Stop(_) | Fault::Start(..) | Fault::StartMaster | Fault::Resume(_) | Fault::Heal => None,
            Fault::Loss(None) | Fault::Slow(_) | Fault::Peace => None,
        }
    }
}

impl World {
    pub(super) fn strike(&mut self, fault: Fault) {
        self.log(|| format!("{fault:?}"));
        if let Some(kind) = fault.kind() {
            *self.tally.faults.entry(kind).or_default() += 1;
        }
        // A worker that starts is no disturbance.
        if !matches!(fault, Fault::Start(..)) {
            self.disturbed = Some(self.now);
        }
        match fault {
            Fault::Start(slot, name) => self.start_worker(slot, name),
            Fault::Kill { slot, dark } => self.end_worker(slot, dark),
            Fault::Drain(slot) => self.drain_worker(slot),
            Fault::Calendar(slot, wrong) => self.workers[slot].calendar = wrong,
            Fault::Habit(slot, habit) => self.workers[slot].habit = habit,
            Fault::Reset(slot) => {
                for conn in self.workers[slot].streams() {
                    let (worker, client) = (Host::Worker(slot), Host::Client(conn.0));
                    self.send(worker, client, Body::Segment(conn, Segment::Reset));
                    self.send(client, worker, Body::Segment(conn, Segment::Reset));
                }
            }
            Fault::KillMaster { dark } => self.end_master(dark),
            Fault::StartMaster => self.start_master(),
            Fault::Pause(host) => self.pause(host),
            Fault::Resume(host) => self.resume(host),
            Fault::Cut(pairs) => pairs.into_iter().for_each(|(from, to)| self.net.cut(from, to)),
            Fault::Heal => self.heal(),
            Fault::Loss(loss) => self.net.loss = loss.unwrap_or(self.net.normal_loss),
            Fault::Slow(times) => self.net.slowness = times,
            Fault::Jump(client, by) => {
                self.clients[client].ahead += by;
                self.clients[client].audit.jumped();
            }
            Fault::Stop(client) => self.timer(Duration::ZERO, Host::Client(client), Timer::Stop),
            Fault::Peace => self.make_peace(),
        }
    }

    fn make_peace(&mut self) {
        self.heal();
        self.net.loss = self.net.normal_loss;
        self.net.slowness = 1;
        self.start_master();
        for host in self.all_stopped() {
            self.resume(host);
        }
        for slot in 0..self.workers.len() {
            if slot == 0 || !self.one_in(3) {
                self.start_worker(slot, None);
            }
        }
    }
}
