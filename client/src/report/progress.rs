//! Progress of a run on stderr: a bar on a terminal, and a line every few seconds elsewhere.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use facefleet_stream::frame::{End, Finished};
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
    warnings: Vec<String>,
    /// The files of a run over many; None for one input.
    files: Option<Results>,
}

/// What became of the files of a run over many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    pub(crate) total: usize,
    pub(crate) done: usize,
    /// The files that failed, each with the reason.
    pub(crate) failed: Vec<(String, String)>,
}

impl Results {
    fn ended(&self) -> usize {
        self.done + self.failed.len()
    }
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
        let run = Arc::new(Mutex::new(Run {
            streams: counts,
            total,
            started: now,
            bar,
            shown: now,
            warnings: Vec::new(),
            files: None,
        }));
        (0..streams).map(|stream| Progress { stream, run: run.clone() }).collect()
    }

    /// Creates one value per stream of a run over `files` files.
    pub(crate) fn start_files(streams: usize, files: usize, terminal: bool, now: Instant) -> Vec<Progress> {
        let progress = Progress::start(streams, None, terminal, now);
        if let Some(first) = progress.first() {
            let mut run = first.lock();
            run.files = Some(Results { total: files, ..Results::default() });
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is a constant");
            run.bar.iter().for_each(|bar| bar.set_style(style.clone()));
        }
        progress
    }

    /// Says that a file is done, or why it failed.
    pub(crate) fn file_ended(&self, name: String, result: Result<(), String>) {
        let mut run = self.lock();
        let Some(files) = &mut run.files else { return };
        match result {
            Ok(()) => files.done += 1,
            Err(why) => files.failed.push((name, why)),
        }
    }

    /// Says what became of a picture of a run over many files. `left_out` is why it could not be annotated.
    pub(super) fn picture_ended(&self, finished: &Finished, left_out: Option<String>) {
        let Some(image) = &finished.frame.image else { return };
        let result = match &finished.end {
            End::Ok(_) => left_out.map_or(Ok(()), Err),
            End::Dropped(reason) => Err(format!("it was dropped ({})", reason.as_str())),
            End::Failed { code: _, message } => Err(message.clone()),
        };
        self.file_ended(image.display().to_string(), result);
    }

    /// Returns what became of the files; None for one input.
    pub(crate) fn files(&self) -> Option<Results> {
        self.lock().files.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the counts of the stream.
    pub(crate) fn update(&self, counts: &Counts, now: Instant) {
        let mut run = self.lock();
        run.streams[self.stream].clone_from(counts);
        let every = if run.bar.is_some() { DRAWN_EVERY } else { LINE_EVERY };
        if now.saturating_duration_since(run.shown) < every {
            return;
        }
        run.shown = now;
        let sum = sum(&run.streams);
        let seconds = now.saturating_duration_since(run.started).as_secs_f64();
        let state = state(&sum, seconds);
        match (&run.bar, &run.files) {
            (Some(bar), Some(files)) => bar.set_message(format!("{}  {state}", files_state(files, seconds))),
            (None, Some(files)) => say(&format!("{}  {state}", files_state(files, seconds))),
            (Some(bar), None) => {
                bar.set_position(sum.ended());
                bar.set_message(state);
            }
            (None, None) => {
                let of = run.total.map_or_else(String::new, |total| format!("/{total}"));
                say(&format!("{}{of} frames  {state}", sum.ended()));
            }
        }
    }

    /// Returns the sum of the counts of all streams so far.
    pub(crate) fn counts(&self) -> Counts {
        sum(&self.lock().streams)
    }

    /// Prints one message for the user.
    pub(crate) fn say(&self, line: &str) {
        let run = self.lock();
        match &run.bar {
            Some(bar) => bar.println(line),
            None => say(line),
        }
    }

    /// Prints what a person has to know about an input or an output, once, and keeps it for the summary.
    pub(crate) fn warn(&self, line: String) {
        let mut run = self.lock();
        if run.warnings.contains(&line) {
            return;
        }
        match &run.bar {
            Some(bar) => bar.println(format!("warning: {line}")),
            None => say(&format!("warning: {line}")),
        }
        run.warnings.push(line);
    }

    /// Returns what [`Progress::warn`] printed.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lock().warnings.clone()
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        let run = self.lock();
        if let Some(bar) = &run.bar {
            bar.finish_and_clear();
        }
    }
}

/// Formats how many files are done, and how long the others will take.
fn files_state(files: &Results, seconds: f64) -> String {
    let Results { total, failed, .. } = files;
    let ended = files.ended();
    let failed = if failed.is_empty() { String::new() } else { format!(", {} failed", failed.len()) };
    if ended == 0 {
        return format!("{ended} of {total} files{failed}");
    }
    let left = seconds / ended as f64 * total.saturating_sub(ended) as f64;
    format!("{ended} of {total} files{failed}, {} left", time_left(left))
}

/// Formats seconds to the precision that an estimate has: `2 h 10 min`, `4 min`, `20 s`.
fn time_left(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match (minutes / 60, minutes % 60) {
        (0, _) if seconds < 100.0 => format!("{seconds:.0} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Prints one line to stderr. An error is ignored, because a closed stderr must not end a run.
fn say(line: &str) {
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
    fn files_and_the_time_that_they_take() {
        let failed = vec![("a.mp4".into(), "it is empty".into())];
        let files = Results { total: 500, done: 136, failed };
        assert_eq!(files_state(&files, 2940.0), "137 of 500 files, 1 failed, 2 h 10 min left");
        assert_eq!(files_state(&Results { total: 3, ..Results::default() }, 1.0), "0 of 3 files");
        assert_eq!([9.6, 99.0, 241.0, 7260.0].map(time_left), ["10 s", "99 s", "4 min", "2 h 1 min"]);
    }

    #[test]
    fn rate_faces_and_shares() {
        let share = |answered| Share { answered, taken_back: 0 };
        let workers = [("a".to_owned(), share(30)), ("b".to_owned(), share(10))].into();
        let counts = Counts { sent: 44, ok: 40, faces: 55, workers, ..Counts::default() };
        assert_eq!(state(&sum(&[counts]), 4.0), "10.0 frames/s  55 faces  a 75 %  b 25 %");
        assert_eq!(state(&Counts::default(), 0.0), "0.0 frames/s  0 faces  ");
    }
}
