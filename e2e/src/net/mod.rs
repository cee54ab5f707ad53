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
//!
//! A router carries nothing that is for everybody. Where that is needed the cables are Ethernet ([`Cable`]), TAP devices are
//! in place of TUN, and this process is a switch.

mod cable;
mod lane;
mod node;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use facefleet_service::clock;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_tun::Tun;

pub use cable::Cable;
use cable::{MAX_FRAME_BYTES, To};
use lane::Lane;
pub use lane::{Traffic, Weather};
use node::Node;

/// Packets on their way from one node to another. More are lost, as in any router.
const MOST_PACKETS: usize = 4096;

/// A network. Dropping it takes the cables away.
#[derive(Debug)]
pub struct Network {
    nodes: Vec<Node>,
    /// `[from][to]`.
    lanes: Vec<Vec<Arc<Mutex<Lane>>>>,
    /// Carries the packets.
    runtime: Runtime,
}

/// A device that leads nowhere, and what was sent there.
#[derive(Clone, Debug, Default)]
pub struct DeadEnd {
    datagrams_for_all: Arc<AtomicU64>,
}

impl DeadEnd {
    /// How many UDP packets were sent there to a multicast address.
    pub fn datagrams_for_all(&self) -> u64 {
        self.datagrams_for_all.load(Ordering::Relaxed)
    }

    async fn count(self, device: Tun) {
        let mut frame = [0; MAX_FRAME_BYTES];
        while let Ok(length) = device.recv(&mut frame).await {
            if cable::is_datagram_for_all(&frame[..length]) {
                self.datagrams_for_all.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
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
        Network::with(Cable::Ip, nodes, seed)
    }

    /// Makes a network with cables of this kind between its nodes.
    ///
    /// # Errors
    /// For the reasons of [`Network::new`].
    ///
    /// # Panics
    /// For the reasons of [`Network::new`].
    pub fn with(cable: Cable, nodes: usize, seed: u64) -> io::Result<Network> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let made =
            (0..nodes).map(|node| Node::new(cable, address(node), runtime.handle())).collect::<io::Result<Vec<_>>>()?;
        let (made, devices): (Vec<Node>, Vec<Tun>) = made.into_iter().unzip();
        let devices: Vec<Arc<Tun>> = devices.into_iter().map(Arc::new).collect();

        let mut seeds = fastrand::Rng::with_seed(seed);
        let mut lane = |_| Arc::new(Mutex::new(Lane::new(seeds.u64(..))));
        let lanes: Vec<Vec<_>> = (0..nodes).map(|_| (0..nodes).map(&mut lane).collect()).collect();
        for (device, lanes) in devices.iter().zip(&lanes) {
            let wire = |(lane, to): (&Arc<Mutex<Lane>>, &Arc<Tun>)| {
                if Arc::ptr_eq(device, to) {
                    return None;
                }
                let (queue, packets) = mpsc::channel(MOST_PACKETS);
                runtime.spawn(deliver(packets, to.clone()));
                Some(Wire { lane: lane.clone(), queue })
            };
            let wires = lanes.iter().zip(&devices).map(wire).collect();
            runtime.spawn(collect(device.clone(), cable, wires));
        }
        Ok(Network { nodes: made, lanes, runtime })
    }

    /// A port of a node; 0: any that is free.
    pub fn socket(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(address(node)), port)
    }

    /// Does something on a node: sockets and processes that it makes are there for as long as they live.
    pub fn on<T: Send>(&self, node: usize, act: impl FnOnce() -> T + Send) -> T {
        self.nodes[node].enter(act)
    }

    /// Gives a node one more Ethernet device, which leads nowhere, as one does that is for containers.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn add_dead_end(&self, node: usize, name: &str, address: Ipv4Addr) -> io::Result<DeadEnd> {
        let device = self.nodes[node].enter(|| Cable::Ethernet.device(name, address, self.runtime.handle()))?;
        let end = DeadEnd::default();
        self.runtime.spawn(end.clone().count(device));
        Ok(end)
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

/// Takes what leaves a node, until the network ends.
async fn collect(from: Arc<Tun>, cable: Cable, wires: Vec<Option<Wire>>) {
    let mut packet = [0; MAX_FRAME_BYTES];
    while let Ok(length) = from.recv(&mut packet).await {
        let packet = &packet[..length];
        let to = cable.destination(packet);
        let wires = wires.iter().enumerate().filter(|(node, _)| to == To::All || to == To::One(*node));
        for wire in wires.filter_map(|(_, wire)| wire.as_ref()) {
            if let Some(due) = locked(&wire.lane).carry(clock::now()) {
                // Err: the queue is full.
                let _ = wire.queue.try_send((due, packet.to_vec()));
            }
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
