//! Spans of `tracing` as spans of OpenTelemetry.
//!
//! The ids are those of [`crate::trace`], which both programs know without telling each other: no library that starts spans
//! by itself can be given them.

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

use super::collector::Tally;
use super::fields::Fields;
use crate::clock;

/// The span of a client, from when a frame comes to when it goes on. Every other one is a child of it.
const WHOLE_WAY: &str = "frame";

/// Sees the spans of frames begin, go on and end, and hands them over then.
pub(super) struct Ways<P> {
    to: Arc<P>,
    tally: Arc<Tally>,
}

impl<P: SpanProcessor> Ways<P> {
    /// Ended spans are counted and go to `to`, which must not block.
    pub(super) fn to(to: Arc<P>, tally: Arc<Tally>) -> Ways<P> {
        Ways { to, tally }
    }
}

impl<S, P> Layer<S> for Ways<P>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    P: SpanProcessor + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let fields = Fields::of(|fields| attributes.record(fields));
        if let Some(way) = begun(attributes.metadata(), fields, now()) {
            span.extensions_mut().insert(way);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        if let Some(way) = span.extensions_mut().get_mut::<SpanData>() {
            went_on(way, Fields::of(|fields| event.record(fields)), now());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(way) = span.extensions_mut().remove::<SpanData>() {
            self.tally.ended.fetch_add(1, Ordering::Relaxed);
            self.to.on_end(SpanData { end_time: now(), ..way });
        }
    }
}

/// The clock of the machine: those of client and worker may differ.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(clock::unix_us())
}

/// None: the span has no id of a frame.
fn begun(metadata: &'static Metadata<'static>, mut fields: Fields, now: SystemTime) -> Option<SpanData> {
    let trace = TraceId::from_hex(&fields.take("trace")?.as_str()).ok()?;
    let [stream @ .., _, _, _, _, _, _, _, _] = trace.to_bytes();
    let whole = SpanId::from_bytes(stream);
    let (own, parent, kind) = match metadata.name() {
        WHOLE_WAY => (whole, SpanId::INVALID, SpanKind::Client),
        _ => (RandomIdGenerator::default().new_span_id(), whole, SpanKind::Server),
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

/// An event that knows the outcome is what the whole span is about; the others are steps on its way.
fn went_on(way: &mut SpanData, mut fields: Fields, now: SystemTime) {
    let message = fields.take("message").map_or_else(String::new, |message| message.as_str().into_owned());
    let Some(outcome) = fields.get("outcome") else {
        way.events.events.push(Step::new(message, now, fields.into_attributes(), 0));
        return;
    };
    if outcome.as_str() == "failed" {
        way.status =
            Status::error(fields.get("reason").map_or_else(String::new, |reason| reason.as_str().into_owned()));
    }
    way.attributes.extend(fields.into_attributes());
}
