use std::time::{Duration, Instant};

use clap::ValueEnum;
use facefleet_proto::test_clock;
use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, Load, RouteQuery};

use super::*;
use crate::policy::PolicyName;
use crate::scheduler::Scheduler;

/// Workers of two threads that take so many milliseconds a frame and hold so many.
fn cluster(policy: PolicyName, workers: &[(Option<f32>, u32)], now: Instant) -> Scheduler {
    let mut scheduler = Scheduler::new(policy, 1);
    for (n, (frame_ms, in_flight)) in (1..).zip(workers.iter().copied()) {
        let join = Join {
            address: ([10, 0, 0, 1], n).into(),
            weight: 1,
            identity: Identity { name: format!("pi-{n}"), generation: 1 },
            cores: 2,
            heartbeat_interval: Some(Duration::from_secs(1)),
            frames_per_s: None,
            version: String::new(),
            detectors: Vec::new(),
            http_port: None,
        };
        let id = scheduler.join(join, now).unwrap().id;
        let load = Load { frame_ms, in_flight, ..Load::default() };
        let legacy = LegacyState::default();
        let heartbeat = Heartbeat { id, generation: 1, epoch: 0, load, legacy, leases: Vec::new() };
        scheduler.heartbeat(&heartbeat, now).unwrap();
    }
    scheduler
}

fn candidacy(id: u32, in_flight: u32, frame_ms: f32, answers_in_ms: f32) -> Candidacy {
    let (frame_ms, answers_in_ms) = (Some(frame_ms), Some(answers_in_ms));
    Candidacy { id: WorkerId(id), in_flight, frame_ms, cores: 2, answers_in_ms }
}

#[test]
fn the_reason_is_what_the_policy_has_compared() {
    let now = test_clock::start();
    for wanted in [1, 2, 8] {
        let mut scheduler =
            cluster(PolicyName::LeastLoaded, &[(Some(40.0), 7), (Some(41.0), 2), (Some(200.0), 0)], now);
        assert_eq!(scheduler.reason(), None, "nobody has asked");
        scheduler.route(&RouteQuery { wanted, ..RouteQuery::default() }, now);
        let expected = Reason { chosen: candidacy(1, 3, 41.0, 61.5), next: Some(candidacy(2, 1, 200.0, 100.0)) };
        assert_eq!(scheduler.reason(), Some(expected), "{wanted} wanted");
        // What the first was promised counts.
        scheduler.route(&RouteQuery::default(), now);
        let again = scheduler.reason().unwrap().chosen;
        assert_eq!((again.id, again.in_flight), (WorkerId(1), 4), "{wanted} wanted");
    }
}

#[test]
fn a_worker_that_is_alone_has_no_next_and_one_whose_time_is_not_known_no_answer() {
    let now = test_clock::start();
    for policy in PolicyName::value_variants() {
        let mut scheduler = cluster(*policy, &[(None, 0)], now);
        scheduler.route(&RouteQuery::default(), now);
        let Reason { chosen, next } = scheduler.reason().unwrap();
        assert_eq!((chosen.in_flight, chosen.frame_ms, chosen.answers_in_ms, next), (1, None, None, None));
        scheduler.leave(WorkerId(0), 1, 0).unwrap();
        scheduler.route(&RouteQuery::default(), now);
        assert_eq!(scheduler.reason(), None);
    }
}
