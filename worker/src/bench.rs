//! `facefleet-worker bench` measures how many frames a second this machine does, for a person who wonders what a board is good
//! for. It is the self-test that every worker runs when it starts, only longer and with each detector.

use std::io::{self, Write};
use std::iter;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use facefleet_proto::Throttling;
use facefleet_vision::{DetectorError, DetectorKind, Kernels, Limits};

use crate::device::Device;
use crate::self_test::{self, ThreadTimes};
use crate::throttle;

/// Why the bench gave no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A detector's model cannot be read.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// The table cannot be written.
    #[error("cannot write the table: {0}")]
    Write(#[from] io::Error),
}

/// Measures every detector for `span`, first on one thread and then on as many as the machine has cores, and writes a table to
/// `out`, row by row as the results come. Below the table stands what holds a Raspberry Pi back.
///
/// # Errors
/// [`BenchError`].
pub fn run(span: Duration, out: &mut impl Write) -> Result<(), BenchError> {
    let cores = thread::available_parallelism().map_or(1, usize::from); // The number is not known on every system.
    writeln!(
        out,
        "640x360 with four faces, boxes only, {} s each, with the kernels {}",
        span.as_secs_f32(),
        Kernels::best().name()
    )?;
    writeln!(out, "{:<10} {:>7} {:>9} {:>10}", "DETECTOR", "THREADS", "FRAMES/S", "MS A FRAME")?;
    for kind in DetectorKind::ALL {
        for threads in iter::once(1).chain((cores > 1).then_some(cores)) {
            let threads_times = measure(*kind, threads, span)?;
            let together: f64 = threads_times.iter().map(ThreadTimes::frames_per_s).sum();
            let frame_ms = 1e3 * threads as f64 / together;
            writeln!(out, "{:<10} {threads:>7} {together:>9.1} {frame_ms:>10.1}", kind.name())?;
            out.flush()?;
        }
    }
    let held_back = throttle::read(Path::new("/sys"));
    for (words, when) in [(held_back.now(), "now"), (held_back.since_start(), "since it was switched on")] {
        if !words.is_empty() {
            writeln!(out, "this machine is held back, {when}: {}", words.join(", "))?;
        }
    }
    Ok(())
}

/// The times of each of `threads` threads while all of them work.
fn measure(kind: DetectorKind, threads: usize, span: Duration) -> Result<Vec<ThreadTimes>, DetectorError> {
    let all_are_ready = Barrier::new(threads);
    let work = |thread| {
        let engine = Device::Detectors.engine(kind, Limits::default(), thread);
        all_are_ready.wait();
        let times =
            self_test::times(&mut engine?, span, || true).expect("the picture is a good one, and nobody stops it");
        // What holds the machine back stands below the table.
        let summary = ThreadTimes::of(times, Throttling::default());
        Ok(summary.expect("there is a first frame, and it took time"))
    };
    thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        started.into_iter().map(|thread| thread.join().expect("a panic of a detector is a bug of it")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_detector_has_a_row_for_one_thread_and_for_all() {
        let mut out = Vec::new();
        run(Duration::ZERO, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        let cores = thread::available_parallelism().unwrap().to_string();
        for kind in DetectorKind::ALL {
            let threads: Vec<&str> = rows.iter().filter(|row| row[0] == kind.name()).map(|row| row[1]).collect();
            assert_eq!(threads.first(), Some(&"1"), "{text}");
            assert_eq!(threads.last(), Some(&cores.as_str()), "{text}");
        }
        for row in rows.iter().filter(|row| row.len() == 4) {
            assert!(row[2].parse::<f64>().unwrap() > 0.0 && row[3].parse::<f64>().unwrap() > 0.0, "{text}");
        }
    }
}
