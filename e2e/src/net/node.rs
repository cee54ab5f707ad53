//! One machine of the network: a namespace of its own, with one device in it.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::panic;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use tokio::runtime::Handle;
use tokio_tun::Tun;

/// All nodes are neighbours.
const NETMASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// Bytes of the greatest packet, as on Ethernet.
pub(super) const MTU: usize = 1500;

/// A network namespace. The kernel keeps it as long as this, or a process in it.
#[derive(Debug)]
pub(super) struct Node {
    namespace: File,
}

impl Node {
    /// Makes a namespace and the device that is its only way out: what is sent in it to anybody is read from the
    /// device, and what is written to the device comes in. The device goes when it is dropped.
    ///
    /// # Errors
    /// The kernel has no namespaces or no TUN devices, or we may not make any.
    pub(super) fn new(address: Ipv4Addr, runtime: &Handle) -> io::Result<(Node, Tun)> {
        // A namespace belongs to a thread: this one makes it, and ends.
        in_thread(|| {
            let _registers_the_device_with = runtime.enter();
            unshare(CloneFlags::CLONE_NEWNET)?;
            let namespace = File::open("/proc/thread-self/ns/net")?;
            let device = Tun::builder().name("wire").address(address).netmask(NETMASK).mtu(MTU as i32).up();
            let device = device.build().map_err(|error| match error {
                tokio_tun::Error::IoError(error) => error,
                tokio_tun::Error::NixError(error) => error.into(),
            })?;
            let device = device.into_iter().next().ok_or_else(|| io::Error::other("no device was made"))?;
            Ok((Node { namespace }, device))
        })
    }

    /// Does something in the namespace: sockets and processes that it makes are there for as long as they live.
    pub(super) fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        in_thread(|| {
            setns(&self.namespace, CloneFlags::CLONE_NEWNET).expect("whoever made a namespace may enter it");
            act()
        })
    }
}

/// Does something in a thread that is used for nothing else.
fn in_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    let outcome = thread::scope(|scope| scope.spawn(act).join());
    outcome.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}
