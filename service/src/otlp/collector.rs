//! The collector, and what is said when it is away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, SpanExporter as OtlpExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::address::HostPort;
use crate::quiet::Quiet;
use crate::{clock, grpc};

/// How often a collector that is away is worth a line.
const LINE: Duration = Duration::from_secs(60);

/// Spans that ended, and those that the collector has. The queue says nothing of what it had no room for: it is the difference
/// that tells at the end.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) ended: AtomicU64,
    taken: AtomicU64,
}

impl Tally {
    /// How many spans ended, and how many of them the collector does not have.
    pub(super) fn lost(&self) -> (u64, u64) {
        let [ended, taken] = [&self.ended, &self.taken].map(|count| count.load(Ordering::Relaxed));
        (ended, ended.saturating_sub(taken))
    }
}

/// Takes spans over the network, or does not.
#[derive(Debug)]
pub(super) struct Collector {
    address: HostPort,
    exporter: OtlpExporter,
    tally: Arc<Tally>,
    /// For what it did not take. Only the thread of the queue asks.
    quiet: Mutex<Quiet>,
}

impl Collector {
    /// The one at `address`, which is first called when there is something for it. Call it inside a runtime.
    ///
    /// # Errors
    /// The environment asks the exporter for what it cannot do.
    pub(super) fn at(address: &HostPort, tally: Arc<Tally>) -> Result<Collector, ExporterBuildError> {
        let exporter = OtlpExporter::builder()
            .with_tonic()
            .with_channel(grpc::collector(address))
            .with_timeout(grpc::CALL_TIMEOUT)
            .build()?;
        Ok(Collector { address: address.clone(), exporter, tally, quiet: Mutex::new(Quiet::new(LINE)) })
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        if exported.is_ok() {
            self.tally.taken.fetch_add(spans as u64, Ordering::Relaxed);
        }
        if let Err(error) = &exported
            && let Some(before) = self.quiet.lock().expect("nothing panics under this lock").ask(clock::now())
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
