#[cfg(unix)]
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use facefleet_service::address::HostPorts;
use facefleet_vision::{DetectorKind, Limits};

use super::*;
use crate::device::SimulatedDevice;

fn config(folder: &Path) -> Config {
    let self_test = SelfTest::KeptIn(Some(folder.to_owned()));
    Config { self_test, ..Config::new("127.0.0.1:1".parse::<HostPorts>().unwrap(), NonZeroUsize::MIN) }
}

fn engine() -> Engine {
    Device::Detectors.engine(DetectorKind::default(), Limits::default(), 0).unwrap()
}

fn thread_times(times_ms: &[u64]) -> Option<ThreadTimes> {
    ThreadTimes::of(times_ms.iter().map(|ms| Duration::from_millis(*ms)).collect(), Throttling::default())
}

#[test]
fn the_median_counts_and_the_first_frame_does_not() {
    let even = thread_times(&[500, 20, 90, 22]).unwrap();
    assert_eq!(
        even,
        ThreadTimes {
            fastest: Duration::from_millis(20),
            median: Duration::from_millis(22),
            throttling: Throttling::default()
        }
    );
    assert!(even.is_even() && (even.frames_per_s() - 1000.0 / 22.0).abs() < 1e-6);
    assert!(!thread_times(&[500, 20, 30, 40]).unwrap().is_even());
    let only = thread_times(&[1500]).unwrap();
    assert!(only.is_even() && only.median == Duration::from_millis(1500), "a slow thread has one");
    assert_eq!(thread_times(&[]), None);
    assert_eq!(thread_times(&[0, 0]), None, "no clock is that fine");
}

#[test]
fn a_worker_measures_itself_with_faces_in_sight() {
    let folder = tempfile::tempdir().unwrap();
    let stats = Stats::default();
    let test = Test::of(&config(folder.path()), &stats).unwrap();
    let mut engine = engine();
    assert_eq!(engine.analyze(FRAME, None, &Job::default()).unwrap().faces.len(), 4);
    test.take_part(&mut engine);
    let frames_per_s = stats.frames_per_s().unwrap();
    assert!(frames_per_s.is_finite() && frames_per_s > 0.0);
    let load = stats.load(clock::now());
    assert_eq!((load.frames_ok, load.frame_ms), (0, None), "these are no frames of anybody's");
}

#[test]
fn all_threads_count_and_a_thread_that_was_needed_ends_the_test() {
    let folder = tempfile::tempdir().unwrap();
    let stats = Stats::default();
    let two = Config { threads: NonZeroUsize::new(2).unwrap(), ..config(folder.path()) };
    let test = Test::of(&two, &stats).unwrap();
    let mut engine = engine();
    test.take_part(&mut engine);
    assert_eq!(stats.frames_per_s(), None, "the other thread is still at it");
    let frame = stats.hold();
    test.take_part(&mut engine);
    assert_eq!(stats.frames_per_s(), None);
    drop(frame);
    test.take_part(&mut engine);
    let one = ThreadTimes::frames_per_s(&test.done.lock().unwrap()[0]) as f32;
    assert!(stats.frames_per_s().unwrap() > one);
}

#[cfg(unix)] // The firmware's folder has a colon in its name.
#[test]
fn what_was_measured_while_the_machine_was_held_back_is_not_kept_and_does_not_count_twice() {
    let [folder, sys] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let word = sys.path().join("devices/platform/soc/soc:firmware/get_throttled");
    fs::create_dir_all(word.parent().unwrap()).unwrap();
    fs::write(word, "4\n").unwrap();
    let (config, stats) = (config(folder.path()), Stats::default());
    let test = Test { sys: sys.path().to_owned(), ..Test::of(&config, &stats).unwrap() };
    test.take_part(&mut engine());
    let measured = test.done.lock().unwrap()[0].frames_per_s() as f32;
    assert_eq!(stats.frames_per_s(), Some(measured * Throttling::from_bits(4).slowdown()));
    assert!(Test::of(&config, &Stats::default()).is_some(), "the next start measures again");
}

#[test]
fn what_was_kept_is_not_measured_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    Cache::new(folder.path(), config.detector, 1).write(12.5);
    let stats = Stats::default();
    assert!(Test::of(&config, &stats).is_none());
    assert_eq!(stats.frames_per_s(), Some(12.5));
}

#[test]
fn there_is_no_test_of_what_is_only_simulated_or_not_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let device = SimulatedDevice { frame_time: Duration::ZERO, jitter: 0.0, seed: 0 };
    let simulated = Config { device: Device::Simulated(device), ..config(folder.path()) };
    let skipped = Config { self_test: SelfTest::Skipped, ..config(folder.path()) };
    assert!(Test::of(&simulated, &Stats::default()).is_none());
    assert!(Test::of(&skipped, &Stats::default()).is_none());
}
