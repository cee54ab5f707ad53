//! Clients at work, looked at for a while.

use std::thread;
use std::time::{Duration, Instant};

use facefleet_e2e::{Process, client};
use facefleet_service::clock;

use super::simulated;
use crate::{Error, cpu};

/// Clients have found the workers and keep them busy after this.
const WARM_UP: Duration = Duration::from_secs(3);

/// What was seen of one client.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Frames a second that workers answered.
    pub(super) frames_per_s: f64,
    /// None where the system does not tell.
    pub(super) cores: Option<Cores>,
}

/// Processor time, in cores.
#[derive(Clone, Copy)]
pub(super) struct Cores {
    /// The client itself.
    pub(super) client: f64,
    /// What the client has started, which is ffmpeg.
    pub(super) ffmpeg: f64,
    /// The process of the master and the workers.
    pub(super) cluster: f64,
}

/// Runs a client for each of `clients`, which are arguments, on a cluster of simulated workers, and looks at all of them
/// at once for so long when they are up to speed.
pub(super) fn watch(workers_ms: &[u32], clients: &[Vec<&str>], span: Duration) -> Result<Vec<Seen>, Error> {
    let (cluster, master) = simulated::start(workers_ms)?;
    let start = |args: &Vec<&str>| client(&[&["run", "--master", &master, "--json", "-"], &args[..]].concat());
    let mut clients = clients.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let from = clock::now() + WARM_UP;
    let cluster = cluster.id();
    thread::scope(|scope| {
        let watched = clients.iter_mut().map(|client| scope.spawn(move || watch_one(client, cluster, from, span)));
        let watched: Vec<_> = watched.collect();
        watched.into_iter().map(|thread| thread.join().expect("watching does not panic")).collect()
    })
}

/// How far a client is, at a moment.
struct Moment {
    at: Instant,
    answered: u32,
    /// Processor time of the client, of what the client has started, and of the cluster.
    used: Option<[Duration; 3]>,
}

fn watch_one(client: &mut Process, cluster: u32, from: Instant, span: Duration) -> Result<Seen, Error> {
    let id = client.id();
    let used = || Some([cpu::of_process(id)?, cpu::of_children(id)?, cpu::of_process(cluster)?]);
    let mut answered = 0;
    let mut first: Option<Moment> = None;
    let seen = client.wait_for("write lines for long enough", |line| {
        answered += u32::from(line.contains(r#""outcome":"ok""#));
        let at = clock::now();
        match &first {
            None if at >= from => first = Some(Moment { at, answered, used: used() }),
            Some(first) if at >= first.at + span => return Some(Moment { at, answered, used: used() }.since(first)),
            _ => {}
        }
        None
    })?;
    Ok(seen)
}

impl Moment {
    fn since(&self, before: &Moment) -> Seen {
        let seconds = (self.at - before.at).as_secs_f64();
        let cores = self.used.zip(before.used).map(|(now, before)| {
            let part = |which: usize| now[which].saturating_sub(before[which]).as_secs_f64() / seconds;
            Cores { client: part(0), ffmpeg: part(1), cluster: part(2) }
        });
        Seen { frames_per_s: f64::from(self.answered - before.answered) / seconds, cores }
    }
}
