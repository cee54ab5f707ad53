//! Progress for a person: a bar on a terminal, now and then a line elsewhere.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use facefleet_stream::ledger::{Counts, Share};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time between two looks of the bar, however many streams tell what they do.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// The progress of one stream among those of a run. Goes to stderr: stdout is for results.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    stream: usize,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    /// By stream.
    streams: Vec<Counts>,
    total: Option<u64>,
    started: Instant,
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    shown: Instant,
}

impl Progress {
    /// One for each stream. `total` is the number of frames of all of them, where it is known.
    pub(crate) fn start(streams: usize, total: Option<u64>, terminal: bool, now: Instant) -> Vec<Progress> {
        let bar = terminal.then(|| {
            let (bar, style) = match total {
                Some(total) => (ProgressBar::new(total), "{bar:30} {pos}/{len} frames  {msg}  {eta} left"),
                None => (ProgressBar::no_length(), "{spinner} {pos} frames  {msg}  {elapsed}"),
            };
            bar.with_style(ProgressStyle::with_template(style).expect("the template is a constant"))
        });
        let counts = vec![Counts::default(); streams];
        let shared = Arc::new(Mutex::new(Shared { streams: counts, total, started: now, bar, shown: now }));
        (0..streams).map(|stream| Progress { stream, shared: shared.clone() }).collect()
    }

    /// Shows how far the stream is.
    pub(crate) fn update(&self, counts: &Counts, now: Instant) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.streams[self.stream].clone_from(counts);
        let every = if shared.bar.is_some() { DRAWN_EVERY } else { LINE_EVERY };
        if now.saturating_duration_since(shared.shown) < every {
            return;
        }
        shared.shown = now;
        let sum = sum(&shared.streams);
        let seconds = now.saturating_duration_since(shared.started).as_secs_f64();
        let state = state(&sum, seconds);
        match &shared.bar {
            Some(bar) => {
                bar.set_position(sum.ended());
                bar.set_message(state);
            }
            None => {
                let of = shared.total.map_or_else(String::new, |total| format!("/{total}"));
                say(&format!("{}{of} frames  {state}", sum.ended()));
            }
        }
    }

    /// What was counted so far, of all streams.
    pub(crate) fn counts(&self) -> Counts {
        sum(&self.shared.lock().unwrap_or_else(PoisonError::into_inner).streams)
    }

    /// Says one line to the person who waits.
    pub(crate) fn say(&self, line: &str) {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &shared.bar {
            Some(bar) => bar.println(line),
            None => say(line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &shared.bar {
            bar.finish_and_clear();
        }
    }
}

/// One line to stderr. That it is closed is no reason to end a run.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The counts of all streams together.
pub(super) fn sum(streams: &[Counts]) -> Counts {
    let mut sum = Counts::default();
    streams.iter().for_each(|counts| sum.add(counts));
    sum
}

/// Frames per second, faces, and the share of each worker.
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
