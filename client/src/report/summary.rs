//! The last words of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::report::progress::sum;

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// By stream.
    pub(crate) ledgers: Vec<Ledger>,
    pub(crate) took: Duration,
    pub(crate) wrote: Vec<PathBuf>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = sum(&self.ledgers);
        let seconds = self.took.as_secs_f64();
        let rate = sum.ended() as f64 / seconds.max(1e-9);
        writeln!(f, "{} frames in {seconds:.1} s ({rate:.1} frames/s), {} faces", sum.ended(), sum.faces)?;
        writeln!(f, "  {}", balance(&sum))?;
        if self.ledgers.len() > 1 {
            for (number, ledger) in self.ledgers.iter().enumerate() {
                writeln!(f, "  stream {}: {}", number + 1, balance(ledger))?;
            }
        }
        if !sum.workers.is_empty() {
            let workers: Vec<String> = sum.workers.iter().map(|(name, frames)| format!("{name} {frames}")).collect();
            writeln!(f, "  by worker: {}", workers.join(", "))?;
        }
        for path in &self.wrote {
            writeln!(f, "  wrote {}", path.display())?;
        }
        Ok(())
    }
}

fn balance(ledger: &Ledger) -> String {
    let Ledger { sent, ok, dropped, failed, retried, late, faces: _, workers: _ } = ledger;
    let sign = if ledger.balances() { "=" } else { "≠" };
    let mut line =
        format!("sent {sent} {sign} ok {ok} + dropped {} + failed {}", by_reason(dropped), by_reason(failed));
    for (count, what) in [(retried, "sent again"), (late, "late answers ignored")] {
        if *count > 0 {
            line += &format!("; {count} {what}");
        }
    }
    line
}

fn by_reason(counts: &BTreeMap<String, u64>) -> String {
    let total: u64 = counts.values().sum();
    let reasons: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if reasons.is_empty() { total.to_string() } else { format!("{total} ({})", reasons.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_that_lost_a_worker() {
        let ledger = Ledger {
            sent: 10,
            ok: 7,
            dropped: [("stale_client".into(), 1)].into(),
            failed: [("truncated".into(), 2)].into(),
            retried: 3,
            late: 0,
            faces: 9,
            workers: [("pi-1".into(), 9)].into(),
        };
        let summary = Summary { ledgers: vec![ledger], took: Duration::from_secs(2), wrote: vec!["a.mp4".into()] };
        let lines = [
            "10 frames in 2.0 s (5.0 frames/s), 9 faces",
            "  sent 10 = ok 7 + dropped 1 (1 stale_client) + failed 2 (2 truncated); 3 sent again",
            "  by worker: pi-1 9",
            "  wrote a.mp4",
            "",
        ];
        assert_eq!(summary.to_string(), lines.join("\n"));
    }
}
