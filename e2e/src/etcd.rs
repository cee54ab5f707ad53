//! The registry that several masters share.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use prerequisites::ETCD;
use tempfile::TempDir;

use crate::{Error, LOOPBACK, Process};

/// An etcd of one member, whose data is in a folder of its own.
#[derive(Debug)]
pub struct Etcd {
    /// The process, for signals.
    pub process: Process,
    /// Where masters reach it.
    pub address: SocketAddr,
    folder: TempDir,
}

impl Etcd {
    /// Starts an etcd on a free port of this machine and waits until it answers.
    ///
    /// # Errors
    /// etcd did not start.
    pub fn start() -> Result<Etcd, Error> {
        // etcd does not choose a port by itself. One that was free a moment ago is hardly taken.
        let free = TcpListener::bind(LOOPBACK).and_then(|listener| listener.local_addr());
        Etcd::start_at(free.map_err(cannot_start)?)
    }

    /// Starts an etcd at this address.
    ///
    /// # Errors
    /// etcd did not start.
    pub fn start_at(address: SocketAddr) -> Result<Etcd, Error> {
        let folder = tempfile::tempdir().map_err(cannot_start)?;
        let process = Etcd::process(address, folder.path())?;
        Ok(Etcd { process, address, folder })
    }

    /// Kills etcd and starts it again with nothing.
    ///
    /// # Errors
    /// etcd did not start.
    pub fn start_anew(&mut self) -> Result<(), Error> {
        self.process.kill();
        self.folder = tempfile::tempdir().map_err(cannot_start)?;
        self.process = Etcd::process(self.address, self.folder.path())?;
        Ok(())
    }

    /// Starts the process of an etcd at this address whose data is in this folder.
    ///
    /// # Errors
    /// etcd did not start.
    pub fn process(address: SocketAddr, folder: &Path) -> Result<Process, Error> {
        let clients = format!("http://{address}");
        // It asks for a way to other members even where there are none. This one is a socket in its folder.
        let members = "unix://members:1";
        let mut command = Command::new(ETCD.program);
        command.current_dir(folder).args(["--name", "one", "--data-dir", "data", "--logger", "zap"]);
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", members, "--initial-advertise-peer-urls", members]);
        command.args(["--initial-cluster", &format!("one={members}")]);
        let mut process = Process::start(ETCD.program, command)?;
        let serves = |line: &str| line.contains("serving client traffic").then_some(());
        process.wait_for_stderr("serve", serves)?;
        Ok(process)
    }

    /// What the masters that share this etcd are given as `--store`.
    pub fn store(&self) -> String {
        format!("etcd://{}", self.address)
    }
}

fn cannot_start(source: io::Error) -> Error {
    Error::Start { program: ETCD.program.to_owned(), source }
}
