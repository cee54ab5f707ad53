//! All that a worker's thread does with a frame, without any process around it.

use std::time::Duration;

use facefleet_service::clock;
use facefleet_vision::{Analyzer, DetectorKind, Job, Limits, Report, Stages};

use crate::times::median_ms;
use crate::{Error, allocations};

/// The worker's analyzer, and what it has done so far.
pub(crate) struct InWorker {
    analyzer: Analyzer,
    job: Job,
    report: Report,
    /// A frame each.
    pub(crate) stages: Vec<Stages>,
    /// A frame each: the stages, and what is between them.
    pub(crate) totals: Vec<Duration>,
    /// A frame each: how often it took memory.
    pub(crate) allocations: Vec<u64>,
}

impl InWorker {
    pub(crate) fn new(job: Job) -> Result<InWorker, Error> {
        Ok(InWorker {
            analyzer: Analyzer::new(DetectorKind::default(), Limits::default())?,
            job,
            report: Report::default(),
            stages: Vec::new(),
            totals: Vec::new(),
            allocations: Vec::new(),
        })
    }

    pub(crate) fn measure(&mut self, jpeg: &[u8]) -> Result<(), Error> {
        let InWorker { analyzer, job, report, .. } = self;
        let start = clock::now();
        let (outcome, allocations) = allocations::during(|| analyzer.analyze_into(jpeg, job, report));
        self.totals.push(clock::now() - start);
        outcome?;
        self.stages.push(self.report.stages);
        self.allocations.push(allocations);
        Ok(())
    }

    /// The median of a stage.
    pub(crate) fn stage_ms(&self, stage: fn(&Stages) -> Duration) -> f64 {
        median_ms(self.stages.iter().map(stage))
    }
}
