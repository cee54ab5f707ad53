//! The ways of frames as traces, for an [OpenTelemetry] collector that takes OTLP over gRPC.
//!
//! What is exported are the spans that carry a `trace`, which are those of [`crate::trace`], whatever the log says: its filter is
//! for its lines alone. Nobody waits for a collector: what it does not take in time is lost. What it refuses is said when that happens,
//! and how much was lost in all when the program ends.
//!
//! [OpenTelemetry]: https://opentelemetry.io

mod collector;
mod fields;
mod ways;

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

use collector::{Collector, Tally};
use ways::Ways;

/// Where spans of frames begin.
const SOURCES: [&str; 2] = ["facefleet_client::trace", "facefleet_worker::trace"];
/// How long the end of a program may wait for the last spans to be taken.
const FAREWELL: Duration = Duration::from_secs(3);
/// How an address begins. There is no TLS here: a collector on the same machine can speak it to others.
const SCHEME: &str = "http://";

/// Where traces go.
#[derive(Args, Clone, Debug)]
pub struct OtlpArgs {
    /// The OpenTelemetry collector that is told the way of each frame, by OTLP over gRPC, as in http://localhost:4317
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

/// Spans that are on their way to a collector. Dropping it, at the end of the program, sends the last ones, and gives them up
/// after three seconds.
#[derive(Debug)]
pub struct Export {
    spans: Arc<BatchSpanProcessor>,
    tally: Arc<Tally>,
}

impl Drop for Export {
    fn drop(&mut self) {
        // Err: the collector does not take them, which the tally shows.
        let _ = self.spans.shutdown_with_timeout(FAREWELL);
        let (ended, lost) = self.tally.lost();
        if lost > 0 {
            tracing::warn!("{lost} of {ended} spans have not come to the collector");
        }
    }
}

/// Starts logging for this process, like [`log::init`], and the export for `program` where `otlp` wants one. Call it inside the
/// runtime, which the export uses until it is dropped.
pub fn init(log: &LogArgs, otlp: Option<&OtlpArgs>, program: &'static str) -> Option<Export> {
    let collector = otlp.and_then(|otlp| otlp.collector.as_ref());
    let started = collector.map(|collector| start(collector, program)).transpose();
    let ways = started.as_ref().ok().and_then(Option::as_ref).map(|Export { spans, tally }| {
        let frames = Targets::new().with_targets(SOURCES.map(|source| (source, LevelFilter::DEBUG)));
        Ways::to(spans.clone(), tally.clone()).with_filter(frames)
    });
    log::init_beside(log, ways);
    match started {
        Ok(export) => export,
        Err(error) => {
            tracing::error!("no traces are exported: {error}");
            None
        }
    }
}

/// A queue that is bounded, and a thread that empties it.
///
/// # Errors
/// The environment asks the exporter (`OTEL_EXPORTER_OTLP_…`) for what it cannot do.
fn start(collector: &HostPort, program: &'static str) -> Result<Export, ExporterBuildError> {
    let tally = Arc::<Tally>::default();
    let mut spans = BatchSpanProcessor::builder(Collector::at(collector, tally.clone())?).build();
    let host = address::host_name().map(|name| KeyValue::new("host.name", name));
    spans.set_resource(&Resource::builder().with_service_name(program).with_attributes(host).build());
    Ok(Export { spans: Arc::new(spans), tally })
}
