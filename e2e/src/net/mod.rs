//! Machines that are not there: a network whose every packet passes through this process.
//!
//! Each node is a network namespace with one TUN device, and this process holds the other end of all devices: it reads
//! the packets that leave one, and writes them to the one that they are for, later or never, as [`Weather`] says. That
//! is a router with a cable to each machine, in which each pair of machines has its own good or bad days.
//!
//! `tc netem` behind veth pairs would do the same, but many kernels come without it, among them those of small virtual
//! machines. TUN is everywhere, cuts, delays and losses are one mechanism, and what was lost is counted. It takes root
//! and no program: nothing has a name, so that two runs cannot meet, and the kernel takes everything away when the
//! processes end, however they end.

mod lane;
mod node;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use facefleet_service::clock;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_tun::Tun;

use lane::Lane;
pub use lane::{Traffic, Weather};
use node::{MTU, Node};

/// Packets on their way from one node to another. More are lost, as in any router.
const MOST_PACKETS: usize = 4096;

/// A network. Dropping it takes the cables away.
#[derive(Debug)]
pub struct Network {
    nodes: Vec<Node>,
    /// `[from][to]`.
    lanes: Vec<Vec<Arc<Mutex<Lane>>>>,
    /// Carries the packets.
    _runtime: Runtime,
}

/// A cable's direction: what decides about its packets, and where they wait.
struct Wire {
    lane: Arc<Mutex<Lane>>,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
}

impl Network {
    /// Makes as many nodes, which reach each other by IPv4 and nobody else. `seed` decides which packets are lost.
    ///
    /// # Errors
    /// The kernel has no namespaces or no TUN devices, or we are not root.
    ///
    /// # Panics
    /// More nodes than there are addresses, which is 254.
    pub fn new(nodes: usize, seed: u64) -> io::Result<Network> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let made = (0..nodes).map(|node| Node::new(address(node), runtime.handle())).collect::<io::Result<Vec<_>>>()?;
        let (made, devices): (Vec<Node>, Vec<Tun>) = made.into_iter().unzip();
        let devices: Vec<Arc<Tun>> = devices.into_iter().map(Arc::new).collect();

        let mut seeds = fastrand::Rng::with_seed(seed);
        let mut lane = |_| Arc::new(Mutex::new(Lane::new(seeds.u64(..))));
        let lanes: Vec<Vec<_>> = (0..nodes).map(|_| (0..nodes).map(&mut lane).collect()).collect();
        for (device, lanes) in devices.iter().zip(&lanes) {
            let wire = |(lane, to): (&Arc<Mutex<Lane>>, &Arc<Tun>)| {
                let (queue, packets) = mpsc::channel(MOST_PACKETS);
                runtime.spawn(deliver(packets, to.clone()));
                Wire { lane: lane.clone(), queue }
            };
            let wires = lanes.iter().zip(&devices).map(wire).collect();
            runtime.spawn(collect(device.clone(), wires));
        }
        Ok(Network { nodes: made, lanes, _runtime: runtime })
    }

    /// A port of a node; 0: any that is free.
    pub fn socket(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(address(node)), port)
    }

    /// Does something on a node: sockets and processes that it makes are there for as long as they live.
    pub fn on<T: Send>(&self, node: usize, act: impl FnOnce() -> T + Send) -> T {
        self.nodes[node].enter(act)
    }

    /// Changes the weather of all that goes from one node to another, and counts anew.
    pub fn one_way(&self, from: usize, to: usize, weather: Weather) {
        locked(&self.lanes[from][to]).set(weather);
    }

    /// Changes the weather between two nodes.
    pub fn between(&self, a: usize, b: usize, weather: Weather) {
        self.one_way(a, b, weather);
        self.one_way(b, a, weather);
    }

    /// Changes the weather between a node and all others.
    pub fn around(&self, node: usize, weather: Weather) {
        (0..self.nodes.len()).for_each(|other| self.between(node, other, weather));
    }

    /// Changes the weather between all nodes.
    pub fn everywhere(&self, weather: Weather) {
        (0..self.nodes.len()).for_each(|node| self.around(node, weather));
    }

    /// What has gone from one node to another since the weather there last changed.
    pub fn traffic(&self, from: usize, to: usize) -> Traffic {
        locked(&self.lanes[from][to]).traffic()
    }
}

fn locked(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Node 0 is 10.0.0.1.
fn address(node: usize) -> Ipv4Addr {
    let last = node.try_into().ok().and_then(|node: u8| node.checked_add(1)).filter(|last| *last < 255);
    Ipv4Addr::new(10, 0, 0, last.expect("a network has 254 addresses"))
}

/// The node that a packet is for. None: IPv6, or for everybody.
fn destination(packet: &[u8]) -> Option<usize> {
    match packet {
        [version, ..] if version >> 4 != 4 => None,
        packet => match packet.get(16..20)? {
            [10, 0, 0, last] => usize::from(*last).checked_sub(1),
            _ => None,
        },
    }
}

/// Takes what leaves a node, until the network ends.
async fn collect(from: Arc<Tun>, wires: Vec<Wire>) {
    let mut packet = [0; MTU];
    while let Ok(length) = from.recv(&mut packet).await {
        let packet = &packet[..length];
        let Some(wire) = destination(packet).and_then(|node| wires.get(node)) else { continue };
        if let Some(due) = locked(&wire.lane).carry(clock::now()) {
            // Err: the queue is full.
            let _ = wire.queue.try_send((due, packet.to_vec()));
        }
    }
}

/// Brings packets to a node, in order and each when it is due.
async fn deliver(mut packets: mpsc::Receiver<(Instant, Vec<u8>)>, to: Arc<Tun>) {
    while let Some((due, packet)) = packets.recv().await {
        tokio::time::sleep_until(due.into()).await;
        // Err: the device takes no more, and the packet is lost.
        let _ = to.send(&packet).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_for_nodes_by_their_address() {
        let mut packet = [0_u8; 40];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&address(3).octets());
        assert_eq!(destination(&packet), Some(3));
        packet[16..20].copy_from_slice(&[224, 0, 0, 22]);
        assert_eq!(destination(&packet), None);
        packet[0] = 0x60;
        assert_eq!(destination(&packet), None);
        assert_eq!((destination(&[]), destination(&[0x45; 19])), (None, None));
    }
}
