//! Progress of a run on stderr: a bar on a terminal, and a line every few seconds elsewhere.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use facefleet_stream::ledger::{Counts, Share};

/// Time between two lines of progress if stderr is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Least time between two updates of the bar, however many streams report.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// The progress of one stream of a run. Progress is written to stderr, because stdout is for results.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    stream: usize,
    run: Arc<Mutex<Run>>,
}

/// The progress of all streams of a run.
#[derive(Debug)]
struct Run {
    /// The counts of each stream.
    streams: Vec<Counts>,
    total: Option<u64>,
    started: Instant,
    /// The bar; None if stderr is not a terminal.
    bar: Option<ProgressBar>,
    shown: Instant,
}

impl Progress {
    /// Creates one value per stream. `total` is the number of frames of all streams, if it is known.
    pub(crate) fn start(streams: usize, total: Option<u64>, terminal: bool, now: Instant) -> Vec<Progress> {
        let bar = terminal.then(|| {
            let (bar, style) = match total {
                Some(total) => (ProgressBar::new(total), "{bar:30} {pos}/{len} frames  {msg}  {eta} left"),
                None => (ProgressBar::no_length(), "{spinner} {pos} frames  {msg}  {elapsed}"),
            };
            bar.with_style(ProgressStyle::with_template(style).expect("the template is a constant"))
        });
        let counts = vec![Counts::default(); streams];
        let run = Arc::new(Mutex::new(Run { streams: counts, total, started: now, bar, shown: now }));
        (0..streams).map(|stream| Progress { stream, run: run.clone() }).collect()
    }

    /// Shows the counts of the stream.
    pub(crate) fn update(&self, counts: &Counts, now: Instant) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        run.streams[self.stream].clone_from(counts);
        let every = if run.bar.is_some() { DRAWN_EVERY } else { LINE_EVERY };
        if now.saturating_duration_since(run.shown) < every {
            return;
        }
        run.shown = now;
        let sum = sum(&run.streams);
        let seconds = now.saturating_duration_since(run.started).as_secs_f64();
        let state = state(&sum, seconds);
        match &run.bar {
            Some(bar) => {
                bar.set_position(sum.ended());
                bar.set_message(state);
            }
            None => {
                let of = run.total.map_or_else(String::new, |total| format!("/{total}"));
                say(&format!("{}{of} frames  {state}", sum.ended()));
            }
        }
    }

    /// Returns the sum of the counts of all streams so far.
    pub(crate) fn counts(&self) -> Counts {
        sum(&self.run.lock().unwrap_or_else(PoisonError::into_inner).streams)
    }

    /// Prints one message for the user.
    pub(crate) fn say(&self, line: &str) {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        match &run.bar {
            Some(bar) => bar.println(line),
            None => say(line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &run.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints one line to stderr. An error is ignored, because a closed stderr must not end a run.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Returns the sum of the counts of all streams.
pub(super) fn sum(streams: &[Counts]) -> Counts {
    let mut sum = Counts::default();
    streams.iter().for_each(|counts| sum.add(counts));
    sum
}

/// Formats frames per second, faces, and the share of each worker.
fn state(sum: &Counts, seconds: f64) -> String {
    let rate = if seconds > 0.0 { sum.ended() as f64 / seconds } else { 0.0 };
    let answered: u64 = sum.workers.values().map(|share| share.answered).sum();
    let share = |(name, share): (&String, &Share)| {
        format!("{name} {:.0} %", share.answered as f64 / answered.max(1) as f64 * 100.0)
    };
    let shares: Vec<String> = sum.workers.iter().map(share).collect();
    format!("{rate:.1} frames/s  {} faces  {}", sum.faces, shares.join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_faces_and_shares() {
        let share = |answered| Share { answered, taken_back: 0 };
        let workers = [("a".to_owned(), share(30)), ("b".to_owned(), share(10))].into();
        let counts = Counts { sent: 44, ok: 40, faces: 55, workers, ..Counts::default() };
        assert_eq!(state(&sum(&[counts]), 4.0), "10.0 frames/s  55 faces  a 75 %  b 25 %");
        assert_eq!(state(&Counts::default(), 0.0), "0.0 frames/s  0 faces  ");
    }
}
