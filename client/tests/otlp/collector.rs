//! A collector that stores the traces it receives, for the tests of client and worker.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A running collector on a port of this machine.
pub(crate) struct Collector {
    pub(crate) url: String,
    received: mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
}

impl Collector {
    pub(crate) async fn start() -> Collector {
        let (listener, url) = loopback().await;
        let (sender, received) = mpsc::unbounded_channel();
        let service = TraceServiceServer::new(Service(sender));
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        Collector { url, received }
    }

    /// Returns the spans that a program has sent before it ended, by name.
    pub(crate) fn spans_of(&mut self, program: &str) -> BTreeMap<String, Span> {
        let mut spans = BTreeMap::new();
        while let Ok(ExportTraceServiceRequest { resource_spans }) = self.received.try_recv() {
            for resource in resource_spans {
                let about = &resource.resource.as_ref().unwrap().attributes;
                assert_eq!(attribute(about, "service.name"), Some(&text(program)), "{about:?}");
                for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    let twice = spans.insert(span.name.clone(), span);
                    assert!(twice.is_none(), "{twice:?}");
                }
            }
        }
        spans
    }
}

/// The service that passes every request on to the test.
struct Service(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Opens a port of this machine, and returns its listener and URL.
pub(crate) async fn loopback() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Returns the value of the attribute with this name.
pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    let AnyValue { value } = attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?;
    value.as_ref()
}

pub(crate) fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}
