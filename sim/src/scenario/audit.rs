//! What must hold whatever happens, seen from outside of the session: what went in, what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use facefleet_proto::{AnalyzeFrame, DropReason, FailureCode};
use facefleet_stream::event_loop::GRACE;
use facefleet_stream::frame::{End, Finished, Found};
use facefleet_stream::ledger::{Ledger, Share};
use facefleet_stream::session::{
    Action, DisconnectKind, FrameAnswer, FrameAttempt, Greeting, LinkEvent, LinkId, MOST_LIVE, Session, WINDOW,
};

use super::poison::Poison;
use super::tally::Tally;
use crate::engine::At;
use crate::world::worker::Worker;

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

/// A client whose clock stood still for so long was stopped.
const PAUSED: Duration = Duration::from_secs(1);

/// What one stream did, and what it may therefore say.
#[derive(Debug)]
pub(super) struct Audit {
    pub(super) wanted: usize,
    /// Given for a live stream.
    pub(super) max_age: Option<Duration>,
    /// By slot, what each worker takes for a frame when nothing is wrong.
    services: Vec<Duration>,
    pub(super) lanes: BTreeMap<LinkId, Lane>,
    /// When it last had as many links as it wants.
    pub(super) full_at: Option<At>,
    /// The frames that have not gone to the report.
    pub(super) trails: BTreeMap<u64, Trail>,
    /// Frames that no worker has and that have not gone to the report; some may have ended.
    waiting: BTreeSet<u64>,
    /// Frames that a worker could not do, and that have not ended since.
    contested: BTreeSet<u64>,
    /// Frames that were sent since the session was last looked at, in order.
    sends: Vec<Sent>,
    /// Why the session has no reason to close a link before its next event.
    keeps_links: Option<&'static str>,
    /// Workers that a route need not offer, as of the last question to the master.
    pub(super) excusable: BTreeSet<SocketAddr>,
    stopped_at: Option<Instant>,
    last_tick: Option<Instant>,
    /// Since when a frame has always waited for a worker.
    pub(super) hungry_since: Option<At>,
    given: u64,
    next_reported: u64,
    ok: u64,
    late: u64,
    retried: u64,
    /// By name, frames whose end was an answer.
    answered: BTreeMap<String, u64>,
    /// By name, frames that it had when it was lost or left, and those that went to another because it could not do them.
    taken_back: BTreeMap<String, u64>,
    /// By name, frames that it could not do and that ended before they went to another. Counted as taken back or not.
    not_sent: BTreeMap<String, u64>,
    /// How often since the last good answer a worker was left alone that had just blamed itself.
    in_vain: u32,
    /// A link that answered what it was not asked.
    liar: Option<LinkId>,
    pub(super) lost_at: BTreeMap<SocketAddr, At>,
    /// How often in a row each was lost, and when it was last.
    losses: BTreeMap<SocketAddr, (u32, At)>,
    pub(super) used: BTreeSet<Life>,
    /// When each life of a worker first worked on a frame of this stream.
    pub(super) first_ok: BTreeMap<Life, At>,
    pub(super) last_send: At,
    /// When a frame was last worked on.
    pub(super) last_ok: At,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) address: SocketAddr,
    pub(super) connected: At,
    /// None until it takes frames.
    pub(super) up: Option<Up>,
    /// Frames in flight, and which attempt of each.
    pub(super) held: BTreeMap<u64, u32>,
    /// When it last had one.
    pub(super) had_frames: At,
    /// Whether it has worked on a frame.
    pub(super) is_measured: bool,
    /// Whether its last answer was a failure for which it blames itself.
    blames_itself: bool,
    /// Failures in a row for which it blames itself, while the stream had no other to ask.
    broken: u32,
}

#[derive(Debug)]
pub(super) struct Up {
    pub(super) life: Life,
    pub(super) since: At,
    name: String,
    pub(super) threads: u32,
    pub(super) service: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Trail {
    given: Option<Instant>,
    sends: u32,
    losses: u32,
    lost_with: BTreeSet<Life>,
    failed_at: BTreeSet<Life>,
    /// Whether nobody was left to ask, or enough workers had been, when it ended.
    may_fail: bool,
    /// The last answer that was awaited: its mark, and whose it is.
    answer: Option<(Option<f32>, String)>,
    /// Who could not do it, until it goes to another.
    failed_by: Option<String>,
}

impl Trail {
    /// Any worker may have it, beside other frames.
    fn is_plain(&self) -> bool {
        self.losses < SUSPECT && self.failed_at.is_empty()
    }

    fn is_spent(&self) -> bool {
        self.lost_with.len() >= WORKERS_LOST || self.losses >= LOSSES || self.sends >= ATTEMPTS
    }
}

/// A frame that the session wants sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    link: LinkId,
    seq: u64,
    attempt: u32,
    age: Duration,
}

/// What is known of a frame that goes to the report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truth {
    /// What is wrong with it.
    pub(super) poison: Option<Poison>,
    /// Whether a worker has truly done it.
    pub(super) was_worked_on: bool,
}

impl Audit {
    /// An audit of a stream that may use so many workers, of those with these times per frame.
    pub(super) fn new(wanted: usize, max_age: Option<Duration>, services: Vec<Duration>) -> Audit {
        Audit {
            wanted,
            max_age,
            services,
            lanes: BTreeMap::new(),
            full_at: None,
            trails: BTreeMap::new(),
            waiting: BTreeSet::new(),
            contested: BTreeSet::new(),
            sends: Vec::new(),
            keeps_links: None,
            excusable: BTreeSet::new(),
            stopped_at: None,
            last_tick: None,
            hungry_since: None,
            given: 0,
            next_reported: 0,
            ok: 0,
            late: 0,
            retried: 0,
            answered: BTreeMap::new(),
            taken_back: BTreeMap::new(),
            not_sent: BTreeMap::new(),
            in_vain: 0,
            liar: None,
            lost_at: BTreeMap::new(),
            losses: BTreeMap::new(),
            used: BTreeSet::new(),
            first_ok: BTreeMap::new(),
            last_send: At::ZERO,
            last_ok: At::ZERO,
        }
    }

    /// The session wants this done.
    pub(super) fn act(&mut self, action: &Action, at: At) {
        match action {
            Action::Ask(_) => self.excusable = self.excusable(at),
            Action::Connect(link, candidate, _) => self.connect(*link, candidate.address, at),
            Action::Send(link, AnalyzeFrame { seq, attempt, age, jpeg: _ }) => {
                self.sends.push(Sent { link: *link, seq: *seq, attempt: *attempt, age: *age });
            }
            Action::Close(link) => {
                assert!(self.keeps_links.is_none(), "{at:?}: {link:?} is closed: {:?}", self.keeps_links);
                self.down(*link, false, at);
            }
            Action::Say(_) => {}
        }
    }

    /// The session is about to take this event.
    pub(super) fn link(&mut self, event: &LinkEvent, at: At) {
        self.keeps_links = None;
        match event {
            LinkEvent::Up(link, greeting) => self.up(*link, greeting, at),
            LinkEvent::Answer(link, answer) => self.answered(*link, answer, at),
            LinkEvent::Down(link, end) => self.down(*link, end.kind == DisconnectKind::Left, at),
        }
    }

    /// The session has handed out all actions.
    pub(super) fn acted(&mut self, session: &Session, at: At, now: Instant) {
        for sent in std::mem::take(&mut self.sends) {
            self.send(sent, session.ledger(), at, now);
        }
    }

    /// The session has looked at its clock.
    pub(super) fn ticked(&mut self, now: Instant) {
        let gap = self.last_tick.replace(now).map_or(Duration::ZERO, |last| now - last);
        let is_given_up = self.stopped_at.is_some_and(|at| now.saturating_duration_since(at) > GRACE);
        self.keeps_links = (gap > PAUSED && !is_given_up).then_some("what came in a pause was not waited for");
        if is_given_up {
            // All frames have ended: nobody is to do them.
            self.lanes.values_mut().for_each(|lane| lane.held.clear());
        }
    }

    /// The user has told the stream to stop.
    pub(super) fn stopped(&mut self, now: Instant) {
        self.stopped_at = Some(now);
    }

    /// Workers that a route need not offer.
    fn excusable(&self, now: At) -> BTreeSet<SocketAddr> {
        let lost = self.lost_at.iter().filter(|(_, at)| now < **at + COOLING).map(|(address, _)| *address);
        lost.chain(self.lanes.values().map(|lane| lane.address)).collect()
    }

    pub(super) fn given(&mut self, seq: u64, now: Instant) {
        self.given += 1;
        self.trails.insert(seq, Trail { given: Some(now), ..Trail::default() });
        self.waiting.insert(seq);
    }

    fn connect(&mut self, link: LinkId, address: SocketAddr, now: At) {
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
        if let Some((times, at)) = self.losses.get(&address) {
            let wait = (FIRST_WAIT * 2_u32.pow(times.saturating_sub(1).min(5))).min(LONGEST_WAIT);
            let waited = now - *at;
            assert!(waited >= wait, "{now:?}: {address} was lost {times} times in a row and is tried after {waited:?}");
        }
    }

    /// The client's clock has jumped: waits are over sooner.
    pub(super) fn jumped(&mut self) {
        self.losses.clear();
    }

    fn up(&mut self, link: LinkId, greeting: &Greeting, now: At) {
        let Some(lane) = self.lanes.get_mut(&link) else { return };
        let slot = Worker::slot_of(lane.address);
        let Greeting { name, generation, threads } = greeting.clone();
        lane.up = Some(Up { life: (slot, generation), since: now, name, threads, service: self.services[slot] });
    }

    fn down(&mut self, link: LinkId, left: bool, now: At) {
        if self.lanes.len() == self.wanted {
            self.full_at = Some(now);
        }
        let Some(Lane { address, up, held, blames_itself, .. }) = self.lanes.remove(&link) else { return };
        self.in_vain += u32::from(blames_itself);
        self.lost_at.insert(address, now);
        let (times, at) = self.losses.entry(address).or_insert((0, now));
        *times = if now > *at + FORGIVEN_AFTER { 1 } else { *times + 1 };
        *at = now;
        let Some(up) = up.filter(|_| !held.is_empty()) else { return };
        *self.taken_back.entry(up.name).or_default() += held.len() as u64;
        for seq in held.into_keys() {
            self.waiting.insert(seq);
            // A worker that leaves is no loss.
            if !left {
                let trail = self.trails.get_mut(&seq).expect("what is in flight is not reported");
                trail.losses += 1;
                trail.lost_with.insert(up.life);
            }
        }
    }

    /// The frame that is next among those that wait and are still wanted: the oldest of a file, the newest of a live
    /// stream. Not looked at: frames that few workers may have.
    pub(super) fn next(&self, ledger: &Ledger) -> Option<u64> {
        let is_next = |seq: &&u64| ledger.is_open(**seq) && self.trails[seq].is_plain();
        let is_live = self.max_age.is_some();
        let next = if is_live { self.waiting.iter().rev().find(is_next) } else { self.waiting.iter().find(is_next) };
        next.copied()
    }

    /// Whether a frame in flight there is one that goes alone.
    pub(super) fn has_suspect(&self, lane: &Lane) -> bool {
        lane.held.keys().any(|seq| self.trails[seq].losses >= SUSPECT)
    }

    fn send(&mut self, sent: Sent, ledger: &Ledger, now: At, time: Instant) {
        let Sent { link, seq, attempt, age } = sent;
        let elsewhere = self.lanes.values().find(|lane| lane.held.contains_key(&seq));
        assert!(elsewhere.is_none(), "{now:?}: frame {seq} is at two workers at once");
        let lane = self.lanes.get(&link).expect("frames are sent over links that are open");
        let up = lane.up.as_ref().expect("frames are sent over links that are up");
        let trail = &self.trails[&seq];
        assert_eq!(attempt, trail.sends, "{now:?}: attempts of frame {seq}");
        assert!(!trail.failed_at.contains(&up.life), "{now:?}: frame {seq} goes to {up:?} again, where it failed");
        let alone = lane.held.is_empty() || !(trail.losses >= SUSPECT || self.has_suspect(lane));
        assert!(alone, "{now:?}: frame {seq} was lost {} times and is not alone: {lane:?}", trail.losses);
        let credit = f64::from(up.threads) * (1.0 + INEXACT * QUEUED_WORK.as_secs_f64() / up.service.as_secs_f64());
        let held = lane.held.len() + 1;
        assert!(held as f64 <= credit, "{now:?}: {up:?} holds {held} frames, and {credit:.1} would be much");
        let next = self.next(ledger);
        let is_next = next.is_none_or(|next| if self.max_age.is_some() { next <= seq } else { next >= seq });
        assert!(is_next, "{now:?}: frame {seq} goes to {up:?} before {next:?}");
        if let Some(max_age) = self.max_age {
            let given = trail.given.expect("it came from the source");
            assert!(age <= max_age && age == time - given, "{now:?}: frame {seq} is {age:?} old");
        }
        self.retried += u64::from(attempt > 0);
        self.used.insert(up.life);
        self.last_send = now;
        self.waiting.remove(&seq);
        let trail = self.trails.get_mut(&seq).expect("it was there");
        trail.sends += 1;
        if let Some(name) = trail.failed_by.take() {
            *self.taken_back.entry(name).or_default() += 1;
        }
        let lane = self.lanes.get_mut(&link).expect("it was there");
        lane.held.insert(seq, attempt);
        lane.had_frames = now;
    }

    /// An answer is about to be given to the session.
    fn answered(&mut self, link: LinkId, answer: &FrameAnswer, now: At) {
        let FrameAnswer { frame: FrameAttempt { seq, attempt }, end, elsewhere, pace: _ } = answer;
        let is_alone = self.lanes.values().filter(|lane| lane.up.is_some()).count() == 1;
        let lane = self.lanes.get_mut(&link);
        let awaited = lane.and_then(|lane| {
            let up = lane.up.as_ref()?;
            let awaited = lane.held.get(seq) == Some(attempt);
            awaited.then(|| lane.held.remove(seq))?;
            lane.had_frames = now;
            lane.broken = if *elsewhere { lane.broken + u32::from(is_alone) } else { 0 };
            lane.blames_itself = *elsewhere;
            if matches!(end, End::Ok(_)) {
                lane.is_measured = true;
                self.first_ok.entry(up.life).or_insert(now);
            }
            assert!(lane.broken <= BROKEN << self.in_vain.min(16), "{:?} is broken, and is not left alone", up.life);
            Some((up.life, up.name.clone(), lane.address))
        });
        let Some((life, name, address)) = awaited else {
            self.late += 1;
            self.liar = self.lanes.contains_key(&link).then_some(link);
            if self.liar.is_none() {
                self.keeps_links = Some("the dead have answered");
            }
            return;
        };
        let trail = self.trails.get_mut(seq).expect("what is in flight is not reported");
        trail.answer = Some((mark(end), name.clone()));
        let is_ok = matches!(end, End::Ok(_));
        if is_ok {
            self.ok += 1;
            // From here on every worker may fail as often as at first.
            self.in_vain = 0;
            self.lanes.values_mut().for_each(|lane| lane.broken = 0);
            self.last_ok = now;
            self.losses.remove(&address);
            self.contested.remove(seq);
        } else if matches!(end, End::Failed { .. }) {
            trail.failed_at.insert(life);
            trail.failed_by = Some(name);
            self.waiting.insert(*seq);
            self.contested.insert(*seq);
        }
    }

    /// Looks at what the session has counted, after any step.
    pub(super) fn check_counts(&mut self, ledger: &Ledger, now: At) {
        let counts = ledger.counts();
        assert_eq!(counts.ok, self.ok, "{now:?}: an answer counts if it was awaited, and once");
        assert_eq!(counts.late, self.late, "{now:?}: late answers are those that were not awaited");
        let under_way = (counts.sent - self.next_reported) as usize;
        let most = if self.max_age.is_some() { MOST_LIVE } else { WINDOW };
        assert!(under_way <= most, "{now:?}: {under_way} frames are under way");
        let is_stopped = self.stopped_at.is_some();
        let Audit { contested, trails, lanes, .. } = self;
        contested.retain(|seq| {
            let trail = trails.get_mut(seq).expect("a contested frame is not reported");
            let mut up = lanes.values().filter_map(|lane| lane.up.as_ref());
            let asked = trail.failed_at.len() >= OPINIONS || up.all(|up| trail.failed_at.contains(&up.life));
            trail.may_fail = asked || trail.is_spent() || is_stopped;
            ledger.is_open(*seq) || !trail.may_fail
        });
    }

    /// Looks at the session when everything that it wants is done.
    pub(super) fn check_settled(&mut self, ledger: &Ledger, now: At) {
        assert!(self.sends.is_empty());
        assert_eq!(ledger.counts().retried, self.retried, "{now:?}: retried");
        assert!(
            self.liar.take().is_none_or(|link| !self.lanes.contains_key(&link)),
            "{now:?}: a link that answered what it was not asked is closed"
        );
    }

    /// A frame goes to the report.
    pub(super) fn reported(&mut self, finished: &Finished, Truth { poison, was_worked_on }: Truth, tally: &mut Tally) {
        let may_drop: &[DropReason] = match (self.max_age, self.stopped_at) {
            (None, None) => &[],
            (None, Some(_)) => &[DropReason::Interrupted],
            (Some(_), _) => {
                &[DropReason::Interrupted, DropReason::StaleClient, DropReason::StaleWorker, DropReason::QueueFull]
            }
        };
        let Finished { frame, worker, end } = finished;
        let seq = frame.index;
        assert_eq!(seq, self.next_reported, "frames are reported in order, each once");
        self.next_reported += 1;
        self.contested.remove(&seq);
        self.waiting.remove(&seq);
        let trail = self.trails.remove(&seq).expect("it came from the source");
        if let Some(name) = &trail.failed_by {
            *self.not_sent.entry(name.clone()).or_default() += 1;
        }
        if let Some(worker) = worker {
            *self.answered.entry(worker.to_string()).or_default() += 1;
        }
        match end {
            End::Ok(_) => {
                assert!(
                    was_worked_on && poison.is_none(),
                    "frame {seq} is ok, and nobody has worked on it: {poison:?}"
                );
                let (answer, name) = trail.answer.expect("an ok frame was answered");
                assert_eq!(mark(end), answer, "frame {seq}: what was found is of the answer that counted");
                assert_eq!(worker.as_deref(), Some(&*name), "frame {seq} counts for who answered it");
            }
            End::Dropped(reason) => assert!(may_drop.contains(reason), "frame {seq} was dropped: {reason}"),
            End::Failed { code, message } => match (code, poison) {
                (FailureCode::Unreadable, Some(Poison::Unreadable)) => {}
                (FailureCode::WorkerLost, _) => {
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

    pub(super) fn check_end(&self, ledger: &Ledger, now: At) {
        let counts = ledger.counts();
        assert!(counts.balances() && ledger.open() == 0, "{now:?}: the ledger does not balance: {counts:?}");
        assert_eq!((counts.sent, self.next_reported), (self.given, self.given), "{now:?}: every frame is reported");
        assert_eq!(counts.late, self.late, "{now:?}: late");
        for (name, Share { answered, taken_back }) in &counts.workers {
            let count = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
            assert_eq!(*answered, count(&self.answered), "{now:?}: answers of {name}");
            let (least, not_sent) = (count(&self.taken_back), count(&self.not_sent));
            let most = least + not_sent;
            assert!((least..=most).contains(taken_back), "{now:?}: {taken_back} from {name}: {least} to {most}");
        }
        let mut known = self.answered.keys().chain(self.taken_back.keys());
        assert!(known.all(|name| counts.workers.contains_key(name)), "{now:?}: every worker: {:?}", counts.workers);
    }
}

/// What tells one answer from all others: workers put a random number into the first face.
fn mark(end: &End) -> Option<f32> {
    match end {
        End::Ok(Found { faces: Some(faces), .. }) => faces.first().map(|face| face.x),
        _ => None,
    }
}
