//! What load balancers and `grpcurl` expect of any gRPC server: [health checks] and [reflection].
//!
//! [health checks]: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
//! [reflection]: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md

use tonic::transport::server::Router;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

/// Greatest question of either service: the name of a service, a file or a type.
const MAX_QUESTION_BYTES: usize = 4096;

/// What is said when somebody asks how the server is.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    /// The whole server, and its service.
    names: [&'static str; 2],
}

/// Adds both services to a server of `service`, whose protobuf file is in `descriptors`. The server is not serving until
/// [`Health::set`] says so.
///
/// # Panics
/// `descriptors` is no `FileDescriptorSet`: it is generated, and a test of each program asks for it.
pub async fn add(router: Router, service: &'static str, descriptors: &[u8]) -> (Router, Health) {
    let (reporter, health_service) = health_reporter();
    let health = Health { reporter, names: ["", service] };
    health.set(false).await;
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure();
        builder
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (v1, v1alpha) = (reflection().build_v1(), reflection().build_v1alpha());
    let router = router
        .add_service(health_service.max_decoding_message_size(MAX_QUESTION_BYTES))
        .add_service(v1.expect(GENERATED).max_decoding_message_size(MAX_QUESTION_BYTES))
        .add_service(v1alpha.expect(GENERATED).max_decoding_message_size(MAX_QUESTION_BYTES));
    (router, health)
}

const GENERATED: &str = "the descriptors are generated";

impl Health {
    /// Says from now on that the server takes work, or that it does not. Who watches is told of a change.
    pub async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Ends all watches, which else would keep their connections, and with them the server, from ending.
    pub async fn close(mut self) {
        for name in self.names {
            self.reporter.clear_service_status(name).await;
        }
    }
}
