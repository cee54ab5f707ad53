//! Which of the masters is talked to, and when others are looked for.

use std::time::{Duration, Instant};

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::{discovery, grpc};
use tonic::transport::Channel;

/// How long no master may answer until others are looked for, and how long until they are looked for again.
const LOST_FOR_LONG: Duration = Duration::from_secs(10);

/// The master that is talked to.
pub(crate) struct Contact {
    masters: HostPorts,
    turn: usize,
    /// How many masters before this one, one after the other, were left because they were cut off.
    pub(crate) cut_off: u32,
    pub(crate) master: HostPort,
    pub(crate) client: MasterClient<Channel>,
}

impl Contact {
    /// The first of these.
    pub(crate) fn first(masters: HostPorts) -> Contact {
        Contact::at(masters, 0)
    }

    fn at(masters: HostPorts, turn: usize) -> Contact {
        let master = masters.at(turn).clone();
        let patience = grpc::call_timeout(&masters);
        let endpoint = grpc::endpoint(&master).connect_timeout(patience).timeout(patience);
        Contact { masters, turn, cut_off: 0, master, client: MasterClient::new(endpoint.connect_lazy()) }
    }

    /// Turns to the next one, if there is one.
    pub(crate) fn next(&mut self) {
        if self.masters.count() > 1 {
            *self = Contact::at(self.masters.clone(), self.turn + 1);
        }
    }

    /// How many masters there are to talk to.
    pub(crate) fn count(&self) -> usize {
        self.masters.count()
    }

    /// Looks for masters on the network, which may be the same at other addresses, and turns to the first of them.
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

/// When others are to be looked for: not at all, or while no master answers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Search(Option<Instant>);

impl Search {
    /// Whether it is time, given that no master answers now.
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
