//! Tests of the client as a process that exports traces.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collector;

use std::env;
use std::process::{Output, Stdio};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::process::Command;
use tokio::time::timeout;

use collector::{Collector, attribute, loopback, text};

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/photos/astronaut.jpg");

/// Runs the client with these arguments and returns its output.
async fn client(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facefleet-client"));
    let ours = |name: &str| name.starts_with("FACEFLEET_") || name.starts_with("OTEL_");
    for (name, _) in env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.args(args).args(["--config", ""]).stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap()
}

/// Finds the faces in a photo on this machine alone, and exports the traces to a collector.
async fn look_at_a_photo(collector: &str) -> Output {
    client(&["run", PHOTO, "--local", "--workers", "1", "--otlp", collector]).await
}

#[tokio::test]
async fn one_trace_has_the_frame_and_the_work_on_it() {
    let mut collector = Collector::start().await;
    let output = look_at_a_photo(&collector.url).await;
    assert!(output.status.success(), "{output:?}");

    // The client sends both spans before it ends.
    let spans = collector.spans_of("facefleet-client");
    let [frame, work] = <[Span; 2]>::try_from(spans.into_values().collect::<Vec<_>>()).unwrap();

    assert_eq!((frame.name.as_str(), frame.kind()), ("frame", SpanKind::Client));
    assert_eq!((work.name.as_str(), work.kind()), ("work", SpanKind::Server));
    assert_eq!(frame.trace_id, work.trace_id);
    assert_eq!(frame.trace_id[8..], 0_u64.to_be_bytes(), "the second half is the number of the frame");
    assert_eq!((&frame.span_id[..], &frame.parent_span_id[..]), (&frame.trace_id[..8], &[][..]));
    assert_eq!(work.parent_span_id, frame.span_id);
    assert!(work.span_id.len() == 8 && work.span_id != frame.span_id, "{work:?}");
    assert!(frame.start_time_unix_nano <= frame.end_time_unix_nano, "{frame:?}");

    for span in [&frame, &work] {
        assert_eq!(attribute(&span.attributes, "frame"), Some(&Value::IntValue(0)), "{span:?}");
        assert_eq!(attribute(&span.attributes, "outcome"), Some(&text("ok")), "{span:?}");
        assert!(span.status.as_ref().is_none_or(|status| status.code == 0), "{span:?}");
    }
    for stage in ["queued", "decode", "resize", "detect", "draw", "encode"] {
        assert!(attribute(&work.attributes, stage).is_some(), "{stage}: {work:?}");
    }
    let steps = |span: &Span| span.events.iter().map(|event| event.name.clone()).collect::<Vec<_>>();
    assert_eq!((steps(&frame), steps(&work)), (vec!["sent".into(), "answered".into()], vec!["taken".into()]));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_one_line() {
    let (listener, url) = loopback().await;
    drop(listener);
    let output = look_at_a_photo(&url).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.matches("traces are lost").count(), 1, "{stderr}");
    assert!(stderr.contains("2 of 2 spans have not come to the collector"), "{stderr}");
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_keep_the_client() {
    // The operating system accepts the connection, and nobody answers.
    let (_listener, url) = loopback().await;
    // The client waits three seconds for the collector, and everything else may be slow on a busy machine.
    let output = timeout(Duration::from_secs(60), look_at_a_photo(&url)).await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn what_is_no_collector_is_wrong_usage() {
    for (bad, said) in [
        ("localhost:4317", "write http://HOST:PORT"),
        ("https://localhost:4317", "write http://HOST:PORT"),
        ("", "write http://HOST:PORT"),
        ("http://localhost", "has no port"),
        ("http://localhost:0", "is not a port"),
        ("http://localhost:4317/v1/traces", "is not a port"),
        ("http://:4317", "is not a host"),
    ] {
        let output = look_at_a_photo(bad).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(said), "{bad}: {stderr}");
    }
}
