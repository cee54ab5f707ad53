//! The collector, and what is said when it is away.

use std::sync::Mutex;
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

/// Takes spans over the network, or does not.
#[derive(Debug)]
pub(super) struct Collector {
    address: HostPort,
    exporter: OtlpExporter,
    /// For what it did not take. Only the thread of the queue asks.
    quiet: Mutex<Quiet>,
}

impl Collector {
    /// The one at `address`, which is first called when there is something for it. Call it inside a runtime.
    ///
    /// # Errors
    /// The environment asks the exporter for what it cannot do.
    pub(super) fn at(address: &HostPort) -> Result<Collector, ExporterBuildError> {
        let exporter = OtlpExporter::builder()
            .with_tonic()
            .with_channel(grpc::collector(address))
            .with_timeout(grpc::CALL_TIMEOUT)
            .build()?;
        Ok(Collector { address: address.clone(), exporter, quiet: Mutex::new(Quiet::new(LINE)) })
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let taken = self.exporter.export(batch).await;
        if let Err(error) = &taken
            && let Some(before) = self.quiet.lock().expect("nothing panics under this lock").ask(clock::now())
        {
            let collector = &self.address;
            tracing::warn!(%collector, spans, before, "traces are lost, the collector does not take them: {error}");
        }
        taken
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
