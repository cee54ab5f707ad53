//! The worker as a process that exports traces.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../client/tests/otlp/collector.rs"]
mod collector;

use std::env;
use std::process::Stdio;
use std::time::Duration;

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, wire};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_stream::iter;
use tonic::Request;

use collector::{Collector, attribute, text};

const PHOTO: &[u8] = include_bytes!("../../assets/photos/astronaut.jpg");

/// Starts a worker whose master is not there, and returns where it listens.
async fn worker(collector: &str) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facefleet-worker"));
    let ours = |name: &str| name.starts_with("FACEFLEET_") || name.starts_with("OTEL_");
    for (name, _) in env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.args(["--config", "", "--master", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--threads", "1"]);
    command.args(["--otlp", collector]).stdout(Stdio::piped()).stdin(Stdio::null()).kill_on_drop(true);
    let mut worker = command.spawn().unwrap();
    let mut lines = BufReader::new(worker.stdout.as_mut().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = format!("http://{}", line.strip_prefix("listening on ").unwrap());
    (worker, address)
}

#[tokio::test]
async fn the_work_is_a_child_of_the_frame_of_whoever_sent_it() {
    let mut collector = Collector::start().await;
    let (mut worker, address) = worker(&collector.url).await;
    let frame = AnalyzeFrame { seq: 7, attempt: 2, age: Duration::ZERO, jpeg: PHOTO.into() };
    let open = AnalyzeRequest::Open(AnalyzeOpen::default());
    let mut call = Request::new(iter([open, AnalyzeRequest::Frame(frame)].map(wire::AnalyzeRequest::from)));
    let stream = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    call.metadata_mut().insert("traceparent", stream.parse().unwrap());
    let mut client = VideoStreamClient::connect(address).await.unwrap();
    let mut replies = client.analyze(call).await.unwrap().into_inner();
    while replies.message().await.unwrap().is_some() {}

    // The worker exports the last spans before it ends.
    let id = Pid::from_raw(worker.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    assert!(worker.wait().await.unwrap().success());
    let spans = collector.spans_of("facefleet-worker");
    assert_eq!(spans.keys().collect::<Vec<_>>(), ["work"]);

    let work = &spans["work"];
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&work.trace_id), "4bf92f3577b34da60000000000000007");
    assert_eq!((hex(&work.parent_span_id).as_str(), work.kind()), ("4bf92f3577b34da6", SpanKind::Server));
    let said = |name| attribute(&work.attributes, name);
    assert_eq!((said("frame"), said("attempt")), (Some(&Value::IntValue(7)), Some(&Value::IntValue(2))));
    assert_eq!((said("outcome"), said("faces")), (Some(&text("ok")), Some(&Value::IntValue(1))));
}
