use super::*;
use clap::ValueEnum;
use facefleet_proto::test_clock;
use facefleet_proto::{Identity, Load, Throttling};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

fn join(n: u16, generation: u64) -> Join {
    Join {
        address: SocketAddr::from(([10, 0, 0, 1], n + 1)),
        weight: 1,
        identity: Identity { name: format!("w{n}"), generation },
        cores: 1,
        heartbeat_interval: Some(Duration::from_secs(1)),
        frames_per_s: None,
        version: String::new(),
        detectors: Vec::new(),
        http_port: None,
    }
}

fn beat(id: WorkerId, generation: u64, load: Load) -> Heartbeat {
    Heartbeat { id, generation, load, epoch: 0, legacy: Default::default(), leases: Vec::new() }
}

/// A cluster of workers that take so many milliseconds a frame, all in generation 1.
fn cluster(frame_ms: &[f32], now: Instant) -> Scheduler {
    let mut scheduler = Scheduler::new(PolicyName::LeastLoaded, 1);
    for (n, ms) in (0..).zip(frame_ms) {
        let id = scheduler.join(join(n, 1), now).unwrap().id;
        let load = Load { frame_ms: Some(*ms), ..Load::default() };
        scheduler.heartbeat(&beat(id, 1, load), now).unwrap();
    }
    scheduler
}

fn ids(route: &Route) -> Vec<u32> {
    route.candidates.iter().map(|candidate| candidate.id.unwrap().0).collect()
}

fn all() -> RouteQuery {
    RouteQuery { wanted: usize::MAX, ..RouteQuery::default() }
}

#[test]
fn with_nobody_there_the_route_is_empty_and_holds_nothing() {
    let mut scheduler = Scheduler::new(PolicyName::default(), 7);
    let route = scheduler.route(&all(), test_clock::start());
    assert_eq!(route, Route { candidates: Vec::new(), lease: None, epoch: 7 });
}

#[test]
fn a_number_that_an_earlier_life_of_the_master_gave_means_nothing() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[10.0, 10.0], now);
    let of_epoch = |epoch| Heartbeat { epoch, ..beat(WorkerId(0), 1, Load::default()) };
    assert_eq!(scheduler.heartbeat(&of_epoch(77), now).unwrap_err(), Unknown);
    assert_eq!(scheduler.leave(WorkerId(0), 1, 77).unwrap_err(), Unknown);
    scheduler.heartbeat(&of_epoch(1), now).unwrap();
    for (epoch, offered) in [(77, vec![0, 1]), (1, vec![1]), (0, vec![1])] {
        let query = RouteQuery { exclude: vec![WorkerId(0)], epoch, ..all() };
        let mut offers = ids(&scheduler.route(&query, now));
        offers.sort_unstable();
        assert_eq!(offers, offered, "epoch {epoch}");
    }
}

#[test]
fn clients_that_ask_at_once_are_spread_by_speed() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0, 50.0, 100.0], now);
    let mut routes = [0; 3];
    for _ in 0..100 {
        routes[ids(&scheduler.route(&RouteQuery::default(), now))[0] as usize] += 1;
    }
    assert_eq!(routes, [25, 50, 25]);
}

#[test]
fn a_promise_ends_by_time_or_with_its_stream() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0, 100.0], now);
    let ask = |scheduler: &mut Scheduler, now| scheduler.route(&RouteQuery::default(), now);
    let first = ask(&mut scheduler, now);
    assert_eq!(ids(&first), [0]);
    assert_eq!(ids(&ask(&mut scheduler, now)), [1]);
    let stream = first.lease.unwrap().id;
    let end = |epoch| TaskResult { lease: Some(stream), epoch, ..TaskResult::default() };
    scheduler.submit(&end(77), now);
    assert_eq!(scheduler.promises.frames(WorkerId(0)), 1, "a number of another life of the master");
    scheduler.submit(&end(1), now);
    assert_eq!(ids(&ask(&mut scheduler, now)), [0]);
    assert_eq!(ids(&ask(&mut scheduler, now)), [0]);
    assert_eq!(ids(&ask(&mut scheduler, now + first.lease.unwrap().ttl)), [0]);
    assert_eq!(ids(&ask(&mut scheduler, now + first.lease.unwrap().ttl)), [1]);
}

#[test]
fn a_result_ends_no_promise_to_another_stream() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0, 100.0], now);
    scheduler.route(&RouteQuery { lease: Some(u64::MAX), ..all() }, now);
    scheduler.route(&all(), now);
    let promised = |scheduler: &Scheduler| [0, 1].map(|id| scheduler.promises.frames(WorkerId(id)));
    for number in (1..1000).chain(1 << 32..(1 << 32) + 1000) {
        scheduler.submit(&TaskResult { lease: Some(number), epoch: 1, ..TaskResult::default() }, now);
    }
    assert_eq!(promised(&scheduler), [2, 2], "nobody's stream has such a number");
    scheduler.submit(&TaskResult { lease: Some(u64::MAX), epoch: 1, ..TaskResult::default() }, now);
    assert_eq!(promised(&scheduler), [1, 1]);
}

#[test]
fn a_route_names_the_stream_that_it_is_for() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0], now);
    let named = |lease| RouteQuery { lease, ..RouteQuery::default() };
    assert_eq!(scheduler.route(&named(Some(77)), now).lease.unwrap().id, 77);
    let [first, second] = [(); 2].map(|()| scheduler.route(&named(None), now).lease.unwrap().id);
    assert!(first != 0 && second != 0 && first != second, "each question of an old client is a stream of its own");
}

#[test]
fn shares_follow_measured_speed() {
    let now = test_clock::start();
    let route = cluster(&[100.0, 50.0, 100.0], now).route(&all(), now);
    assert_eq!(ids(&route), [1, 0, 2]);
    let shares: Vec<f32> = route.candidates.iter().map(|candidate| candidate.share).collect();
    assert_eq!(shares, [0.5, 0.25, 0.25]);
}

#[test]
fn what_a_worker_measured_of_itself_counts_until_its_first_frame() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0], now);
    let slow = Join { frames_per_s: Some(2.0), ..join(1, 1) };
    let id = scheduler.join(slow, now).unwrap().id;
    let frame_ms = |route: &Route| route.candidates.iter().map(|c| c.frame_ms.unwrap()).collect::<Vec<_>>();
    assert_eq!(frame_ms(&scheduler.route(&all(), now)), [100.0, 500.0]);
    scheduler.heartbeat(&beat(id, 1, Load { frame_ms: Some(40.0), ..Load::default() }), now).unwrap();
    assert_eq!(frame_ms(&scheduler.route(&all(), now)), [40.0, 100.0]);
}

#[test]
fn a_self_test_that_ends_after_the_join_counts_from_the_next_heartbeat() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0], now);
    let late = Join { cores: 4, ..join(1, 1) };
    let id = scheduler.join(late, now).unwrap().id;
    let measured = Load { frames_per_s: Some(80.0), ..Load::default() };
    scheduler.heartbeat(&beat(id, 1, measured), now).unwrap();
    assert_eq!(scheduler.route(&all(), now).candidates[0].frame_ms, Some(50.0));
}

/// The part of a stream that worker 0 of two equal ones gets under a policy, while these bits are set.
fn share_of_the_first(scheduler: &mut Scheduler, measured: &Load, bits: u32, now: Instant) -> f32 {
    for (id, bits) in [(0, bits), (1, 0)] {
        let load = Load { throttling: Throttling::from_bits(bits), ..measured.clone() };
        scheduler.heartbeat(&beat(WorkerId(id), 1, load), now).unwrap();
    }
    let route = scheduler.route(&all(), now);
    route.candidates.iter().find(|candidate| candidate.id == Some(WorkerId(0))).unwrap().share
}

#[test]
fn a_worker_that_is_held_back_gets_a_smaller_share_until_it_is_not() {
    let now = test_clock::start();
    for policy in PolicyName::value_variants() {
        let mut scheduler = Scheduler::new(*policy, 1);
        for n in [0, 1] {
            scheduler.join(join(n, 1), now).unwrap();
        }
        let self_test = Load { frames_per_s: Some(10.0), ..Load::default() };
        let mut share = |bits| share_of_the_first(&mut scheduler, &self_test, bits, now);
        assert_eq!([0, 0x4_0004, 0x4_0000].map(&mut share), [0.5, 0.4, 0.5], "{policy:?}");
        // The times of real frames contain the slowdown, which must not count twice. Weights do not contain it.
        let frames = Load { frame_ms: Some(100.0), ..self_test };
        let hot = share_of_the_first(&mut scheduler, &frames, 4, now);
        let goes_by_weight = *policy == PolicyName::WeightedRoundRobin;
        assert_eq!(hot, if goes_by_weight { 0.4 } else { 0.5 });
    }
}

#[test]
fn a_worker_that_is_held_back_is_offered_less_often() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0, 100.0], now);
    let mut routes_to_the_first = |bits| {
        let load = Load { frames_per_s: Some(10.0), throttling: Throttling::from_bits(bits), ..Load::default() };
        scheduler.heartbeat(&beat(WorkerId(0), 1, load), now).unwrap();
        scheduler.promises = Promises::default();
        (0..100).filter(|_| ids(&scheduler.route(&RouteQuery::default(), now)) == [0]).count()
    };
    assert_eq!([0, 1, 0x1_0000].map(&mut routes_to_the_first), [50, 40, 50]);
}

#[test]
fn draining_lost_excluded_and_unfit_workers_are_left_out() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0; 4], now);
    let later = now + Duration::from_millis(3500);
    for (id, draining) in [(0, true), (2, false), (3, false)] {
        scheduler.heartbeat(&beat(WorkerId(id), 1, Load { draining, ..Load::default() }), later).unwrap();
    }
    assert_eq!(ids(&scheduler.route(&all(), later)), [2, 3], "0 drains, 1 is lost");
    let query = RouteQuery { exclude: vec![WorkerId(2), WorkerId(99)], ..all() };
    assert_eq!(ids(&scheduler.route(&query, later)), [3]);
}

#[test]
fn half_of_all_lost_at_once_are_offered_after_the_others_until_they_are_back() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0; 4], now);
    let at = |ms| now + Duration::from_millis(ms);
    scheduler.heartbeat(&beat(WorkerId(3), 1, Load::default()), at(2000)).unwrap();
    assert_eq!(scheduler.expire(at(3001)).len(), 3);
    assert_eq!(ids(&scheduler.route(&all(), at(3001))), [3], "nobody has looked yet");
    assert_eq!(scheduler.doubt(at(3001)), Some(Turn::Begun { vanished: 3, heard: 1 }));
    assert_eq!(scheduler.summary(at(3001)).vanished, 3);

    assert_eq!(ids(&scheduler.route(&RouteQuery::default(), at(3001))), [3], "who is heard of comes first");
    let route = scheduler.route(&all(), at(3001));
    assert_eq!((ids(&route), route.candidates[0].share), (vec![3, 0, 1, 2], 0.25));
    let query = RouteQuery { exclude: vec![WorkerId(3), WorkerId(0)], ..RouteQuery::default() };
    assert_eq!(ids(&scheduler.route(&query, at(3001))), [1]);

    scheduler.leave(WorkerId(2), 1, 0).unwrap();
    scheduler.heartbeat(&beat(WorkerId(1), 1, Load::default()), at(4000)).unwrap();
    assert_eq!(scheduler.doubt(at(4000)), Some(Turn::Over { lost: 1 }));
    let mut offered = ids(&scheduler.route(&all(), at(4000)));
    offered.sort_unstable();
    assert_eq!((offered, scheduler.summary(at(4000)).vanished), (vec![1, 3], 0), "0 is lost and 2 has left");
}

#[test]
fn an_outage_lasts_for_hours_and_nobody_is_forgotten_in_it() {
    // Somebody looks all the time, or the master itself was stopped and looks when it goes on.
    for looks in [vec![4, 5, 604, 605, 7200], vec![7200, 7201]] {
        let now = test_clock::start();
        let mut scheduler = cluster(&[100.0; 3], now);
        for at in looks.iter().map(|s| now + Duration::from_secs(*s)) {
            scheduler.expire(at);
            scheduler.doubt(at);
            assert_eq!(
                (scheduler.summary(at).vanished, scheduler.route(&all(), at).candidates.len()),
                (3, 3),
                "{looks:?}"
            );
        }
        let back = now + Duration::from_secs(7300);
        for id in [0, 1] {
            scheduler.heartbeat(&beat(WorkerId(id), 1, Load::default()), back).unwrap();
        }
        scheduler.expire(back);
        assert_eq!(scheduler.doubt(back), Some(Turn::Over { lost: 1 }), "{looks:?}");
        assert!(matches!(&scheduler.expire(back)[..], [Expired::Forgotten(worker)] if worker.id == WorkerId(2)));
    }
}

#[test]
fn a_detector_is_found_at_those_who_say_that_they_offer_it() {
    let now = test_clock::start();
    let mut scheduler = Scheduler::new(PolicyName::default(), 1);
    for (n, detectors) in [(0, vec!["a"]), (1, vec!["a", "b"]), (2, vec![])] {
        let detectors = detectors.into_iter().map(str::to_owned).collect();
        scheduler.join(Join { detectors, ..join(n, 1) }, now).unwrap();
    }
    let asked = |detector: &str| RouteQuery { detector: Some(detector.to_owned()), ..all() };
    assert_eq!(ids(&scheduler.route(&asked("a"), now)), [0, 1]);
    assert_eq!(ids(&scheduler.route(&asked("b"), now)), [1]);
    let nobody = scheduler.route(&asked("c"), now);
    assert!(nobody.candidates.is_empty() && nobody.lease.is_none(), "{nobody:?}");
    assert_eq!(scheduler.route(&all(), now).candidates.len(), 3, "who asks for none is offered an old worker too");
}

#[test]
fn a_worker_that_joins_again_may_offer_something_else() {
    let now = test_clock::start();
    let mut scheduler = Scheduler::new(PolicyName::default(), 1);
    let offering = |detector: &str| Join { detectors: vec![detector.to_owned()], ..join(0, 1) };
    let asked = |detector: &str| RouteQuery { detector: Some(detector.to_owned()), ..all() };
    scheduler.join(offering("a"), now).unwrap();
    assert!(scheduler.join(offering("b"), now).unwrap().again);
    assert!(ids(&scheduler.route(&asked("a"), now)).is_empty());
    assert_eq!(ids(&scheduler.route(&asked("b"), now)), [0]);
}

#[test]
fn a_lost_worker_is_offered_again_when_it_is_heard_of() {
    let now = test_clock::start();
    let mut scheduler = cluster(&[100.0; 2], now);
    let later = now + Duration::from_secs(4);
    assert_eq!(scheduler.expire(later).len(), 2);
    assert!(ids(&scheduler.route(&all(), later)).is_empty());
    scheduler.heartbeat(&beat(WorkerId(1), 1, Load::default()), later).unwrap();
    assert_eq!(ids(&scheduler.route(&all(), later)), [1]);
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let now = test_clock::start();
    let routes = || {
        let mut scheduler = cluster(&[100.0; 200], now);
        (0..50).map(|_| ids(&scheduler.route(&RouteQuery { wanted: 3, ..all() }, now))).collect::<Vec<_>>()
    };
    assert_eq!(routes(), routes());
}

#[test]
fn a_summary_has_the_cluster_as_a_whole_and_the_registry_its_workers() {
    let now = test_clock::start();
    let scheduler = cluster(&[100.0, 50.0], now);
    let later = now + Duration::from_secs(2);
    let summary = scheduler.summary(later);
    assert_eq!((summary.epoch, summary.policy.as_str(), summary.stale), (1, "least-loaded", None));
    let workers: Vec<&Worker> = scheduler.registry().workers().collect();
    assert_eq!(workers.iter().map(|worker| worker.silent(later).as_secs()).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(workers[1].load.as_ref().unwrap().frame_ms, Some(50.0));
}

/// More than a policy looks at when one is wanted.
const WORKERS: u16 = 24;

/// One step of a random life of a cluster; workers are told apart by number, their lives by generation.
#[derive(Clone, Debug)]
enum Op {
    Join(u16, u64),
    Beat(u16, bool),
    Leave(u16),
    Wait(u64),
    Expire,
    Route(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u16..WORKERS, 0u64..4).prop_map(|(n, generation)| Op::Join(n, generation)),
        (0u16..WORKERS, any::<bool>()).prop_map(|(n, draining)| Op::Beat(n, draining)),
        (0u16..WORKERS).prop_map(Op::Leave),
        prop_oneof![0u64..2_000, 2_900u64..3_100, Just(700_000)].prop_map(Op::Wait),
        Just(Op::Expire),
        (1usize..30).prop_map(Op::Route),
    ]
}

/// What is known from outside of a worker that holds an id.
struct Seen {
    id: WorkerId,
    generation: u64,
    at: Instant,
    draining: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Runs the cluster beside a model that knows only the latest life of each worker.
    #[test]
    fn ids_are_given_once_and_only_the_living_are_routed_to(
        ops in prop::collection::vec(op(), 1..400),
        policy in prop::sample::select(PolicyName::value_variants()),
    ) {
        let mut scheduler = Scheduler::new(policy, 1);
        let mut now = test_clock::start();
        let mut given: BTreeSet<WorkerId> = BTreeSet::new();
        let mut model: BTreeMap<u16, Seen> = BTreeMap::new();
        for op in ops {
            match op {
                Op::Join(n, generation) => {
                    if let Ok(joined) = scheduler.join(join(n, generation), now) {
                        prop_assert_eq!(joined.again, !given.insert(joined.id), "id {} was given before", joined.id);
                        let before = model.remove(&n);
                        let draining = joined.again && before.is_some_and(|seen| seen.draining);
                        model.insert(n, Seen { id: joined.id, generation, at: now, draining });
                    }
                }
                Op::Beat(n, draining) => {
                    if let Some(seen) = model.get_mut(&n) {
                        let load = Load { draining, frame_ms: Some(f32::from(n) + 1.0), ..Load::default() };
                        if scheduler.heartbeat(&beat(seen.id, seen.generation, load), now).is_ok() {
                            (seen.at, seen.draining) = (now, draining);
                        }
                    }
                }
                Op::Leave(n) => {
                    if let Some(seen) = model.remove(&n) {
                        let _ = scheduler.leave(seen.id, seen.generation, 0);
                    }
                }
                Op::Wait(ms) => now += Duration::from_millis(ms),
                Op::Expire => drop(scheduler.expire(now)),
                Op::Route(wanted) => {
                    let route = scheduler.route(&RouteQuery { wanted, ..RouteQuery::default() }, now);
                    let alive = |seen: &&Seen| !seen.draining && now - seen.at <= Duration::from_secs(3);
                    let alive: BTreeSet<u32> = model.values().filter(alive).map(|seen| seen.id.0).collect();
                    let got: BTreeSet<u32> = ids(&route).into_iter().collect();
                    prop_assert!(got.is_subset(&alive), "{got:?} of {alive:?}");
                    prop_assert_eq!(route.candidates.len(), wanted.min(alive.len()));
                    prop_assert_eq!(got.len(), route.candidates.len());
                    prop_assert_eq!(route.lease.is_some(), !alive.is_empty());
                    let shares: f32 = route.candidates.iter().map(|candidate| candidate.share).sum();
                    prop_assert!(alive.is_empty() || (shares - 1.0).abs() < 1e-5, "{shares}");
                }
            }
        }
    }
}
