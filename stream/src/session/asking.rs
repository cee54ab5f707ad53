//! What a stream makes of what the masters say, and what it tells them in the end.

use std::net::SocketAddr;
use std::time::Instant;

use facefleet_proto::{Route, TaskResult};

use super::Session;
use super::events::NoRoute;

impl Session {
    /// The question has an answer, or none will come.
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

    /// The answer is kept back until the stream is let in: so many wait, this one among them.
    pub fn waits(&mut self, streams: u32) {
        self.routing.kept_out();
        if self.links.is_empty() {
            let who = if streams == 1 { "1 stream waits".to_owned() } else { format!("{streams} streams wait") };
            self.say(format!("waiting for a free place on the cluster: {who}"));
        }
    }

    fn offered(&mut self, Route { candidates, lease: _, epoch }: Route, now: Instant) {
        if self.routing.answered(epoch, now) {
            self.workers.forget_ids();
        }
        let offered: Vec<SocketAddr> = candidates.iter().map(|candidate| candidate.address).collect();
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
        for address in offered {
            self.connect(address, now);
        }
    }

    /// While the master offers nobody, what it said last is all that is known, and a worker that was lost may well be back.
    pub(super) fn connect_to_known(&mut self, now: Instant) {
        if self.routing.is_left_alone() && self.links.len() < self.routing.wanted() {
            for address in self.workers.candidates().map(|c| c.address).collect::<Vec<_>>() {
                self.connect(address, now);
            }
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
