//! What a session makes of the masters' answers, and what it tells them when it has ended.

use std::net::SocketAddr;
use std::time::Instant;

use facefleet_proto::{Route, TaskResult};

use super::events::NoRoute;
use super::state::Session;

impl Session {
    /// The question to the masters has its answer, or none will come.
    pub fn routed(&mut self, route: Result<Route, NoRoute>, now: Instant) {
        match route {
            Ok(route) => self.offered(route, now),
            Err(NoRoute::Later { why, after }) => {
                self.routing.refused(after, now);
                if self.links.is_empty() {
                    self.say(format!("{why}; asking again in {:.0} s", after.as_secs_f32().ceil()));
                }
            }
            Err(NoRoute::Away(reason)) => {
                self.routing.failed(now);
                if self.links.is_empty() {
                    self.say(format!("waiting for the master at {}: {reason}", self.spec.masters));
                }
                self.connect_to_known(now);
            }
        }
        self.settle(now);
    }

    /// The masters keep their answer back until the stream is let in. So many wait, this one among them.
    pub fn queued(&mut self, streams: u32) {
        self.routing.kept_out();
        if self.links.is_empty() {
            let who = if streams == 1 { "1 stream waits".to_owned() } else { format!("{streams} streams wait") };
            self.say(format!("waiting for a free place on the cluster: {who}"));
        }
    }

    fn offered(&mut self, Route { candidates, lease: _, epoch }: Route, now: Instant) {
        if self.routing.answered(epoch, now) {
            // Ids of another life of the master may be given to other workers by this one.
            self.workers.forget_ids();
            self.links.values_mut().for_each(|link| link.candidate.id = None);
        }
        let mut offered: Vec<SocketAddr> = candidates.iter().map(|candidate| candidate.address).collect();
        let none_known = self.workers.candidates().next().is_none();
        candidates.into_iter().for_each(|candidate| self.workers.offered(candidate));
        let linked = self.linked();
        self.workers.keep(&offered, |address| linked.contains(&address));
        // Of workers that have just been lost the stream has spoken already.
        if offered.is_empty() && none_known {
            // Whether there is no worker at all, or none with the detector, the master does not say.
            let detector = self.routing.detector();
            let why = detector.map_or_else(String::new, |name| format!(": no worker has the detector `{name}`"));
            self.say(format!("waiting for a worker to join the master at {}{why}", self.spec.masters));
        }
        // A worker that takes frames and answers none has time for more, and a master that knows no better offers it first.
        offered.sort_by_key(|address| self.workers.is_unproved(*address));
        for address in offered {
            self.connect(address, now);
        }
    }

    /// What the masters are to know when the stream has ended: first of all that its place is free, then what the workers
    /// took for its frames that it used to the end.
    pub fn results(&self) -> Vec<TaskResult> {
        let epoch = self.routing.epoch();
        let end = TaskResult { lease: self.spec.query.lease, epoch, ..TaskResult::default() };
        let costs = self.links.iter().filter_map(|(id, link)| {
            let name: &str = link.name.as_deref()?;
            let answered = self.ledger.counts().workers.get(name)?.answered;
            Some(TaskResult {
                worker: Some(link.candidate.id?),
                frame_time: Some(self.dispatch.frame_time(*id)?),
                frames: u32::try_from(answered).unwrap_or(u32::MAX),
                lease: None,
                epoch,
            })
        });
        std::iter::once(end).chain(costs).collect()
    }
}
