//! One machine of the network: a namespace of its own, with one device in it.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::panic;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use tokio::runtime::Handle;
use tokio_tun::Tun;

use super::cable::Cable;

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
    /// The kernel has no namespaces or no such devices, or we may not make any.
    pub(super) fn new(cable: Cable, address: Ipv4Addr, runtime: &Handle) -> io::Result<(Node, Tun)> {
        // A namespace belongs to a thread: this one makes it, and ends.
        in_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let namespace = File::open("/proc/thread-self/ns/net")?;
            Ok((Node { namespace }, cable.device("wire", address, runtime)?))
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
