//! Masters over a registry that is not there: whatever happens to them and to it, ids mean one worker each, nobody who is
//! known to be gone gets routes, and in the end all know the same.

mod world;

use crate::liveness::FORGET_AFTER;
use facefleet_proto::Health;
use proptest::prelude::*;
use std::collections::BTreeSet;
use world::{MASTERS, Op, WORKERS, World};

fn op() -> impl Strategy<Value = Op> {
    let (master, worker) = (0..MASTERS, 0..WORKERS);
    prop_oneof![
        6 => worker.clone().prop_map(Op::Beat),
        2 => worker.clone().prop_map(Op::Move),
        2 => worker.clone().prop_map(Op::Restart),
        1 => worker.clone().prop_map(Op::Leave),
        1 => worker.prop_map(Op::Die),
        6 => (master.clone(), 1..4_usize).prop_map(|(master, events)| Op::Deliver(master, events)),
        4 => master.clone().prop_map(Op::Publish),
        1 => (master.clone(), any::<bool>()).prop_map(|(master, written)| Op::PublishInVain(master, written)),
        1 => master.clone().prop_map(Op::CutOff),
        3 => master.clone().prop_map(Op::Connect),
        1 => master.prop_map(Op::Crash),
        1 => Just(Op::EndLeases),
        1 => (0..WORKERS).prop_map(Op::DeleteKey),
        1 => Just(Op::Wipe),
        3 => (100..4000_u64).prop_map(Op::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_they_agree_in_the_end(ops in prop::collection::vec(op(), 0..120)) {
        let mut world = World::new();
        for op in ops {
            world.act(op);
            world.check();
        }
        world.settle();
    }
}

/// Two masters that share, and a worker that has joined the first.
fn two_and_one() -> World {
    let mut world = World::new();
    world.play([Op::Connect(0), Op::Connect(1), Op::Restart(0)]);
    world.exchange();
    world.act(Op::Beat(0));
    assert_eq!([world.routed(0), world.routed(1)], [BTreeSet::from([0]), BTreeSet::from([0])]);
    world
}

#[test]
fn who_leaves_one_master_gets_no_routes_from_another() {
    let mut world = two_and_one();
    world.act(Op::Leave(0));
    world.exchange();
    assert!(world.routed(0).is_empty() && world.routed(1).is_empty());
}

#[test]
fn a_worker_keeps_its_id_and_its_routes_when_it_moves() {
    let mut world = two_and_one();
    let id = world.id(0);
    world.act(Op::Crash(0));
    world.act(Op::Beat(0));
    assert_eq!((world.id(0), world.routed(1)), (id, BTreeSet::from([0])));
    world.exchange();
    world.act(Op::EndLeases);
    world.exchange();
    assert_eq!(world.routed(1), BTreeSet::from([0]));
    assert_eq!(world.held(), BTreeSet::from([(id, 1)]));
}

#[test]
fn who_is_kept_by_a_master_that_is_cut_off_is_not_lost() {
    let mut world = two_and_one();
    world.play([Op::CutOff(0), Op::EndLeases]);
    world.exchange();
    assert!(world.held().is_empty());
    world.act(Op::Wait(2000));
    world.act(Op::Beat(0));
    world.act(Op::Wait(2000));
    assert_eq!(world.routed(1), BTreeSet::from([0]));
    world.play([Op::Wait(2000), Op::Beat(0)]);
    assert_eq!(world.routed(1), BTreeSet::from([0]), "it was silent for too long, and is heard again");
    world.act(Op::Connect(0));
    world.exchange();
    assert_eq!(world.held().len(), 1);
}

#[test]
fn who_dies_with_its_master_is_forgotten_when_it_is_lost() {
    let mut world = two_and_one();
    let id = world.id(0);
    world.play([Op::Crash(0), Op::Die(0), Op::EndLeases]);
    world.exchange();
    assert_eq!(world.health(1, id), Some(Health::Healthy));
    world.act(Op::Wait(3001));
    assert_eq!(world.health(1, id), None);
}

#[test]
fn who_is_heard_is_registered_again() {
    let mut world = two_and_one();
    let held = world.held();
    world.act(Op::DeleteKey(0));
    world.exchange();
    assert!(world.held().is_empty());
    world.act(Op::Beat(0));
    world.exchange();
    assert_eq!(world.held(), held);
}

#[test]
fn no_two_masters_give_streams_one_number() {
    let mut world = two_and_one();
    assert_ne!(world.stream_lease(0), world.stream_lease(1));
}

#[test]
fn a_fresh_master_gives_no_routes_to_the_silent() {
    let mut world = two_and_one();
    world.play([Op::Die(0), Op::Wait(3001), Op::Connect(2)]);
    assert!((0..3).all(|master| world.routed(master).is_empty()));
    world.act(Op::Restart(0));
    world.exchange();
    world.act(Op::Beat(0));
    assert_eq!(world.routed(2), BTreeSet::from([0]));
}

#[test]
fn an_empty_registry_is_filled_again_and_gives_no_id_twice() {
    let mut world = two_and_one();
    let id = world.id(0);
    world.play([Op::Wipe, Op::Connect(1), Op::Restart(1), Op::Connect(0)]);
    world.exchange();
    assert!(world.id(1) > id);
    assert_eq!(world.held().len(), 2);
}

#[test]
fn an_earlier_life_does_not_come_back() {
    let mut world = two_and_one();
    world.act(Op::Move(0));
    world.exchange();
    // The second master keeps a life that the first one replaces without being able to tell.
    world.play([Op::CutOff(0), Op::Move(0), Op::Restart(0)]);
    let id = world.id(0);
    world.act(Op::Connect(0));
    assert_eq!(world.routed(0), BTreeSet::from([0]));
    world.exchange();
    world.act(Op::Beat(0));
    assert_eq!((world.id(0), world.held()), (id, BTreeSet::from([(id, 0)])));
}

#[test]
fn a_session_that_begins_is_no_sign_of_life() {
    let mut world = two_and_one();
    world.play([Op::Die(0), Op::Wait(3001), Op::CutOff(1), Op::Connect(1)]);
    assert!(world.routed(1).is_empty());
    assert_eq!(world.health(1, world.id(0)), Some(Health::Lost));
}

/// Two masters gave an id each to one life of a worker while they could not tell each other.
#[test]
fn the_id_that_a_worker_uses_outlives_the_one_that_it_has_left() {
    for (order, since_it_moved) in [([0, 1], 0), ([1, 0], 0), ([0, 1], 2), ([1, 0], 2)] {
        let mut world = World::new();
        world.play([Op::Connect(0), Op::Connect(1), Op::CutOff(0), Op::CutOff(1)]);
        world.play([Op::Restart(0), Op::Beat(0), Op::Move(0), Op::Beat(0)]);
        let id = world.id(0);
        // After two of these waits the first master takes it for lost.
        (0..since_it_moved).for_each(|_| world.play([Op::Wait(2000), Op::Beat(0)]));
        for master in order {
            world.act(Op::Connect(master));
            world.exchange();
        }
        world.act(Op::Beat(0));
        world.exchange();
        world.act(Op::Beat(0));
        assert_eq!((world.id(0), world.held()), (id, BTreeSet::from([(id, 1)])), "{order:?}, {since_it_moved}");
        assert_eq!([world.routed(0), world.routed(1)], [BTreeSet::from([0]), BTreeSet::from([0])]);
    }
}

#[test]
fn who_is_kept_by_another_master_is_not_forgotten_while_that_one_is_not_heard() {
    let mut world = two_and_one();
    let heard_by_the_first = |world: &mut World| {
        let beat = world.heartbeat(0);
        world.masters[0].scheduler.heartbeat(&beat, world.now).unwrap();
    };
    for _ in 0..FORGET_AFTER.as_secs() + 10 {
        world.act(Op::Wait(1000));
        heard_by_the_first(&mut world);
    }
    assert_eq!([world.routed(0), world.routed(1)], [BTreeSet::from([0]), BTreeSet::new()]);
    world.act(Op::Beat(0));
    assert_eq!(world.routed(1), BTreeSet::from([0]));
    // It is forgotten by the one that keeps it, for all.
    world.act(Op::Wait(4000));
    world.act(Op::Wait(FORGET_AFTER.as_millis() as u64));
    world.exchange();
    assert!(world.held().is_empty());
    assert!(world.masters.iter().all(|master| master.scheduler.registry.workers().next().is_none()));
}
