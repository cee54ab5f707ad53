//! What must hold whatever happens, seen from outside of the session: what went in, what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facefleet_proto::AnalyzeFrame;

use super::super::MOST_LIVE;
use super::client::{Client, SLOW_REPORT};
use super::tally::Tally;
use super::worker::{Habit, Worker};
use super::world::{At, Poison, World};
use crate::frame::{End, Finished, Found};
use crate::session::{Answer, Greeting, LinkId, Session, WINDOW};

/// One life of a worker: where it is, and when it began.
type Life = (usize, u64);

/// A worker that was lost is left alone for no longer than this.
const COOLING: Duration = Duration::from_secs(5);
/// A worker that was lost, and has done no frame since it was last left alone, is left alone for at least this time, twice
/// as long with each further loss, up to the second; all is forgiven after the third.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// A frame may be given up when so many different workers were lost with it, or after so many losses, or attempts.
const WORKERS_LOST: usize = 3;
const LOSSES: u32 = 5;
const ATTEMPTS: u32 = 12;
/// Workers that agree before a frame is failed.
const OPINIONS: usize = 2;
/// A worker is left alone after so many failures in a row for which it blames itself; after twice as many each time until
/// any worker gives a good answer.
const BROKEN: u32 = 3;
/// A frame that was lost so often goes alone.
const SUSPECT: u32 = 2;
/// Work of one stream that may wait at a worker. Its threads are measured, and none of them is exact.
const QUEUED_WORK: Duration = Duration::from_millis(200);
const INEXACT: f64 = 1.5;
/// After a fault, waits may be as long as this.
const SETTLED_AFTER: Duration = Duration::from_secs(6);
const JOINED_IS_USED_AFTER: Duration = Duration::from_secs(2);

/// What one stream did, and what it may therefore say.
#[derive(Debug)]
pub(super) struct Audit {
    wanted: usize,
    lanes: BTreeMap<LinkId, Lane>,
    /// When it last had as many links as it wants.
    full_at: Option<At>,
    /// Of the frames that have not gone to the report.
    trails: BTreeMap<u64, Trail>,
    /// Those of them that a worker could not do, and that have not ended since.
    contested: BTreeSet<u64>,
    next_reported: u64,
    late: u64,
    retried: u64,
    /// By name, frames whose end was an answer.
    answered: BTreeMap<String, u64>,
    /// How often since the last good answer a worker was left alone that blames itself.
    in_vain: u32,
    /// A link that answered what it was not asked.
    liar: Option<LinkId>,
    lost_at: BTreeMap<SocketAddr, At>,
    /// How often in a row each was lost, and when it was last.
    losses: BTreeMap<SocketAddr, (u32, At)>,
    used: BTreeSet<Life>,
    last_send: At,
}

#[derive(Debug)]
struct Lane {
    address: SocketAddr,
    /// None until it takes frames.
    up: Option<Up>,
    /// Frames in flight, and which attempt of each.
    held: BTreeMap<u64, u32>,
    /// Failures in a row for which it blames itself, while the stream had no other to ask.
    broken: u32,
}

#[derive(Debug)]
struct Up {
    life: Life,
    name: String,
    threads: u32,
    service: Duration,
}

#[derive(Debug, Default)]
struct Trail {
    given: Option<Instant>,
    sends: u32,
    losses: u32,
    lost_with: BTreeSet<Life>,
    failed_at: BTreeSet<Life>,
    /// It ended while nobody was left to ask, or enough had been.
    may_fail: bool,
    /// The last answer that was awaited: its number, and whose it is.
    answer: Option<(u64, String)>,
}

impl Trail {
    fn is_spent(&self) -> bool {
        self.lost_with.len() >= WORKERS_LOST || self.losses >= LOSSES || self.sends >= ATTEMPTS
    }
}

/// What the ledger must say after an answer.
pub(super) struct Expected {
    ok: u64,
    late: u64,
    /// Links, where the answer is no reason to close one.
    links: Option<usize>,
}

impl Audit {
    pub(super) fn new(wanted: usize) -> Audit {
        Audit {
            wanted,
            lanes: BTreeMap::new(),
            full_at: None,
            trails: BTreeMap::new(),
            contested: BTreeSet::new(),
            next_reported: 0,
            late: 0,
            retried: 0,
            answered: BTreeMap::new(),
            in_vain: 0,
            liar: None,
            lost_at: BTreeMap::new(),
            losses: BTreeMap::new(),
            used: BTreeSet::new(),
            last_send: At::ZERO,
        }
    }

    /// Workers that a route need not offer.
    pub(super) fn excusable(&self, now: At) -> BTreeSet<SocketAddr> {
        let lost = self.lost_at.iter().filter(|(_, at)| now < **at + COOLING).map(|(address, _)| *address);
        lost.chain(self.lanes.values().map(|lane| lane.address)).collect()
    }

    pub(super) fn given(&mut self, seq: u64, now: Instant) {
        self.trails.insert(seq, Trail { given: Some(now), ..Trail::default() });
    }

    pub(super) fn connect(&mut self, link: LinkId, address: SocketAddr, now: At) {
        assert!(self.lanes.values().all(|lane| lane.address != address), "{now:?}: two links to {address}");
        self.lanes.insert(link, Lane { address, up: None, held: BTreeMap::new(), broken: 0 });
        assert!(self.lanes.len() <= self.wanted, "{now:?}: more links than were wanted");
        if let Some((times, at)) = self.losses.get(&address) {
            let wait = (FIRST_WAIT * 2_u32.pow(times.saturating_sub(1).min(5))).min(LONGEST_WAIT);
            let waited = now - *at;
            assert!(waited >= wait, "{now:?}: {address} was lost {times} times in a row and is tried after {waited:?}");
        }
    }

    /// Its clock has jumped: waits are over sooner.
    pub(super) fn jumped(&mut self) {
        self.losses.clear();
    }

    pub(super) fn up(&mut self, link: LinkId, greeting: &Greeting, workers: &[Worker]) {
        let Some(lane) = self.lanes.get_mut(&link) else { return };
        let slot = Worker::slot_of(lane.address);
        let Greeting { name, generation, threads } = greeting.clone();
        lane.up = Some(Up { life: (slot, generation), name, threads, service: workers[slot].service });
    }

    pub(super) fn down(&mut self, link: LinkId, left: bool, now: At) {
        if self.lanes.len() == self.wanted {
            self.full_at = Some(now);
        }
        let Some(Lane { address, up, held, broken }) = self.lanes.remove(&link) else { return };
        self.in_vain += u32::from(broken >= BROKEN << self.in_vain);
        self.lost_at.insert(address, now);
        let (times, at) = self.losses.entry(address).or_insert((0, now));
        *times = if now > *at + FORGIVEN_AFTER { 1 } else { *times + 1 };
        *at = now;
        if let Some(up) = up.filter(|_| !left) {
            for seq in held.into_keys() {
                let trail = self.trails.get_mut(&seq).expect("what is in flight is not reported");
                trail.losses += 1;
                trail.lost_with.insert(up.life);
            }
        }
    }

    pub(super) fn send(
        &mut self,
        link: LinkId,
        frame: &AnalyzeFrame,
        max_age: Option<Duration>,
        time: Instant,
        now: At,
    ) {
        let &AnalyzeFrame { seq, attempt, age, jpeg: _ } = frame;
        let elsewhere = self.lanes.values().find(|lane| lane.held.contains_key(&seq));
        assert!(elsewhere.is_none(), "{now:?}: frame {seq} is at two workers at once");
        let is_suspect = |seq: &u64| self.trails[seq].losses >= SUSPECT;
        let lane = self.lanes.get(&link).expect("frames are sent over links that are open");
        let up = lane.up.as_ref().expect("frames are sent over links that are up");
        let trail = &self.trails[&seq];
        assert_eq!(attempt, trail.sends, "{now:?}: attempts of frame {seq}");
        assert!(!trail.failed_at.contains(&up.life), "{now:?}: frame {seq} goes to {up:?} again, where it failed");
        let alone = lane.held.is_empty() || !(is_suspect(&seq) || lane.held.keys().any(is_suspect));
        assert!(alone, "{now:?}: frame {seq} was lost {} times and is not alone: {lane:?}", trail.losses);
        let credit = f64::from(up.threads) * (1.0 + INEXACT * QUEUED_WORK.as_secs_f64() / up.service.as_secs_f64());
        let held = lane.held.len() + 1;
        assert!(held as f64 <= credit, "{now:?}: {up:?} holds {held} frames, and {credit:.1} would be much");
        if let Some(max_age) = max_age {
            let given = trail.given.expect("it came from the source");
            assert!(age <= max_age && age == time - given, "{now:?}: frame {seq} is {age:?} old");
        }
        self.retried += u64::from(attempt > 0);
        self.used.insert(up.life);
        self.last_send = now;
        self.trails.get_mut(&seq).expect("it was there").sends += 1;
        self.lanes.get_mut(&link).expect("it was there").held.insert(seq, attempt);
    }

    /// An answer is about to be given to the session.
    pub(super) fn answered(&mut self, link: LinkId, id: u64, answer: &Answer, session: &Session) -> Expected {
        let counts = session.ledger().counts();
        let Answer { seq, attempt, end, elsewhere, pace: _ } = answer;
        let is_alone = self.lanes.values().filter(|lane| lane.up.is_some()).count() == 1;
        let lane = self.lanes.get_mut(&link);
        let awaited = lane.and_then(|lane| {
            let up = lane.up.as_ref()?;
            let awaited = lane.held.get(seq) == Some(attempt);
            awaited.then(|| lane.held.remove(seq))?;
            lane.broken = if *elsewhere { lane.broken + u32::from(is_alone) } else { 0 };
            assert!(lane.broken <= BROKEN << self.in_vain, "{:?} is broken, and is not left alone", up.life);
            Some((up.life, up.name.clone(), lane.address))
        });
        let Some((life, name, address)) = awaited else {
            self.late += 1;
            self.liar = self.lanes.contains_key(&link).then_some(link);
            let links = self.liar.is_none().then_some(session.links.len());
            return Expected { ok: counts.ok, late: counts.late + 1, links };
        };
        let trail = self.trails.get_mut(seq).expect("what is in flight is not reported");
        trail.answer = Some((id, name));
        let is_ok = matches!(end, End::Ok(_));
        if is_ok {
            self.in_vain = 0;
            self.losses.remove(&address);
            self.contested.remove(seq);
        } else if matches!(end, End::Failed { .. }) {
            trail.failed_at.insert(life);
            self.contested.insert(*seq);
        }
        Expected { ok: counts.ok + u64::from(is_ok), late: counts.late, links: None }
    }

    pub(super) fn check_answered(Expected { ok, late, links }: Expected, session: &Session, now: At) {
        let counts = session.ledger().counts();
        assert_eq!(counts.ok, ok, "{now:?}: an answer counts if it was awaited, and once");
        assert_eq!(counts.late, late, "{now:?}: late answers are those that were not awaited");
        assert!(links.is_none_or(|links| links == session.links.len()), "{now:?}: the dead have ended a link");
    }

    /// Looks at the session when everything that it said is done.
    pub(super) fn check(&mut self, session: &Session, is_live: bool, is_stopped: bool, now: At) {
        let counts = session.ledger().counts();
        assert_eq!(counts.retried, self.retried, "{now:?}: retried");
        let under_way = (counts.sent - self.next_reported) as usize;
        assert!(under_way <= if is_live { MOST_LIVE } else { WINDOW }, "{now:?}: {under_way} frames are under way");
        assert!(
            self.liar.take().is_none_or(|link| !self.lanes.contains_key(&link)),
            "{now:?}: a link that answered what it was not asked is closed"
        );
        let Audit { contested, trails, lanes, .. } = self;
        contested.retain(|seq| {
            let goes_on = session.held.contains_key(seq);
            let trail = trails.get_mut(seq).expect("a contested frame is not reported");
            let mut up = lanes.values().filter_map(|lane| lane.up.as_ref());
            let asked = trail.failed_at.len() >= OPINIONS || up.all(|up| trail.failed_at.contains(&up.life));
            trail.may_fail = asked || trail.is_spent() || is_stopped;
            goes_on
        });
    }

    /// A frame goes to the report.
    pub(super) fn reported(
        &mut self,
        finished: &Finished,
        poison: Option<Poison>,
        was_worked_on: bool,
        may_drop: &[&str],
        tally: &mut Tally,
    ) {
        let Finished { frame, worker, end } = finished;
        let seq = frame.index;
        assert_eq!(seq, self.next_reported, "frames are reported in order, each once");
        self.next_reported += 1;
        self.contested.remove(&seq);
        let trail = self.trails.remove(&seq).expect("it came from the source");
        if let Some(worker) = worker {
            *self.answered.entry(worker.to_string()).or_default() += 1;
        }
        match end {
            End::Ok(Found { faces, .. }) => {
                assert!(
                    was_worked_on && poison.is_none(),
                    "frame {seq} is ok, and nobody has worked on it: {poison:?}"
                );
                let (id, name) = trail.answer.expect("an ok frame was answered");
                let told = faces.as_ref().expect("all workers find faces")[0].x;
                assert_eq!(told, id as f32, "frame {seq}: what was found is of the answer that counted");
                assert_eq!(worker.as_deref(), Some(&*name), "frame {seq} counts for who answered it");
            }
            End::Dropped(reason) => assert!(may_drop.contains(&&**reason), "frame {seq} was dropped: {reason}"),
            End::Failed { code, message } => match (&**code, poison) {
                ("unreadable", Some(Poison::Unreadable)) => {}
                ("worker_lost", _) => {
                    assert!(trail.is_spent(), "frame {seq} was given up too soon: {message}: {trail:?}");
                    tally.innocents_lost += u64::from(poison.is_none());
                }
                _ => {
                    assert!(trail.may_fail, "frame {seq} failed ({code}), and another worker was there: {trail:?}");
                    tally.innocents_failed += u64::from(poison.is_none());
                }
            },
        }
    }

    pub(super) fn check_end(&self, session: &Session, given: u64, now: At) {
        let counts = session.ledger().counts();
        assert!(counts.balances() && session.ledger().open() == 0, "{now:?}: the ledger does not balance: {counts:?}");
        assert_eq!((counts.sent, self.next_reported), (given, given), "{now:?}: every frame is reported");
        assert_eq!(counts.late, self.late, "{now:?}: late");
        let by_name = counts.workers.iter().filter(|(_, share)| share.answered > 0);
        let by_name: BTreeMap<String, u64> = by_name.map(|(name, share)| (name.clone(), share.answered)).collect();
        assert_eq!(by_name, self.answered, "{now:?}: what each worker did");
    }
}

impl World {
    /// A worker joined two seconds ago. If the world has been calm, every file that could do with it uses it: a camera, or
    /// a report that takes its time, may be content with those that were there.
    pub(super) fn check_that_it_is_used(&mut self, slot: usize, life: u32, since: At) {
        let worker = &self.workers[slot];
        let is_here = worker.is_up && worker.life == life && !worker.is_draining && worker.habit == Habit::Honest;
        let was_calm = self.disturbed.is_none_or(|at| at + SETTLED_AFTER < since) && self.is_calm();
        if !is_here || !was_calm || self.net.normal_loss > 0 {
            return;
        }
        for client in &self.clients {
            let audit = &client.audit;
            let is_hungry = client.max_age.is_none() && client.report_time < SLOW_REPORT;
            let wants = is_hungry
                && client.started < since
                && !client.is_done
                && audit.last_send > since + JOINED_IS_USED_AFTER;
            let address = Worker::address(slot);
            let had_room = audit.lanes.len() < audit.wanted && audit.full_at.is_none_or(|at| at < since);
            let has_room = had_room || audit.lanes.values().any(|lane| lane.address == address);
            if !wants || !has_room || audit.lost_at.contains_key(&address) {
                continue;
            }
            self.tally.newcomers += 1;
            let used = audit.used.contains(&(slot, worker.generation));
            assert!(used, "{:?}: w{slot} joined at {since:?}, and a stream that has work does not use it", self.now);
        }
    }

    /// When every stream has ended at the latest: the slowest worker does all of the work when there is peace.
    pub(super) fn bound(&self) -> At {
        let slowest = self.workers.iter().map(|worker| worker.service / worker.threads).max();
        let all: u64 = self.clients.iter().map(|client| client.source.frames).sum();
        let all = u32::try_from(all).expect("few");
        let reading =
            self.clients.iter().map(|client| client.source.every + client.report_time).sum::<Duration>() * all;
        self.peace + Duration::from_secs(60) + slowest.unwrap_or_default() * all * 2 + reading
    }

    /// The streams that have not ended, and the frame that each waits for.
    pub(super) fn unfinished(&self) -> String {
        let waiting = self.clients.iter().enumerate().filter(|(_, client)| !client.is_done);
        let state = |(number, client): (usize, &Client)| {
            let Audit { lanes, trails, .. } = &client.audit;
            format!("c{number} with {lanes:?} waits for {:?}; ", trails.first_key_value())
        };
        waiting.map(state).collect()
    }
}
