//! The processes that take part in a soak.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};

use facefleet_e2e::asset;

use crate::error::Error;

/// How often the clip is repeated for a client that is to go on to the end: 10 s each at its own speed, and days of it in
/// a list of a few hundred kilobytes.
const REPEATS: usize = 20_000;

/// Ports that Linux gives to nobody by itself, so that whoever comes back finds its own still free.
const PORTS: Range<u16> = 20_000..30_000;

/// What a process is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// The registry that several masters share.
    Etcd,
    Master {
        /// The number of the master, from 0.
        number: usize,
        /// Whether the master is left alone for most of the time, so that there is a long life to look at.
        steady: bool,
    },
    Worker {
        /// Whether the worker is never ended.
        steady: bool,
    },
    Client {
        /// Whether the client is never ended.
        steady: bool,
        input: Input,
        /// The flags beside input, master and summary. The files that they name are in the folder that the client runs in.
        args: &'static [&'static str],
    },
}

impl Role {
    /// How many connections it may have more at one time than at another, where there are so many masters. Whoever leaves
    /// one of several comes to the others: six workers, four clients, and the masters themselves.
    pub(crate) fn connections(&self, masters: usize) -> f64 {
        match self {
            Role::Etcd | Role::Master { .. } if masters > 1 => 12.0,
            Role::Etcd | Role::Master { .. } | Role::Worker { .. } | Role::Client { .. } => 2.0,
        }
    }

    /// When it ends, as a person would do it: clients, workers, masters, etcd.
    pub(crate) fn turn_to_end(&self) -> usize {
        match self {
            Role::Client { .. } => 0,
            Role::Worker { .. } => 1,
            Role::Master { .. } => 2,
            Role::Etcd => 3,
        }
    }
}

/// What a client looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// Ten seconds of video.
    Clip,
    /// The clip again and again, without end.
    Endless,
}

/// The clients, and their names.
const CLIENTS: [(&str, Role); 6] = [
    ("file, endless", Role::Client { steady: true, input: Input::Endless, args: &[] }),
    ("live, endless", Role::Client { steady: true, input: Input::Endless, args: &["--live"] }),
    ("file", Role::Client { steady: false, input: Input::Clip, args: &["--json", "file.jsonl"] }),
    ("file, annotated", Role::Client { steady: false, input: Input::Clip, args: &["--annotate", "annotated.mp4"] }),
    ("live", Role::Client { steady: false, input: Input::Clip, args: &["--live"] }),
    (
        "live, first, yunet",
        Role::Client { steady: false, input: Input::Clip, args: &["--live", "--priority", "1", "--detector", "yunet"] },
    ),
];

/// Everybody, by name, in the order in which they start: whoever is asked before those who ask. Several masters have an etcd,
/// more workers and, since all that takes the processor too, fewer clients.
pub(crate) fn cast(masters: usize) -> Vec<(String, Role)> {
    let several = masters > 1;
    let (workers, clients) = if several { (6, &CLIENTS[..4]) } else { (4, &CLIENTS[..]) };
    let mut cast = Vec::new();
    cast.extend(several.then(|| ("etcd".to_owned(), Role::Etcd)));
    cast.extend((0..masters).map(|number| {
        let name = if several { format!("master-{}", number + 1) } else { "master".to_owned() };
        (name, Role::Master { number, steady: number == 0 })
    }));
    cast.extend((1..=workers).map(|n| (format!("worker-{n}"), Role::Worker { steady: n == 1 })));
    cast.extend(clients.iter().map(|(name, role)| ((*name).to_owned(), *role)));
    cast
}

/// The folder that the clients run in, with their inputs, and where everybody is found.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) masters: Vec<SocketAddr>,
    /// None: there is one master, which keeps its registry to itself.
    pub(crate) etcd: Option<SocketAddr>,
}

impl Stage {
    pub(crate) fn new(masters: usize) -> Result<Stage, Error> {
        let folder = tempfile::tempdir().map_err(Error::file("the temporary folder".as_ref()))?;
        let mut ports = free_ports(masters + 1)?;
        let etcd = ports.pop().filter(|_| masters > 1);
        let stage = Stage { folder, masters: ports, etcd };
        let clip = stage.input(Input::Clip);
        fs::copy(asset("demo.mp4"), &clip).map_err(Error::file(&clip))?;
        // ffmpeg's list of files, read one after the other; names are those of its own folder.
        let list = format!("ffconcat version 1.0\n{}", "file clip.mp4\n".repeat(REPEATS));
        let endless = stage.input(Input::Endless);
        fs::write(&endless, list).map_err(Error::file(&endless))?;
        let data = stage.etcd_data();
        fs::create_dir(&data).map_err(Error::file(&data))?;
        Ok(stage)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What etcd knows.
    pub(crate) fn etcd_data(&self) -> PathBuf {
        self.path().join("etcd")
    }

    /// The list of masters, as workers and clients are told it.
    pub(crate) fn master_list(&self) -> String {
        self.masters.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",")
    }

    /// The file of an input.
    pub(crate) fn input(&self, input: Input) -> PathBuf {
        self.path().join(match input {
            Input::Clip => "clip.mp4",
            Input::Endless => "endless.ffconcat",
        })
    }
}

fn free_ports(count: usize) -> Result<Vec<SocketAddr>, Error> {
    let all = PORTS.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let free: Vec<SocketAddr> = all.filter(|address| TcpListener::bind(address).is_ok()).take(count).collect();
    if free.len() < count { Err(Error::NoPort { least: PORTS.start, most: PORTS.end }) } else { Ok(free) }
}
