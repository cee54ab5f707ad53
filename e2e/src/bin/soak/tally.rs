//! What became of the frames of all clients.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The summary that a client writes, as far as it matters here.
#[derive(Deserialize)]
pub(crate) struct Summary {
    balanced: bool,
    total: Counts,
}

#[derive(Deserialize)]
struct Counts {
    sent: u64,
    ok: u64,
    dropped: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    retried: u64,
    late: u64,
}

/// All runs together.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// Runs of clients that came to their end or were interrupted.
    pub(crate) runs: u32,
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) retried: u64,
    pub(crate) late: u64,
}

impl Tally {
    /// Adds a run that ended with an exit code.
    ///
    /// # Errors
    /// Says in a few words why the run did not end as it should.
    pub(crate) fn add(&mut self, code: Option<i32>, summary: &Summary) -> Result<(), String> {
        let Summary { balanced, total: Counts { sent, ok, dropped, failed, retried, late } } = summary;
        self.runs += 1;
        self.sent += sent;
        self.ok += ok;
        for (sum, part) in [(&mut self.dropped, dropped), (&mut self.failed, failed)] {
            part.iter().for_each(|(reason, count)| *sum.entry(reason.clone()).or_default() += count);
        }
        self.retried += retried;
        self.late += late;
        let ended = ok + dropped.values().sum::<u64>() + failed.values().sum::<u64>();
        if !balanced || *sent != ended {
            return Err(format!("its ledger does not balance: {sent} sent, {ended} ended"));
        }
        match code {
            Some(0) => Ok(()),
            // A run in which nothing could be done, because all workers were away just then, says so.
            Some(1) if *ok == 0 => Ok(()),
            _ => Err(format!("it ended with {code:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(sent: u64, ok: u64, dropped: u64) -> Summary {
        let json = format!(
            r#"{{"took_s": 1.5, "balanced": true, "total": {{"sent": {sent}, "ok": {ok}, "dropped": {{"stale_client": {dropped}}},
                "failed": {{}}, "retried": 2, "late": 1, "faces": 9, "workers": {{}}}}, "streams": []}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn runs_are_added_up_and_bad_ends_are_named() {
        let mut tally = Tally::default();
        assert_eq!(tally.add(Some(0), &summary(10, 7, 3)), Ok(()));
        assert_eq!(tally.add(Some(0), &summary(5, 5, 0)), Ok(()));
        assert_eq!(tally.add(Some(1), &summary(3, 0, 3)), Ok(()));
        assert_eq!((tally.runs, tally.sent, tally.ok, tally.dropped["stale_client"]), (3, 18, 12, 6));
        assert_eq!((tally.retried, tally.late), (6, 3));
        assert!(tally.add(Some(0), &summary(10, 7, 2)).unwrap_err().contains("balance"));
        assert!(tally.add(Some(1), &summary(2, 1, 1)).unwrap_err().contains("ended with"));
        // 130 is the answer to a second signal, and nobody sends two.
        assert!(tally.add(Some(130), &summary(1, 1, 0)).unwrap_err().contains("ended with"));
        assert!(tally.add(None, &summary(1, 1, 0)).unwrap_err().contains("ended with"));
    }
}
