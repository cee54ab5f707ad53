//! The figures, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cast::Role;
use crate::error::Error;
use crate::faults::Fault;
use crate::lives::{Judged, Life, Trend};
use crate::routes::Answers;
use crate::tally::Tally;

/// What is noted while it runs.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Lives that are over.
    pub(crate) lives: Vec<Life>,
    pub(crate) frames: Tally,
    pub(crate) faults: BTreeMap<Fault, u32>,
    /// Faults whose target was away already, or was to be left alone.
    pub(crate) faults_skipped: u32,
    /// What should not be, in words.
    pub(crate) problems: Vec<String>,
    /// None: there is one master.
    pub(crate) routes: Option<Answers>,
}

/// What it comes to.
#[derive(Serialize)]
pub(crate) struct Results {
    minutes: u32,
    seed: u64,
    /// The start of a life that is not measured: a tenth of the run, 30 s to 2 minutes.
    warm_up_s: u64,
    faults: BTreeMap<Fault, u32>,
    faults_skipped: u32,
    frames: Tally,
    /// None: there was one master.
    routes: Option<Answers>,
    processes: Vec<Processes>,
    /// What should not be, in words.
    problems: Vec<String>,
}

/// All lives of one name.
#[derive(Serialize)]
struct Processes {
    name: String,
    lives: usize,
    longest_s: u64,
    most_rss_kb: u64,
    /// How long the longest life was measured; none, if it was too short to be judged.
    measured_s: Option<u64>,
    rss_kb: Option<Trend>,
    files: Option<Trend>,
    threads: Option<Trend>,
}

impl Results {
    /// The results of a run with this cast.
    pub(crate) fn new(minutes: u32, seed: u64, cast: Vec<(String, Role)>, notes: Notes) -> Results {
        let Notes { lives, frames, faults, faults_skipped, mut problems, routes } = notes;
        let warm_up = (Duration::from_secs(60) * minutes / 10).clamp(Duration::from_secs(30), Duration::from_secs(120));
        let mut processes = Vec::new();
        let masters = cast.iter().filter(|(_, role)| matches!(role, Role::Master { .. })).count();
        for (name, role) in cast {
            let lives: Vec<&Life> = lives.iter().filter(|life| life.name == name).collect();
            let judged: Vec<Judged> =
                lives.iter().filter_map(|life| life.judge(warm_up, role.connections(masters))).collect();
            let is_steady = match role {
                Role::Master { steady, .. } | Role::Worker { steady } | Role::Client { steady, .. } => steady,
                Role::Etcd => false,
            };
            if is_steady && judged.is_empty() {
                problems.push(format!("{name}: no life was long enough to tell whether it grows"));
            }
            let grown = judged.iter().filter(|judged| !judged.is_flat());
            problems.extend(grown.map(|judged| format!("{name} grows: {}", Growth(judged))));
            let longest = judged.iter().max_by_key(|judged| judged.measured);
            processes.push(Processes {
                name,
                lives: lives.len(),
                longest_s: lives.iter().map(|life| life.length().as_secs()).max().unwrap_or_default(),
                most_rss_kb: lives.iter().map(|life| life.most_rss_kb()).max().unwrap_or_default(),
                measured_s: longest.map(|judged| judged.measured.as_secs()),
                rss_kb: longest.map(|judged| judged.rss),
                files: longest.map(|judged| judged.files),
                threads: longest.map(|judged| judged.threads),
            });
        }
        problems.extend(routes.as_ref().and_then(|routes| lost(routes, &frames)));
        let warm_up_s = warm_up.as_secs();
        Results { minutes, seed, warm_up_s, faults, faults_skipped, frames, routes, processes, problems }
    }

    /// Whether all is as it should be.
    pub(crate) fn is_well(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(self).expect("figures are names and numbers") + "\n";
        fs::write(path, json).map_err(Error::file(path))
    }
}

/// What was lost for good although another master, and another worker, was always there.
fn lost(routes: &Answers, frames: &Tally) -> Option<String> {
    let failed: u64 = frames.failed.values().sum();
    let ms = routes.longest_without_ms;
    let is_well = failed == 0 && !routes.are_late();
    (!is_well).then(|| format!("{failed} frames failed, and for {ms} ms no master gave a route"))
}

/// A life that is not flat, in words.
struct Growth<'a>(&'a Judged);

impl fmt::Display for Growth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judged { measured, rss, files, threads } = self.0;
        let of = |trend: &Trend, unit: f64| format!("{:.1} → {:.1}", trend.first / unit, trend.last / unit);
        let (rss, files, threads) = (of(rss, 1024.0), of(files, 1.0), of(threads, 1.0));
        write!(f, "in {} s memory {rss} MB, files {files}, threads {threads}", measured.as_secs())
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { minutes, seed, warm_up_s, faults, faults_skipped, frames, routes, processes, problems } = self;
        writeln!(f, "\n{minutes} minutes, seed {seed}: {} faults", faults.values().sum::<u32>())?;
        for (fault, count) in faults {
            writeln!(f, "  {count:4} {}", fault.name())?;
        }
        writeln!(f, "  {faults_skipped:4} left out, because their target was away or is to live long\n")?;
        let Tally { runs, sent, ok, dropped, failed, retried, late } = frames;
        write!(f, "{runs} client runs: {sent} frames = {ok} ok + {} dropped", by_reason(dropped))?;
        writeln!(f, " + {} failed; {retried} sent again, {late} late answers ignored\n", by_reason(failed))?;
        if let Some(Answers { routes, longest_without_ms, over_a_second_ms }) = routes {
            write!(
                f,
                "{routes} routes were given; for {longest_without_ms} ms at most there was none from any master, "
            )?;
            writeln!(f, "{} times for more than a second {over_a_second_ms:?}\n", over_a_second_ms.len())?;
        }
        writeln!(
            f,
            "medians of the first and last quarter of each one's longest life, without its first {warm_up_s} s"
        )?;
        writeln!(f, "process             lives  longest   most MB             MB         files      threads")?;
        for Processes { name, lives, longest_s, most_rss_kb, rss_kb, files, threads, .. } in processes {
            let most = *most_rss_kb as f64 / 1024.0;
            let of = |trend: &Option<Trend>, unit: f64, digits: usize| match trend {
                Some(Trend { first, last, .. }) => format!("{:.digits$} → {:.digits$}", first / unit, last / unit),
                None => "-".to_owned(),
            };
            let (rss, files, threads) = (of(rss_kb, 1024.0, 1), of(files, 1.0, 0), of(threads, 1.0, 0));
            writeln!(f, "{name:18} {lives:6}  {longest_s:5} s  {most:8.1}  {rss:>13}  {files:>12}  {threads:>11}")?;
        }
        match &problems[..] {
            [] => writeln!(f, "\nall ledgers balance, nothing grows by more than 10 %, nothing was left behind"),
            some => writeln!(f, "\n{} problems:\n- {}", some.len(), some.join("\n- ")),
        }
    }
}

fn by_reason(counts: &BTreeMap<String, u64>) -> String {
    let total: u64 = counts.values().sum();
    let reasons: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if reasons.is_empty() { total.to_string() } else { format!("{total} ({})", reasons.join(", ")) }
}
