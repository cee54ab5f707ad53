use facefleet_proto::DropReason;
use facefleet_service::clock;

use super::*;
use crate::frame::Failure;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A worker of one thread that measured 40 ms a frame when it started.
fn self_tested() -> Stats {
    let stats = Stats::default();
    stats.self_tested(Speed { frames_per_s: 25.0, threads: 1 });
    stats
}

#[test]
fn guards_count_what_is_there_now() {
    let (stats, now) = (Stats::default(), clock::now());
    let (first, second) = (stats.hold(), stats.hold());
    let waiting = stats.queue();
    assert_eq!((stats.in_flight(), stats.queued()), (2, 1));
    drop(waiting);
    drop(first);
    assert_eq!((stats.load(now).in_flight, stats.load(now).queued), (1, 0));
    drop(second);
    assert_eq!(stats.load(now), Load::default());
}

#[test]
fn ends_are_counted_apart() {
    let stats = Stats::default();
    let done = || Verdict::Done { report: Default::default(), queued: Duration::ZERO };
    for end in [done(), Verdict::Dropped(DropReason::StaleWorker), done(), Verdict::Failed(Failure::ThreadGone), done()]
    {
        stats.ended(&end);
    }
    let load = stats.load(clock::now());
    assert_eq!((load.frames_ok, load.frames_dropped, load.frames_failed), (3, 1, 1));
}

#[test]
fn the_average_starts_at_the_first_frame_and_follows() {
    let (stats, now) = (Stats::default(), clock::now());
    let frame_ms = || stats.load(now).frame_ms;
    assert_eq!(frame_ms(), None);
    stats.measured(ms(40), now);
    assert_eq!(frame_ms(), Some(40.0));
    stats.measured(ms(80), now);
    assert_eq!(frame_ms(), Some(45.0));
    for _ in 0..32 {
        stats.measured(ms(80), now);
    }
    let settled = frame_ms().unwrap();
    assert!((79.0..=80.0).contains(&settled), "{settled}");
    assert_eq!(stats.reply_load(now), ReplyLoad { in_flight: 0, frame_ms: Some(settled) });
}

#[test]
fn an_estimate_that_no_frame_renews_approaches_the_self_test() {
    let (stats, start) = (self_tested(), clock::now());
    stats.measured(ms(1000), start);
    let after = |seconds| stats.reply_load(start + Duration::from_secs(seconds)).frame_ms.unwrap();
    assert_eq!((after(0), after(5), after(10)), (1000.0, 520.0, 280.0));
    assert!((40.0..41.0).contains(&after(60)), "{}", after(60));
    assert_eq!(stats.load(start + Duration::from_secs(5)).frame_ms, Some(520.0), "a heartbeat says what replies say");
    stats.held_back(Throttling::from_bits(8));
    assert!((60.0..61.0).contains(&after(60)), "a machine that is held back does less than its self-test");
}

#[test]
fn an_estimate_that_was_too_good_gets_worse_as_well() {
    let (stats, start) = (self_tested(), clock::now());
    stats.measured(ms(8), start);
    assert_eq!(stats.reply_load(start + HALF_LIFE).frame_ms, Some(24.0));
}

#[test]
fn without_a_self_test_the_estimate_stays() {
    let (stats, start) = (Stats::default(), clock::now());
    stats.measured(ms(1000), start);
    assert_eq!(stats.reply_load(start + Duration::from_secs(600)).frame_ms, Some(1000.0));
}

#[test]
fn a_bad_moment_is_forgotten_with_the_first_frame_after_a_pause() {
    let (stats, start) = (self_tested(), clock::now());
    (0..20).for_each(|_| stats.measured(ms(1000), start));
    let later = start + Duration::from_secs(30);
    stats.measured(ms(50), later);
    let frame_ms = stats.reply_load(later).frame_ms.unwrap();
    assert!((50.0..70.0).contains(&frame_ms), "{frame_ms}");
}

#[test]
fn a_slow_stream_is_measured_and_not_pulled_towards_the_self_test() {
    let (stats, mut now) = (self_tested(), clock::now());
    for _ in 0..100 {
        now += Duration::from_secs(1);
        stats.measured(ms(100), now);
    }
    assert_eq!(stats.reply_load(now).frame_ms, Some(100.0));
}

#[test]
fn people_see_how_frames_differ() {
    let (stats, now) = (Stats::default(), clock::now());
    let percentiles = || (stats.load(now).frame_ms_p50, stats.load(now).frame_ms_p95);
    (1..=100).for_each(|time| stats.measured(ms(time), now));
    assert_eq!(percentiles(), (Some(50.0), Some(95.0)));
    (0..RECENT_FRAMES).for_each(|_| stats.measured(ms(7), now));
    assert_eq!(percentiles(), (Some(7.0), Some(7.0)));
}

#[test]
fn a_machine_that_is_held_back_is_slower_at_once_and_not_twice() {
    let [free, hot] = [0, 8].map(Throttling::from_bits);
    let (stats, now) = (Stats::default(), clock::now());
    let frame_ms = || stats.load(now).frame_ms;
    stats.held_back(hot);
    assert_eq!(frame_ms(), None);
    stats.held_back(free);
    stats.measured(ms(40), now);
    for _ in 0..3 {
        stats.held_back(hot);
        assert_eq!(frame_ms(), Some(60.0), "before any frame has told, and once for as long as it lasts");
    }
    stats.held_back(free);
    assert_eq!(frame_ms(), Some(40.0));
    stats.held_back(hot);
    for _ in 0..64 {
        stats.measured(ms(100), now);
    }
    let settled = frame_ms().unwrap();
    assert!((99.0..=100.0).contains(&settled), "what frames take is what counts: {settled}");
}
