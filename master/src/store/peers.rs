//! What the other masters hear of their workers, this one hears from them.

use std::net::SocketAddr;
use std::sync::Arc;

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Heartbeat, wire};
use facefleet_service::backoff::Backoff;
use facefleet_service::grpc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Status;
use tonic::transport::Channel;

use super::masters::Registered;
use crate::forwarding::Line;
use crate::shared::Shared;

/// Listens to other masters until it is dropped.
pub(super) struct Peers {
    shared: Arc<Shared>,
    listening: JoinSet<()>,
}

impl Peers {
    pub(super) fn new(shared: Arc<Shared>) -> Peers {
        Peers { shared, listening: JoinSet::new() }
    }

    /// A session has begun: these are registered, and no others.
    pub(super) fn begin(&mut self, since: i64, masters: Vec<Registered>) {
        self.shared.masters.send_modify(|masters| masters.begin(since));
        masters.into_iter().for_each(|master| self.add(master));
    }

    /// Another master is registered.
    pub(super) fn add(&mut self, master: Registered) {
        while self.listening.try_join_next().is_some() {}
        let mut is_new = false;
        self.shared.masters.send_modify(|masters| is_new = masters.add(master, || Line::to(master.address)));
        if is_new {
            self.listening.spawn(listen(self.shared.clone(), master.address));
        }
    }
}

async fn listen(shared: Arc<Shared>, address: SocketAddr) {
    let mut waits = Backoff::default();
    loop {
        let Some(line) = shared.masters.borrow().line(address) else { return };
        let lost = hear(&shared, address, line.short, &mut waits).await;
        let why = lost.as_ref().map_or_else(|status| grpc::explain(status), |()| "it stops".to_owned());
        let mut is_registered = false;
        shared.masters.send_modify(|masters| is_registered = masters.not_heard(address));
        if !is_registered {
            return tracing::info!("the master at {address} is gone: {why}");
        }
        tracing::debug!("the master at {address} is not heard: {why}");
        sleep(waits.next_wait()).await;
    }
}

/// Hears one master until that is over.
async fn hear(
    shared: &Shared,
    address: SocketAddr,
    mut line: MasterClient<Channel>,
    waits: &mut Backoff,
) -> Result<(), Status> {
    let mut records = line.get_q(wire::QueueRequest { last: 0 }).await?.into_inner();
    shared.masters.send_modify(|masters| masters.heard(address));
    tracing::info!("hearing the workers of the master at {address}");
    *waits = Backoff::default();
    while let Some(record) = records.message().await? {
        // What means nothing to this version is that master's business.
        if let Some(Ok(heartbeat)) = record.state.map(Heartbeat::try_from) {
            shared.overheard(&heartbeat);
        }
    }
    Ok(())
}
