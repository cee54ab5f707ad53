//! The other masters that share a registry, and the connections to them.

#[cfg(feature = "etcd")]
use std::net::SocketAddr;
#[cfg(feature = "etcd")]
use std::time::Duration;

use facefleet_cluster::sharing::masters::Masters;
use facefleet_proto::wire::master_client::MasterClient;
#[cfg(feature = "etcd")]
use facefleet_service::grpc;
use tokio::sync::watch;
use tonic::transport::Channel;

/// A master that says nothing for this long is pinged, and given up when as long has passed again: calls wait for it with what
/// only one master may decide.
#[cfg(feature = "etcd")]
const KEEPALIVE: Duration = Duration::from_millis(500);

/// The other masters, which the store adds and removes. Whoever asks them is woken when that happens.
pub(crate) type KnownMasters = watch::Sender<Masters<MasterChannels>>;

/// The connections to another master. Calls that wait for a slot have one of their own: a connection has room for a limited
/// number of calls, and when that is used up, whatever comes next waits for one of them to end.
#[derive(Clone, Debug)]
pub(crate) struct MasterChannels {
    /// The connection for route requests, which may wait for a slot.
    pub(crate) routes: MasterClient<Channel>,
    /// The connection for calls that are answered at once, and for the other master's heartbeats.
    pub(crate) short: MasterClient<Channel>,
}

#[cfg(feature = "etcd")]
impl MasterChannels {
    /// Connections to the master at this address, which are made when they are first used.
    pub(crate) fn to(address: SocketAddr) -> MasterChannels {
        let endpoint = grpc::endpoint(&address.into()).connect_timeout(2 * KEEPALIVE);
        let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE).keep_alive_timeout(KEEPALIVE);
        let client = || MasterClient::new(endpoint.connect_lazy());
        MasterChannels { routes: client(), short: client() }
    }
}
