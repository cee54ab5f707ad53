use facefleet_proto::test_clock;

use super::*;

const A: LinkId = LinkId(0);
const B: LinkId = LinkId(1);

/// A frame on its way: its number, its attempt, and where it is.
type Flight = (u64, u32, LinkId);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Every frame that can be sent now.
fn send(dispatch: &mut Dispatch, now: Instant) -> Vec<Flight> {
    std::iter::from_fn(|| dispatch.next(now)).map(|a| (a.frame.seq, a.frame.attempt, a.link)).collect()
}

fn with(frames: u64, max_age: Option<Duration>, now: Instant) -> Dispatch {
    let mut dispatch = Dispatch::new(max_age);
    (0..frames).for_each(|seq| dispatch.push(seq, now));
    dispatch
}

/// A worker of its own for each link.
fn up(dispatch: &mut Dispatch, link: LinkId, threads: u32, frame_time: Option<Duration>, now: Instant) {
    dispatch.link_up(link, Peer(link.0 as u32), threads, frame_time, now);
}

fn pace(frame_time: Duration) -> Pace {
    Pace { frame_time: Some(frame_time), ..Pace::default() }
}

/// A good answer. False: it was not awaited.
fn ok(dispatch: &mut Dispatch, (seq, attempt, link): Flight, pace: Pace, now: Instant) -> bool {
    dispatch.answered(link, FrameAttempt { seq, attempt }, pace, Work::Done, now).is_some()
}

/// A failure, of which `opinions` are wanted. False: it is final.
fn asks_another(dispatch: &mut Dispatch, (seq, attempt, link): Flight, opinions: usize, now: Instant) -> bool {
    let answered = dispatch.answered(link, FrameAttempt { seq, attempt }, Pace::default(), Work::NotDone, now).unwrap();
    dispatch.ask_another(answered, opinions)
}

/// Workers that work on one frame after the other: how many each has done, and when all are done.
fn work(dispatch: &mut Dispatch, frame_times: &[Duration], t0: Instant) -> (Vec<u64>, Duration) {
    let (mut done, mut free_at) = (vec![0; frame_times.len()], vec![t0; frame_times.len()]);
    let mut in_flight: Vec<(Instant, Flight)> = Vec::new();
    let mut now = t0;
    loop {
        for flight in send(dispatch, now) {
            let worker = flight.2.0 as usize;
            free_at[worker] = free_at[worker].max(now) + frame_times[worker];
            in_flight.push((free_at[worker], flight));
        }
        in_flight.sort_by_key(|(at, flight)| (std::cmp::Reverse(*at), flight.0));
        let Some((at, flight)) = in_flight.pop() else { return (done, now - t0) };
        now = at;
        let worker = flight.2.0 as usize;
        done[worker] += 1;
        assert!(ok(dispatch, flight, pace(frame_times[worker]), now));
    }
}

#[test]
fn frames_wait_until_there_is_a_worker_and_go_out_in_order() {
    let t0 = test_clock::start();
    let mut dispatch = with(3, None, t0);
    assert_eq!(send(&mut dispatch, t0), []);
    up(&mut dispatch, A, 2, None, t0);
    assert_eq!(send(&mut dispatch, t0), [(0, 0, A), (1, 0, A)]);
    assert_eq!(dispatch.waiting(), 1);
}

#[test]
fn a_worker_four_times_faster_gets_four_times_the_frames() {
    let t0 = test_clock::start();
    let mut dispatch = with(1_000, None, t0);
    up(&mut dispatch, A, 1, Some(ms(10)), t0);
    up(&mut dispatch, B, 1, Some(ms(40)), t0);
    let (done, took) = work(&mut dispatch, &[ms(10), ms(40)], t0);
    assert!((780..=820).contains(&done[0]), "{done:?}");
    // 1,000 frames at 125 a second are 8 s; waiting for the slow one costs at most a few of its frames.
    assert!(took < ms(8_200), "{took:?}");
}

#[test]
fn a_worker_ten_times_slower_takes_nothing_from_the_others() {
    let t0 = test_clock::start();
    let times = [ms(20), ms(20), ms(20), ms(200)];
    let took = |workers: usize| {
        let mut dispatch = with(3_000, None, t0);
        (0..workers).for_each(|n| up(&mut dispatch, LinkId(n as u64), 1, None, t0));
        work(&mut dispatch, &times[..workers], t0).1
    };
    assert!(took(4) < took(3), "{:?} with it, {:?} without", took(4), took(3));
}

#[test]
fn a_slow_worker_holds_one_frame_a_thread_and_a_fast_one_enough_for_the_way() {
    let t0 = test_clock::start();
    for (frame_ms, credit) in [(1_000, 2), (100, 4), (50, 8), (1, 16)] {
        let mut dispatch = with(100, None, t0);
        up(&mut dispatch, A, 2, Some(ms(frame_ms)), t0);
        assert_eq!(send(&mut dispatch, t0).len(), credit, "{frame_ms} ms");
    }
}

#[test]
fn over_a_long_way_a_fast_worker_holds_what_is_on_it_and_never_more_than_its_queue_may() {
    let t0 = test_clock::start();
    for (frame_ms, way_ms, credit) in [(5, 100, 22), (5, 400, 40)] {
        let mut dispatch = with(3_000, None, t0);
        up(&mut dispatch, A, 1, Some(ms(frame_ms)), t0);
        let mut now = t0;
        for _ in 0..60 {
            for flight in send(&mut dispatch, now) {
                let pace = Pace { stayed: Some(ms(frame_ms)), ..pace(ms(frame_ms)) };
                assert!(ok(&mut dispatch, flight, pace, now + ms(way_ms + frame_ms)));
            }
            now += ms(way_ms + frame_ms);
        }
        let held = send(&mut dispatch, now).len();
        assert!((credit - 1..=credit).contains(&held), "{held} frames over {way_ms} ms");
    }
}

#[test]
fn a_worker_is_shared_with_the_other_streams_it_serves() {
    let t0 = test_clock::start();
    let mut dispatch = with(100, None, t0);
    up(&mut dispatch, A, 1, Some(ms(10)), t0);
    let first = send(&mut dispatch, t0);
    assert_eq!(first.len(), 8);
    let busy = Pace { streams: 4, in_flight: 20, ..pace(ms(10)) };
    assert!(first.iter().all(|flight| ok(&mut dispatch, *flight, busy, t0 + ms(10))));
    assert_eq!(send(&mut dispatch, t0 + ms(10)).len(), 2, "a quarter of what it may have alone");
    // And who is free comes first, though it is slower.
    up(&mut dispatch, B, 1, Some(ms(30)), t0);
    assert_eq!(send(&mut dispatch, t0 + ms(10))[0].2, B);
}

#[test]
fn the_frames_of_a_lost_worker_go_first_to_another_and_late_answers_do_not_count() {
    let t0 = test_clock::start();
    let mut dispatch = with(6, None, t0);
    up(&mut dispatch, A, 2, None, t0);
    let sent = send(&mut dispatch, t0);
    assert!(dispatch.link_down(A, Ending::Lost).is_empty());
    assert!(!ok(&mut dispatch, sent[0], Pace::default(), t0), "its link is gone");
    up(&mut dispatch, B, 2, None, t0);
    let again = send(&mut dispatch, t0);
    assert_eq!(again, [(0, 1, B), (1, 1, B)]);
    assert!(!ok(&mut dispatch, (0, 0, B), Pace::default(), t0), "of the first attempt");
    assert!(ok(&mut dispatch, again[0], Pace::default(), t0));
    assert!(!ok(&mut dispatch, again[0], Pace::default(), t0), "answered twice");
    assert!(!ok(&mut dispatch, (77, 0, B), Pace::default(), t0), "never sent");
}

#[test]
fn a_worker_is_left_out_when_the_window_would_fill_before_it_answers_and_is_tried_again() {
    let t0 = test_clock::start();
    let mut dispatch = with(20, None, t0);
    up(&mut dispatch, A, 1, Some(ms(10)), t0);
    up(&mut dispatch, B, 1, Some(ms(2_000)), t0);
    let sent = send(&mut dispatch, t0);
    assert!(sent.len() == 8 && sent.iter().all(|s| s.2 == A), "{sent:?}");
    assert_eq!(send(&mut dispatch, t0 + ms(19_999)), []);
    assert_eq!(send(&mut dispatch, t0 + ms(20_000))[0].2, B);
}

#[test]
fn a_worker_that_is_only_slower_is_used() {
    let t0 = test_clock::start();
    let mut dispatch = with(20, None, t0);
    up(&mut dispatch, A, 1, Some(ms(250)), t0);
    up(&mut dispatch, B, 1, Some(ms(2_500)), t0);
    assert_eq!(send(&mut dispatch, t0), [(0, 0, A), (1, 0, B)]);
}

#[test]
fn a_frame_that_was_lost_twice_is_sent_alone() {
    let t0 = test_clock::start();
    let mut dispatch = with(3, None, t0);
    for life in 0..2 {
        up(&mut dispatch, LinkId(life), 2, Some(ms(10)), t0);
        assert_eq!(send(&mut dispatch, t0).len(), 3);
        dispatch.link_down(LinkId(life), Ending::Lost);
    }
    up(&mut dispatch, LinkId(7), 2, Some(ms(10)), t0);
    for seq in 0..3 {
        let alone = send(&mut dispatch, t0);
        assert_eq!(alone, [(seq, 2, LinkId(7))]);
        assert!(ok(&mut dispatch, alone[0], Pace::default(), t0));
    }
}

/// Sends one frame to a worker that is then lost, life after life, and returns how many it takes to give it up.
fn lives_until_given_up(peer: impl Fn(u64) -> u32, ending: Ending) -> u64 {
    let t0 = test_clock::start();
    let mut dispatch = with(1, None, t0);
    for life in 0..100 {
        dispatch.link_up(LinkId(life), Peer(peer(life)), 1, None, t0);
        assert_eq!(send(&mut dispatch, t0), [(0, life as u32, LinkId(life))]);
        if dispatch.link_down(LinkId(life), ending) == [0] {
            assert_eq!(dispatch.waiting(), 0);
            return life + 1;
        }
    }
    panic!("it walks on for ever");
}

#[test]
fn a_frame_that_workers_die_of_is_given_up() {
    assert_eq!(lives_until_given_up(|life| life as u32, Ending::Lost), 3, "three different workers");
    assert_eq!(lives_until_given_up(|_| 0, Ending::Lost), 5, "the same one, again and again");
    assert_eq!(lives_until_given_up(|life| life as u32, Ending::Left), 12, "they leave, which is no fault of its");
}

#[test]
fn a_failure_is_final_when_so_many_workers_agree_or_there_is_no_other() {
    let t0 = test_clock::start();
    let mut dispatch = with(1, None, t0);
    up(&mut dispatch, A, 1, None, t0);
    up(&mut dispatch, B, 1, None, t0);
    let first = send(&mut dispatch, t0)[0];
    assert!(asks_another(&mut dispatch, first, 3, t0));
    let second = send(&mut dispatch, t0)[0];
    assert_eq!((second.1, second.2), (1, B), "never the same again");
    assert!(!asks_another(&mut dispatch, second, 3, t0), "there is no third");

    dispatch.push(1, t0);
    let first = send(&mut dispatch, t0)[0];
    assert!(!asks_another(&mut dispatch, first, 1, t0), "one opinion is enough");
}

#[test]
fn a_frame_whose_last_hope_has_gone_is_given_back() {
    let t0 = test_clock::start();
    let mut dispatch = with(1, None, t0);
    up(&mut dispatch, A, 1, None, t0);
    up(&mut dispatch, B, 1, None, t0);
    let first = send(&mut dispatch, t0)[0];
    assert!(asks_another(&mut dispatch, first, 2, t0));
    assert!(dispatch.drop_hopeless().is_empty());
    dispatch.link_down(B, Ending::Lost);
    assert_eq!(dispatch.drop_hopeless(), [0]);
    assert_eq!(dispatch.waiting(), 0);
}

#[test]
fn a_worker_that_fails_what_others_can_do_is_told_apart() {
    let t0 = test_clock::start();
    let mut dispatch = with(3, None, t0);
    up(&mut dispatch, A, 3, None, t0);
    up(&mut dispatch, B, 3, None, t0);
    for (nth, bad) in send(&mut dispatch, t0).into_iter().enumerate().collect::<Vec<_>>() {
        assert_eq!(bad.2, A);
        assert!(asks_another(&mut dispatch, bad, 2, t0));
        let good = send(&mut dispatch, t0)[0];
        let answered = dispatch
            .answered(B, FrameAttempt { seq: good.0, attempt: good.1 }, Pace::default(), Work::Done, t0)
            .unwrap();
        assert_eq!(dispatch.failed_at(&answered), [A]);
        assert_eq!(dispatch.was_wrong(A), nth as u32 + 1);
    }
}

#[test]
fn of_a_live_stream_the_newest_frame_goes_first_and_the_oldest_are_dropped() {
    let t0 = test_clock::start();
    let mut dispatch = Dispatch::new(Some(ms(500)));
    (0..4).for_each(|seq| dispatch.push(seq, t0 + ms(200 * seq)));
    up(&mut dispatch, A, 1, None, t0);
    let now = t0 + ms(600);
    assert_eq!(send(&mut dispatch, now), [(3, 0, A)]);
    assert_eq!(dispatch.drop_stale(now), [0]);
    assert_eq!(dispatch.drop_oldest(), Some(1));
    assert!(dispatch.drop_stale(t0 + ms(900)).is_empty(), "as old as it may be");
    assert_eq!(dispatch.drop_stale(t0 + ms(901)), [2]);
}

#[test]
fn a_live_frame_that_would_be_too_old_at_its_turn_is_not_sent() {
    let t0 = test_clock::start();
    let mut dispatch = with(3, Some(ms(500)), t0);
    up(&mut dispatch, A, 2, Some(ms(300)), t0);
    assert_eq!(send(&mut dispatch, t0 + ms(201)), [(2, 0, A), (1, 0, A)], "a thread for each begins at once");
    assert!(ok(&mut dispatch, (2, 0, A), Pace { in_flight: 5, streams: 6, ..pace(ms(300)) }, t0 + ms(202)));
    assert_eq!(send(&mut dispatch, t0 + ms(400)), [], "others wait there already");
}

#[test]
fn an_answer_is_overdue_by_what_answers_have_been_taking() {
    let t0 = test_clock::start();
    let mut dispatch = with(3, None, t0);
    up(&mut dispatch, A, 1, None, t0);
    let first = send(&mut dispatch, t0)[0];
    assert_eq!(dispatch.overdue(t0 + OVERDUE_CEILING), []);
    assert_eq!(dispatch.overdue(t0 + OVERDUE_CEILING + ms(1)), [A]);
    let t1 = t0 + ms(600);
    assert!(ok(&mut dispatch, first, Pace::default(), t1));
    assert_eq!(dispatch.overdue(t0 + OVERDUE_CEILING + ms(1)), [], "nothing is awaited");
    assert_eq!(send(&mut dispatch, t1).len(), 1);
    assert_eq!(dispatch.overdue(t1 + ms(3_000)), []);
    assert_eq!(dispatch.overdue(t1 + ms(3_001)), [A]);
}

#[test]
fn a_first_answer_is_awaited_less_long_where_others_answer() {
    let t0 = test_clock::start();
    let mut dispatch = with(2, None, t0);
    up(&mut dispatch, A, 1, None, t0);
    up(&mut dispatch, B, 1, None, t0);
    let first = send(&mut dispatch, t0)[0];
    assert_eq!(dispatch.overdue(t0 + OVERDUE_FIRST + ms(1)), [], "nobody has answered anything");
    assert!(ok(&mut dispatch, first, Pace::default(), t0));
    assert_eq!(dispatch.overdue(t0 + OVERDUE_FIRST), []);
    assert_eq!(dispatch.overdue(t0 + OVERDUE_FIRST + ms(1)), [B]);
}

#[test]
fn a_live_stream_does_not_wait_for_what_it_will_not_use() {
    let t0 = test_clock::start();
    let mut dispatch = with(2, Some(ms(700)), t0);
    up(&mut dispatch, A, 1, None, t0);
    let first = send(&mut dispatch, t0)[0];
    assert!(ok(&mut dispatch, first, Pace::default(), t0 + ms(10)));
    send(&mut dispatch, t0);
    assert_eq!(dispatch.overdue(t0 + ms(1_400)), []);
    assert_eq!(dispatch.overdue(t0 + ms(1_401)), [A]);
}

#[test]
fn what_passed_while_this_process_was_stopped_does_not_count() {
    let t0 = test_clock::start();
    let mut dispatch = with(1, None, t0);
    up(&mut dispatch, A, 1, None, t0);
    send(&mut dispatch, t0);
    dispatch.forgive(ms(60_000));
    assert_eq!(dispatch.overdue(t0 + ms(60_000) + OVERDUE_CEILING), []);
    assert_eq!(dispatch.overdue(t0 + ms(60_001) + OVERDUE_CEILING), [A]);
}

#[test]
fn a_live_worker_that_was_too_far_or_too_busy_is_tried_again() {
    let t0 = test_clock::start();
    let (mut dispatch, mut now) = (with(1, Some(ms(200)), t0), t0);
    up(&mut dispatch, A, 1, Some(ms(10)), t0);
    // A hiccup of the network: the answer comes a second late.
    let first = send(&mut dispatch, now)[0];
    now += ms(1_000);
    assert!(ok(&mut dispatch, first, Pace { stayed: Some(ms(10)), ..pace(ms(10)) }, now));
    let mut sent = 0;
    for seq in 1..=600 {
        now += ms(100);
        dispatch.push(seq, now);
        dispatch.drop_stale(now);
        for flight in send(&mut dispatch, now) {
            sent += 1;
            assert!(ok(&mut dispatch, flight, Pace { stayed: Some(ms(10)), ..pace(ms(10)) }, now + ms(12)));
        }
    }
    assert!(sent > 590, "{sent} of 600 frames were sent");

    let busy = Pace { in_flight: 40, streams: 30, ..pace(ms(50)) };
    let mut sent = 0;
    for seq in 1_000..1_600 {
        now += ms(100);
        dispatch.push(seq, now);
        dispatch.drop_stale(now);
        for flight in send(&mut dispatch, now) {
            sent += 1;
            let pace = if seq < 1_020 { busy } else { pace(ms(50)) };
            assert!(ok(&mut dispatch, flight, pace, now + ms(60)));
        }
    }
    assert!(sent > 550, "{sent} of 600 frames were sent, though the others were there for 2 s only");
}

#[test]
fn a_second_opinion_does_not_wait_until_the_slow_worker_is_worth_it() {
    let t0 = test_clock::start();
    let mut dispatch = with(12, None, t0);
    up(&mut dispatch, A, 1, Some(ms(10)), t0);
    up(&mut dispatch, B, 1, Some(ms(2_000)), t0);
    let first = send(&mut dispatch, t0)[0];
    assert!(asks_another(&mut dispatch, first, 2, t0));
    assert_eq!(dispatch.in_line(), 4, "the others do not wait for it");
    assert_eq!(send(&mut dispatch, t0)[0], (0, 1, B));
}

#[test]
fn more_workers_help_while_frames_wait_and_those_that_there_are_are_not_full_of_other_streams() {
    let t0 = test_clock::start();
    for (streams, is_full) in [(1, false), (3, false), (5, true)] {
        let mut dispatch = with(3, None, t0);
        up(&mut dispatch, A, 2, Some(ms(500)), t0);
        let flights = send(&mut dispatch, t0);
        assert!(!dispatch.is_short(), "a frame waits, but the worker has shown nothing yet");
        assert!(ok(&mut dispatch, flights[0], Pace { streams, ..pace(ms(500)) }, t0));
        (3..9).for_each(|seq| dispatch.push(seq, t0));
        send(&mut dispatch, t0);
        assert_eq!(dispatch.is_short(), !is_full, "{streams} streams on two threads");
        dispatch.drop_waiting();
        assert!(!dispatch.is_short(), "no frame waits");
    }
}

/// B is known to take `usual` for a frame, and takes `then`, beside A, which takes 10 ms. Returns the time from B's answer to its next
/// frame, after so many trials in vain.
fn tried_again_after(usual: Option<Duration>, then: Duration, trials_in_vain: u32) -> Duration {
    let mut now = test_clock::start();
    let mut dispatch = Dispatch::new(None);
    up(&mut dispatch, A, 1, Some(ms(10)), now);
    up(&mut dispatch, B, 1, usual, now);
    let (mut next, mut in_vain, mut answered) = (0, 0, now);
    loop {
        while dispatch.waiting() < 100 {
            dispatch.push(next, now);
            next += 1;
        }
        let (to_a, to_b): (Vec<Flight>, Vec<Flight>) =
            send(&mut dispatch, now).into_iter().partition(|flight| flight.2 == A);
        assert!(to_a.into_iter().all(|flight| ok(&mut dispatch, flight, pace(ms(10)), now)));
        if !to_b.is_empty() {
            if in_vain > trials_in_vain {
                return now - answered;
            }
            in_vain += 1;
            now += then;
            answered = now;
            assert!(to_b.into_iter().all(|flight| ok(&mut dispatch, flight, pace(then), now)));
        }
        now += ms(10);
    }
}

#[test]
fn a_worker_that_was_slow_for_a_moment_is_tried_and_used_again() {
    let (usual, slow) = (Some(ms(50)), ms(3000));
    assert_eq!(tried_again_after(usual, slow, 0), ms(2000));
    assert_eq!(tried_again_after(usual, slow, 1), ms(2000));
    assert_eq!(tried_again_after(usual, slow, 2), ms(4000), "each trial in vain doubles the wait");
    assert_eq!(tried_again_after(usual, slow, 9), ms(30_000), "up to ten times its time per frame");

    let t0 = test_clock::start();
    let mut dispatch = with(20, None, t0);
    up(&mut dispatch, A, 1, usual, t0);
    let first = send(&mut dispatch, t0);
    assert!(first.iter().all(|flight| ok(&mut dispatch, *flight, pace(slow), t0)));
    assert_eq!(send(&mut dispatch, t0 + ms(2000)).len(), 1, "one frame is enough to try it");
    assert!(ok(&mut dispatch, (first.len() as u64, 0, A), pace(ms(50)), t0 + ms(2050)));
    assert_eq!(send(&mut dispatch, t0 + ms(2050)).len(), 4, "what it has shown is worth more than what was known");
}

#[test]
fn a_worker_that_has_always_been_slow_is_not_tried_early() {
    assert_eq!(tried_again_after(Some(ms(3000)), ms(3000), 0), ms(30_000));
    assert_eq!(tried_again_after(None, ms(3000), 0), ms(30_000), "nor one of which nothing better is known");
}
