use std::num::NonZeroUsize;

use bytes::Bytes;
use facefleet_proto::{DropReason, Load};
use facefleet_service::address::HostPorts;
use facefleet_vision::{FrameError, Job};
use futures_util::FutureExt;

use super::*;
use crate::device::{Device, SimulatedDevice};

fn config(threads: usize) -> Config {
    Config::new("127.0.0.1:1".parse::<HostPorts>().unwrap(), NonZeroUsize::new(threads).unwrap())
}

/// A pool without threads that counts as one of one thread, with room for one frame of each stream. The test takes the frames
/// out.
fn pool() -> Pool {
    let mut config = config(1);
    config.limits.frames_per_stream = NonZeroUsize::MIN;
    Pool::without_threads(&config, Stats::default(), Live::default())
}

/// Takes out the next frame, which must be there, and returns the length of its JPEG in bytes.
fn take(pool: &Pool) -> usize {
    let (entry, charge) = pool.0.queue.next().unwrap();
    pool.0.queue.done(charge, Duration::from_millis(1));
    entry.frame.jpeg.len()
}

fn frame(bytes: usize) -> Frame {
    Frame { jpeg: Bytes::from(vec![0; bytes]), detector: None, job: Job::default(), age: Duration::ZERO }
}

const HOUR: Duration = Duration::from_secs(3600);

fn live() -> StreamSettings {
    StreamSettings { max_age: Some(HOUR), ..StreamSettings::default() }
}

fn load(pool: &Pool) -> Load {
    pool.0.stats.load(clock::now())
}

#[test]
fn a_live_frame_takes_the_room_of_the_one_before_it() {
    let pool = pool();
    let stream = pool.open(live());
    let first = stream.enter(frame(1)).now_or_never().unwrap();
    let second = stream.enter(frame(2)).now_or_never().unwrap();
    let verdict = first.verdict().now_or_never().unwrap();
    assert!(matches!(verdict, Verdict::Dropped(DropReason::QueueFull)), "{verdict:?}");
    let load = load(&pool);
    assert_eq!((load.in_flight, load.queued, load.frames_dropped), (1, 1, 1));
    assert_eq!(take(&pool), 2);
    assert_eq!(stream.max_pending(), 3, "one that waits, one that is worked on, and one that is answered");
    drop(second);
}

#[test]
fn a_frame_that_comes_too_old_goes_at_once() {
    let pool = pool();
    let stream = pool.open(live());
    let enter = |age| stream.enter(Frame { age, ..frame(1) }).now_or_never().unwrap();
    let verdict = enter(HOUR + Duration::from_micros(1)).verdict().now_or_never().unwrap();
    assert!(matches!(verdict, Verdict::Dropped(DropReason::StaleWorker)), "{verdict:?}");
    assert_eq!((load(&pool).queued, load(&pool).frames_dropped), (0, 1));
    let _fresh = enter(HOUR - Duration::from_secs(600));
    assert_eq!(take(&pool), 1);
}

#[test]
fn any_other_frame_waits_for_room() {
    let pool = pool();
    let stream = pool.open(StreamSettings::default());
    let _first = stream.enter(Frame { age: Duration::MAX, ..frame(1) }).now_or_never().unwrap();
    let mut second = std::pin::pin!(stream.enter(frame(2)));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(load(&pool).in_flight, 2);
    assert_eq!(take(&pool), 1, "no age is too great");
    assert!(second.now_or_never().is_some());
    assert_eq!(take(&pool), 2);
}

#[test]
fn a_stream_that_nobody_polls_keeps_no_other_from_room() {
    let pool = pool();
    let (deaf, stream) = (pool.open(StreamSettings::default()), pool.open(StreamSettings::default()));
    let _held = (deaf.enter(frame(1)).now_or_never(), stream.enter(frame(2)).now_or_never());
    let mut never_again = Box::pin(deaf.enter(frame(3)));
    let mut waits = Box::pin(stream.enter(frame(4)));
    assert!(never_again.as_mut().now_or_never().is_none() && waits.as_mut().now_or_never().is_none());
    assert_eq!([take(&pool), take(&pool)], [1, 2]);
    assert!(waits.now_or_never().is_some());
    assert_eq!(take(&pool), 4);
}

#[test]
fn what_a_stream_that_is_gone_has_left_is_forgotten() {
    let pool = pool();
    let stream = pool.open(StreamSettings::default());
    let pending = stream.enter(frame(1)).now_or_never();
    drop(stream);
    assert_eq!(load(&pool).queued, 1, "its handle is there, so it is wanted");
    drop(pending);
    assert_eq!(load(&pool), Load { frames_dropped: 1, ..Load::default() });
}

#[tokio::test]
async fn what_a_frame_has_become_is_counted_and_told() {
    let pool = Pool::start(&config(1), Stats::default(), Live::default()).await.unwrap();
    let verdict = pool.open(StreamSettings::default()).enter(frame(0)).await.verdict().await;
    assert!(matches!(verdict, Verdict::Failed(Failure::Frame(FrameError::Empty))), "{verdict:?}");
    assert_eq!(load(&pool), Load { frames_failed: 1, ..Load::default() });
}

#[tokio::test]
async fn threads_end_with_the_pool() {
    let device = SimulatedDevice { frame_time: Duration::ZERO, jitter: 0.0, seed: 0 };
    let config = Config { device: Device::Simulated(device), ..config(2) };
    let pool = Pool::start(&config, Stats::default(), Live::default()).await.unwrap();
    let watch = pool.0.thread_ended.clone();
    assert!(!watch.is_cancelled());
    drop(pool);
    watch.cancelled().await;
}

#[test]
fn neither_a_stream_nor_the_average_pays_for_a_pause_of_the_process() {
    let began = clock::now();
    assert_eq!(cost(began, began + Duration::from_millis(70)), Duration::from_millis(70));
    assert_eq!(cost(began, began + HOUR), LONGEST);
}
