//! Routes: which workers a stream gets, once it is let in.

use std::sync::Arc;
use std::time::Instant;

use facefleet_cluster::admission::Place;
use facefleet_cluster::scheduler::{Candidacy, Reason, Scheduler};
use facefleet_proto::view::{Choice, Decision};
use facefleet_proto::{Route, RouteQuery, StreamLease, TaskResult};
use facefleet_service::clock;

use crate::members::{LOOK_EVERY, Members};
use crate::metrics::Events;
use crate::observed::Observed;
use crate::shared_scheduler::{Locked, SharedScheduler};
use crate::waiting::{NoPlace, Waiting};

/// Gives routes.
pub(crate) struct Routing {
    scheduler: SharedScheduler,
    waiting: Waiting,
    members: Arc<Members>,
    observed: Arc<Observed>,
    events: Arc<Events>,
}

impl Routing {
    pub(crate) fn new(
        scheduler: SharedScheduler,
        waiting: Waiting,
        members: Arc<Members>,
        observed: Arc<Observed>,
        events: Arc<Events>,
    ) -> Routing {
        Routing { scheduler, waiting, members, observed, events }
    }

    /// Waits until the stream is let in, and chooses its workers.
    pub(crate) async fn route(&self, query: &RouteQuery) -> Result<Route, NoPlace> {
        let Some(Place { stream, ttl, .. }) = self.waiting.place(query).await? else { return Ok(self.choose(query)) };
        let query = RouteQuery { lease: Some(stream), ..query.clone() };
        Ok(Route { lease: Some(StreamLease { id: stream, ttl }), ..self.choose(&query) })
    }

    /// Takes the result of a stream that has ended.
    pub(crate) fn submit(&self, result: &TaskResult) {
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        scheduler.submit(result, now);
    }

    fn choose(&self, query: &RouteQuery) -> Route {
        let begun = clock::now();
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let route = scheduler.route(query, now);
        let has_looked = scheduler.looked().is_some_and(|looked| now.saturating_duration_since(looked) <= LOOK_EVERY);
        if has_looked || !route.candidates.is_empty() {
            self.record(query, &route, begun, scheduler);
            return route;
        }
        drop(scheduler);
        // All workers may have fallen silent since the last look, as after this process was stopped for a while. A look walks
        // over all of them, so not everybody who finds nobody gets one: a client that has them all asks each second.
        self.members.look();
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let route = scheduler.route(query, now);
        self.record(query, &route, begun, scheduler);
        route
    }

    /// Counts the last route, which took from `begun` until now, and keeps the reason for it.
    fn record(&self, query: &RouteQuery, route: &Route, begun: Instant, scheduler: Locked<'_>) {
        let (decision, policy) = (decision(&scheduler), scheduler.policy());
        drop(scheduler);
        self.events.routed(policy, route.candidates.len(), clock::now().saturating_duration_since(begun));
        if let Some(decision) = decision {
            self.observed.decided(query, policy, decision);
        }
    }
}

/// The reason for the last route, as people are shown it; None: it has no worker.
fn decision(scheduler: &Scheduler) -> Option<Decision> {
    let choice = |Candidacy { id, in_flight, frame_ms, cores, answers_in_ms }: Candidacy| {
        let worker = scheduler.registry().get(id)?.join.identity.name.clone();
        Some(Choice { worker, in_flight, frame_ms, cores, answers_in_ms })
    };
    let Reason { chosen, next } = scheduler.reason()?;
    Some(Decision { frame: None, chosen: choice(chosen)?, next: next.and_then(choice) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::parts::Parts;
    use futures_util::FutureExt as _;
    use std::time::Duration;

    #[test]
    fn a_route_that_finds_nobody_looks_at_all_workers_only_if_nobody_has_of_late() {
        let parts = Parts::of(&Config::default());
        let looked = || parts.scheduler.lock().looked();
        let ask = || parts.forwarding.route(RouteQuery::default(), 0).now_or_never().unwrap().unwrap();
        ask();
        assert!(looked().is_some_and(|looked| looked <= clock::now()));
        // No moment is late after a look that is still to come.
        let to_come = clock::now() + Duration::from_secs(3600);
        parts.scheduler.lock().expire(to_come);
        ask();
        assert_eq!(looked(), Some(to_come));
    }
}
