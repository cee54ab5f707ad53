//! Changes that an administrator makes while the master runs: who may make them, what they mean, and what is said about them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::registry::MAX_WORKERS;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_cluster::settings::Settings;
use facefleet_cluster::sharing::settings::Setting;
use facefleet_proto::{AdminChange, RETRY_AFTER_MS, WorkerId};
use facefleet_service::http::refusal::{Refused, TokenTexts};
use facefleet_service::http::token::{self, Gate, Token};
use tokio::time::timeout;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::publication::Publication;
use crate::shared_scheduler::SharedScheduler;

/// How many similar names a message lists.
const NEAR: usize = 5;
/// How many characters of a wrong name a message repeats.
const REPEATED: usize = 100;

/// Why nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdminError {
    /// The policy or admission does not exist.
    #[error("`{name}` is no {what}; there are {}", known.join(", "))]
    UnknownName {
        /// What is to have the name.
        what: &'static str,
        /// The name in the request.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No worker has this name or number.
    #[error("no worker has the name or number `{name}`{}", hint(.near))]
    UnknownWorker {
        /// The name in the request.
        name: String,
        /// The most similar names, the most similar one first.
        near: Vec<String>,
    },
    /// As many workers are out of service as can be registered.
    #[error(
        "{MAX_WORKERS} workers are out of service, which is the most that a master remembers: resume some that are gone"
    )]
    TooManyRest,
}

fn hint(near: &[String]) -> String {
    if near.is_empty() { "; none has joined".to_owned() } else { format!("; most like it: {}", near.join(", ")) }
}

/// Said of a change where other masters share the registry and it does not answer.
const UNPUBLISHED: &str = "at this master only for now: etcd does not answer, and the others are told once it does";
/// How long a shared registry may take for a setting before that is said. The administrator waits meanwhile, and takes a master
/// that does not answer within a second for one that is gone.
const PATIENCE: Duration = Duration::from_millis(500);

/// How callers are told about the admin token.
const ADMIN_TOKEN: TokenTexts = TokenTexts {
    name: "the admin token of this master",
    how: "as `Authorization: Bearer TOKEN` (in gRPC: metadata)",
    unset: "this master is not to be administered; to change that, start it with --admin-token TOKEN \
            (or FACEFLEET_ADMIN_TOKEN, or admin-token in its configuration file)",
};

/// The message for a caller who may not administer. A wrong token is logged.
pub(crate) fn refusal(refused: Refused, from: IpAddr) -> String {
    if refused == Refused::Wrong {
        tracing::warn!("a wrong admin token from {from}");
    }
    refused.message(&ADMIN_TOKEN)
}

/// Makes the changes of administrators.
pub(crate) struct Administration {
    scheduler: SharedScheduler,
    publication: Arc<Publication>,
    /// Opens for the admin token.
    gate: Gate,
}

impl Administration {
    /// Whoever shows `token` may administer; None: nobody may.
    pub(crate) fn new(
        scheduler: SharedScheduler,
        publication: Arc<Publication>,
        token: Option<Token>,
    ) -> Administration {
        Administration { scheduler, publication, gate: Gate::new(token) }
    }

    /// The gate that opens for the admin token.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Checks that a call with this metadata, from this address, shows the admin token.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` that says what to do; `RESOURCE_EXHAUSTED` after too many wrong tokens.
    pub(crate) fn authorize(&self, metadata: &MetadataMap, from: IpAddr) -> Result<(), Status> {
        let given = metadata.get("authorization").and_then(|value| value.to_str().ok());
        self.gate.open(given.and_then(token::in_authorization), from).map_err(|refused| {
            let mut status = Status::new(refused.code(), refusal(refused, from));
            if let Some(wait) = refused.retry_after() {
                let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                status.metadata_mut().insert(RETRY_AFTER_MS, ms.into());
            }
            status
        })
    }

    /// Makes a change at once. Waits until other masters that share the registry can know of it, or it is clear that they
    /// cannot, and says what has changed.
    ///
    /// # Errors
    /// The policy, the admission or the worker does not exist.
    pub(crate) async fn administer(&self, change: &AdminChange) -> Result<String, AdminError> {
        let mut said = self.change(change)?;
        let is_published = || self.scheduler.lock().agreed().is_none_or(|agreed| agreed.is_published());
        let is_settled = || is_published() || self.scheduler.lock().cut_off_since().is_some();
        // Err: that takes too long.
        let _ = timeout(PATIENCE, self.publication.settled(is_settled)).await;
        if !is_published() {
            tracing::warn!("what an administrator has changed is so {UNPUBLISHED}");
            write!(said, "; {UNPUBLISHED}").expect("a text takes all that is written to it");
        }
        Ok(said)
    }

    /// Makes a change here, and logs it.
    fn change(&self, change: &AdminChange) -> Result<String, AdminError> {
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        let mut settings = scheduler.settings();
        let Changed { said, setting } = changed(&mut settings, change, &scheduler)?;
        if let Some(agreed) = scheduler.agreed() {
            agreed.make(setting);
        }
        scheduler.set(settings, now);
        drop(scheduler);
        // Logged here, because the administrator may go away before it is clear whether others know.
        tracing::info!("an administrator: {said}");
        self.publication.request();
        Ok(said)
    }
}

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Status {
        let text = error.to_string();
        match error {
            AdminError::UnknownName { .. } => Status::invalid_argument(text),
            AdminError::UnknownWorker { .. } => Status::not_found(text),
            AdminError::TooManyRest => Status::resource_exhausted(text),
        }
    }
}

/// A change that was made.
struct Changed {
    /// What has changed, in words.
    said: String,
    /// What has changed, for masters that share the registry.
    setting: Setting,
}

/// Makes a change in `settings`, which are those of `scheduler`.
fn changed(settings: &mut Settings, change: &AdminChange, scheduler: &Scheduler) -> Result<Changed, AdminError> {
    match change {
        AdminChange::Policy(name) => {
            let policy: PolicyName = named("policy", name)?;
            let before = std::mem::replace(&mut settings.policy, policy);
            let said = now("policy", policy.as_str(), before.as_str());
            Ok(Changed { said, setting: Setting::Policy(Some(policy)) })
        }
        AdminChange::Admission(name) => {
            let admission: AdmissionName = named("admission", name)?;
            let before = std::mem::replace(&mut settings.admission, admission);
            let said = now("admission", admission.as_str(), before.as_str());
            Ok(Changed { said, setting: Setting::Admission(Some(admission)) })
        }
        AdminChange::Rest(worker) => {
            let name = name_of(worker, scheduler)?;
            if settings.resting.len() >= MAX_WORKERS {
                return Err(AdminError::TooManyRest);
            }
            let said = if settings.resting.insert(name.clone()) {
                format!("worker {name} finishes what it holds and gets nothing new until it is resumed")
            } else {
                format!("worker {name} is out of service already")
            };
            Ok(Changed { said, setting: Setting::Rest(name) })
        }
        AdminChange::Resume(worker) => {
            // A worker that is gone is still known by its name.
            let name = if settings.resting.contains(worker) { worker.clone() } else { name_of(worker, scheduler)? };
            let said = if settings.resting.remove(&name) {
                format!("worker {name} is back in service")
            } else {
                format!("worker {name} is in service already")
            };
            Ok(Changed { said, setting: Setting::Resume(name) })
        }
    }
}

/// The value that has this name on the command line.
fn named<T: ValueEnum>(what: &'static str, name: &str) -> Result<T, AdminError> {
    T::from_str(name, false).map_err(|_| {
        let known = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known = known.map(|value| value.get_name().to_owned()).collect();
        AdminError::UnknownName { what, name: repeated(name), known }
    })
}

fn now(what: &str, name: &str, before: &str) -> String {
    let mut said = format!("{what} is {name}");
    if name == before {
        said.push_str(" already");
    } else {
        write!(said, " now, and was {before}").expect("a text takes all that is written to it");
    }
    said
}

/// The name of the worker that has this name or number.
fn name_of(worker: &str, scheduler: &Scheduler) -> Result<String, AdminError> {
    let registry = scheduler.registry();
    let numbered = || registry.get(WorkerId(worker.parse().ok()?));
    if let Some(found) = registry.named(worker).or_else(numbered) {
        return Ok(found.join.identity.name.clone());
    }
    let names = registry.workers().map(|worker| &*worker.join.identity.name);
    let asked = repeated(worker);
    let mut near: Vec<(f64, &str)> = names.map(|name| (strsim::jaro_winkler(&asked, name), name)).collect();
    near.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    let near = near.into_iter().take(NEAR).map(|(_, name)| name.to_owned()).collect();
    Err(AdminError::UnknownWorker { name: asked, near })
}

/// A stranger's text as a message may repeat it: cut short, and without characters that would break a line.
fn repeated(name: &str) -> String {
    name.chars().take(REPEATED).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::nodes::summary;
    use crate::parts::Parts;
    #[cfg(feature = "etcd")]
    use crate::store::Store;
    use facefleet_proto::{Join, wire};

    /// A master with these workers.
    fn master(names: &[&str]) -> Parts {
        let master = Parts::of(&Config::default());
        for (name, port) in names.iter().zip(1..) {
            let name = (*name).to_owned();
            let join = wire::JoinRequest { ip: "10.0.0.1".into(), port, weight: 1, name, ..Default::default() };
            master.members.join(Join::try_from(join).unwrap()).unwrap();
        }
        master
    }

    #[test]
    fn what_has_changed_is_said_and_shown() {
        let master = master(&["pi-1"]);
        let change = |change| master.administration.change(&change).unwrap();
        let policy = || AdminChange::Policy("weighted-round-robin".into());
        assert_eq!(change(policy()), "policy is weighted-round-robin now, and was least-loaded");
        assert_eq!(change(policy()), "policy is weighted-round-robin already");
        assert_eq!(change(AdminChange::Admission("fair".into())), "admission is fair now, and was open");
        let scheduler = master.scheduler.lock();
        let nodes = summary(&scheduler, scheduler.now());
        assert_eq!((&*nodes.policy, &*nodes.admission), ("weighted-round-robin", "fair"));
        drop(scheduler);
        let is_open = || master.scheduler.lock().is_open();
        assert!(!is_open());
        change(AdminChange::Admission("open".into()));
        assert!(is_open());
    }

    #[test]
    fn a_worker_is_known_by_name_and_by_number_and_one_that_is_gone_by_name() {
        let master = master(&["pi-1", "1"]);
        let change = |change| master.administration.change(&change).unwrap();
        assert!(change(AdminChange::Rest("0".into())).starts_with("worker pi-1 finishes"));
        assert_eq!(change(AdminChange::Rest("pi-1".into())), "worker pi-1 is out of service already");
        // Its name goes before the number of another one.
        assert!(change(AdminChange::Rest("1".into())).starts_with("worker 1 finishes"));
        master.members.leave(WorkerId(0), 0, 0).unwrap();
        assert_eq!(change(AdminChange::Resume("pi-1".into())), "worker pi-1 is back in service");
        assert_eq!(change(AdminChange::Resume("1".into())), "worker 1 is back in service");
        assert_eq!(change(AdminChange::Resume("1".into())), "worker 1 is in service already");
    }

    #[tokio::test]
    #[cfg(feature = "etcd")]
    async fn where_others_cannot_be_told_it_is_said_and_otherwise_it_is_not() {
        let store = Store::Etcd(vec!["a:2379".parse().unwrap()]);
        let master = Parts::of(&Config { store, ..Config::default() });
        let administration = &master.administration;
        let fair = AdminChange::Admission("fair".into());
        let policy = AdminChange::Policy("least-loaded".into());
        let said = administration.administer(&fair).await.unwrap();
        assert_eq!(said, format!("admission is fair now, and was open; {UNPUBLISHED}"));

        let connect = |now| master.scheduler.lock().connected(7, 0..10, now);
        connect(facefleet_service::clock::now());
        assert!(administration.administer(&fair).await.unwrap().ends_with(UNPUBLISHED), "it is not known to be away");
        let publish = async {
            master.publication.requested().await;
            let mut scheduler = master.scheduler.lock();
            let agreed = scheduler.agreed().unwrap();
            agreed.published(agreed.to_publish(9), 1);
            drop(scheduler);
            master.publication.settle();
        };
        // What is so already by this master's flags may be news to the others.
        let (said, ()) = tokio::join!(administration.administer(&policy), publish);
        assert_eq!(said.unwrap(), "policy is least-loaded already");
        assert_eq!(master.scheduler.lock().settings().admission, AdmissionName::Fair);
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let cluster = master(&["pi-1", "pi-2", "laptop"]);
        let refused = |change| cluster.administration.change(&change).unwrap_err().to_string();
        assert_eq!(
            refused(AdminChange::Policy("best".into())),
            "`best` is no policy; there are least-loaded, weighted-round-robin"
        );
        assert_eq!(refused(AdminChange::Admission("".into())), "`` is no admission; there are open, fifo, fair");
        assert_eq!(
            refused(AdminChange::Rest("lptop".into())),
            "no worker has the name or number `lptop`; most like it: laptop, pi-1, pi-2"
        );
        let long = refused(AdminChange::Resume("\u{1b}".repeat(100_000)));
        assert!(long.len() < 1000 && !long.contains('\u{1b}'), "{long}");
        let nobody = master(&[]).administration.change(&AdminChange::Rest("pi".into())).unwrap_err();
        assert_eq!(nobody.to_string(), "no worker has the name or number `pi`; none has joined");
    }
}
