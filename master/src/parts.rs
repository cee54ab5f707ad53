//! The parts that a master is made of, put together.
//!
//! A route request goes down once, and its answer up once:
//!
//! ```text
//! grpc        the message becomes a query, and the route a message
//!  forwarding who decides: this master, or an older one that shares the registry
//!   routing   the stream is let in, and then its workers are chosen and the reason kept
//!    waiting  the stream waits for a slot, if not every stream is let in
//!     shared_scheduler, scheduler, admission: who has a slot, and who is next
//! ```
//!
//! Each part has handles to just those below it that it needs. Only the adapters (gRPC and page) see them all.

use std::sync::Arc;

use facefleet_cluster::scheduler::Scheduler;
use facefleet_cluster::settings::Settings;
use facefleet_service::clock;
use tokio_util::sync::CancellationToken;

use crate::administer::Administration;
use crate::config::Config;
use crate::forwarding::Forwarding;
use crate::masters::KnownMasters;
use crate::members::Members;
use crate::metrics::Events;
use crate::observed::Observed;
use crate::publication::Publication;
use crate::queue::{KEPT, Queue};
use crate::routing::Routing;
use crate::shared_scheduler::SharedScheduler;
use crate::store::Store;
use crate::waiting::Waiting;
use crate::watch::Viewers;

/// One master.
pub(crate) struct Parts {
    pub(crate) scheduler: SharedScheduler,
    /// Written by every heartbeat, read by the journal and by `GetQ`.
    pub(crate) queue: Arc<Queue>,
    #[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "read only by what shares a registry"))]
    pub(crate) publication: Arc<Publication>,
    #[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "read only by what shares a registry"))]
    pub(crate) masters: Arc<KnownMasters>,
    pub(crate) members: Arc<Members>,
    pub(crate) observed: Arc<Observed>,
    pub(crate) events: Arc<Events>,
    pub(crate) forwarding: Arc<Forwarding>,
    pub(crate) administration: Administration,
    pub(crate) viewers: Viewers,
    /// Cancelled when the master stops: no call waits any longer.
    pub(crate) stopping: CancellationToken,
}

impl Parts {
    /// A master by its flags that knows no worker yet.
    pub(crate) fn of(config: &Config) -> Parts {
        let Config { max_wait, admin_token, .. } = config;
        let scheduler = SharedScheduler::new(scheduler(config));
        let stopping = CancellationToken::new();
        let queue = Arc::new(Queue::new(KEPT));
        let publication = Arc::new(Publication::default());
        let masters = Arc::new(KnownMasters::default());
        let observed = Arc::new(Observed::new(clock::now()));
        let events = Arc::new(Events::default());

        let waiting = Waiting::new(scheduler.clone(), *max_wait, stopping.clone());
        let members = Members::new(scheduler.clone(), queue.clone(), publication.clone(), events.clone());
        let members = Arc::new(members);
        let routing = Routing::new(scheduler.clone(), waiting, members.clone(), observed.clone(), events.clone());
        let forwarding = Forwarding::new(scheduler.clone(), routing, masters.clone(), stopping.clone());
        let forwarding = Arc::new(forwarding);
        let administration = Administration::new(scheduler.clone(), publication.clone(), admin_token.clone());
        let viewers = Viewers::new(scheduler.clone(), forwarding.clone(), observed.clone());
        Parts {
            scheduler,
            queue,
            publication,
            masters,
            members,
            observed,
            events,
            forwarding,
            administration,
            viewers,
            stopping,
        }
    }
}

fn scheduler(config: &Config) -> Scheduler {
    let Config { policy, admission, max_wait, store, .. } = config;
    let now = clock::now();
    let epoch = match store {
        // 0 would be an old master, which has no epoch; a clock that has not been set yet shows 0.
        Store::Memory => clock::unix_us().max(1),
        // The epoch is the cluster's, and not known yet.
        #[cfg(feature = "etcd")]
        Store::Etcd(_) => 0,
    };
    let mut scheduler = Scheduler::new(*policy, epoch).waiting_at_most(*max_wait);
    scheduler.set(Settings { admission: *admission, ..scheduler.settings() }, now);
    match store {
        Store::Memory => scheduler,
        #[cfg(feature = "etcd")]
        Store::Etcd(_) => scheduler.sharing(now),
    }
}
