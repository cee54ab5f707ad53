//! A layer of `tracing` that turns its spans into spans of OpenTelemetry.
//!
//! The layer is ours because the ids are given: both programs know them from [`crate::trace`] without telling each other, and the
//! existing libraries choose ids of their own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{Event as Step, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::collector::SpanCounts;
use super::fields::Fields;
use crate::clock;

/// The name of a client's span of a frame, which lasts from when the frame comes to when it goes on. Every other span of the frame
/// is a child of it.
const ROOT: &str = "frame";

/// Follows the spans of frames, and passes each one to the exporter when it has ended.
pub(super) struct ExportLayer<P> {
    to: Arc<P>,
    counts: Arc<SpanCounts>,
}

impl<P: SpanProcessor> ExportLayer<P> {
    /// A layer that counts ended spans in `counts` and passes them to `to`, which must not block.
    pub(super) fn new(to: Arc<P>, counts: Arc<SpanCounts>) -> ExportLayer<P> {
        ExportLayer { to, counts }
    }
}

impl<S, P> Layer<S> for ExportLayer<P>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    P: SpanProcessor + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let fields = Fields::of(|fields| attributes.record(fields));
        if let Some(data) = started(attributes.metadata(), fields, now()) {
            span.extensions_mut().insert(data);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        if let Some(data) = span.extensions_mut().get_mut::<SpanData>() {
            record(data, Fields::of(|fields| event.record(fields)), now());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(data) = span.extensions_mut().remove::<SpanData>() {
            self.counts.ended.fetch_add(1, Ordering::Relaxed);
            self.to.on_end(SpanData { end_time: now(), ..data });
        }
    }
}

/// The time by the clock of this machine. The clocks of client and worker may differ.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(clock::unix_us())
}

/// The data of a span that starts at `now`. None when the span carries no id of a frame.
fn started(metadata: &'static Metadata<'static>, mut fields: Fields, now: SystemTime) -> Option<SpanData> {
    let trace = TraceId::from_hex(&fields.take("trace")?.as_str()).ok()?;
    let [stream @ .., _, _, _, _, _, _, _, _] = trace.to_bytes();
    let root = SpanId::from_bytes(stream);
    let (own, parent, kind) = match metadata.name() {
        ROOT => (root, SpanId::INVALID, SpanKind::Client),
        _ => (RandomIdGenerator::default().new_span_id(), root, SpanKind::Server),
    };
    Some(SpanData {
        span_context: SpanContext::new(trace, own, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: parent,
        parent_span_is_remote: parent != SpanId::INVALID,
        span_kind: kind,
        name: metadata.name().into(),
        start_time: now,
        end_time: now,
        attributes: fields.into_attributes(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder(metadata.target()).build(),
    })
}

/// Adds an event to a span. The event with the outcome gives its fields to the span itself; the others are steps in it.
fn record(data: &mut SpanData, mut fields: Fields, now: SystemTime) {
    let message = fields.take("message").map_or_else(String::new, |message| message.as_str().into_owned());
    let Some(outcome) = fields.get("outcome") else {
        data.events.events.push(Step::new(message, now, fields.into_attributes(), 0));
        return;
    };
    if outcome.as_str() == "failed" {
        data.status =
            Status::error(fields.get("reason").map_or_else(String::new, |reason| reason.as_str().into_owned()));
    }
    data.attributes.extend(fields.into_attributes());
}
