//! What must go on while nothing is wrong: streams, and the work of those who have time for it.

use std::time::Duration;

use facefleet_stream::session::WINDOW;

use super::audit::{Audit, Lane, Life, Up};
use super::state::Scenario;
use crate::engine::At;
use crate::world::World;
use crate::world::client::Client;
use crate::world::message::Host;
use crate::world::worker::{Habit, Worker};

type Stage = World<Scenario>;

/// What a disk that is full of other work takes for a frame.
pub(super) const SLOW_REPORT: Duration = Duration::from_millis(20);
/// After a fault, waits may be as long as this.
const SETTLED_AFTER: Duration = Duration::from_secs(6);
const JOINED_IS_USED_AFTER: Duration = Duration::from_secs(2);
/// A link to a worker has a frame within this time, the network's part of it included.
const LINK_IS_USED_WITHIN: Duration = Duration::from_secs(1);
/// A live stream has a frame done this often, where a worker has time for it.
const LIVE_OK_WITHIN: Duration = Duration::from_secs(1);
/// A worker that takes no longer for a frame is fast: it has credit for several frames a thread, and is not left out,
/// however fast the others are.
const FAST: Duration = Duration::from_millis(40);
/// Frames that a fast worker holds at least for each of its threads: one in work and one at hand.
const AT_HAND: u32 = 2;

/// A worker whose frames took long for a moment gets frames again within this time.
const USED_AGAIN_WITHIN: Duration = Duration::from_secs(3);
/// A worker is of use to a file if it takes no longer for a frame than this part of the time in which the window would fill
/// behind it.
const OF_USE: u32 = 4;

/// Since when nothing has been wrong; None: something is.
fn calm_since(world: &Stage) -> Option<At> {
    let bus = &world.bus;
    let is_calm = bus.is_calm() && bus.net.normal_loss == 0;
    let since = bus.experiment.disturbed.map_or(At::ZERO, |at| at + SETTLED_AFTER);
    (is_calm && since <= bus.now()).then_some(since)
}

/// Whether the worker at the other end of this link is the one that the stream takes it for, and does its work.
fn is_well(world: &Stage, lane: &Lane) -> bool {
    let worker = &world.workers[Worker::slot_of(lane.address)];
    let is_same = lane.up.as_ref().is_some_and(|up| up.life.generation == worker.generation());
    is_same && worker.is_up() && !worker.is_draining() && worker.habit == Habit::Honest
}

/// Whether it is well, and its frames have taken what they should for a while.
fn is_steady(world: &Stage, lane: &Lane) -> bool {
    let worker = &world.workers[Worker::slot_of(lane.address)];
    is_well(world, lane) && worker.speed.slow_until().is_none_or(|until| until + SETTLED_AFTER <= world.bus.now())
}

/// A worker joined two seconds ago. If the world has been calm, every file that could do with it uses it: a camera, or
/// a report that takes its time, may be content with those that were there.
pub(super) fn check_that_it_is_used(world: &mut Stage, slot: usize, life: u32, since: At) {
    let worker = &world.workers[slot];
    let is_same = world.bus.life(Host::Worker(slot)) == life;
    let is_here = worker.is_up() && is_same && !worker.is_draining() && worker.habit == Habit::Honest;
    if !is_here || calm_since(world).is_none_or(|calm| calm >= since) {
        return;
    }
    let (generation, now) = (worker.generation(), world.bus.now());
    let Scenario { audits, tally, .. } = &mut world.bus.experiment;
    for (client, audit) in world.clients.iter().zip(audits) {
        let is_hungry = audit.max_age.is_none() && client.plan().report_time < SLOW_REPORT;
        let wants =
            is_hungry && client.started < since && !client.is_done && audit.last_send > since + JOINED_IS_USED_AFTER;
        let address = Worker::address(slot);
        let had_room = audit.lanes.len() < audit.wanted && audit.full_at.is_none_or(|at| at < since);
        // Where a link to another worker was in its place, it has not had all of the time.
        let is_linked = |lane: &Lane| lane.address == address && now - lane.connected >= LINK_IS_USED_WITHIN;
        let has_room = had_room || audit.lanes.values().any(is_linked);
        if !wants || !has_room || audit.lost_at.contains_key(&address) {
            continue;
        }
        tally.newcomers += 1;
        let used = audit.used.contains(&Life { slot, generation });
        assert!(used, "{now:?}: w{slot} joined at {since:?}, and a stream that has work does not use it");
    }
}

/// Looks at a stream that waits.
pub(super) fn check(world: &mut Stage, number: usize) {
    let Some(calm) = calm_since(world) else {
        world.bus.experiment.audits[number].hungry_since = None;
        return;
    };
    if world.clients[number].is_stopped() {
        return;
    }
    match world.bus.experiment.audits[number].max_age {
        Some(max_age) => check_that_it_goes_on(world, number, max_age, calm),
        None => {
            check_that_workers_are_busy(world, number);
            check_that_workers_recover(world, number, calm);
        }
    }
}

/// Looks at a live stream: where a worker has a thread for each stream, and is fast enough for the age of its frames,
/// one of them is done every now and then.
fn check_that_it_goes_on(world: &mut Stage, number: usize, max_age: Duration, calm: At) {
    let (client, audit) = (&world.clients[number], &world.bus.experiment.audits[number]);
    if client.is_exhausted() {
        return;
    }
    let has_time = |lane: &&Lane| {
        let up = lane.up.as_ref().filter(|up| up.threads as usize >= world.clients.len());
        up.is_some_and(|up| up.service * 3 <= max_age) && is_steady(world, lane)
    };
    let ups = audit.lanes.values().filter(has_time).filter_map(|lane| lane.up.as_ref());
    let Some(up) = ups.min_by_key(|up| up.since) else { return };
    let now = world.bus.now();
    let steady = world.workers[up.life.slot].speed.slow_until().map_or(At::ZERO, |until| until + SETTLED_AFTER);
    let since = calm.max(client.started).max(up.since).max(steady);
    let waits = now.saturating_sub(since.max(audit.last_ok));
    assert!(waits <= LIVE_OK_WITHIN, "{now:?}: c{number} is live, has {up:?}, and no frame for {waits:?}");
    world.bus.experiment.tally.goes_on += u64::from(now > since + LIVE_OK_WITHIN);
}

/// If a stream is the only one, and a frame of its file is there to be sent, then every fast worker has work for now and more at
/// hand.
fn check_that_workers_are_busy(world: &mut Stage, number: usize) {
    let (audit, Some(stream)) = (&world.bus.experiment.audits[number], world.clients[number].stream()) else { return };
    if world.clients.len() > 1 || audit.next(stream.session().ledger()).is_none() {
        return;
    }
    let mut looked_at = 0;
    for lane in audit.lanes.values().filter(|lane| lane.is_measured && is_steady(world, lane)) {
        let Some(up) = lane.up.as_ref().filter(|up| up.service <= FAST) else { continue };
        looked_at += 1;
        let is_busy = lane.held.len() >= (up.threads * AT_HAND) as usize || audit.has_suspect(lane);
        assert!(is_busy, "{:?}: a frame waits, and {up:?} has {:?} alone", world.bus.now(), lane.held);
    }
    world.bus.experiment.tally.is_busy += looked_at;
}

/// A worker whose frames took long for a moment, and now take as long as ever, is used by a file whose frames wait. Of a worker whose
/// very first frames took long the stream knows nothing better.
fn check_that_workers_recover(world: &mut Stage, number: usize, calm: At) {
    let now = world.bus.now();
    let (audit, Some(stream)) = (&world.bus.experiment.audits[number], world.clients[number].stream()) else { return };
    let hungry = audit.next(stream.session().ledger()).map(|_| audit.hungry_since.unwrap_or(now));
    let mut looked_at = 0;
    if let Some(hungry) = hungry {
        let rate = |up: &Up| f64::from(up.threads) / up.service.as_secs_f64();
        let all: f64 = audit.lanes.values().filter_map(|lane| lane.up.as_ref()).map(rate).sum();
        let window = Duration::try_from_secs_f64(WINDOW as f64 / all).unwrap_or(Duration::MAX);
        for lane in audit.lanes.values().filter(|lane| is_well(world, lane)) {
            let worker = &world.workers[Worker::slot_of(lane.address)];
            let Some((slow_until, up)) = worker.speed.slow_until().zip(lane.up.as_ref()) else { continue };
            let first_ok = audit.first_ok.get(&up.life);
            let is_known = first_ok.is_some_and(|first| worker.speed.first_slow().is_some_and(|slow| *first < slow));
            if !is_known || slow_until > now || up.service > window / OF_USE {
                continue;
            }
            looked_at += 1;
            if !lane.held.is_empty() {
                continue;
            }
            let since = hungry.max(calm).max(slow_until).max(up.since).max(lane.had_frames);
            let idle = now - since;
            assert!(
                idle <= USED_AGAIN_WITHIN,
                "{now:?}: frames of c{number} wait, and {up:?} has had none for {idle:?}"
            );
        }
    }
    let Scenario { audits, tally, .. } = &mut world.bus.experiment;
    audits[number].hungry_since = hungry;
    tally.recovered += looked_at;
}

/// When every stream has ended at the latest: the slowest worker does all of the work when there is peace.
pub(super) fn bound(world: &Stage) -> At {
    let slowest = world.workers.iter().map(|worker| worker.speed.service / worker.threads()).max();
    let plans = || world.clients.iter().map(Client::plan);
    let all: u64 = plans().map(|plan| plan.frames).sum();
    let all = u32::try_from(all).expect("few");
    let reading = plans().map(|plan| plan.every + plan.report_time).sum::<Duration>() * all;
    world.bus.experiment.peace + Duration::from_secs(60) + slowest.unwrap_or_default() * all * 2 + reading
}

/// The streams that have not ended, and the frame that each waits for.
pub(super) fn unfinished(world: &Stage) -> String {
    let audits = world.clients.iter().zip(&world.bus.experiment.audits).enumerate();
    let waiting = audits.filter(|(_, (client, _))| !client.is_done);
    let state = |(number, (_, audit)): (usize, (&Client, &Audit))| {
        let Audit { lanes, trails, .. } = audit;
        format!("c{number} with {lanes:?} waits for {:?}; ", trails.first_key_value())
    };
    waiting.map(state).collect()
}
