//! What must go on while nothing is wrong: streams, and the work of those who have time for it.

use std::time::Duration;

use super::client::{Client, SLOW_REPORT};
use super::invariants::{Audit, Lane};
use super::worker::{Habit, Worker};
use super::world::{At, World};

/// After a fault, waits may be as long as this.
const SETTLED_AFTER: Duration = Duration::from_secs(6);
const JOINED_IS_USED_AFTER: Duration = Duration::from_secs(2);
/// A live stream has a frame done this often, where a worker has time for it.
const LIVE_OK_WITHIN: Duration = Duration::from_secs(1);
/// A worker that takes no longer for a frame is fast: it has credit for several frames a thread, and is not left out,
/// however fast the others are.
const FAST: Duration = Duration::from_millis(40);
/// Frames that a fast worker holds at least for each of its threads: one in work and one at hand.
const AT_HAND: u32 = 2;

impl World {
    /// Since when nothing has been wrong; None: something is.
    fn calm_since(&self) -> Option<At> {
        let is_calm = self.is_calm() && self.net.normal_loss == 0;
        let since = self.disturbed.map_or(At::ZERO, |at| at + SETTLED_AFTER);
        (is_calm && since <= self.now).then_some(since)
    }

    /// Whether the worker at the other end of this link is the one that the stream takes it for, and does its work.
    fn is_well(&self, lane: &Lane) -> bool {
        let worker = &self.workers[Worker::slot_of(lane.address)];
        let is_same = lane.up.as_ref().is_some_and(|up| up.life.1 == worker.generation);
        is_same && worker.is_up && !worker.is_draining && worker.habit == Habit::Honest
    }

    /// A worker joined two seconds ago. If the world has been calm, every file that could do with it uses it: a camera, or
    /// a report that takes its time, may be content with those that were there.
    pub(super) fn check_that_it_is_used(&mut self, slot: usize, life: u32, since: At) {
        let worker = &self.workers[slot];
        let is_here = worker.is_up && worker.life == life && !worker.is_draining && worker.habit == Habit::Honest;
        if !is_here || self.calm_since().is_none_or(|calm| calm >= since) {
            return;
        }
        for client in &self.clients {
            let audit = &client.audit;
            let is_hungry = client.max_age.is_none() && client.report_time < SLOW_REPORT;
            let wants = is_hungry
                && client.started < since
                && !client.is_done
                && audit.last_send > since + JOINED_IS_USED_AFTER;
            let address = Worker::address(slot);
            let had_room = audit.lanes.len() < audit.wanted && audit.full_at.is_none_or(|at| at < since);
            let has_room = had_room || audit.lanes.values().any(|lane| lane.address == address);
            if !wants || !has_room || audit.lost_at.contains_key(&address) {
                continue;
            }
            self.tally.newcomers += 1;
            let used = audit.used.contains(&(slot, worker.generation));
            assert!(used, "{:?}: w{slot} joined at {since:?}, and a stream that has work does not use it", self.now);
        }
    }

    /// Looks at a live stream: where a worker has a thread for each stream, and is fast enough for the age of its frames,
    /// one of them is done every now and then.
    pub(super) fn check_that_it_goes_on(&mut self, number: usize) {
        let client = &self.clients[number];
        let (Some(max_age), Some(calm)) = (client.max_age, self.calm_since()) else { return };
        if client.is_done || client.stopped_at.is_some() || client.source.given == client.source.frames {
            return;
        }
        let has_time = |lane: &&Lane| {
            let up = lane.up.as_ref().filter(|up| up.threads as usize >= self.clients.len());
            up.is_some_and(|up| up.service * 3 <= max_age) && self.is_well(lane)
        };
        let ups = client.audit.lanes.values().filter(has_time).filter_map(|lane| lane.up.as_ref());
        let Some(up) = ups.min_by_key(|up| up.since) else { return };
        let since = calm.max(client.started).max(up.since);
        self.tally.goes_on += u64::from(self.now > since + LIVE_OK_WITHIN);
        let waits = self.now.saturating_sub(since.max(client.audit.last_ok));
        assert!(waits <= LIVE_OK_WITHIN, "{:?}: c{number} is live, has {up:?}, and no frame for {waits:?}", self.now);
    }

    /// A stream waits. If it is the only one, and a frame of its file is there to be sent, then every fast worker has work
    /// for now and more at hand.
    pub(super) fn check_that_workers_are_busy(&mut self, number: usize) {
        let Client { session, audit, max_age: None, .. } = &self.clients[number] else { return };
        if self.clients.len() > 1 || self.calm_since().is_none() || audit.next(session, false).is_none() {
            return;
        }
        let mut looked_at = 0;
        for lane in audit.lanes.values().filter(|lane| lane.is_measured && self.is_well(lane)) {
            let Some(up) = lane.up.as_ref().filter(|up| up.service <= FAST) else { continue };
            looked_at += 1;
            let is_busy = lane.held.len() >= (up.threads * AT_HAND) as usize || audit.has_suspect(lane);
            assert!(is_busy, "{:?}: a frame waits, and {up:?} has {:?} alone", self.now, lane.held);
        }
        self.tally.is_busy += looked_at;
    }

    /// When every stream has ended at the latest: the slowest worker does all of the work when there is peace.
    pub(super) fn bound(&self) -> At {
        let slowest = self.workers.iter().map(|worker| worker.service / worker.threads).max();
        let all: u64 = self.clients.iter().map(|client| client.source.frames).sum();
        let all = u32::try_from(all).expect("few");
        let reading =
            self.clients.iter().map(|client| client.source.every + client.report_time).sum::<Duration>() * all;
        self.peace + Duration::from_secs(60) + slowest.unwrap_or_default() * all * 2 + reading
    }

    /// The streams that have not ended, and the frame that each waits for.
    pub(super) fn unfinished(&self) -> String {
        let waiting = self.clients.iter().enumerate().filter(|(_, client)| !client.is_done);
        let state = |(number, client): (usize, &Client)| {
            let Audit { lanes, trails, .. } = &client.audit;
            format!("c{number} with {lanes:?} waits for {:?}; ", trails.first_key_value())
        };
        waiting.map(state).collect()
    }
}
