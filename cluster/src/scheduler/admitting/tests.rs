use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_proto::test_clock;
use facefleet_proto::{Health, Identity, Join, Load, RouteQuery, TaskResult};
use proptest::prelude::*;

use super::*;
use crate::admission::{NAMED_TTL, Order, SETTLES_WITHIN};
use crate::outage::Turn;
use crate::policy::PolicyName;
use crate::scheduler::Scheduler;

const SECOND: Duration = Duration::from_secs(1);
/// After how long a silent worker is lost, if it beats once a second.
const LOST_AFTER: Duration = Duration::from_secs(3);
const EPOCH: u64 = 7;

fn limit() -> Limit {
    Limit { order: Order::Fifo, max_wait: SECOND * 60 }
}

fn scheduler() -> (Scheduler, Instant) {
    let start = test_clock::start();
    let mut scheduler = Scheduler::new(PolicyName::default(), EPOCH);
    scheduler.set_limit(Some(limit()), start);
    (scheduler, start + SETTLES_WITHIN)
}

/// The worker with this number, which has so many cores.
fn join(number: u16, generation: u64, cores: u32) -> Join {
    Join {
        address: SocketAddr::from(([10, 0, 0, 1], number + 1)),
        weight: 1,
        identity: Identity { name: format!("w{number}"), generation },
        cores,
        heartbeat_interval: Some(SECOND),
        frames_per_s: None,
        version: String::new(),
        detectors: Vec::new(),
        http_port: None,
    }
}

fn beat(id: WorkerId, generation: u64, draining: bool, leases: &[StreamLeaseId]) -> Heartbeat {
    let load = Load { draining, ..Load::default() };
    Heartbeat { id, generation, load, epoch: EPOCH, legacy: Default::default(), leases: leases.to_vec() }
}

fn query(lease: StreamLeaseId) -> RouteQuery {
    RouteQuery { lease: Some(lease), ..RouteQuery::default() }
}

/// How many slots each worker offers, and how many of them are taken.
fn slots(scheduler: &Scheduler) -> Vec<(u32, u32)> {
    let count = |worker: &Worker| {
        let SlotCount { offered, taken } = scheduler.slots(worker.id);
        (offered, taken)
    };
    scheduler.registry().workers().map(count).collect()
}

#[test]
fn with_no_limit_everybody_is_let_in_and_nothing_is_counted() {
    let now = test_clock::start();
    let mut scheduler = Scheduler::new(PolicyName::default(), EPOCH);
    let id = scheduler.join(join(0, 1, 4), now).unwrap().id;
    scheduler.heartbeat(&beat(id, 1, false, &[1, 2, 3]), now).unwrap();
    assert_eq!(scheduler.ask(&query(1), now), None);
    let summary = scheduler.summary(now);
    assert_eq!((summary.admission.as_str(), summary.waiting, slots(&scheduler)), ("open", 0, vec![(0, 0)]));
}

#[test]
fn an_old_client_gets_a_stream_of_its_own_for_each_question() {
    let (mut scheduler, now) = scheduler();
    let id = scheduler.join(join(0, 1, 2), now).unwrap().id;
    scheduler.heartbeat(&beat(id, 1, false, &[]), now).unwrap();
    let mut ask = || scheduler.ask(&RouteQuery::default(), now);
    let [Some(SlotAnswer::Placed(first)), Some(SlotAnswer::Placed(second))] = [ask(), ask()] else { panic!() };
    assert!(first.stream != 0 && second.stream != 0 && first.stream != second.stream);
    assert!(matches!(ask(), Some(SlotAnswer::Waits(_))));
}

#[test]
fn a_worker_has_slots_once_it_has_named_its_streams() {
    let (mut scheduler, now) = scheduler();
    let id = scheduler.join(join(0, 1, 2), now).unwrap().id;
    assert_eq!(slots(&scheduler), [(0, 0)]);
    assert!(matches!(scheduler.ask(&query(1), now), Some(SlotAnswer::Waits(_))), "there is somebody to wait for");
    scheduler.heartbeat(&beat(id, 1, false, &[7, 8]), now).unwrap();
    assert_eq!(scheduler.admit(now), [], "those that run have them");
    assert_eq!((slots(&scheduler), scheduler.summary(now).waiting), (vec![(2, 2)], 1));
    scheduler.join(Join { heartbeat_interval: None, ..join(1, 0, 1) }, now).unwrap();
    assert_eq!(scheduler.admit(now).len(), 1, "an old worker names none, ever");
    assert_eq!(slots(&scheduler), [(2, 2), (1, 1)]);
}

#[test]
fn a_worker_that_drains_or_is_lost_or_leaves_takes_its_slots_along() {
    let (mut scheduler, now) = scheduler();
    for number in 0..3 {
        let id = scheduler.join(join(number, 1, 1), now).unwrap().id;
        scheduler.heartbeat(&beat(id, 1, false, &[]), now).unwrap();
    }
    let later = now + LOST_AFTER + SECOND;
    scheduler.heartbeat(&beat(WorkerId(0), 1, true, &[]), later).unwrap();
    scheduler.heartbeat(&beat(WorkerId(1), 1, false, &[]), later).unwrap();
    scheduler.expire(later);
    assert_eq!(slots(&scheduler), [(0, 0), (1, 0), (0, 0)]);
    scheduler.leave(WorkerId(1), 1, EPOCH).unwrap();
    assert_eq!(scheduler.ask(&query(1), later), Some(SlotAnswer::Nobody));
    scheduler.heartbeat(&beat(WorkerId(2), 1, false, &[]), later).unwrap();
    assert!(matches!(scheduler.ask(&query(1), later), Some(SlotAnswer::Placed(_))), "it was not lost after all");
}

#[test]
fn in_an_outage_of_the_masters_own_nobody_is_let_in_past_those_who_wait() {
    let (mut scheduler, mut now) = scheduler();
    for number in 0..2 {
        let id = scheduler.join(join(number, 1, 1), now).unwrap().id;
        scheduler.heartbeat(&beat(id, 1, false, &[u64::from(number) + 1]), now).unwrap();
    }
    assert!(matches!(scheduler.ask(&query(3), now), Some(SlotAnswer::Waits(_))));
    for _ in 0..20 {
        now += SECOND;
        scheduler.expire(now);
        scheduler.doubt(now);
        assert!(matches!(scheduler.ask(&query(4), now), Some(SlotAnswer::Waits(_))), "there is no place");
        assert_eq!((scheduler.admit(now), slots(&scheduler)), (vec![], vec![(1, 1), (1, 1)]));
    }
    assert_eq!(scheduler.summary(now).vanished, 2);
    // The cable is back; one of the streams has ended meanwhile, and one worker stays away.
    scheduler.heartbeat(&beat(WorkerId(0), 1, false, &[]), now).unwrap();
    scheduler.join(join(2, 1, 1), now).unwrap();
    assert!(matches!(scheduler.doubt(now), Some(Turn::Over { lost: 1 })));
    assert_eq!(slots(&scheduler), [(1, 1), (0, 0), (0, 0)]);
    now += NAMED_TTL;
    scheduler.heartbeat(&beat(WorkerId(0), 1, false, &[]), now).unwrap();
    scheduler.expire(now);
    assert_eq!(scheduler.admit(now).len(), 1, "the first of those who wait has the slot of the one that has ended");
}

#[test]
fn what_a_client_has_measured_counts_where_the_worker_says_nothing() {
    let (mut scheduler, now) = scheduler();
    let old = scheduler.join(Join { heartbeat_interval: None, ..join(0, 0, 1) }, now).unwrap().id;
    let result = |frame_ms, epoch| TaskResult {
        worker: Some(old),
        frame_time: Some(Duration::from_millis(frame_ms)),
        frames: 100,
        lease: None,
        epoch,
    };
    let mut frame_ms = |result: TaskResult| {
        scheduler.submit(&result, now);
        scheduler.route(&RouteQuery::default(), now).candidates[0].frame_ms
    };
    assert_eq!(frame_ms(result(10, 0)), None, "an old client's number may mean anything");
    assert_eq!(frame_ms(result(10, EPOCH + 1)), None, "another life of the master meant another worker");
    assert_eq!(frame_ms(TaskResult { frames: 0, ..result(10, EPOCH) }), None);
    assert_eq!(frame_ms(result(40, EPOCH)), Some(40.0));
    assert_eq!(frame_ms(result(20, EPOCH)), Some(30.0));
    let measured = Heartbeat { load: Load { frame_ms: Some(5.0), ..Load::default() }, ..beat(old, 0, false, &[]) };
    scheduler.heartbeat(&measured, now).unwrap();
    assert_eq!(scheduler.route(&RouteQuery::default(), now).candidates[0].frame_ms, Some(5.0));
}

#[derive(Clone, Debug)]
enum Step {
    Join(u16, u32),
    Leave(u16),
    Beat(u16, bool, Vec<StreamLeaseId>),
    Ask(StreamLeaseId),
    Collect(usize),
    Cancel(usize),
    Submit(StreamLeaseId),
    Pass(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (worker, lease) = (0..4_u16, 1..10_u64);
    let leases = prop::collection::vec(lease.clone(), 0..4);
    let step = prop_oneof![
        2 => (worker.clone(), 1..4_u32).prop_map(|(w, cores)| Step::Join(w, cores)),
        1 => worker.clone().prop_map(Step::Leave),
        4 => (worker, prop::bool::weighted(0.1), leases).prop_map(|(w, drains, l)| Step::Beat(w, drains, l)),
        4 => lease.clone().prop_map(Step::Ask),
        3 => (0..8_usize).prop_map(Step::Collect),
        1 => (0..8_usize).prop_map(Step::Cancel),
        1 => lease.prop_map(Step::Submit),
        2 => (1..16_u32).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..120)
}

/// What everybody outside knows of the workers, and of the streams that were let in.
#[derive(Default)]
struct Model {
    /// The present life of each worker, by its number.
    workers: BTreeMap<u16, Life>,
    lives: u64,
    /// The streams that certainly hold a slot: the worker that offers it, and when they got it.
    let_in: BTreeMap<StreamLeaseId, (WorkerId, Instant)>,
}

struct Life {
    id: WorkerId,
    generation: u64,
    cores: u32,
    slots: u32,
    heard: Instant,
    drains: bool,
    is_lost: bool,
}

impl Model {
    /// Takes all slots from a worker, and so from the streams that hold them.
    fn withdraw(&mut self, id: WorkerId) {
        self.workers.values_mut().filter(|life| life.id == id).for_each(|life| life.slots = 0);
        self.let_in.retain(|_, (worker, _)| *worker != id);
    }

    /// Time has passed. `hidden` are the workers that an outage of the master's own keeps in service.
    fn pass(&mut self, hidden: &[WorkerId], now: Instant) {
        let lost = |life: &&mut Life| now.saturating_duration_since(life.heard) > LOST_AFTER;
        for life in self.workers.values_mut().filter(lost) {
            if !std::mem::replace(&mut life.is_lost, true) {
                // Its streams may have got slots elsewhere since.
                self.let_in.retain(|_, (worker, _)| *worker != life.id);
            }
            life.slots = if hidden.contains(&life.id) && !life.drains { life.cores } else { 0 };
        }
        let slots: BTreeMap<WorkerId, u32> = self.workers.values().map(|life| (life.id, life.slots)).collect();
        self.let_in.retain(|_, (worker, at)| slots[worker] > 0 && now.saturating_duration_since(*at) < NAMED_TTL);
    }
}

proptest! {
    /// Whatever workers, clients and time do, in whichever order: no more streams are let in than there are slots, and
    /// there are no more slots than cores in service.
    #[test]
    fn slots_granted_never_exceed_slots_offered(steps in steps()) {
        let (mut scheduler, mut now) = scheduler();
        let (mut model, mut waiting) = (Model::default(), Vec::new());
        for step in steps {
            match step {
                Step::Join(number, cores) => {
                    model.lives += 1;
                    let joined = scheduler.join(join(number, model.lives, cores), now).unwrap();
                    joined.replaced.iter().for_each(|worker| model.withdraw(worker.id));
                    let life = Life { id: joined.id, generation: model.lives, cores, slots: 0, heard: now, drains: false, is_lost: false };
                    model.workers.insert(number, life);
                }
                Step::Leave(number) => if let Some(Life { id, generation, .. }) = model.workers.remove(&number) {
                    model.withdraw(id);
                    // Err: it was silent for so long that it is forgotten.
                    let _ = scheduler.leave(id, generation, EPOCH);
                },
                Step::Beat(number, drains, leases) => if let Some(life) = model.workers.get_mut(&number)
                    && scheduler.heartbeat(&beat(life.id, life.generation, drains, &leases), now).is_ok()
                {
                    (life.slots, life.heard, life.drains, life.is_lost) = (life.cores, now, drains, false);
                    let id = life.id;
                    if drains { model.withdraw(id) }
                },
                Step::Ask(lease) => match scheduler.ask(&query(lease), now) {
                    Some(SlotAnswer::Placed(place)) => {
                        prop_assert_eq!(place.stream, lease);
                        model.let_in.insert(lease, (place.worker, now));
                    }
                    Some(SlotAnswer::Waits(ticket)) => waiting.push(ticket),
                    answer => prop_assert_eq!(answer, Some(SlotAnswer::Nobody)),
                },
                Step::Collect(n) if n < waiting.len() => if let Some(place) = scheduler.collect(waiting[n], now) {
                    waiting.swap_remove(n);
                    model.let_in.insert(place.stream, (place.worker, now));
                },
                Step::Cancel(n) if n < waiting.len() => scheduler.cancel(waiting.swap_remove(n)),
                Step::Collect(_) | Step::Cancel(_) => {}
                Step::Submit(lease) => {
                    model.let_in.remove(&lease);
                    scheduler.submit(&TaskResult { lease: Some(lease), ..TaskResult::default() }, now);
                }
                Step::Pass(quarters) => {
                    now += SECOND * quarters / 4;
                    scheduler.expire(now);
                    scheduler.doubt(now);
                    model.pass(&scheduler.outage.vanished().collect::<Vec<_>>(), now);
                }
            }
            scheduler.admit(now);

            let mut granted: BTreeMap<WorkerId, u32> = BTreeMap::new();
            model.let_in.values().for_each(|(worker, _)| *granted.entry(*worker).or_default() += 1);
            let offered: BTreeMap<WorkerId, u32> = model.workers.values().map(|life| (life.id, life.slots)).collect();
            for (worker, granted) in &granted {
                prop_assert!(offered.get(worker).is_some_and(|slots| granted <= slots), "{granted} of {worker}: {offered:?}");
            }
            for worker in scheduler.registry().workers() {
                let slots = scheduler.slots(worker.id);
                prop_assert_eq!(slots.offered, offered.get(&worker.id).copied().unwrap_or(0), "{:?}", worker);
                let is_hidden = scheduler.outage.vanished().any(|id| id == worker.id);
                let is_healthy = worker.health(now) == Health::Healthy;
                prop_assert!(slots.offered == 0 || is_healthy || is_hidden, "{:?}", worker);
                prop_assert!(granted.get(&worker.id).copied().unwrap_or(0) <= slots.taken, "{:?}", worker);
                prop_assert!(slots.taken <= slots.offered, "{:?}", worker);
            }
        }
    }
}
