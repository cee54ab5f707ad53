use std::time::{Duration, Instant};

use crate::test_clock;
use facefleet_proto::{Heartbeat, Identity, Join, Load, RouteQuery};

use super::*;
use crate::policy::PolicyName;

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
        let (legacy, leases) = Default::default();
        scheduler.heartbeat(&Heartbeat { id, generation: 1, epoch: 0, load, legacy, leases }, now).unwrap();
    }
    scheduler
}

fn choice(worker: &str, in_flight: u32, frame_ms: f32, answers_in_ms: f32) -> Choice {
    let (frame_ms, answers_in_ms) = (Some(frame_ms), Some(answers_in_ms));
    Choice { worker: worker.into(), in_flight, frame_ms, cores: 2, answers_in_ms }
}

#[test]
fn the_reason_is_what_the_policy_has_compared() {
    let now = test_clock::start();
    for wanted in [1, 2, 8] {
        let mut scheduler =
            cluster(PolicyName::LeastLoaded, &[(Some(40.0), 7), (Some(41.0), 2), (Some(200.0), 0)], now);
        assert_eq!(scheduler.reason(), None, "nobody has asked");
        scheduler.route(&RouteQuery { wanted, ..RouteQuery::default() }, now);
        let expected = Decision {
            frame: None,
            chosen: choice("pi-2", 3, 41.0, 61.5),
            next: Some(choice("pi-3", 1, 200.0, 100.0)),
        };
        assert_eq!(scheduler.reason(), Some(expected), "{wanted} wanted");
        // What the first was promised counts.
        scheduler.route(&RouteQuery::default(), now);
        let again = scheduler.reason().unwrap().chosen;
        assert_eq!((again.worker.as_str(), again.in_flight), ("pi-2", 4), "{wanted} wanted");
    }
}

#[test]
fn who_is_alone_has_no_next_and_whose_time_is_not_known_no_answer() {
    let now = test_clock::start();
    for policy in [PolicyName::LeastLoaded, PolicyName::WeightedRoundRobin] {
        let mut scheduler = cluster(policy, &[(None, 0)], now);
        scheduler.route(&RouteQuery::default(), now);
        let Decision { chosen, next, .. } = scheduler.reason().unwrap();
        assert_eq!((chosen.in_flight, chosen.frame_ms, chosen.answers_in_ms, next), (1, None, None, None));
        scheduler.leave(facefleet_proto::WorkerId(0), 1, 0).unwrap();
        assert_eq!(scheduler.reason(), None, "it is gone, and with it its name");
        scheduler.route(&RouteQuery::default(), now);
        assert_eq!(scheduler.reason(), None);
    }
}
