//! Asking a master for its list of workers.

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Nodes, wire};
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::grpc;

/// Why no list of workers was received.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// The master did not answer.
    #[error("cannot ask the master at {master}")]
    Call {
        /// The master that was asked.
        master: HostPort,
        /// What the call ended with.
        source: tonic::Status,
    },
    /// The master's answer is invalid.
    #[error("the master at {master} sent an invalid list")]
    Invalid {
        /// The master that was asked.
        master: HostPort,
        /// The field that is invalid.
        source: facefleet_proto::Invalid,
    },
}

/// Asks the masters for their list of workers, one after the other, until one answers.
///
/// # Errors
/// Fails if none of the masters can be reached, or if the last one is too old to have the call.
pub async fn list(masters: &HostPorts) -> Result<Nodes, NodesError> {
    let mut asked = masters.iter();
    loop {
        let master = asked.next().expect("the last one ends the loop");
        let mut client = MasterClient::new(grpc::channel(master));
        let mut request = tonic::Request::new(wire::ListNodesRequest::default());
        request.set_timeout(grpc::call_timeout(masters));
        match client.list_nodes(request).await {
            Ok(reply) => {
                let nodes = Nodes::try_from(reply.into_inner());
                return nodes.map_err(|source| NodesError::Invalid { master: master.clone(), source });
            }
            Err(source) if asked.len() == 0 => return Err(NodesError::Call { master: master.clone(), source }),
            Err(source) => tracing::warn!("the master at {master} does not answer: {}", grpc::explain(&source)),
        }
    }
}
