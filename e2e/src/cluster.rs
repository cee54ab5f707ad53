//! A master and its workers.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::Command;

use crate::{Error, Process, Program};

/// Any free port of this machine, for nobody else.
pub const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// An address of this machine that is free, and stays free while nobody listens there, for who starts again. The system gives who
/// asks for any port one from 32768 (Linux) or 49152 up, so nobody gets this one by chance.
///
/// # Panics
/// All ports that were tried are taken.
pub fn lasting_address() -> SocketAddr {
    let mut candidates = std::iter::repeat_with(|| SocketAddr::new(LOOPBACK.ip(), fastrand::u16(20_000..32_000)));
    let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    candidates.by_ref().take(100).find(is_free).expect("one of a hundred ports is free")
}

/// A master, or a worker, that listens.
#[derive(Debug)]
pub struct Service {
    /// The process, for signals and for what it prints.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Service {
    /// Starts a master and waits until it listens.
    ///
    /// # Errors
    /// The program did not start, or ended at once.
    pub fn master(listen: SocketAddr) -> Result<Service, Error> {
        Service::master_with(listen, &[])
    }

    /// Starts a master with these flags as well, and waits until it listens.
    ///
    /// # Errors
    /// The program did not start, or ended at once.
    pub fn master_with(listen: SocketAddr, args: &[&str]) -> Result<Service, Error> {
        let mut command = Program::Master.command()?;
        command.args(["--listen", &listen.to_string()]).args(args);
        Service::start("master", command)
    }

    /// Starts a worker of one thread and waits until it listens. It joins by itself, whenever one of its masters
    /// (`a:1,b:2`) is there.
    ///
    /// # Errors
    /// The program did not start, or ended at once.
    pub fn worker(name: &str, masters: impl Display) -> Result<Service, Error> {
        Service::worker_at(LOOPBACK, name, masters)
    }

    /// Starts a worker of one thread at an address that other machines can reach, and waits until it listens.
    ///
    /// # Errors
    /// The program did not start, or ended at once.
    pub fn worker_at(listen: SocketAddr, name: &str, masters: impl Display) -> Result<Service, Error> {
        Service::worker_with(listen, name, masters, &[])
    }

    /// Starts a worker of one thread with these flags as well, and waits until it listens.
    ///
    /// # Errors
    /// The program did not start, or ended at once.
    pub fn worker_with(listen: SocketAddr, name: &str, masters: impl Display, args: &[&str]) -> Result<Service, Error> {
        let mut command = Program::Worker.command()?;
        command.args(["--listen", &listen.to_string(), "--master", &masters.to_string()]);
        command.args(["--name", name, "--threads", "1"]).args(args);
        Service::start(name, command)
    }

    fn start(name: &str, command: Command) -> Result<Service, Error> {
        let mut process = Process::start(name, command)?;
        let listening = |line: &str| line.strip_prefix("listening on ")?.parse().ok();
        let address = process.wait_for("say where it listens", listening)?;
        Ok(Service { process, address })
    }

    /// Waits until a worker has joined (again) and returns its id.
    ///
    /// # Errors
    /// The worker did not join in time.
    pub fn joined(&mut self) -> Result<u32, Error> {
        let joined = |line: &str| line.strip_prefix("joined ")?.rsplit_once(" as worker ")?.1.parse().ok();
        self.process.wait_for("join the master", joined)
    }
}

/// A master and its workers, all joined.
#[derive(Debug)]
pub struct Cluster {
    /// The workers, `worker-1` first.
    pub workers: Vec<Service>,
    /// The master.
    pub master: Service,
}

impl Cluster {
    /// Starts a master and `workers` workers of one thread each, and waits until all have joined.
    ///
    /// # Errors
    /// One of them did not start or join.
    pub fn start(workers: usize) -> Result<Cluster, Error> {
        let master = Service::master(LOOPBACK)?;
        let start = |number| Service::worker(&format!("worker-{number}"), master.address);
        let mut workers = (1..=workers).map(start).collect::<Result<Vec<_>, _>>()?;
        for worker in &mut workers {
            worker.joined()?;
        }
        Ok(Cluster { workers, master })
    }

    /// A client that runs `args` on this cluster.
    ///
    /// # Errors
    /// The program did not start, or ended at once.
    pub fn run(&self, args: &[&str]) -> Result<Process, Error> {
        let master = self.master.address.to_string();
        client(&[&["run", "--master", &master], args].concat())
    }
}

/// Starts a client.
///
/// # Errors
/// The program did not start, or ended at once.
pub fn client(args: &[&str]) -> Result<Process, Error> {
    let mut command = Program::Client.command()?;
    command.args(args);
    Process::start("client", command)
}
