//! Exports the traces of frames to an [OpenTelemetry] collector that takes OTLP over gRPC.
//!
//! The exported spans are those that carry a `trace`, an id of [`crate::trace`], whatever the log's filter is: that is for log
//! lines alone. Nobody waits for a collector, and what it does not take in time is lost. A refusal is logged when it happens, and
//! the number of all lost spans when the program ends.
//!
//! [OpenTelemetry]: https://opentelemetry.io

mod collector;
mod fields;
mod layer;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use opentelemetry::KeyValue;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::address::{self, HostPort};
use crate::log::{self, LogArgs};

use collector::{Collector, Lost, SpanCounts};
use layer::ExportLayer;

/// The modules that start the spans of frames.
const SOURCES: [&str; 2] = ["facefleet_client::trace", "facefleet_worker::trace"];
/// How long a program that ends waits for the collector to take the last spans.
const FAREWELL: Duration = Duration::from_secs(3);
/// The prefix of an address. There is no TLS here, because a collector on the same machine can speak it to others.
const SCHEME: &str = "http://";

/// The flags of the export of traces.
#[derive(Args, Clone, Debug)]
pub struct OtlpArgs {
    /// The OpenTelemetry collector that gets a trace of each frame, by OTLP over gRPC, as in http://localhost:4317
    /// [default: none].
    #[arg(long = "otlp", value_name = "http://HOST:PORT", env = "FACEFLEET_OTLP", value_parser = checked)]
    pub collector: Option<HostPort>,
}

fn checked(text: &str) -> Result<HostPort, String> {
    let rest = text.strip_prefix(SCHEME).ok_or(
        "write http://HOST:PORT, for example http://localhost:4317; for TLS, let a collector on this machine pass the traces on",
    )?;
    rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|error| format!("{error}"))
}

/// The export of spans to a collector. Dropping it at the end of the program sends the last spans, and gives them up after three
/// seconds.
#[derive(Debug)]
pub struct Export {
    spans: Arc<BatchSpanProcessor>,
    counts: Arc<SpanCounts>,
}

impl Drop for Export {
    fn drop(&mut self) {
        // When the collector does not take the spans, the counts show it.
        let _ = self.spans.shutdown_with_timeout(FAREWELL);
        let Lost { ended, lost } = self.counts.lost();
        if lost > 0 {
            tracing::warn!("{lost} of {ended} spans have not come to the collector");
        }
    }
}

/// Starts logging for this process, like [`log::init`], and the export for `program` if `otlp` names a collector. Must be called
/// inside the runtime, which the export uses until it is dropped.
pub fn init(log: &LogArgs, otlp: Option<&OtlpArgs>, program: &'static str) -> Option<Export> {
    let collector = otlp.and_then(|otlp| otlp.collector.as_ref());
    let started = collector.map(|collector| start(collector, program)).transpose();
    let layer = started.as_ref().ok().and_then(Option::as_ref).map(|Export { spans, counts }| {
        let frames = Targets::new().with_targets(SOURCES.map(|source| (source, LevelFilter::DEBUG)));
        ExportLayer::new(spans.clone(), counts.clone()).with_filter(frames)
    });
    log::init_beside(log, layer);
    match started {
        Ok(export) => export,
        Err(error) => {
            tracing::error!("no traces are exported: {error}");
            None
        }
    }
}

/// Starts the export, which is a bounded queue and a thread that empties it.
///
/// # Errors
/// The environment asks the exporter (`OTEL_EXPORTER_OTLP_…`) for something that it cannot do.
fn start(collector: &HostPort, program: &'static str) -> Result<Export, ExporterBuildError> {
    let counts = Arc::<SpanCounts>::default();
    let mut spans = BatchSpanProcessor::builder(Collector::at(collector, counts.clone())?).build();
    let host = address::host_name().map(|name| KeyValue::new("host.name", name));
    spans.set_resource(&Resource::builder().with_service_name(program).with_attributes(host).build());
    Ok(Export { spans: Arc::new(spans), counts })
}
