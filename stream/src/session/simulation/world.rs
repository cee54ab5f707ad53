//! Virtual time: what happens, in which order, to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::test_clock;

use super::client::Client;
use super::faults::{self, Fault};
use super::master::{Calls, Master};
use super::network::{Network, Packet};
use super::tally::Tally;
use super::worker::Worker;
use crate::session::{Answer, LinkId, Lost};

/// Time since the world began.
pub(super) type At = Duration;

/// A machine with one process of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    Master,
    Worker(usize),
    Client(usize),
}

/// One stream of one client at its worker.
pub(super) type ConnId = (usize, LinkId);

/// What makes something happen.
#[derive(Debug)]
pub(super) enum Event {
    /// It comes to the host that it is for.
    Packet(Packet),
    /// A timer in a process; nothing to a later life of it.
    Timer(Host, u32, Timer),
    Fault(Fault),
}

/// What a process has waited for.
#[derive(Debug)]
pub(super) enum Timer {
    /// Master: look for workers that have gone silent.
    Expire,
    /// Master: the check that a worker that joined so long ago is used, in this life.
    IsUsed { slot: usize, life: u32, since: At },
    /// Worker: time to beat, or to join.
    Member,
    /// Worker: a thread is done with a frame of this stream.
    Done(ConnId, super::worker::Job, Duration),
    /// Worker: it has drained for long enough.
    GraceOver,
    /// Worker or client: a call has not been answered in time.
    CallOver(u64),
    /// Client: look at the clock.
    Tick,
    /// Client: the source can give its next frame.
    Source,
    /// Client: the report can take its next frame.
    Report,
    /// Client: a connection or an opening has taken too long.
    TooLong(LinkId, &'static str),
    /// Client or worker: has the peer said anything?
    Keepalive(ConnId),
    /// Client: what one of its links tells it.
    Heard(LinkId, Heard),
    /// Client: its user presses Ctrl-C.
    Stop,
}

/// What a link tells its stream; as `link::LinkEvent`, without a channel.
#[derive(Debug)]
pub(super) enum Heard {
    Up(crate::session::Greeting),
    /// With the answer's number among all.
    Answer(u64, Answer),
    Down(Lost),
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Poison {
    /// Its picture cannot be read from disk.
    Unreadable,
    /// No worker can do it.
    Corrupt,
    /// It ends the process that works on it.
    Kills,
}

/// A cluster and its clients.
#[derive(Debug)]
pub(super) struct World {
    pub(super) rng: fastrand::Rng,
    pub(super) now: At,
    pub(super) master: Master,
    pub(super) workers: Vec<Worker>,
    pub(super) clients: Vec<Client>,
    pub(super) net: Network,
    pub(super) calls: Calls,
    /// By client and frame.
    pub(super) poison: BTreeMap<(usize, u64), Poison>,
    /// Frames that a worker has truly done.
    pub(super) worked_on: BTreeSet<(usize, u64)>,
    /// Answers sent so far.
    pub(super) answers: u64,
    /// When a fault last struck or was mended, and from when on there are no more.
    pub(super) disturbed: Option<At>,
    pub(super) peace: At,
    pub(super) tally: Tally,
    /// What comes to those who are stopped waits here.
    stopped: BTreeMap<Host, Vec<Event>>,
    /// By time, and what was scheduled first comes first.
    events: BTreeMap<(At, u64), Event>,
    scheduled: u64,
    start: Instant,
    verbose: bool,
}

impl World {
    pub(super) fn new(seed: u64, verbose: bool) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let workers: Vec<Worker> = (0..rng.usize(1..=5)).map(|slot| Worker::new(slot, &mut rng)).collect();
        let clients: Vec<Client> = (0..rng.usize(1..=3)).map(|_| Client::new(workers.len(), &mut rng)).collect();
        let mut world = World {
            now: At::ZERO,
            master: Master::new(&mut rng),
            net: Network::new(&mut rng),
            workers,
            clients,
            calls: Calls::default(),
            poison: BTreeMap::new(),
            worked_on: BTreeSet::new(),
            answers: 0,
            disturbed: None,
            peace: At::ZERO,
            tally: Tally::default(),
            stopped: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            start: test_clock::start(),
            verbose,
            rng,
        };
        faults::foresee(&mut world);
        world.start_master();
        for number in 0..world.clients.len() {
            let from = world.between(0, 500);
            world.clients[number].started = from;
            world.timer_at(from, Host::Client(number), Timer::Tick);
            world.timer_at(from, Host::Client(number), Timer::Source);
        }
        world
    }

    /// Runs until every stream has ended.
    pub(super) fn run(mut self) -> Tally {
        while !self.clients.iter().all(|client| client.is_done) {
            let ((at, _), event) = self.events.pop_first().expect("clients tick until they are done");
            self.now = at;
            self.happen(event);
            let bound = self.bound();
            assert!(
                self.now <= bound,
                "{:?}: a stream has not ended within {bound:?}: {}",
                self.now,
                self.unfinished()
            );
        }
        self.tally.finish(self.scheduled)
    }

    fn happen(&mut self, event: Event) {
        let host = match &event {
            Event::Packet(packet) => packet.to,
            Event::Timer(host, life, _) if *life == self.life(*host) => *host,
            Event::Timer(..) => return,
            Event::Fault(_) => {
                let Event::Fault(fault) = event else { unreachable!("it has just been looked at") };
                return self.strike(fault);
            }
        };
        if let Some(waiting) = self.stopped.get_mut(&host) {
            waiting.push(event);
            return;
        }
        match event {
            Event::Packet(packet) => self.arrive(packet),
            Event::Timer(Host::Master, _, timer) => self.master_timer(timer),
            Event::Timer(Host::Worker(slot), _, timer) => self.worker_timer(slot, timer),
            Event::Timer(Host::Client(number), _, timer) => self.client_timer(number, timer),
            Event::Fault(_) => unreachable!("faults strike above"),
        }
    }

    /// Which life of a process this is.
    fn life(&self, host: Host) -> u32 {
        match host {
            Host::Master => self.master.life,
            Host::Worker(slot) => self.workers[slot].life,
            Host::Client(_) => 0,
        }
    }

    pub(super) fn at(&mut self, at: At, event: Event) {
        self.events.insert((at.max(self.now), self.scheduled), event);
        self.scheduled += 1;
    }

    pub(super) fn timer_at(&mut self, at: At, host: Host, timer: Timer) {
        let life = self.life(host);
        self.at(at, Event::Timer(host, life, timer));
    }

    pub(super) fn timer(&mut self, after: Duration, host: Host, timer: Timer) {
        self.timer_at(self.now + after, host, timer);
    }

    /// Stops a process: it does nothing, and does not know it.
    pub(super) fn pause(&mut self, host: Host) {
        self.stopped.entry(host).or_default();
    }

    /// Lets it go on, with all that has come in the meantime. What waits for a stopped process may be seen before its
    /// timers or after.
    pub(super) fn resume(&mut self, host: Host) {
        let Some(mut waiting) = self.stopped.remove(&host) else { return };
        if self.rng.bool() {
            waiting.sort_by_key(|event| matches!(event, Event::Timer(_, _, Timer::Tick | Timer::Keepalive(_))));
        }
        waiting.into_iter().for_each(|event| self.at(self.now, event));
    }

    pub(super) fn all_stopped(&self) -> Vec<Host> {
        self.stopped.keys().copied().collect()
    }

    pub(super) fn is_calm(&self) -> bool {
        self.stopped.is_empty() && self.net.is_calm()
    }

    /// A process that has ended cannot be stopped.
    pub(super) fn forget_pause(&mut self, host: Host) {
        self.stopped.remove(&host);
    }

    /// The monotonic clock as hosts without faults read it.
    pub(super) fn instant(&self) -> Instant {
        self.start + self.now
    }

    /// A time between so many milliseconds.
    pub(super) fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(self.rng.u64(least * 1000..=most * 1000))
    }

    pub(super) fn one_in(&mut self, times: u32) -> bool {
        self.rng.u32(0..times) == 0
    }

    pub(super) fn log(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>10.4} {}", self.now.as_secs_f64(), line());
        }
    }
}
