//! Reports the state of a stream to the master, once a second and at its end, for people who watch the cluster. The stream
//! neither waits for a report nor depends on one.

use std::time::{Duration, Instant};

use facefleet_proto::view::StreamReport;
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{MAX_NAME_BYTES, wire};
use facefleet_service::grpc;
use futures_util::FutureExt;
use sysinfo::System;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::source::shown;

/// Time between two reports, and the timeout of each.
const EVERY: Duration = Duration::from_secs(1);

/// Sends the reports of one stream.
pub(crate) struct Reporter {
    /// The host name of this machine, as people see it.
    client: String,
    next: Instant,
    /// The running call of the last report.
    call: Option<AbortOnDropHandle<Result<(), Status>>>,
    /// Whether the master accepts reports. An old master does not.
    is_wanted: bool,
}

impl Reporter {
    /// Creates the reporter of a stream that starts now.
    pub(crate) fn new(now: Instant) -> Reporter {
        let client = shown(&System::host_name().unwrap_or_default(), MAX_NAME_BYTES);
        Reporter { client, next: now, call: None, is_wanted: true }
    }

    /// Returns whether a report is due. Only one is sent at a time, so that a slow master receives fewer.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if let Some(said) = self.call.as_mut().and_then(FutureExt::now_or_never) {
            self.call = None;
            // The result is an error only when the runtime is shutting down.
            self.take_in(said.unwrap_or(Ok(())));
        }
        self.is_wanted && self.call.is_none() && now >= self.next
    }

    /// Sends a report without waiting for the answer.
    pub(crate) fn tell(&mut self, master: MasterClient<Channel>, report: StreamReport, now: Instant) {
        self.next = now + EVERY;
        self.call = Some(AbortOnDropHandle::new(tokio::spawn(send(master, self.signed(report)))));
    }

    /// Sends the last report and waits for the answer, for a second at most.
    pub(crate) async fn end(mut self, master: MasterClient<Channel>, report: StreamReport) {
        if self.is_wanted {
            let said = send(master, self.signed(StreamReport { ended: true, ..report })).await;
            self.take_in(said);
        }
    }

    fn signed(&self, report: StreamReport) -> StreamReport {
        StreamReport { client: self.client.clone(), ..report }
    }

    fn take_in(&mut self, said: Result<(), Status>) {
        if let Err(status) = said {
            self.is_wanted = status.code() != Code::Unimplemented;
            tracing::debug!("the master does not show this stream: {}", grpc::explain(&status));
        }
    }
}

async fn send(mut master: MasterClient<Channel>, report: StreamReport) -> Result<(), Status> {
    let call = master.report_stream(wire::StreamReport::from(report));
    let answer = tokio::time::timeout(EVERY, call).await;
    answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use facefleet_service::clock;
    use tokio::net::TcpListener;

    use super::*;

    /// Starts a server without the method, like an old master.
    async fn old_master(calls: Arc<AtomicU32>) -> MasterClient<Channel> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().into();
        let layer = tonic::service::interceptor::InterceptorLayer::new(move |request| {
            calls.fetch_add(1, Ordering::Relaxed);
            Ok(request)
        });
        let (_, health) = tonic_health::server::health_reporter();
        let server = tonic::transport::Server::builder().layer(layer).add_service(health);
        tokio::spawn(server.serve_with_incoming(grpc::incoming(listener, 10)));
        MasterClient::new(grpc::channel(&address))
    }

    #[tokio::test]
    async fn an_old_master_is_told_once() {
        let calls = Arc::new(AtomicU32::new(0));
        let master = old_master(calls.clone()).await;
        let start = clock::now();
        let mut reporter = Reporter::new(start);
        assert!(reporter.is_due(start));
        reporter.tell(master.clone(), StreamReport::default(), start);
        while reporter.call.is_some() {
            assert!(!reporter.is_due(start), "one at a time, and one a second");
            tokio::task::yield_now().await;
        }
        assert!(!reporter.is_due(start + EVERY * 2));
        reporter.end(master, StreamReport::default()).await;
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}
