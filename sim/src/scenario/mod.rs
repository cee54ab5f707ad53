//! Faults from a seed, and what must hold whatever happens.
//!
//! [`run`] makes a cluster and its clients from a seed, lets the faults that the seed foresees strike, and audits every stream until
//! all have ended. It panics where something does not hold. The same seed always has the same history.

mod audit;
mod faults;
mod poison;
mod progress;
mod state;
mod tally;

use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::ValueEnum as _;
use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_proto::view::StreamReport;
use facefleet_proto::{Health, wire};
use facefleet_stream::event_loop::{EventLoop, Step};
use facefleet_stream::frame::{Finished, Unreadable};
use facefleet_stream::session::{Action, LinkEvent};
use fastrand::Rng;

use crate::engine::At;
use crate::world::client::{Client, Plan};
use crate::world::master::Master;
use crate::world::message::{Host, Reply, Request};
use crate::world::network::Network;
use crate::world::worker::{CORRUPT, Habit, KILLS, Worker};
use crate::world::{Bus, Experiment, Log, World};
use audit::{Audit, Truth};
use poison::Poison;
use progress::SLOW_REPORT;
use state::{Fate, Fault, Happening, Scenario, Sign};
pub use tally::Tally;

/// Within this time a worker that joins gets its first frame of a stream that could use it, and the network's part of it.
const USED_WITHIN: Duration = Duration::from_millis(2250);

/// Runs the world of this seed until every stream has ended.
///
/// # Panics
/// Something does not hold that must hold whatever happens.
pub fn run(seed: u64, log: Log) -> Tally {
    let mut world = world(seed, log);
    while !world.clients.iter().all(|client| client.is_done) {
        assert!(world.pass(At::MAX), "clients tick until they are done");
        let (now, bound) = (world.bus.now(), progress::bound(&world));
        assert!(now <= bound, "{now:?}: a stream has not ended within {bound:?}: {}", progress::unfinished(&world));
    }
    let events = world.events();
    world.bus.experiment.tally.finish(events)
}

fn world(seed: u64, log: Log) -> World<Scenario> {
    let mut rng = Rng::with_seed(seed);
    let workers: Vec<Worker> = (0..rng.usize(1..=5)).map(|slot| worker(slot, &mut rng)).collect();
    let fate = Fate::draw(&mut rng);
    let plans: Vec<Plan> = (0..rng.usize(1..=3)).map(|_| plan(fate, workers.len(), &mut rng)).collect();
    let policy = *rng.choice(PolicyName::value_variants()).expect("there are policies");
    let normal_loss = if fate == Fate::Hiccups || rng.bool() { 0 } else { rng.u32(0..50) };
    let net = Network::new(Duration::from_micros(rng.u64(100..15_000)), normal_loss);
    let services: Vec<Duration> = workers.iter().map(|worker| worker.speed.service).collect();
    let audits = plans.iter().map(|plan| Audit::new(plan.wanted, plan.max_age, services.clone())).collect();
    let scenario = Scenario { audits, ..Scenario::default() };
    let mut world = World::new(rng, net, Master::new(policy, 1), scenario, log);
    world.workers = workers;
    for plan in plans {
        let at = world.bus.between(0, 500);
        world.start_client(Client::new(plan), at);
    }
    faults::foresee(&mut world, fate);
    faults::start_master(&mut world);
    world
}

fn worker(slot: usize, rng: &mut Rng) -> Worker {
    // The first is the one that stays healthy when all is over.
    let habit = match rng.u32(0..40) {
        _ if slot == 0 => Habit::Honest,
        0 => Habit::Fails { blames_itself: true },
        1 => Habit::Fails { blames_itself: false },
        2 => Habit::Twice,
        3 => Habit::Unasked,
        4 => Habit::Mute,
        _ => Habit::Honest,
    };
    let (threads, service) = (rng.u32(1..=4), Duration::from_micros(rng.u64(15_000..300_000)));
    let worker = Worker::new(slot, threads, service, habit);
    if rng.u32(0..4) > 0 { worker } else { worker.without_self_test() }
}

fn plan(fate: Fate, workers: usize, rng: &mut Rng) -> Plan {
    let is_long = fate == Fate::Hiccups;
    let is_live = !is_long && rng.u32(0..3) == 0;
    let is_slow = rng.u32(0..10) == 0;
    Plan {
        wanted: if rng.bool() { workers } else { rng.usize(1..=workers) },
        workers_at_first: workers,
        max_age: is_live.then(|| Duration::from_millis(rng.u64(200..1000))),
        frames: if is_live { rng.u64(50..300) } else { rng.u64(50..500) } * if is_long { 5 } else { 1 },
        every: Duration::from_micros(if is_live { rng.u64(20_000..100_000) } else { rng.u64(500..3000) }),
        read_ahead: Plan::READ_AHEAD,
        report_time: if is_slow { SLOW_REPORT } else { Duration::from_micros(rng.u64(50..2000)) },
        hears_the_dead: rng.bool(),
        seed: rng.u64(..),
    }
}

impl Experiment for Scenario {
    type Event = Happening;

    fn happen(world: &mut World<Scenario>, event: Happening) {
        match event {
            Happening::Fault(fault) => faults::strike(world, fault),
            Happening::IsUsed { slot, life, since } => progress::check_that_it_is_used(world, slot, life, since),
        }
    }

    fn waits(world: &mut World<Scenario>, client: usize) {
        let now = world.bus.now();
        let stream = world.clients[client].stream().expect("a stream that waits has begun");
        world.bus.experiment.audits[client].check_settled(stream.session().ledger(), now);
        progress::check(world, client);
    }

    fn killed(world: &mut World<Scenario>, slot: usize) {
        let again = world.bus.now() + world.bus.between(200, 3000);
        world.bus.experiment.tally.killers += 1;
        world.bus.experiment.disturbed = Some(world.bus.now());
        world.bus.at(again, Happening::Fault(Fault::Start(slot, None)));
    }

    fn jpeg(&self, client: usize, frame: u64) -> Result<Bytes, Unreadable> {
        Ok(Bytes::from_static(match self.poison.get(&(client, frame)) {
            None => b"jpeg",
            Some(Poison::Corrupt) => CORRUPT,
            Some(Poison::Kills) => KILLS,
            Some(Poison::Unreadable) => return Err(Unreadable("it is not there".to_owned())),
        }))
    }

    fn given(&mut self, client: usize, frame: u64, now: Instant) {
        self.audits[client].given(frame, now);
    }

    fn link(&mut self, client: usize, event: &LinkEvent, at: At) {
        self.audits[client].link(event, at);
    }

    fn act(&mut self, client: usize, action: &Action, at: At) {
        self.audits[client].act(action, at);
    }

    fn stopped(&mut self, client: usize, now: Instant) {
        self.audits[client].stopped(now);
    }

    fn step(&mut self, client: usize, step: Step, stream: &mut EventLoop, at: At, now: Instant) {
        let audit = &mut self.audits[client];
        match step {
            Step::Acted => audit.acted(stream.session(), at, now),
            Step::Tick => {
                audit.ticked(now);
                let report = wire::StreamReport::from(StreamReport { lease: 1, ..stream.take_report() });
                StreamReport::try_from(report).expect("what people are shown adds up at any time");
            }
            Step::Over(_) => {
                audit.check_end(stream.session().ledger(), at);
                self.tally.stream(stream.session(), at);
                return;
            }
            Step::Event | Step::Done(_) => {}
        }
        audit.check_counts(stream.session().ledger(), at);
    }

    fn reported(&mut self, client: usize, finished: &Finished) {
        let key = (client, finished.frame.index);
        let truth = Truth { poison: self.poison.get(&key).copied(), was_worked_on: self.worked_on.contains(&key) };
        self.audits[client].reported(finished, truth, &mut self.tally);
    }

    fn worked_on(&mut self, client: usize, frame: u64) {
        self.worked_on.insert((client, frame));
    }

    fn called(bus: &mut Bus<Scenario>, from: Host, request: &Request, reply: &Reply, scheduler: &Scheduler) {
        let now = bus.now();
        match (request, reply) {
            (Request::Join(join), Reply::Joined { id, again, .. }) => {
                let Host::Worker(slot) = from else { unreachable!("only workers join") };
                bus.experiment.heard.insert(join.address, Sign { generation: join.identity.generation, at: now });
                if !again {
                    let life = bus.life(from);
                    bus.at(now + USED_WITHIN, Happening::IsUsed { slot, life, since: now });
                }
                bus.log(|| format!("w{slot} joins as {id}"));
            }
            (Request::Beat(beat), Reply::Beaten { unknown: false, .. }) => {
                let join = &scheduler.registry().get(beat.id).expect("it has just been heard of").join;
                assert_eq!(Host::Worker(Worker::slot_of(join.address)), from, "a heartbeat of somebody else");
                bus.experiment.heard.insert(join.address, Sign { generation: join.identity.generation, at: now });
            }
            (Request::Route(query), Reply::Route(route)) => {
                let Host::Client(number) = from else { unreachable!("only clients ask for routes") };
                let (workers, time) = (scheduler.registry().workers(), bus.instant());
                let healthy = workers.filter(|worker| worker.health(time) == Health::Healthy);
                let healthy = healthy.map(|worker| worker.join.address).collect();
                bus.experiment.check_route(number, query, route, &healthy, now);
            }
            _ => {}
        }
    }

    fn held_up(&mut self) {
        self.tally.cut += 1;
    }

    fn given_up_for_silence(&mut self) {
        self.tally.keepalives += 1;
    }
}
