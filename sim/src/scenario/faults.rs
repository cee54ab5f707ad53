//! What goes wrong. All of it is drawn when the world begins, so that a log starts with the whole fate.

use std::time::Duration;

use super::poison::Poison;
use super::state::{Fate, Fault, Happening, Scenario};
use crate::engine::At;
use crate::world::World;
use crate::world::message::{Body, Ends, Host, Segment};
use crate::world::worker::Habit;

type Stage = World<Scenario>;

/// A worker that was told to go has gone by then.
const REPLACED_AFTER: Duration = Duration::from_secs(14);

/// Draws who starts when, which frames are poison, and which faults strike when.
pub(super) fn foresee(world: &mut Stage, fate: Fate) {
    if fate == Fate::Hiccups {
        return hiccups(world);
    }
    for slot in 0..world.workers.len() {
        let late = slot > 0 && world.bus.rng.u32(0..5) < 2;
        let at = if late { world.bus.between(1000, 15_000) } else { world.bus.between(0, 500) };
        world.bus.at(at, Happening::Fault(Fault::Start(slot, None)));
    }
    for client in 0..world.clients.len() {
        poison(world, client);
    }
    let peace = world.bus.between(3000, 20_000);
    world.bus.experiment.peace = peace;
    let faults = if world.bus.one_in(8) { 0 } else { world.bus.rng.usize(1..=8) };
    for _ in 0..faults {
        let at = world.bus.between(300, u64::try_from(peace.as_millis()).expect("seconds") - 300);
        let lasts = match world.bus.rng.u32(0..4) {
            0 => world.bus.between(100, 1000),
            3 => world.bus.between(4000, 15_000),
            _ => world.bus.between(500, 4000),
        };
        let until = (at + lasts).min(peace);
        one(world, at, until);
    }
    if world.bus.one_in(6) {
        roll(world);
    }
    world.bus.at(peace, Happening::Fault(Fault::Peace));
}

/// All workers are there from the beginning, and the frames of some take many times as long for a moment.
fn hiccups(world: &mut Stage) {
    for slot in 0..world.workers.len() {
        let at = world.bus.between(0, 300);
        world.bus.at(at, Happening::Fault(Fault::Start(slot, None)));
    }
    for _ in 0..world.bus.rng.u32(1..5) {
        let slot = world.bus.rng.usize(0..world.workers.len());
        let at = world.bus.between(2000, 12_000);
        let until = at + world.bus.between(200, 2500);
        let hiccup = hiccup(world, slot, until);
        world.bus.at(at, Happening::Fault(hiccup));
    }
    world.bus.experiment.peace = Duration::from_secs(15);
}

fn poison(world: &mut Stage, client: usize) {
    if !world.bus.one_in(3) {
        return;
    }
    for _ in 0..world.bus.rng.u32(1..4) {
        let frame = world.bus.rng.u64(0..world.clients[client].plan().frames);
        let kind = [Poison::Unreadable, Poison::Corrupt, Poison::Kills][world.bus.rng.usize(0..3)];
        world.bus.experiment.poison.insert((client, frame), kind);
    }
}

/// All workers are replaced, one after the other, as for a new version.
fn roll(world: &mut Stage) {
    let mut at = world.bus.between(300, 5000);
    for slot in 0..world.workers.len() {
        world.bus.at(at, Happening::Fault(Fault::Drain(slot)));
        world.bus.at(at + REPLACED_AFTER, Happening::Fault(Fault::Start(slot, None)));
        at += world.bus.between(10, 500);
    }
}

/// Draws one fault, and its end.
fn one(world: &mut Stage, at: At, until: At) {
    let slot = world.bus.rng.usize(0..world.workers.len());
    let client = world.bus.rng.usize(0..world.clients.len());
    let any = match world.bus.rng.u32(0..3) {
        0 => Host::Master,
        1 => Host::Client(client),
        _ => Host::Worker(slot),
    };
    let (fault, end) = match world.bus.rng.u32(0..15) {
        0 | 1 => {
            let ends = ends(world);
            // Another one may come to the address of the first.
            let name = world.bus.one_in(4).then(|| format!("x{slot}"));
            (Fault::Kill(slot, ends), Some((until, Fault::Start(slot, name))))
        }
        2 => (Fault::Drain(slot), Some((at + REPLACED_AFTER, Fault::Start(slot, None)))),
        3 | 4 => (Fault::Pause(any), Some((until, Fault::Resume(any)))),
        5 | 6 => (Fault::Cut(cuts(world, any)), Some((until, Fault::Heal))),
        7 => (Fault::Loss(Some(world.bus.rng.u32(100..4000))), Some((until, Fault::Loss(None)))),
        8 => (Fault::Slow(world.bus.rng.u32(2..20)), Some((until, Fault::Slow(1)))),
        9 => (Fault::Reset(slot), None),
        10 => {
            let ends = ends(world);
            (Fault::KillMaster(ends), Some((until, Fault::StartMaster)))
        }
        11 => (Fault::Calendar(slot, -world.bus.rng.i64(1..3_600_000_000)), None),
        12 if slot > 0 => {
            let habits = [
                Habit::Honest,
                Habit::Fails { blames_itself: true },
                Habit::Fails { blames_itself: false },
                Habit::Twice,
                Habit::Unasked,
                Habit::Mute,
            ];
            (Fault::Habit(slot, habits[world.bus.rng.usize(0..habits.len())]), None)
        }
        14 => (hiccup(world, slot, until), None),
        12 | 13 if world.bus.one_in(4) => (Fault::Stop(client), None),
        _ => (Fault::Jump(client, until - at), None),
    };
    world.bus.at(at, Happening::Fault(fault));
    if let Some((until, end)) = end {
        world.bus.at(until, Happening::Fault(end));
    }
}

fn ends(world: &mut Stage) -> Ends {
    if world.bus.rng.bool() { Ends::Machine } else { Ends::Process }
}

/// A worker's frames take many times as long for a moment.
fn hiccup(world: &mut Stage, slot: usize, until: At) -> Fault {
    Fault::Hiccup { slot, until, times: world.bus.rng.u32(5..60) }
}

/// Cuts a host off from one other or from all, in one direction or both.
fn cuts(world: &mut Stage, from: Host) -> Vec<(Host, Host)> {
    let mut others: Vec<Host> = vec![Host::Master];
    others.extend((0..world.workers.len()).map(Host::Worker));
    others.extend((0..world.clients.len()).map(Host::Client));
    others.retain(|other| *other != from);
    if world.bus.rng.bool() {
        others = vec![others[world.bus.rng.usize(0..others.len())]];
    }
    let (there, back) = [(true, true), (true, true), (true, false), (false, true)][world.bus.rng.usize(0..4)];
    let both = |other: Host| [(from, other, there), (other, from, back)];
    others.into_iter().flat_map(both).filter(|(.., cut)| *cut).map(|(from, to, _)| (from, to)).collect()
}

impl Fault {
    /// None for what begins or ends in peace.
    fn kind(&self) -> Option<&'static str> {
        match self {
            Fault::Kill(_, Ends::Process) => Some("kill"),
            Fault::Kill(_, Ends::Machine) => Some("power off"),
            Fault::Drain(_) => Some("drain"),
            Fault::Calendar(..) => Some("calendar"),
            Fault::Habit(..) => Some("habit"),
            Fault::Reset(_) => Some("reset"),
            Fault::KillMaster(_) => Some("master"),
            Fault::Pause(_) => Some("pause"),
            Fault::Cut(_) => Some("cut"),
            Fault::Loss(Some(_)) => Some("loss"),
            Fault::Slow(2..) => Some("slow"),
            Fault::Hiccup { .. } => Some("hiccup"),
            Fault::Jump(..) => Some("jump"),
            Fault::Stop(_) | Fault::Start(..) | Fault::StartMaster | Fault::Resume(_) | Fault::Heal => None,
            Fault::Loss(None) | Fault::Slow(_) | Fault::Peace => None,
        }
    }
}

/// Lets a fault strike.
pub(super) fn strike(world: &mut Stage, fault: Fault) {
    let World { bus, master, workers, clients } = world;
    let now = bus.now();
    bus.log(|| format!("{fault:?}"));
    if let Some(kind) = fault.kind() {
        *bus.experiment.tally.faults.entry(kind).or_default() += 1;
    }
    // A worker that starts is no disturbance, nor is one that takes its time.
    if !matches!(fault, Fault::Start(..) | Fault::Hiccup { .. }) {
        bus.experiment.disturbed = Some(now);
    }
    match fault {
        Fault::Start(slot, name) => workers[slot].start(name, bus),
        Fault::Kill(slot, ends) => workers[slot].end(ends, bus),
        Fault::Drain(slot) => workers[slot].drain(bus),
        Fault::Calendar(slot, wrong) => workers[slot].calendar = wrong,
        Fault::Habit(slot, habit) => workers[slot].habit = habit,
        Fault::Reset(slot) => {
            for conn in workers[slot].streams() {
                let (worker, client) = (Host::Worker(slot), Host::Client(conn.0));
                bus.send(worker, client, Body::Segment(conn, Segment::Reset));
                bus.send(client, worker, Body::Segment(conn, Segment::Reset));
            }
        }
        Fault::KillMaster(ends) => master.end(ends, bus),
        Fault::StartMaster => start_master(world),
        Fault::Pause(host) => bus.pause(host),
        Fault::Resume(host) => bus.resume(host),
        Fault::Cut(pairs) => pairs.into_iter().for_each(|(from, to)| bus.net.cut(from, to)),
        Fault::Heal => bus.heal(),
        Fault::Loss(loss) => bus.net.loss = loss.unwrap_or(bus.net.normal_loss),
        Fault::Slow(times) => bus.net.slowness = times,
        Fault::Hiccup { slot, until, times } => workers[slot].speed.hiccup(now, until, times),
        Fault::Jump(client, by) => {
            clients[client].jump(by);
            bus.experiment.audits[client].jumped();
        }
        Fault::Stop(client) => clients[client].stop(client, bus),
        Fault::Peace => make_peace(world),
    }
}

/// A new life of the master has heard of nobody.
pub(super) fn start_master(world: &mut Stage) {
    let World { bus, master, .. } = world;
    if !master.is_up() {
        bus.experiment.heard.clear();
        master.start(bus);
    }
}

fn make_peace(world: &mut Stage) {
    world.bus.heal();
    world.bus.net.loss = world.bus.net.normal_loss;
    world.bus.net.slowness = 1;
    start_master(world);
    for host in world.bus.all_stopped() {
        world.bus.resume(host);
    }
    for slot in 0..world.workers.len() {
        if slot == 0 || !world.bus.one_in(3) {
            world.workers[slot].start(None, &mut world.bus);
        }
    }
}
