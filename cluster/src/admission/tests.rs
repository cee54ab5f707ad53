use std::collections::{BTreeMap, BTreeSet};
use std::iter::repeat;

use facefleet_proto::test_clock;
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// The longest wait with which a step of priority is worth a second.
const MAX_WAIT: Duration = Duration::from_secs(460);
const A: WorkerId = WorkerId(0);
const B: WorkerId = WorkerId(1);

fn stream(stream: StreamLeaseId) -> SlotRequest {
    SlotRequest { stream, detector: None, priority: 0, size: 10_000, waited: Duration::ZERO }
}

fn slots(offered: u32, taken: u32) -> SlotCount {
    SlotCount { offered, taken }
}

/// An admission that has settled, and workers with one slot each.
fn cluster(order: Order, workers: &[WorkerId]) -> (Admission, Instant) {
    let start = test_clock::start();
    let mut admission = Admission::new(Limit { order, max_wait: MAX_WAIT }, 1000, start);
    let now = start + SETTLES_WITHIN;
    workers.iter().for_each(|worker| admission.offer(*worker, 1, &[]));
    (admission, now)
}

fn place(answer: SlotAnswer) -> (StreamLeaseId, WorkerId) {
    let SlotAnswer::Placed(Place { stream, worker, .. }) = answer else { panic!("{answer:?}") };
    (stream, worker)
}

fn ticket(answer: SlotAnswer) -> Ticket {
    let SlotAnswer::Waits(ticket) = answer else { panic!("{answer:?}") };
    ticket
}

/// The streams in the order in which they are let in, one after the other.
fn order_of(order: Order, asking: &[(u64, SlotRequest)]) -> Vec<StreamLeaseId> {
    let (mut admission, start) = cluster(order, &[A]);
    place(admission.ask(stream(999), start));
    let mut waiting = BTreeMap::new();
    let mut now = start;
    for (second, asking) in asking {
        now = start + SECOND * u32::try_from(*second).unwrap();
        waiting.insert(ticket(admission.ask(asking.clone(), now)), ());
    }
    let (mut served, mut holder) = (Vec::new(), 999);
    while !waiting.is_empty() {
        admission.end(holder, now);
        let called = admission.admit(now);
        assert_eq!(called.len(), 1, "one slot is free");
        waiting.remove(&called[0]).unwrap();
        holder = admission.collect(called[0], now).unwrap().stream;
        served.push(holder);
    }
    served
}

#[test]
fn whoever_is_beyond_the_slots_waits_until_one_is_free() {
    let (mut admission, now) = cluster(Order::Fifo, &[A, B]);
    assert_eq!(place(admission.ask(stream(1), now)), (1, A));
    assert_eq!(place(admission.ask(stream(2), now)), (2, B));
    let third = ticket(admission.ask(stream(3), now));
    let _fourth = ticket(admission.ask(stream(4), now));
    assert_eq!(admission.waiting(), 2);
    assert_eq!(place(admission.ask(stream(2), now)), (2, B), "who asks again keeps its slot");
    assert_eq!(admission.admit(now), []);
    admission.end(2, now);
    assert_eq!(admission.admit(now), [third]);
    let place = admission.collect(third, now).unwrap();
    assert_eq!((place.stream, place.worker), (3, B));
    assert_eq!((admission.slots(A), admission.slots(B), admission.waiting()), (slots(1, 1), slots(1, 1), 1));
}

#[test]
fn a_master_that_has_just_started_lets_nobody_begin_before_it_knows_who_runs() {
    let start = test_clock::start();
    let mut admission = Admission::new(Limit { order: Order::Fifo, max_wait: MAX_WAIT }, 1000, start);
    admission.offer(A, 2, &[]);
    let [second, third] = [2, 3].map(|lease| ticket(admission.ask(stream(lease), start)));
    admission.name(1, A, SECOND, start + SECOND);
    assert_eq!(place(admission.ask(stream(1), start + SECOND)), (1, A), "who runs, goes on");
    assert_eq!(admission.admit(start + SETTLES_WITHIN - SECOND), []);
    assert_eq!(admission.admit(start + SETTLES_WITHIN), [second]);
    admission.end(1, start + SETTLES_WITHIN);
    assert_eq!(admission.admit(start + SETTLES_WITHIN), [third]);
}

#[test]
fn with_no_worker_in_service_who_waits_is_told_so() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), now));
    ticket(admission.ask(stream(2), now));
    admission.withdraw(A);
    assert_eq!([1, 2].map(|lease| admission.ask(stream(lease), now)), [SlotAnswer::Nobody; 2]);
}

#[test]
fn a_stream_keeps_its_turn_while_the_only_worker_starts_again() {
    let (mut admission, start) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), start));
    admission.name(1, A, SECOND, start);
    let waits = ticket(admission.ask(stream(2), start));
    admission.withdraw(A);
    let mut now = start;
    for _ in 0..20 {
        now += SECOND;
        assert_eq!(admission.ask(stream(1), now), SlotAnswer::Nobody);
        admission.expire(now);
    }
    admission.offer(A, 1, &[]);
    assert_eq!(admission.admit(now), []);
    assert_eq!(place(admission.ask(stream(1), now)), (1, A));
    admission.end(1, now);
    assert_eq!(admission.admit(now), [waits]);
}

#[test]
fn with_nobody_to_wait_for_nobody_waits() {
    let (mut admission, now) = cluster(Order::Fifo, &[]);
    assert_eq!(admission.ask(stream(1), now), SlotAnswer::Nobody);
    admission.offer(A, 1, &["seeta".into()]);
    let yunet = SlotRequest { detector: Some("yunet".into()), ..stream(2) };
    assert_eq!(admission.ask(yunet, now), SlotAnswer::Nobody);
    assert_eq!(admission.waiting(), 0);
}

#[test]
fn who_cannot_use_a_slot_holds_up_nobody() {
    let (mut admission, now) = cluster(Order::Fifo, &[]);
    admission.offer(A, 1, &["yunet".into()]);
    admission.offer(B, 1, &[]);
    let yunet = |lease| SlotRequest { detector: Some("yunet".into()), ..stream(lease) };
    assert_eq!(place(admission.ask(yunet(1), now)), (1, A));
    let first = ticket(admission.ask(yunet(2), now));
    assert_eq!(place(admission.ask(stream(3), now)), (3, B));
    admission.end(1, now);
    assert_eq!(admission.admit(now), [first]);
}

#[test]
fn fifo_is_by_arrival_and_a_wait_elsewhere_counts() {
    let waited = SlotRequest { waited: SECOND * 10, ..stream(3) };
    let eager = SlotRequest { priority: 100, size: i32::MAX, ..stream(4) };
    assert_eq!(order_of(Order::Fifo, &[(0, stream(1)), (5, stream(2)), (9, waited), (9, eager)]), [3, 1, 2, 4]);
}

#[test]
fn fair_is_by_priority_then_by_size_and_ages() {
    let with = |lease, priority| SlotRequest { priority, ..stream(lease) };
    let large = SlotRequest { size: 40_000, ..stream(3) };
    assert_eq!(order_of(Order::Fair, &[(0, stream(1)), (0, with(2, 5)), (0, large)]), [2, 3, 1]);
    assert_eq!(order_of(Order::Fair, &[(0, stream(1)), (4, with(2, 5))]), [2, 1], "passed while it is young");
    assert_eq!(order_of(Order::Fair, &[(0, stream(1)), (6, with(2, 5))]), [1, 2], "and not when it has waited");
    let beyond = [(0, with(1, 100)), (0, with(2, i32::MAX)), (0, with(3, i32::MIN)), (0, with(4, -100))];
    assert_eq!(order_of(Order::Fair, &beyond), [1, 2, 3, 4], "priorities end at 100");
}

/// A stream of the highest priority comes each time that a slot is free, and the one of the lowest still has its turn.
#[test]
fn nobody_starves_in_fair() {
    let (mut admission, start) = cluster(Order::Fair, &[A]);
    place(admission.ask(stream(0), start));
    let lowest = ticket(admission.ask(SlotRequest { priority: -100, size: 1, ..stream(1) }, start));
    for second in 1_u32.. {
        assert!(second <= 231, "all steps there are take half of the longest wait");
        let now = start + SECOND * second;
        let highest = SlotRequest { priority: 100, size: i32::MAX, ..stream(1 + u64::from(second)) };
        ticket(admission.ask(highest, now));
        let holder = *admission.streams.iter().find(|(_, s)| s.state == State::Has(A)).unwrap().0;
        admission.end(holder, now);
        let called = admission.admit(now);
        if called == [lowest] {
            break;
        }
        admission.collect(called[0], now).unwrap();
    }
}

#[test]
fn a_call_that_is_over_leaves_the_queue_or_frees_its_slot() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), now));
    let [second, third, fourth] = [2, 3, 4].map(|lease| ticket(admission.ask(stream(lease), now)));
    admission.cancel(second);
    assert_eq!(admission.waiting(), 2);
    admission.end(1, now);
    assert_eq!(admission.admit(now), [third]);
    admission.cancel(third);
    assert_eq!(admission.admit(now), [fourth], "the third has gone before it heard of its slot");
}

#[test]
fn a_question_that_is_asked_again_is_one_stream() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), now));
    let older = ticket(admission.ask(stream(2), now));
    let newer = ticket(admission.ask(stream(2), now));
    admission.cancel(older);
    assert_eq!(admission.waiting(), 1);
    admission.end(1, now);
    assert_eq!(admission.admit(now), [newer]);
}

#[test]
fn of_two_calls_of_a_stream_either_may_go_away() {
    for goes in [0, 1] {
        let (mut admission, now) = cluster(Order::Fifo, &[A]);
        place(admission.ask(stream(1), now));
        let mut calls = vec![ticket(admission.ask(stream(2), now)), ticket(admission.ask(stream(2), now))];
        admission.cancel(calls.remove(goes));
        admission.end(1, now);
        assert_eq!(admission.admit(now), calls);
        assert_eq!(admission.collect(calls[0], now).unwrap().stream, 2);
    }
}

#[test]
fn a_call_that_ends_late_does_not_take_the_slot_of_a_later_one() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), now));
    let older = ticket(admission.ask(stream(2), now));
    admission.end(1, now);
    assert_eq!(admission.admit(now), [older]);
    assert_eq!(place(admission.ask(stream(2), now)), (2, A));
    admission.cancel(older);
    assert_eq!(admission.slots(A), slots(1, 1));
}

#[test]
fn a_stream_ends_when_workers_name_it_no_more() {
    let (mut admission, start) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), start));
    let waits = ticket(admission.ask(stream(2), start));
    let named = start + SECOND * 20;
    for now in [start + SECOND, named] {
        admission.name(1, A, SECOND, now);
        admission.expire(now);
    }
    admission.expire(named + NAMED_TTL - SECOND);
    assert_eq!(admission.admit(start), []);
    admission.expire(named + NAMED_TTL);
    assert_eq!(admission.admit(start), [waits]);
}

#[test]
fn a_stream_that_nobody_can_name_lasts_longer_and_ends_too() {
    let (mut admission, start) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), start));
    let waits = ticket(admission.ask(stream(2), start));
    admission.expire(start + UNNAMED_TTL - SECOND);
    assert_eq!(admission.admit(start), []);
    admission.expire(start + UNNAMED_TTL);
    assert_eq!(admission.admit(start), [waits]);
}

#[test]
fn a_worker_that_beats_seldom_renews_for_longer() {
    let (mut admission, start) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), start));
    admission.name(1, A, SECOND * 10, start);
    admission.expire(start + SECOND * 29);
    assert_eq!(admission.slots(A), slots(1, 1));
    admission.expire(start + SECOND * 30);
    assert_eq!(admission.slots(A), slots(1, 0));
}

#[test]
fn streams_of_a_lost_worker_are_the_first_to_get_other_slots() {
    let (mut admission, now) = cluster(Order::Fifo, &[A, B]);
    place(admission.ask(stream(1), now));
    place(admission.ask(stream(2), now));
    let waits = ticket(admission.ask(stream(3), now));
    admission.name(1, A, SECOND, now);
    admission.withdraw(A);
    admission.end(2, now);
    assert_eq!(admission.admit(now), [], "the slot goes to the stream that was running");
    assert_eq!((admission.slots(A), admission.slots(B)), (slots(0, 0), slots(1, 1)));
    admission.offer(A, 1, &[]);
    assert_eq!(admission.admit(now), [waits]);
}

#[test]
fn a_master_that_starts_anew_learns_who_runs() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    admission.name(7, A, SECOND, now);
    assert_eq!(admission.slots(A), slots(1, 1));
    ticket(admission.ask(stream(8), now));
    assert_eq!(place(admission.ask(stream(7), now)), (7, A));
    admission.name(9, A, SECOND, now);
    admission.end(7, now);
    admission.admit(now);
    assert_eq!(place(admission.ask(stream(9), now)), (9, A), "another one that runs goes first");
}

#[test]
fn a_heartbeat_that_comes_late_does_not_bring_a_stream_back() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(1), now));
    admission.end(1, now);
    admission.name(1, A, SECOND, now);
    assert_eq!(admission.slots(A), slots(1, 0));
    admission.expire(now + NAMED_TTL);
    assert!(admission.streams.is_empty());
}

#[test]
fn fewer_slots_than_before_are_taken_from_who_came_last() {
    let (mut admission, now) = cluster(Order::Fifo, &[]);
    admission.offer(A, 2, &[]);
    place(admission.ask(stream(1), now));
    place(admission.ask(stream(2), now));
    admission.offer(A, 1, &[]);
    assert_eq!((admission.slots(A), admission.waiting()), (slots(1, 1), 1));
    assert_eq!(place(admission.ask(stream(1), now)), (1, A));
}

#[test]
fn the_queue_is_bounded() {
    let (mut admission, now) = cluster(Order::Fifo, &[A]);
    place(admission.ask(stream(0), now));
    for lease in 1..=MAX_WAITING as u64 {
        ticket(admission.ask(stream(lease), now));
    }
    assert_eq!(admission.ask(stream(99_999), now), SlotAnswer::Full);
    assert_eq!(admission.waiting(), MAX_WAITING);
}

#[derive(Clone, Debug)]
enum Step {
    Offer(u32, u32, bool),
    Withdraw(u32),
    Ask(Option<u64>, bool, i32),
    Cancel(usize),
    Collect(usize),
    Name(u64, u32),
    End(u64),
    Pass(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (worker, lease) = (0..4_u32, 1..12_u64);
    let step = prop_oneof![
        (worker.clone(), 0..4_u32, any::<bool>()).prop_map(|(w, slots, yunet)| Step::Offer(w, slots, yunet)),
        worker.clone().prop_map(Step::Withdraw),
        (prop::option::weighted(0.8, lease.clone()), any::<bool>(), -3..3_i32)
            .prop_map(|(l, yunet, p)| Step::Ask(l, yunet, p)),
        (0..8_usize).prop_map(Step::Cancel),
        (0..8_usize).prop_map(Step::Collect),
        (lease.clone(), worker).prop_map(|(l, w)| Step::Name(l, w)),
        lease.prop_map(Step::End),
        (0..8_u32).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    /// Whatever happens, in whichever order: no more slots are granted than are offered, by those who are there.
    #[test]
    fn slots_granted_never_exceed_slots_offered(steps in steps(), is_fair in any::<bool>()) {
        let (mut admission, mut now) = cluster(if is_fair { Order::Fair } else { Order::Fifo }, &[]);
        let mut offered: BTreeMap<WorkerId, (u32, bool)> = BTreeMap::new();
        let mut tickets: Vec<Ticket> = Vec::new();
        let mut uncalled: BTreeSet<Ticket> = BTreeSet::new();
        // Streams that ask once and are never named.
        let mut unknown = 1000;
        let yunet = "yunet".to_owned();
        for step in steps {
            match step {
                Step::Offer(worker, slots, has) => {
                    let detectors = if has { vec![yunet.clone()] } else { Vec::new() };
                    admission.offer(WorkerId(worker), slots, &detectors);
                    offered.insert(WorkerId(worker), (slots, has));
                }
                Step::Withdraw(worker) => {
                    admission.withdraw(WorkerId(worker));
                    offered.remove(&WorkerId(worker));
                }
                Step::Ask(known, wants, priority) => {
                    let detector = wants.then(|| yunet.clone());
                    unknown += 1;
                    let request = SlotRequest { detector, priority, ..stream(known.unwrap_or(unknown)) };
                    if let SlotAnswer::Waits(ticket) = admission.ask(request, now) {
                        tickets.push(ticket);
                        uncalled.insert(ticket);
                    }
                }
                Step::Cancel(n) if n < tickets.len() => admission.cancel(tickets.swap_remove(n)),
                Step::Collect(n) if n < tickets.len() => {
                    if let Some(place) = admission.collect(tickets[n], now) {
                        prop_assert!(!uncalled.contains(&tickets[n]), "only who was called has something to collect");
                        prop_assert!(offered.contains_key(&place.worker));
                        tickets.swap_remove(n);
                    }
                }
                Step::Cancel(_) | Step::Collect(_) => {}
                Step::Name(lease, worker) => admission.name(lease, WorkerId(worker), SECOND, now),
                Step::End(lease) => admission.end(lease, now),
                Step::Pass(seconds) => {
                    now += SECOND * seconds;
                    admission.expire(now);
                }
            }
            for called in admission.admit(now) {
                uncalled.remove(&called);
            }

            let mut granted: BTreeMap<WorkerId, u32> = BTreeMap::new();
            for stream in admission.streams.values() {
                if let State::Has(worker) = stream.state {
                    *granted.entry(worker).or_default() += 1;
                }
            }
            for (worker, taken) in &granted {
                prop_assert!(offered.get(worker).is_some_and(|(slots, _)| taken <= slots), "{worker}: {taken} of {offered:?}");
            }
            let mut free: Vec<bool> = Vec::new();
            for (worker, (slots, has)) in &offered {
                let taken = granted.get(worker).copied().unwrap_or(0);
                prop_assert_eq!(admission.slots(*worker), SlotCount { offered: *slots, taken });
                free.extend((taken < *slots).then_some(*has));
            }
            let wanting = admission.streams.iter().filter(|(_, stream)| stream.state == State::Wants);
            let wanting: BTreeMap<Rank, StreamLeaseId> = wanting.map(|(lease, stream)| (stream.rank, *lease)).collect();
            let queued = admission.queue.all();
            prop_assert_eq!(&wanting, &queued);
            for lease in wanting.values() {
                let needs = admission.streams[lease].detector.is_some();
                prop_assert!(!free.iter().any(|has| *has || !needs), "a slot is free that {lease} could use");
            }
            let of_a_stream = |(lease, stream): (&StreamLeaseId, &Stream)| stream.tickets.clone().into_iter().zip(repeat(*lease));
            let waiting: BTreeMap<Ticket, StreamLeaseId> = admission.streams.iter().flat_map(of_a_stream).collect();
            prop_assert_eq!(waiting, admission.tickets.iter().map(|(ticket, lease)| (*ticket, *lease)).collect());
        }
    }
}
