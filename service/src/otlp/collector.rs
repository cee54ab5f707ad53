//! The exporter to a collector, which counts what is lost and logs when the collector is away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, SpanExporter as OtlpExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::address::HostPort;
use crate::log_limit::LogLimit;
use crate::{clock, grpc};

/// How often it is logged that the collector is away.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// The number of spans that ended, and of those that the collector took. The queue does not report the spans for which it had no
/// room, so the difference of the two is what was lost.
#[derive(Debug, Default)]
pub(super) struct SpanCounts {
    pub(super) ended: AtomicU64,
    taken: AtomicU64,
}

/// The spans that a collector did not get.
pub(super) struct Lost {
    /// How many spans ended.
    pub(super) ended: u64,
    /// How many of the ended spans the collector does not have.
    pub(super) lost: u64,
}

impl SpanCounts {
    /// The number of spans that ended and that were lost so far.
    pub(super) fn lost(&self) -> Lost {
        let [ended, taken] = [&self.ended, &self.taken].map(|count| count.load(Ordering::Relaxed));
        Lost { ended, lost: ended.saturating_sub(taken) }
    }
}

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct Collector {
    address: HostPort,
    exporter: OtlpExporter,
    counts: Arc<SpanCounts>,
    /// Limits the log lines about spans that were not taken. Only the thread of the queue uses it.
    log_limit: Mutex<LogLimit>,
}

impl Collector {
    /// The collector at `address`, to which a connection is made when there is something for it. Must be called inside a runtime.
    ///
    /// # Errors
    /// The environment asks the exporter for something that it cannot do.
    pub(super) fn at(address: &HostPort, counts: Arc<SpanCounts>) -> Result<Collector, ExporterBuildError> {
        let exporter = OtlpExporter::builder()
            .with_tonic()
            .with_channel(grpc::collector(address))
            .with_timeout(grpc::CALL_TIMEOUT)
            .build()?;
        Ok(Collector { address: address.clone(), exporter, counts, log_limit: Mutex::new(LogLimit::new(REPORT_EVERY)) })
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        if exported.is_ok() {
            self.counts.taken.fetch_add(spans as u64, Ordering::Relaxed);
        }
        if let Err(error) = &exported
            && let Some(before) = self.log_limit.lock().expect("nothing panics under this lock").allow(clock::now())
        {
            let collector = &self.address;
            tracing::warn!(%collector, spans, before, "traces are lost, the collector does not take them: {error}");
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
