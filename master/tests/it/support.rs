//! A master to test, and messages to send to it.

use std::net::{Ipv4Addr, SocketAddr};

use facefleet_master::{Config, RunError, run};
use facefleet_proto::wire;
use facefleet_proto::wire::master_client::MasterClient;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// A running master. It stops when this is dropped, or with [`Master::stop`], which waits for the end.
pub(crate) struct Master {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), RunError>>,
}

impl Master {
    pub(crate) async fn start(config: Config) -> Master {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(run(listener, config, async {
            let _ = stopped.await;
        }));
        Master { address, stop, ended }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.address);
        Channel::from_shared(uri).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> MasterClient<Channel> {
        MasterClient::new(self.channel().await)
    }

    pub(crate) async fn stop(self) -> Result<(), RunError> {
        let _ = self.stop.send(());
        self.ended.await.unwrap()
    }
}

/// A worker of our own kind, at 10.0.0.1.
pub(crate) fn join(name: &str, generation: u64, port: i32) -> wire::JoinRequest {
    wire::JoinRequest {
        ip: "10.0.0.1".into(),
        port,
        weight: 1,
        name: name.into(),
        generation,
        cores: 4,
        heartbeat_interval_ms: 1000,
        ..Default::default()
    }
}

/// A heartbeat, told apart from others by how many frames were done.
pub(crate) fn beat(id: i32, generation: u64, frames_ok: u64) -> wire::NodeState {
    wire::NodeState { id, generation, frames_ok, ..Default::default() }
}
