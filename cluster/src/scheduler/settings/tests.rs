use std::net::SocketAddr;
use std::time::Duration;

use facefleet_proto::test_clock;
use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, Load, RouteQuery, TaskResult, WorkerId};

use super::*;
use crate::admission::{AdmissionName, SETTLES_WITHIN, SlotAnswer, Ticket};
use crate::policy::PolicyName;

const SECOND: Duration = Duration::from_secs(1);
const EPOCH: u64 = 7;

fn join(number: u16, generation: u64) -> Join {
    Join {
        address: SocketAddr::from(([10, 0, 0, 1], number + 1)),
        weight: 1 + u32::from(number),
        identity: Identity { name: format!("w{number}"), generation },
        cores: 1,
        heartbeat_interval: Some(SECOND),
        frames_per_s: None,
        version: String::new(),
        detectors: vec!["seeta".into()],
        http_port: None,
    }
}

fn beat(scheduler: &mut Scheduler, number: u32, load: Load, leases: &[u64], now: Instant) {
    let (id, legacy, leases) = (WorkerId(number), LegacyState::default(), leases.to_vec());
    let heartbeat = Heartbeat { id, generation: 1, load, epoch: EPOCH, legacy, leases };
    scheduler.heartbeat(&heartbeat, now).unwrap();
}

/// Workers of one thread that were heard of.
fn cluster(workers: u16, now: Instant) -> Scheduler {
    let mut scheduler = Scheduler::new(PolicyName::default(), EPOCH).waiting_at_most(SECOND * 60);
    for number in 0..workers {
        scheduler.join(join(number, 1), now).unwrap();
        beat(&mut scheduler, number.into(), Load::default(), &[], now);
    }
    scheduler
}

/// Changes the settings. Returns the calls that need not wait any more.
fn set(scheduler: &mut Scheduler, now: Instant, change: impl FnOnce(&mut Settings)) -> Vec<Ticket> {
    let mut settings = scheduler.settings();
    change(&mut settings);
    scheduler.set(settings.clone(), now);
    assert_eq!(scheduler.settings(), settings);
    scheduler.admit(now)
}

fn rest(scheduler: &mut Scheduler, names: &[&str], now: Instant) {
    set(scheduler, now, |settings| settings.resting = names.iter().map(|name| (*name).to_owned()).collect());
}

fn routed(scheduler: &mut Scheduler, now: Instant) -> Vec<u32> {
    let detector = Some("seeta".to_owned());
    let all = scheduler.route(&RouteQuery { wanted: usize::MAX, detector, ..RouteQuery::default() }, now);
    let mut ids: Vec<u32> = all.candidates.iter().map(|candidate| candidate.id.unwrap().0).collect();
    ids.sort_unstable();
    ids
}

fn ask(scheduler: &mut Scheduler, lease: u64, now: Instant) -> Option<SlotAnswer> {
    scheduler.ask(&RouteQuery { lease: Some(lease), ..RouteQuery::default() }, now)
}

#[test]
fn another_policy_chooses_among_the_same_workers() {
    let now = test_clock::start();
    let mut scheduler = cluster(3, now);
    let drains = Load { draining: true, ..Load::default() };
    beat(&mut scheduler, 1, drains, &[], now);
    set(&mut scheduler, now, |settings| settings.policy = PolicyName::WeightedRoundRobin);
    assert_eq!(routed(&mut scheduler, now), [0, 2]);
    // By weight, which least-loaded does not look at.
    let mut firsts = [0; 3];
    for _ in 0..40 {
        let route = scheduler.route(&RouteQuery::default(), now);
        firsts[route.candidates[0].id.unwrap().0 as usize] += 1;
    }
    assert_eq!(firsts, [10, 0, 30]);
    assert_eq!(scheduler.summary(now).policy, PolicyName::WeightedRoundRobin);
}

#[test]
fn a_worker_that_rests_stays_out_whatever_it_does_and_comes_back_when_it_is_told_to() {
    let now = test_clock::start();
    let mut scheduler = cluster(3, now);
    rest(&mut scheduler, &["w0", "w1"], now);
    assert_eq!(routed(&mut scheduler, now), [2], "at once");
    let state = |scheduler: &Scheduler, at: usize| {
        let worker = scheduler.registry().workers().nth(at).unwrap();
        (worker.health(now), worker.is_resting)
    };
    assert_eq!(state(&scheduler, 0), (Health::Draining, true));
    // One of an old version does not know, and another life of it does neither.
    beat(&mut scheduler, 0, Load::default(), &[], now);
    scheduler.join(join(1, 2), now).unwrap();
    assert_eq!(routed(&mut scheduler, now), [2]);
    rest(&mut scheduler, &["w1"], now);
    assert_eq!((routed(&mut scheduler, now), state(&scheduler, 0)), (vec![0, 2], (Health::Healthy, false)));
    // The one that has started anew is the fourth.
    rest(&mut scheduler, &[], now);
    assert_eq!(routed(&mut scheduler, now), [0, 2, 3]);
}

#[test]
fn a_worker_that_was_lost_while_it_rested_gets_routes_when_it_is_heard_of() {
    let now = test_clock::start();
    let mut scheduler = cluster(2, now);
    rest(&mut scheduler, &["w0"], now);
    let later = now + SECOND * 4;
    beat(&mut scheduler, 1, Load::default(), &[], later);
    scheduler.expire(later);
    rest(&mut scheduler, &[], later);
    assert_eq!(routed(&mut scheduler, later), [1]);
    beat(&mut scheduler, 0, Load::default(), &[], later);
    assert_eq!(routed(&mut scheduler, later), [0, 1]);
}

#[test]
fn admission_that_is_switched_on_counts_the_streams_that_run() {
    let now = test_clock::start();
    let mut scheduler = cluster(2, now);
    set(&mut scheduler, now, |settings| settings.admission = AdmissionName::Fifo);
    assert!(matches!(ask(&mut scheduler, 3, now), Some(SlotAnswer::Waits(_))), "who runs is not known yet");
    beat(&mut scheduler, 0, Load::default(), &[1], now + SECOND);
    beat(&mut scheduler, 1, Load::default(), &[2], now + SECOND);
    let settled = now + SETTLES_WITHIN;
    assert_eq!(scheduler.admit(settled), []);
    assert!(matches!(ask(&mut scheduler, 1, settled), Some(SlotAnswer::Placed(_))));
    assert_eq!(scheduler.summary(settled).waiting, 1);
}

#[test]
fn a_worker_that_rests_has_no_slots() {
    let now = test_clock::start();
    let mut scheduler = cluster(2, now);
    set(&mut scheduler, now, |settings| settings.admission = AdmissionName::Fifo);
    let settled = now + SETTLES_WITHIN;
    assert!(matches!(ask(&mut scheduler, 1, settled), Some(SlotAnswer::Placed(_))));
    assert!(matches!(ask(&mut scheduler, 2, settled), Some(SlotAnswer::Placed(_))));
    rest(&mut scheduler, &["w0"], settled);
    assert_eq!(scheduler.summary(settled).waiting, 1, "the stream that had it runs on, and is the next");
    rest(&mut scheduler, &[], settled);
    scheduler.admit(settled);
    assert_eq!(scheduler.summary(settled).waiting, 0);
}

#[test]
fn admission_that_is_switched_off_lets_in_all_who_wait() {
    let now = test_clock::start();
    let mut scheduler = cluster(1, now);
    set(&mut scheduler, now, |settings| settings.admission = AdmissionName::Fair);
    let settled = now + SETTLES_WITHIN;
    assert!(matches!(ask(&mut scheduler, 1, settled), Some(SlotAnswer::Placed(_))));
    let tickets = [2, 3].map(|lease| match ask(&mut scheduler, lease, settled) {
        Some(SlotAnswer::Waits(ticket)) => ticket,
        other => panic!("{other:?}"),
    });
    let mut called = set(&mut scheduler, settled, |settings| settings.admission = AdmissionName::Open);
    called.sort_unstable();
    assert_eq!(called, tickets);
    // Whoever comes to look only after it was switched on again asks anew, and takes nobody's place.
    set(&mut scheduler, settled, |settings| settings.admission = AdmissionName::Fifo);
    let Some(SlotAnswer::Waits(fresh)) = ask(&mut scheduler, 4, settled) else { panic!("stream 1 is not named yet") };
    for ticket in tickets {
        assert!(!scheduler.is_waiting(ticket) && scheduler.collect(ticket, settled).is_none());
        scheduler.cancel(ticket);
    }
    assert!(scheduler.is_waiting(fresh));
}

#[test]
fn another_order_counts_for_those_who_wait_already() {
    use AdmissionName::{Fair, Fifo};
    for (orders, next) in [(&[Fifo][..], 0), (&[Fifo, Fair], 1), (&[Fifo, Fair, Fifo], 0)] {
        let now = test_clock::start();
        let mut scheduler = cluster(1, now);
        set(&mut scheduler, now, |settings| settings.admission = orders[0]);
        let settled = now + SETTLES_WITHIN;
        assert!(matches!(ask(&mut scheduler, 1, settled), Some(SlotAnswer::Placed(_))));
        let waiting = [(2, 0), (3, 100)].map(|(lease, priority)| {
            let query = RouteQuery { lease: Some(lease), priority, ..RouteQuery::default() };
            match scheduler.ask(&query, settled) {
                Some(SlotAnswer::Waits(ticket)) => ticket,
                other => panic!("{other:?}"),
            }
        });
        for order in &orders[1..] {
            assert_eq!(set(&mut scheduler, settled, |settings| settings.admission = *order), []);
        }
        scheduler.submit(&TaskResult { lease: Some(1), ..TaskResult::default() }, settled);
        assert_eq!(scheduler.admit(settled), [waiting[next]], "{orders:?}");
    }
}
