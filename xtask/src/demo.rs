//! `cargo xtask demo`: a whole cluster on this machine, one process each, and the client's run on a video.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::error::Error;
use crate::process::Running;
use crate::service::{Service, joined, listening_on};
use crate::wait::Stop;
use crate::{cargo, setup};

/// The video where none is named.
pub(crate) const DEFAULT_VIDEO: &str = "assets/demo.mp4";
/// Where everything goes that the demo writes.
const OUT: &str = "demo-out";
/// Workers that share the video.
const WORKERS: usize = 3;

/// Runs the demo on `video`, which may be anything that ffmpeg reads.
///
/// # Errors
/// Whatever failed first. In every case no process is left behind.
pub(crate) fn run(video: &str, stop: &Stop) -> Result<(), Error> {
    setup::ffmpeg(stop)?;
    println!("building facefleet");
    let [master, worker, client] =
        cargo::build_quick(["facefleet-master", "facefleet-worker", "facefleet-client"], stop)?;
    let out = Outputs::prepare(Path::new(OUT))?;

    println!("starting one master and {WORKERS} workers; their logs go to {}", out.logs.display());
    let mut cluster = Cluster::start(&master, &worker, &out.logs, stop)?;
    let mut command = program(&client);
    command.arg("run").arg(video).args(["--master", &cluster.address, "--workers", &WORKERS.to_string()]);
    command.arg("--annotate").arg(&out.video).arg("--json").arg(&out.faces);
    let ran = Running::start("the client", &mut command)?.wait(|| {
        stop.check()?;
        cluster.check()
    });
    if ran.is_err() {
        cluster.show_logs_of_the_dead();
    }
    ran?;
    drop(cluster);

    for (what, path) in [("annotated video", &out.video), ("faces, one line a frame", &out.faces)] {
        if !path.is_file() {
            return Err(Error::NoOutput(path.clone()));
        }
        println!("{what}: {}", path.display());
    }
    Ok(())
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
}

impl Cluster {
    fn start(master: &Path, worker: &Path, logs: &Path, stop: &Stop) -> Result<Cluster, Error> {
        let mut command = program(master);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut master = Service::start("master", &mut command, logs)?;
        let address = master.wait_for(listening_on, stop)?.to_string();
        // Together the workers use the machine's cores once.
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / WORKERS).max(1).to_string();
        let mut cluster = Cluster { workers: Vec::new(), master, address };
        for number in 1..=WORKERS {
            let name = format!("demo-{number}");
            let mut command = program(worker);
            command.args(["--master", &cluster.address, "--listen", "127.0.0.1:0"]);
            command.args(["--name", &name, "--threads", &threads]);
            cluster.workers.push(Service::start(&name, &mut command, logs)?);
        }
        for worker in &mut cluster.workers {
            worker.wait_for(joined, stop)?;
        }
        Ok(cluster)
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
