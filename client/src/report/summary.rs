//! The last words of a run, for a person and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::report::destination::check;
use crate::report::error::ReportError;
use crate::report::progress::{Results, sum};
use crate::source::Media;
use facefleet_stream::ledger::{Counts, Share};

/// The result of a run: the counts of its streams and the files that it wrote.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// The counts of each stream.
    pub(crate) streams: Vec<Counts>,
    pub(crate) took: Duration,
    pub(crate) wrote: Vec<PathBuf>,
    /// What a person was told about the input and the outputs.
    pub(crate) warnings: Vec<String>,
    /// What became of the files of a run over many; None for one input.
    pub(crate) files: Option<Results>,
}

/// The summary as JSON. Programs read the keys: new keys may be added, existing ones never change.
#[derive(Serialize)]
struct Json<'a> {
    took_s: f64,
    frames_per_s: f64,
    /// Whether `sent = ok + dropped + failed` in every stream.
    balanced: bool,
    total: &'a Counts,
    streams: &'a [Counts],
    wrote: Vec<String>,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<JsonFiles<'a>>,
}

#[derive(Serialize)]
struct JsonFiles<'a> {
    total: usize,
    done: usize,
    failed: Vec<FailedFile<'a>>,
}

#[derive(Serialize)]
struct FailedFile<'a> {
    file: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Results> for JsonFiles<'a> {
    fn from(Results { total, done, failed }: &'a Results) -> JsonFiles<'a> {
        let failed = failed.iter().map(|(file, reason)| FailedFile { file, reason }).collect();
        JsonFiles { total: *total, done: *done, failed }
    }
}

/// Creates the file of the summary before a run, so that a wrong path does not cost the result of the run.
///
/// # Errors
/// Fails if `path` is the input or cannot be written.
pub(crate) fn reserve(path: &Path, media: &Media) -> Result<(), ReportError> {
    check(path, media)?;
    create(path)
}

/// Creates the file of the summary of a run over many files, which are checked elsewhere.
///
/// # Errors
/// Fails if `path` cannot be written.
pub(crate) fn create(path: &Path) -> Result<(), ReportError> {
    File::create(path).map(drop).map_err(ReportError::write(path))
}

impl Summary {
    /// Writes the summary to a file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), ReportError> {
        let total = sum(&self.streams);
        let json = Json {
            took_s: self.took.as_secs_f64(),
            frames_per_s: self.rate(&total),
            balanced: self.streams.iter().all(Counts::balances),
            total: &total,
            streams: &self.streams,
            wrote: self.wrote.iter().map(|path| path.display().to_string()).collect(),
            warnings: &self.warnings,
            files: self.files.as_ref().map(JsonFiles::from),
        };
        let json = serde_json::to_string_pretty(&json).expect("counts have only text keys") + "\n";
        fs::write(path, json).map_err(ReportError::write(path))
    }

    fn rate(&self, total: &Counts) -> f64 {
        total.ended() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = sum(&self.streams);
        let (seconds, rate) = (self.took.as_secs_f64(), self.rate(&total));
        writeln!(f, "{} frames in {seconds:.1} s ({rate:.1} frames/s), {} faces", total.ended(), total.faces)?;
        writeln!(f, "  {}", balance(&total))?;
        if self.streams.len() > 1 && self.files.is_none() {
            for (number, counts) in self.streams.iter().enumerate() {
                writeln!(f, "  stream {}: {}", number + 1, balance(counts))?;
            }
        }
        if !total.workers.is_empty() {
            let workers: Vec<String> = total.workers.iter().map(by_worker).collect();
            writeln!(f, "  by worker: {}", workers.join(", "))?;
        }
        if let Some(Results { total, done, failed }) = &self.files {
            writeln!(f, "  {done} of {total} files done, {} failed", failed.len())?;
            for (file, reason) in failed {
                writeln!(f, "  failed: {file}: {reason}")?;
            }
        }
        for path in &self.wrote {
            writeln!(f, "  wrote {}", path.display())?;
        }
        Ok(())
    }
}

fn by_worker((name, Share { answered, taken_back }): (&String, &Share)) -> String {
    match taken_back {
        0 => format!("{name} {answered}"),
        _ => format!("{name} {answered} ({taken_back} taken back)"),
    }
}

fn balance(counts: &Counts) -> String {
    let Counts { sent, ok, dropped, failed, retried, late, faces: _, workers: _ } = counts;
    let sign = if counts.balances() { "=" } else { "≠" };
    let mut line =
        format!("sent {sent} {sign} ok {ok} + dropped {} + failed {}", by_reason(dropped), by_reason(failed));
    for (count, what) in [(retried, "sent again"), (late, "late answers ignored")] {
        if *count > 0 {
            line += &format!("; {count} {what}");
        }
    }
    line
}

fn by_reason(counts: &BTreeMap<impl fmt::Display, u64>) -> String {
    let total: u64 = counts.values().sum();
    let reasons: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if reasons.is_empty() { total.to_string() } else { format!("{total} ({})", reasons.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_that_lost_a_worker() {
        let counts = Counts {
            sent: 10,
            ok: 7,
            dropped: [("stale_client".into(), 1)].into(),
            failed: [("truncated".into(), 2)].into(),
            retried: 3,
            late: 0,
            faces: 9,
            workers: [
                ("pi-1".into(), Share { answered: 9, taken_back: 0 }),
                ("pi-2".into(), Share { answered: 0, taken_back: 3 }),
            ]
            .into(),
        };
        let summary = Summary {
            streams: vec![counts],
            took: Duration::from_secs(2),
            wrote: vec!["a.mp4".into()],
            ..Summary::default()
        };
        let lines = [
            "10 frames in 2.0 s (5.0 frames/s), 9 faces",
            "  sent 10 = ok 7 + dropped 1 (1 stale_client) + failed 2 (2 truncated); 3 sent again",
            "  by worker: pi-1 9, pi-2 0 (3 taken back)",
            "  wrote a.mp4",
            "",
        ];
        assert_eq!(summary.to_string(), lines.join("\n"));
    }

    #[test]
    fn programs_read_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let a = Counts { sent: 3, ok: 2, dropped: [("stale_worker".into(), 1)].into(), ..Counts::default() };
        let b = Counts { sent: 2, ok: 1, ..Counts::default() };
        let summary = Summary {
            streams: vec![a, b],
            took: Duration::from_secs(2),
            wrote: vec!["a.mp4".into()],
            ..Summary::default()
        };
        summary.write(&path).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((&json["took_s"], &json["frames_per_s"]), (&2.0.into(), &2.0.into()));
        assert_eq!((&json["balanced"], &json["total"]["sent"]), (&false.into(), &5.into()));
        assert_eq!(json["streams"][0]["dropped"]["stale_worker"], 1);
        assert_eq!(json["wrote"][0], "a.mp4");
    }
}
