//! The master that the worker talks to, and when it looks for others.

use std::time::{Duration, Instant};

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::{discovery, grpc};
use tonic::transport::Channel;

/// How long no master may answer before the worker looks for others on the network, and the time between two such searches.
const LOST_FOR_LONG: Duration = Duration::from_secs(10);

/// The master that the worker talks to, one of several.
pub(crate) struct Contact {
    masters: HostPorts,
    /// How many masters were turned to before this one.
    turn: usize,
    /// How many masters in a row were left, up to this one, because they were cut off from the shared registry.
    pub(crate) cut_off: u32,
    pub(crate) master: HostPort,
    pub(crate) client: MasterClient<Channel>,
}

impl Contact {
    /// Starts with the first of `masters`.
    pub(crate) fn first(masters: HostPorts) -> Contact {
        Contact::at(masters, 0)
    }

    fn at(masters: HostPorts, turn: usize) -> Contact {
        let master = masters.at(turn).clone();
        let patience = grpc::call_timeout(&masters);
        let endpoint = grpc::endpoint(&master).connect_timeout(patience).timeout(patience);
        Contact { masters, turn, cut_off: 0, master, client: MasterClient::new(endpoint.connect_lazy()) }
    }

    /// Turns to the next master, if there are several. After the last comes the first.
    pub(crate) fn next(&mut self) {
        if self.masters.count() > 1 {
            *self = Contact::at(self.masters.clone(), self.turn + 1);
        }
    }

    /// How many masters there are to talk to.
    pub(crate) fn count(&self) -> usize {
        self.masters.count()
    }

    /// Searches the network for masters, which may be the same ones at other addresses, and turns to the first that is found.
    pub(crate) async fn look_elsewhere(&mut self) {
        match discovery::look(discovery::SHORTEST).await {
            Ok(Some(cluster)) if cluster.masters() != self.masters => {
                tracing::info!("found the {cluster}");
                *self = Contact::first(cluster.masters());
            }
            Ok(_) => {}
            Err(several) => tracing::warn!("staying with the master at {}: {several}", self.master),
        }
    }
}

/// When to search the network next. None: no search is planned, because the master answers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Search(Option<Instant>);

impl Search {
    /// Whether to search now. To be asked whenever no master answers: the first call starts the wait.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = *self.0.get_or_insert(now + LOST_FOR_LONG);
        if now >= due {
            self.0 = Some(now + LOST_FOR_LONG);
        }
        now >= due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_service::clock;

    #[test]
    fn others_are_looked_for_now_and_then_while_nobody_answers() {
        let (mut search, lost) = (Search::default(), clock::now());
        let due = [0, 9, 10, 11, 19, 20, 31].map(|s| search.is_due(lost + Duration::from_secs(s)));
        assert_eq!(due, [false, false, true, false, false, true, true]);
    }

    #[tokio::test]
    async fn the_masters_go_round() {
        let mut contact = Contact::first("a:1,b:2".parse().unwrap());
        let seen = [(); 3].map(|()| {
            let now = contact.master.to_string();
            contact.next();
            now
        });
        assert_eq!(seen, ["a:1", "b:2", "a:1"]);
    }
}
