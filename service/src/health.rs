//! The services that load balancers and `grpcurl` expect of any gRPC server: [health checks] and [reflection].
//!
//! [health checks]: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
//! [reflection]: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md

use tonic::transport::server::Router;
pub use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

/// The largest request to either service, which is the name of a service, a file or a type.
const MAX_REQUEST_BYTES: usize = 4096;

/// The health that a server reports to whoever asks. Clones set the same one.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    /// The names under which the health is asked for: that of the whole server, which is empty, and that of its service.
    names: [&'static str; 2],
}

/// Adds health checks and reflection to a server of `service`, whose protobuf file is in `descriptors`. The server reports that
/// it is not serving until [`Health::set`] says otherwise.
///
/// # Panics
/// Panics when `descriptors` is no `FileDescriptorSet`. They are generated, and a test of each program asks for them.
pub async fn add_health_and_reflection(router: Router, service: &'static str, descriptors: &[u8]) -> (Router, Health) {
    let (reporter, health_service) = health_reporter();
    let health = Health { reporter, names: ["", service] };
    health.set(ServingStatus::NotServing).await;
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure();
        builder
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (v1, v1alpha) = (reflection().build_v1(), reflection().build_v1alpha());
    let router = router
        .add_service(health_service.max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(v1.expect(GENERATED).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(v1alpha.expect(GENERATED).max_decoding_message_size(MAX_REQUEST_BYTES));
    (router, health)
}

const GENERATED: &str = "the descriptors are generated";

impl Health {
    /// Sets what the server reports. Clients that watch the health are notified of a change.
    pub async fn set(&self, status: ServingStatus) {
        for name in self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Ends all calls that watch the health. They would otherwise keep their connections open, and with them the server.
    pub async fn close(mut self) {
        for name in self.names {
            self.reporter.clear_service_status(name).await;
        }
    }
}
