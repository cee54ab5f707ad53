use super::*;
use crate::liveness::FORGET_AFTER;
use facefleet_proto::test_clock;
use facefleet_proto::{Identity, LegacyState};

/// A worker that beats once a second, at 10.0.0.1 and this port.
fn join(name: &str, generation: u64, port: u16) -> Join {
    Join {
        address: SocketAddr::from(([10, 0, 0, 1], port)),
        weight: 1,
        identity: Identity { name: name.to_owned(), generation },
        cores: 4,
        heartbeat_interval: Some(Duration::from_secs(1)),
        frames_per_s: None,
        version: String::new(),
        detectors: Vec::new(),
        http_port: None,
    }
}

/// A worker that only knows the fixed fields.
fn old(port: u16) -> Join {
    Join { heartbeat_interval: None, ..join(&format!("10.0.0.1:{port}"), 0, port) }
}

fn beat(id: u32, generation: u64) -> Heartbeat {
    let legacy = LegacyState::default();
    Heartbeat { id: WorkerId(id), generation, load: Load::default(), epoch: 0, legacy, leases: Vec::new() }
}

fn ids(workers: &[Worker]) -> Vec<u32> {
    workers.iter().map(|worker| worker.id.0).collect()
}

/// One thing that happens to a registry, and what is to come of it.
enum Op {
    /// This worker joins, gets this id, and takes the place of these.
    Join(Join, u32, &'static [u32]),
    /// The same life of a worker joins again and keeps this id.
    Again(Join, u32),
    /// This worker is refused, because a later one is reached at this port.
    Stale(Join, u16),
    /// This worker is refused, because the one of this name is alive at its address.
    Taken(Join, &'static str),
    /// A heartbeat of this id and generation is known.
    Beat(u32, u64),
    /// A heartbeat of this id and generation is known; the worker was lost, and silent for so many seconds.
    Back(u32, u64, u64),
    /// A heartbeat is of nobody.
    NotBeat(u32, u64),
    Leave(u32, u64),
    NotLeave(u32, u64),
    /// So many milliseconds pass.
    Wait(u64),
    /// Silence takes these workers.
    Lose(&'static [u32]),
    Forget(&'static [u32]),
    /// These workers are registered, and those of them are healthy.
    See(&'static [u32], &'static [u32]),
}
use Op::{Again, Back, Beat, Forget, Leave, Lose, NotBeat, NotLeave, See, Stale, Taken, Wait};

fn run(script: Vec<Op>) {
    let mut registry = Registry::default();
    let mut now = test_clock::start();
    for (step, op) in script.into_iter().enumerate() {
        match op {
            Op::Join(join, id, replaced) => {
                let joined = registry.join(join, now).unwrap();
                assert_eq!((joined.id.0, joined.again), (id, false), "step {step}");
                assert_eq!(ids(&joined.replaced), replaced, "step {step}");
            }
            Again(join, id) => {
                let joined = registry.join(join, now).unwrap();
                assert_eq!((joined.id.0, joined.again), (id, true), "step {step}");
                assert_eq!(ids(&joined.replaced), [0; 0], "step {step}");
            }
            Stale(join, port) => {
                let refused = Refused::Superseded {
                    name: join.identity.name.clone(),
                    address: SocketAddr::new(join.address.ip(), port),
                };
                assert_eq!(registry.join(join, now).unwrap_err(), refused, "step {step}");
            }
            Taken(join, holder) => {
                let refused = Refused::AddressTaken { holder: holder.to_owned(), address: join.address };
                assert_eq!(registry.join(join, now).unwrap_err(), refused, "step {step}");
            }
            Beat(id, generation) => {
                let beat = registry.heartbeat(&beat(id, generation), now).unwrap();
                assert_eq!((beat.worker.id.0, beat.back_after), (id, None), "step {step}");
            }
            Back(id, generation, silent) => {
                let back_after = registry.heartbeat(&beat(id, generation), now).unwrap().back_after;
                assert_eq!(back_after, Some(Duration::from_secs(silent)), "step {step}");
            }
            NotBeat(id, generation) => {
                assert_eq!(registry.heartbeat(&beat(id, generation), now).unwrap_err(), Unknown, "step {step}");
            }
            Leave(id, generation) => {
                assert_eq!(registry.leave(WorkerId(id), generation).unwrap().id.0, id, "step {step}");
            }
            NotLeave(id, generation) => {
                assert_eq!(registry.leave(WorkerId(id), generation).unwrap_err(), Unknown, "step {step}");
            }
            Wait(ms) => now += Duration::from_millis(ms),
            Lose(expected) => {
                let lost = registry.expire(now, |_| true).into_iter().map(|event| match event {
                    Expired::Lost { worker, .. } => worker.id.0,
                    Expired::Forgotten(worker) => panic!("step {step}: {worker} is forgotten"),
                });
                assert_eq!(lost.collect::<Vec<_>>(), expected, "step {step}");
            }
            Forget(expected) => {
                let forgotten = registry.expire(now, |_| true).into_iter().map(|event| match event {
                    Expired::Lost { worker, .. } => panic!("step {step}: {worker} is only lost"),
                    Expired::Forgotten(worker) => worker.id.0,
                });
                assert_eq!(forgotten.collect::<Vec<_>>(), expected, "step {step}");
            }
            See(all, healthy) => {
                let healthy_now = registry.workers().filter(|w| w.health(now) == Health::Healthy);
                assert_eq!(healthy_now.map(|w| w.id.0).collect::<Vec<_>>(), healthy, "step {step}");
                assert_eq!(registry.workers().map(|w| w.id.0).collect::<Vec<_>>(), all, "step {step}");
            }
        }
        assert_eq!(registry.by_name.len(), registry.workers.len(), "step {step}");
        assert_eq!(registry.by_address.len(), registry.workers.len(), "step {step}");
    }
}

#[test]
fn ids_count_up_from_0_and_are_not_given_twice() {
    run(vec![
        Op::Join(join("a", 1, 1), 0, &[]),
        Op::Join(join("b", 1, 2), 1, &[]),
        Leave(1, 1),
        Op::Join(join("b", 2, 2), 2, &[]),
        See(&[0, 2], &[0, 2]),
    ]);
}

#[test]
fn a_restart_replaces_the_old_life_at_once() {
    run(vec![
        Op::Join(join("a", 5, 1), 0, &[]),
        Op::Join(join("a", 6, 9), 1, &[0]),
        NotBeat(0, 5),
        NotLeave(0, 5),
        Beat(1, 6),
        See(&[1], &[1]),
    ]);
}

#[test]
fn the_same_life_keeps_its_id() {
    run(vec![Op::Join(join("a", 5, 1), 0, &[]), Again(join("a", 5, 1), 0), Again(join("a", 5, 2), 0), Beat(0, 5)]);
}

#[test]
fn an_earlier_life_is_refused_while_the_later_one_is_alive() {
    run(vec![
        Op::Join(join("a", 5, 1), 0, &[]),
        Stale(join("a", 4, 2), 1),
        Stale(join("a", 0, 2), 1),
        Wait(3000),
        Stale(join("a", 4, 2), 1),
        Wait(1),
        Op::Join(join("a", 4, 2), 1, &[0]),
    ]);
}

#[test]
fn an_old_worker_replaces_itself() {
    run(vec![
        Op::Join(old(1), 0, &[]),
        Op::Join(old(2), 1, &[]),
        Op::Join(old(1), 2, &[0]),
        NotBeat(0, 0),
        Beat(2, 0),
        See(&[1, 2], &[1, 2]),
    ]);
}

#[test]
fn a_live_worker_keeps_its_address_and_a_lost_one_does_not() {
    run(vec![
        Op::Join(join("a", 1, 1), 0, &[]),
        Taken(join("b", 1, 1), "a"),
        Taken(old(1), "a"),
        Beat(0, 1),
        // Neither a new life nor a move is an exception.
        Op::Join(join("c", 1, 2), 1, &[]),
        Taken(join("c", 2, 1), "a"),
        Taken(join("c", 1, 1), "a"),
        Beat(1, 1),
        Wait(3001),
        Op::Join(join("b", 1, 1), 2, &[0]),
        NotBeat(0, 1),
        Op::Join(old(2), 3, &[1]),
        Taken(join("d", 1, 2), "10.0.0.1:2"),
        See(&[2, 3], &[2, 3]),
    ]);
}

#[test]
fn a_worker_that_takes_a_name_and_an_address_replaces_both() {
    run(vec![
        Op::Join(join("a", 1, 1), 0, &[]),
        Wait(3001),
        Op::Join(join("b", 1, 2), 1, &[]),
        Op::Join(join("b", 2, 1), 2, &[1, 0]),
        See(&[2], &[2]),
    ]);
}

#[test]
fn a_worker_that_moves_takes_the_place_of_a_lost_one() {
    let mut registry = Registry::default();
    let now = test_clock::start();
    registry.join(join("b", 1, 2), now).unwrap();
    let later = now + Duration::from_millis(3001);
    registry.join(join("a", 1, 1), later).unwrap();
    let moved = registry.join(join("a", 1, 2), later).unwrap();
    assert_eq!((moved.id.0, moved.again, ids(&moved.replaced)), (1, true, vec![0]));
}

#[test]
fn another_id_or_another_generation_is_unknown() {
    run(vec![
        NotBeat(0, 0),
        Op::Join(join("a", 5, 1), 0, &[]),
        NotBeat(0, 4),
        NotBeat(0, 0),
        NotBeat(1, 5),
        NotLeave(0, 4),
        NotLeave(1, 5),
        Leave(0, 5),
        NotLeave(0, 5),
        NotBeat(0, 5),
    ]);
}

#[test]
fn a_lost_worker_is_reported_once_and_comes_back_with_its_id() {
    run(vec![
        Op::Join(join("a", 5, 1), 0, &[]),
        Op::Join(old(2), 1, &[]),
        Wait(3000),
        Lose(&[]),
        See(&[0, 1], &[0, 1]),
        Wait(1),
        // It is out of routing even before anybody looks.
        See(&[0, 1], &[1]),
        Lose(&[0]),
        Lose(&[]),
        Wait(999),
        Back(0, 5, 4),
        See(&[0, 1], &[0, 1]),
        Beat(0, 5),
    ]);
}

#[test]
fn a_lost_worker_is_forgotten_in_the_end() {
    run(vec![
        Op::Join(join("a", 5, 1), 0, &[]),
        Wait(4000),
        Lose(&[0]),
        Wait(FORGET_AFTER.as_millis() as u64),
        Forget(&[0]),
        See(&[], &[]),
        NotBeat(0, 5),
        Op::Join(join("a", 5, 1), 1, &[]),
    ]);
}

#[test]
fn joining_again_brings_a_lost_worker_back() {
    run(vec![Op::Join(join("a", 5, 1), 0, &[]), Wait(4000), Lose(&[0]), Again(join("a", 5, 1), 0), See(&[0], &[0])]);
}

#[test]
fn a_draining_worker_is_known_but_not_healthy() {
    let mut registry = Registry::default();
    let now = test_clock::start();
    registry.join(join("a", 1, 1), now).unwrap();
    let mut draining = beat(0, 1);
    draining.load.draining = true;
    let worker = registry.heartbeat(&draining, now).unwrap().worker;
    assert_eq!(worker.health(now), Health::Draining);
}

#[test]
fn a_full_registry_takes_only_those_who_replace_others() {
    let mut registry = Registry::default();
    let now = test_clock::start();
    let at = |n: u32| SocketAddr::from((n.to_be_bytes(), 1));
    for n in 0..u32::try_from(MAX_WORKERS).unwrap() {
        registry.join(Join { address: at(n), ..join(&n.to_string(), 1, 1) }, now).unwrap();
    }
    let newcomer = Join { address: at(u32::MAX), ..join("new", 1, 1) };
    assert_eq!(registry.join(newcomer, now).unwrap_err(), Refused::Full);
    assert_eq!(ids(&registry.join(Join { address: at(7), ..join("7", 2, 1) }, now).unwrap().replaced), [7]);
}

#[test]
fn ids_that_a_message_cannot_carry_are_not_given() {
    let mut registry = Registry { ids: Ids::new(i32::MAX as u32..u32::MAX), ..Registry::default() };
    let now = test_clock::start();
    assert_eq!(registry.join(join("a", 1, 1), now).unwrap().id.to_wire(), i32::MAX);
    assert_eq!(registry.join(join("b", 1, 2), now).unwrap_err(), Refused::OutOfIds);
}
