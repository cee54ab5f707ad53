//! A worker of ours with a detector that takes its time, and nobody else's: the processor is free meanwhile.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use facefleet_e2e::LOOPBACK;
use facefleet_worker::{Config, Device, SimulatedDevice};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A worker inside the test. Dropping it ends it.
pub(crate) struct SlowWorker {
    _runtime: Runtime,
}

impl SlowWorker {
    /// Starts a worker of one thread that keeps each frame for `frame_time`, and waits until it has joined.
    pub(crate) fn start(frame_time: Duration, master: SocketAddr) -> SlowWorker {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind(LOOPBACK)).unwrap();
        let (sender, joined) = mpsc::channel();
        let sender = Mutex::new(sender);
        let config = Config {
            device: Device::Simulated(SimulatedDevice { frame_time, jitter: 0.0, seed: 0 }),
            on_join: Arc::new(move |_, _| {
                // Err: it joins again, and nobody waits any more.
                let _ = sender.lock().unwrap().send(());
            }),
            ..Config::new(master, NonZeroUsize::MIN)
        };
        runtime.spawn(facefleet_worker::run(listener, config, std::future::pending()));
        joined.recv().expect("it tries until it has joined");
        SlowWorker { _runtime: runtime }
    }
}
