//! The events of one world, in the order of their times: cameras, workers, and the real scheduler.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_proto::{RouteQuery, WorkerId};
use fastrand::Rng;

use super::client::{Client, Kind, Told};
use super::measured::Measured;
use super::worker::{Work, Worker};
use super::world::{CAMERA_FPS, Micros, SECOND, World, mixed};

/// Time between two heartbeats, and between two questions of a client that wants more workers.
const EVERY: Micros = SECOND;
/// How often the master looks for lost workers.
const LOOK_EVERY: Micros = SECOND / 4;
/// How soon a client sees that its worker has vanished.
const NOTICED_AFTER: Micros = 2 * SECOND;
/// How often frames in flight are counted.
const COUNT_EVERY: Micros = SECOND / 10;
/// All clients have begun after this.
const BEGUN_AFTER: Micros = 10 * SECOND;
/// Nothing is measured before this.
pub(super) const WARM_UP: Micros = 15 * SECOND;
/// Frames of a stream.
const STREAM: std::ops::Range<u32> = 50..350;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A client begins a stream.
    Begin(usize),
    /// Its camera takes a frame.
    Due(usize),
    /// It asks for workers, if it wants more for the stream that began then.
    Ask(usize, Micros),
    /// It sees that a worker has vanished.
    Notice(usize, usize),
    /// A worker is done with a frame.
    Done(usize, Work),
    Beat(usize),
    Look,
    Replace,
    Count,
}

struct Simulation<'a> {
    world: &'a World,
    scheduler: Scheduler,
    origin: Instant,
    now: Micros,
    /// The number keeps events of one moment in the order in which they were made.
    events: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    made: u64,
    workers: Vec<Worker>,
    /// Of the ids that the master gave.
    numbers: HashMap<WorkerId, usize>,
    clients: Vec<Client>,
    /// What cameras and churn do is the same whatever the policy.
    camera_rngs: Vec<Rng>,
    churn_rng: Rng,
    measured: Measured,
}

/// Lets the world of this seed pass, and adds what was seen to `measured`.
pub(super) fn run(
    world: &World,
    seed: u64,
    policy: PolicyName,
    kind: Kind,
    origin: Instant,
    measured: Measured,
) -> Measured {
    let mut simulation = Simulation::new(world, seed, policy, kind, origin, measured);
    simulation.pass();
    simulation.end()
}

impl Simulation<'_> {
    fn new(
        world: &World,
        seed: u64,
        policy: PolicyName,
        kind: Kind,
        origin: Instant,
        measured: Measured,
    ) -> Simulation<'_> {
        let mut rng = Rng::with_seed(seed);
        let boards = world.boards(&mut rng);
        let clients: Vec<Client> = (0..world.cameras(&boards)).map(|_| Client::new(kind)).collect();
        let camera_rngs = clients.iter().map(|_| rng.fork()).collect();
        let mut simulation = Simulation {
            world,
            scheduler: Scheduler::new(policy, seed),
            origin,
            now: 0,
            events: BinaryHeap::new(),
            made: 0,
            workers: Vec::new(),
            numbers: HashMap::new(),
            clients,
            camera_rngs,
            churn_rng: rng.fork(),
            measured,
        };
        for board in boards {
            let slow_down = if simulation.workers.is_empty() { world.slow_down } else { 1.0 };
            let worker = Worker::new(simulation.workers.len(), board, (world.span / 2, slow_down), rng.fork());
            simulation.add(worker, rng.u64(..EVERY));
        }
        for client in 0..simulation.clients.len() {
            simulation.after(SECOND + rng.u64(..BEGUN_AFTER), Event::Begin(client));
        }
        simulation.after(0, Event::Look);
        simulation.after(WARM_UP, Event::Count);
        if let Some(every) = world.replaced_every {
            simulation.after(every, Event::Replace);
        }
        simulation
    }

    fn pass(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop()
            && at < self.world.span
        {
            self.now = at;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begin(client) => {
                let frames = self.camera_rngs[client].u32(STREAM);
                self.clients[client].begin(frames, self.now);
                self.ask(client);
                self.happen(Event::Due(client));
            }
            Event::Due(client) => self.take_picture(client),
            Event::Ask(client, began) => {
                if self.clients[client].began == began {
                    self.clients[client].will_ask = false;
                    self.ask(client);
                }
            }
            Event::Notice(client, worker) => {
                self.clients[client].lose(worker);
                self.ask(client);
            }
            Event::Done(worker, work) => self.done(worker, work),
            Event::Beat(worker) => {
                if let Some(heartbeat) = self.workers[worker].heartbeat() {
                    let now = self.instant();
                    self.scheduler.heartbeat(&heartbeat, now).expect("the master knows whom it gave an id");
                    self.after(EVERY, Event::Beat(worker));
                }
            }
            Event::Look => {
                let now = self.instant();
                self.scheduler.expire(now);
                self.after(LOOK_EVERY, Event::Look);
            }
            Event::Replace => self.replace(),
            Event::Count => {
                self.measured.in_flight(self.workers.iter().map(Worker::in_flight));
                self.after(COUNT_EVERY, Event::Count);
            }
        }
    }

    fn take_picture(&mut self, client: usize) {
        let stream = &mut self.clients[client];
        stream.waiting.push_back(self.now);
        stream.taken += 1;
        if stream.taken < stream.frames {
            self.after(SECOND / CAMERA_FPS, Event::Due(client));
        }
        self.send(client);
    }

    fn ask(&mut self, client: usize) {
        let stream = &mut self.clients[client];
        let exclude: Vec<WorkerId> = stream.lanes.iter().filter_map(|lane| lane.id).collect();
        let missing = stream.missing();
        if missing == 0 || stream.is_done() {
            return;
        }
        let query = RouteQuery { wanted: missing, exclude, ..RouteQuery::default() };
        let now = self.origin + Duration::from_micros(self.now);
        for candidate in self.scheduler.route(&query, now).candidates {
            let worker = self.numbers[&candidate.id.expect("this master says it")];
            self.clients[client].use_worker(worker, &candidate);
            if self.workers[worker].id.is_none() {
                // It has vanished, and the master does not know it yet.
                self.after(NOTICED_AFTER, Event::Notice(client, worker));
            }
        }
        let stream = &mut self.clients[client];
        if stream.missing() > 0 && !stream.will_ask {
            stream.will_ask = true;
            let ask = Event::Ask(client, stream.began);
            self.after(EVERY, ask);
        }
        self.send(client);
    }

    fn send(&mut self, client: usize) {
        while let Some((worker, due)) = self.clients[client].send() {
            if self.workers[worker].id.is_some() {
                self.workers[worker].take(client, due);
                self.work(worker);
            }
        }
        if self.clients[client].grows(self.now) {
            self.ask(client);
        }
    }

    fn work(&mut self, worker: usize) {
        while let Some(work) = self.workers[worker].begin(self.now) {
            self.after(work.takes, Event::Done(worker, work));
        }
    }

    fn done(&mut self, number: usize, work: Work) {
        let worker = &mut self.workers[number];
        if worker.id.is_none() {
            return;
        }
        worker.end(work);
        let told = Told { frame_ms: worker.frame_ms(), in_flight: worker.in_flight(), streams: worker.streams() };
        self.work(number);
        let client = &mut self.clients[work.stream];
        if client.answer(number, work.due, &told) {
            self.measured.answer(work.due, self.now);
            if client.is_done() {
                self.measured.stream(client.frames, client.began, self.now);
                self.after(0, Event::Begin(work.stream));
            } else {
                self.send(work.stream);
            }
        }
    }

    /// A board vanishes, and another one joins.
    fn replace(&mut self) {
        let gone = loop {
            let worker = self.churn_rng.usize(..self.workers.len());
            if self.workers[worker].id.is_some() {
                break worker;
            }
        };
        self.workers[gone].id = None;
        for client in 0..self.clients.len() {
            if self.clients[client].lanes.iter().any(|lane| lane.worker == gone) {
                self.after(NOTICED_AFTER, Event::Notice(client, gone));
            }
        }
        let (board, rng) = (mixed(&mut self.churn_rng), self.churn_rng.fork());
        let worker = Worker::new(self.workers.len(), board, (self.world.span, 1.0), rng);
        self.add(worker, EVERY);
        self.after(self.world.replaced_every.expect("it was asked for"), Event::Replace);
    }

    fn add(&mut self, mut worker: Worker, first_beat: Micros) {
        let now = self.instant();
        let id = self.scheduler.join(worker.join(), now).expect("there is room, and no other has its name").id;
        worker.id = Some(id);
        self.numbers.insert(id, self.workers.len());
        self.after(first_beat, Event::Beat(self.workers.len()));
        self.workers.push(worker);
    }

    /// What has no answer yet counts, too: with the time that it has waited.
    fn end(mut self) -> Measured {
        for client in &self.clients {
            client.unanswered().for_each(|due| self.measured.unanswered(due, self.world.span));
            self.measured.stream(client.answered, client.began, self.world.span);
        }
        self.measured.span += self.world.span - WARM_UP;
        self.measured
    }

    fn after(&mut self, time: Micros, event: Event) {
        self.made += 1;
        self.events.push(Reverse((self.now + time, self.made, event)));
    }

    fn instant(&self) -> Instant {
        self.origin + Duration::from_micros(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::WORLDS;
    use super::*;
    use facefleet_service::clock;

    #[test]
    fn a_client_has_one_question_before_it_whatever_it_loses() {
        let mut world = WORLDS[1];
        (world.span, world.replaced_every) = (30 * SECOND, Some(SECOND));
        let (origin, measured) = (clock::now(), Measured::default());
        let mut simulation = Simulation::new(&world, 1, PolicyName::LeastLoaded, Kind::Many(256), origin, measured);
        simulation.pass();
        let mut questions = HashMap::new();
        for Reverse((_, _, event)) in &simulation.events {
            if let Event::Ask(client, began) = event {
                *questions.entry((client, began)).or_insert(0) += 1;
            }
        }
        assert!(questions.len() > 10 && questions.values().all(|count| *count == 1), "{questions:?}");
    }

    #[test]
    fn a_world_has_one_history_and_carries_what_it_can() {
        let mut world = WORLDS[0];
        world.span = 25 * SECOND;
        let origin = clock::now();
        for kind in [Kind::OneRoute, Kind::AsNeeded, Kind::Many(2)] {
            let figures = || run(&world, 3, PolicyName::LeastLoaded, kind, origin, Measured::default()).figures();
            let (first, again) = (figures(), figures());
            assert_eq!(format!("{first:?}"), format!("{again:?}"));
            // Eight cameras of ten frames a second, on boards that do 120.
            assert!((78.0..82.0).contains(&first.frames_per_s), "{kind}: {first:?}");
        }
    }
}
