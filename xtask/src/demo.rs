//! `cargo xtask demo`: a whole cluster on this machine, one process each, and the client's run on a video.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::error::Error;
use crate::process::Running;
use crate::service::{Service, joined, listening_on, page_on};
use crate::wait::Stop;
use crate::{cargo, setup};

/// The video where none is named.
pub(crate) const DEFAULT_VIDEO: &str = "assets/demo.mp4";
/// Where everything goes that the demo writes.
const OUT: &str = "demo-out";
/// Where people look for a page.
const PAGE_PORT: u16 = 8080;
/// Workers that share the video.
const WORKERS: usize = 3;

/// Runs the demo on `video`, which may be anything that ffmpeg reads.
///
/// # Errors
/// Whatever failed first. In every case no process is left behind.
pub(crate) fn run(video: &str, stop: &Stop) -> Result<(), Error> {
    let programs = Programs::build(stop)?;
    let out = Outputs::prepare(Path::new(OUT))?;
    let mut cluster = Cluster::start(&programs, &out.logs, None, stop)?;
    println!("while it runs, look at {}", cluster.page);
    let mut client = cluster.client(&programs, video);
    client.arg("--annotate").arg(&out.video).arg("--json").arg(&out.faces);
    cluster.work(&mut client, stop)?;
    drop(cluster);

    for (what, path) in [("annotated video", &out.video), ("faces, one line a frame", &out.faces)] {
        if !path.is_file() {
            return Err(Error::NoOutput(path.clone()));
        }
        println!("{what}: {}", path.display());
    }
    Ok(())
}

/// Plays `video` as a camera would, again and again, until the user asks to stop.
///
/// # Errors
/// The same errors as [`run`] gives.
pub(crate) fn watch(video: &str, stop: &Stop) -> Result<(), Error> {
    let programs = Programs::build(stop)?;
    let logs = Outputs::prepare(Path::new(OUT))?.logs;
    let token = token();
    let mut cluster = Cluster::start(&programs, &logs, Some(&token), stop)?;
    println!("look at {} (admin token: {token}); Ctrl-C ends it", cluster.page);
    loop {
        let mut client = cluster.client(&programs, video);
        client.args(["--live", "--log", "warn"]);
        match cluster.work(&mut client, stop) {
            Err(Error::Interrupted) => return Ok(()),
            played => played?,
        }
    }
}

/// A token that nobody knows: the standard library seeds the hasher of its maps with what the system has of chance.
fn token() -> String {
    let half = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", half(), half())
}

/// Our three programs.
struct Programs {
    master: PathBuf,
    worker: PathBuf,
    client: PathBuf,
}

impl Programs {
    fn build(stop: &Stop) -> Result<Programs, Error> {
        setup::ffmpeg(stop)?;
        println!("building facefleet");
        let [master, worker, client] = cargo::build_quick(cargo::PROGRAMS, stop)?;
        Ok(Programs { master, worker, client })
    }
}

/// A command that starts one of our programs, without what files of this machine say.
fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.env("FACEFLEET_CONFIG", "");
    command
}

/// The files of one run.
struct Outputs {
    video: PathBuf,
    faces: PathBuf,
    logs: PathBuf,
}

impl Outputs {
    /// Makes room: what an earlier run wrote must not pass for this one's.
    fn prepare(folder: &Path) -> Result<Outputs, Error> {
        let out = Outputs {
            video: folder.join("annotated.mp4"),
            faces: folder.join("faces.jsonl"),
            logs: folder.join("logs"),
        };
        fs::create_dir_all(&out.logs).map_err(Error::file(&out.logs))?;
        for old in [&out.video, &out.faces] {
            if old.exists() {
                fs::remove_file(old).map_err(Error::file(old))?;
            }
        }
        Ok(out)
    }
}

/// A master and its workers. The workers are dropped first, so that they can still say goodbye.
struct Cluster {
    workers: Vec<Service>,
    master: Service,
    /// Where the master listens.
    address: String,
    /// Where it shows the cluster.
    page: String,
}

impl Cluster {
    fn start(programs: &Programs, logs: &Path, admin_token: Option<&str>, stop: &Stop) -> Result<Cluster, Error> {
        println!("starting one master and {WORKERS} workers; their logs go to {}", logs.display());
        // Another program may have it, and may even come before the master does: then the demo says so.
        let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, PAGE_PORT)).is_ok();
        let mut command = program(&programs.master);
        command.args(["--listen", "127.0.0.1:0"]);
        command.arg("--http").arg(format!("127.0.0.1:{}", if is_free { PAGE_PORT } else { 0 }));
        command.envs(admin_token.map(|token| ("FACEFLEET_ADMIN_TOKEN", token)));
        let mut master = Service::start("master", &mut command, logs)?;
        let address = master.wait_for(listening_on, stop)?.to_string();
        let page = master.wait_for(page_on, stop)?;
        // Together the workers use the machine's cores once.
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / WORKERS).max(1).to_string();
        let mut cluster = Cluster { workers: Vec::new(), master, address, page };
        for number in 1..=WORKERS {
            let name = format!("demo-{number}");
            let mut command = program(&programs.worker);
            command.args(["--master", &cluster.address, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
            command.args(["--name", &name, "--threads", &threads]);
            cluster.workers.push(Service::start(&name, &mut command, logs)?);
        }
        for worker in &mut cluster.workers {
            worker.wait_for(joined, stop)?;
        }
        Ok(cluster)
    }

    /// A client that sends `video` to all workers.
    fn client(&self, programs: &Programs, video: &str) -> Command {
        let mut command = program(&programs.client);
        command.arg("run").arg(video).args(["--master", &self.address, "--workers", &WORKERS.to_string()]);
        command
    }

    /// Runs `client` to its end.
    fn work(&mut self, client: &mut Command, stop: &Stop) -> Result<(), Error> {
        let ran = Running::start("the client", client)?.wait(|| {
            stop.check()?;
            self.check()
        });
        if ran.is_err() {
            self.show_logs_of_the_dead();
        }
        ran
    }

    /// Nothing can come of a run without a worker. A master or a worker that dies must not end it: that is the point
    /// of having several, and anybody may kill one to see it.
    fn check(&mut self) -> Result<(), Error> {
        let mut dead = None;
        for worker in &mut self.workers {
            match worker.died()? {
                Some(error) => dead = Some(error),
                None => return Ok(()),
            }
        }
        dead.map_or(Ok(()), Err)
    }

    fn show_logs_of_the_dead(&mut self) {
        for service in self.workers.iter_mut().chain([&mut self.master]) {
            if let Ok(Some(_)) = service.died() {
                service.show_log();
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All at once; the waiting comes as each is dropped.
        for worker in &self.workers {
            worker.ask_to_stop();
        }
    }
}
