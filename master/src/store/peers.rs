//! The other masters: what they hear of their workers, this one hears from them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Heartbeat, wire};
use facefleet_service::address::HostPort;
use facefleet_service::backoff::Backoff;
use facefleet_service::grpc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tonic::Status;

use crate::shared::Shared;

/// The masters that this one listens to. Dropping it ends that.
pub(super) struct Peers {
    shared: Arc<Shared>,
    known: BTreeMap<u64, Peer>,
}

struct Peer {
    /// Whether it is registered. One that is not is listened to for as long as it talks: it may be cut off from the registry
    /// alone.
    is_registered: Arc<AtomicBool>,
    listening: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Peers {
    pub(super) fn new(shared: Arc<Shared>) -> Peers {
        Peers { shared, known: BTreeMap::new() }
    }

    /// These are registered, and no others.
    pub(super) fn are(&mut self, masters: Vec<(u64, SocketAddr)>) {
        for peer in self.known.values() {
            peer.is_registered.store(false, Ordering::Relaxed);
        }
        masters.into_iter().for_each(|(keeper, address)| self.add(keeper, address));
    }

    /// Another master is registered, and is reached at this address.
    pub(super) fn add(&mut self, keeper: u64, address: SocketAddr) {
        self.known.retain(|_, peer| !peer.listening.is_finished());
        if let Some(peer) = self.known.get(&keeper) {
            peer.is_registered.store(true, Ordering::Relaxed);
            return;
        }
        let is_registered = Arc::new(AtomicBool::new(true));
        let listening = tokio::spawn(listen(self.shared.clone(), address.into(), is_registered.clone()));
        self.known.insert(keeper, Peer { is_registered, listening });
    }

    /// It is registered no more.
    pub(super) fn remove(&self, keeper: u64) {
        if let Some(peer) = self.known.get(&keeper) {
            peer.is_registered.store(false, Ordering::Relaxed);
        }
    }
}

async fn listen(shared: Arc<Shared>, address: HostPort, is_registered: Arc<AtomicBool>) {
    let mut waits = Backoff::default();
    loop {
        let lost = hear(&shared, &address, &mut waits).await;
        let why = lost.as_ref().map_or_else(|status| grpc::explain(status), |()| "it stops".to_owned());
        if !is_registered.load(Ordering::Relaxed) {
            tracing::info!("the master at {address} is gone: {why}");
            return;
        }
        tracing::debug!("the master at {address} is not heard: {why}");
        sleep(waits.next_wait()).await;
    }
}

/// Hears one master until that is over.
async fn hear(shared: &Shared, address: &HostPort, waits: &mut Backoff) -> Result<(), Status> {
    let mut client = MasterClient::new(grpc::channel(address));
    let mut records = client.get_q(wire::QueueRequest { last: 0 }).await?.into_inner();
    tracing::info!("hearing the workers of the master at {address}");
    *waits = Backoff::default();
    while let Some(record) = records.message().await? {
        // What means nothing to this version is that master's business.
        if let Some(Ok(heartbeat)) = record.state.map(Heartbeat::try_from) {
            let (mut scheduler, now) = shared.locked();
            scheduler.overheard(&heartbeat, now);
        }
    }
    Ok(())
}
