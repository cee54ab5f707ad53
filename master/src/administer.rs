//! Changes that an administrator makes while the master runs: who may make them, what they mean, and what is said about them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use facefleet_proto::{AdminChange, RETRY_AFTER_MS, WorkerId};
use facefleet_service::http::refusal::{Refused, TokenTexts};
use facefleet_service::http::token;
use tokio::time::timeout;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::shared::Shared;
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::registry::MAX_WORKERS;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_cluster::settings::Settings;
use facefleet_cluster::sharing::settings::Setting;

/// Names that a message lists.
const NEAR: usize = 5;
/// Characters of a wrong name that a message repeats.
const REPEATED: usize = 100;

/// Why nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdminError {
    /// There is no such policy.
    #[error("`{name}` is no policy; there are {}", known(PolicyName::value_variants().iter().map(|name| name.as_str())))]
    UnknownPolicy {
        /// What was asked for.
        name: String,
    },
    /// There is no such admission.
    #[error("`{name}` is no admission; there are {}", known(AdmissionName::value_variants().iter().map(|name| name.as_str())))]
    UnknownAdmission {
        /// What was asked for.
        name: String,
    },
    /// No worker has this name or number.
    #[error("no worker has the name or number `{name}`{}", hint(.near))]
    UnknownWorker {
        /// What was asked for.
        name: String,
        /// The names that are most like it, the likest first.
        near: Vec<String>,
    },
    /// As many workers are out of service as can be registered.
    #[error(
        "{MAX_WORKERS} workers are out of service, which is the most that a master remembers: resume some that are gone"
    )]
    TooManyRest,
}

fn known<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn hint(near: &[String]) -> String {
    if near.is_empty() { "; none has joined".to_owned() } else { format!("; most like it: {}", near.join(", ")) }
}

/// What is said where other masters share the registry and it does not answer.
const UNTOLD: &str = "at this master only for now: etcd does not answer, and the others are told once it does";
/// How long a registry that masters share may take for a setting until that is said. Who made the setting waits for it, and
/// takes a master that does not answer within a second for one that is gone.
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

impl Shared {
    /// Whether a call with this metadata, from this address, shows the admin token.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` that says what to do; `RESOURCE_EXHAUSTED` after too many wrong tokens.
    pub(crate) fn may_administer(&self, metadata: &MetadataMap, from: IpAddr) -> Result<(), Status> {
        let given = metadata.get("authorization").and_then(|value| value.to_str().ok());
        self.admin.open(given.and_then(token::in_authorization), from).map_err(|refused| {
            let mut status = Status::new(refused.code(), refusal(refused, from));
            if let Some(wait) = refused.retry_after() {
                let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                status.metadata_mut().insert(RETRY_AFTER_MS, ms.into());
            }
            status
        })
    }

    /// Makes a change, at once, and says what has changed, when other masters that share the registry have been told or it is
    /// clear that they are not.
    ///
    /// # Errors
    /// There is no such policy, admission or worker.
    pub(crate) async fn administer(&self, change: &AdminChange) -> Result<String, AdminError> {
        let mut said = self.change(change)?;
        let is_told = || self.locked().0.agreed().is_none_or(|agreed| agreed.is_told());
        let is_decided = || is_told() || self.locked().0.cut_off_since().is_some();
        // Err: that takes too long.
        let _ = timeout(PATIENCE, self.told.subscribe().wait_for(|()| is_decided())).await;
        if !is_told() {
            tracing::warn!("what an administrator has changed is so {UNTOLD}");
            write!(said, "; {UNTOLD}").expect("a text takes all that is written to it");
        }
        Ok(said)
    }

    /// Makes it here, and says so in the log.
    fn change(&self, change: &AdminChange) -> Result<String, AdminError> {
        let (mut scheduler, now) = self.locked();
        let mut settings = scheduler.settings();
        let (said, setting) = changed(&mut settings, change, &scheduler)?;
        if let Some(agreed) = scheduler.agreed() {
            agreed.make(setting);
        }
        self.set(scheduler, settings, now);
        // Here, because who has asked may go away before it is clear whether others are told.
        tracing::info!("an administrator: {said}");
        self.news.notify_one();
        Ok(said)
    }
}

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Status {
        let text = error.to_string();
        match error {
            AdminError::UnknownPolicy { .. } | AdminError::UnknownAdmission { .. } => Status::invalid_argument(text),
            AdminError::UnknownWorker { .. } => Status::not_found(text),
            AdminError::TooManyRest => Status::resource_exhausted(text),
        }
    }
}

/// Makes a change in `settings`, which are those of `scheduler`. Returns what has changed, in words and as others are told.
fn changed(
    settings: &mut Settings,
    change: &AdminChange,
    scheduler: &Scheduler,
) -> Result<(String, Setting), AdminError> {
    match change {
        AdminChange::Policy(name) => {
            let find = |policy: &&PolicyName| policy.as_str() == name;
            let policy = PolicyName::value_variants().iter().find(find);
            let policy = *policy.ok_or_else(|| AdminError::UnknownPolicy { name: repeated(name) })?;
            let before = std::mem::replace(&mut settings.policy, policy);
            Ok((now("policy", policy.as_str(), before.as_str()), Setting::Policy(Some(policy))))
        }
        AdminChange::Admission(name) => {
            let find = |admission: &&AdmissionName| admission.as_str() == name;
            let admission = AdmissionName::value_variants().iter().find(find);
            let admission = *admission.ok_or_else(|| AdminError::UnknownAdmission { name: repeated(name) })?;
            let before = std::mem::replace(&mut settings.admission, admission);
            Ok((now("admission", admission.as_str(), before.as_str()), Setting::Admission(Some(admission))))
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
            Ok((said, Setting::Rest(name, true)))
        }
        AdminChange::Resume(worker) => {
            // One that is not there any more has its name still.
            let name = if settings.resting.contains(worker) { worker.clone() } else { name_of(worker, scheduler)? };
            let said = if settings.resting.remove(&name) {
                format!("worker {name} is back in service")
            } else {
                format!("worker {name} is in service already")
            };
            Ok((said, Setting::Rest(name, false)))
        }
    }
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

/// A name of a stranger as a message may repeat it: cut, and without what would tear a line.
fn repeated(name: &str) -> String {
    name.chars().take(REPEATED).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_cluster::liveness::Loss;
    use facefleet_proto::{Join, wire};
    #[cfg(feature = "etcd")]
    use facefleet_service::clock;

    fn shared(names: &[&str]) -> Shared {
        let shared = Shared::new(PolicyName::default(), Loss::default(), Duration::ZERO);
        for (name, port) in names.iter().zip(1..) {
            let name = (*name).to_owned();
            let join = wire::JoinRequest { ip: "10.0.0.1".into(), port, weight: 1, name, ..Default::default() };
            shared.join(Join::try_from(join).unwrap()).unwrap();
        }
        shared
    }

    #[test]
    fn what_has_changed_is_said_and_shown() {
        let shared = shared(&["pi-1"]);
        let change = |change| shared.change(&change).unwrap();
        let policy = || AdminChange::Policy("weighted-round-robin".into());
        assert_eq!(change(policy()), "policy is weighted-round-robin now, and was least-loaded");
        assert_eq!(change(policy()), "policy is weighted-round-robin already");
        assert_eq!(change(AdminChange::Admission("fair".into())), "admission is fair now, and was open");
        let nodes = shared.nodes(true);
        assert_eq!((&*nodes.policy, &*nodes.admission), ("weighted-round-robin", "fair"));
        assert!(!shared.is_open());
        change(AdminChange::Admission("open".into()));
        assert!(shared.is_open());
    }

    #[test]
    fn a_worker_is_known_by_name_and_by_number_and_one_that_is_gone_by_name() {
        let shared = shared(&["pi-1", "1"]);
        let change = |change| shared.change(&change).unwrap();
        assert!(change(AdminChange::Rest("0".into())).starts_with("worker pi-1 finishes"));
        assert_eq!(change(AdminChange::Rest("pi-1".into())), "worker pi-1 is out of service already");
        // Its name goes before the number of another one.
        assert!(change(AdminChange::Rest("1".into())).starts_with("worker 1 finishes"));
        shared.leave(WorkerId(0), 0, 0).unwrap();
        assert_eq!(change(AdminChange::Resume("pi-1".into())), "worker pi-1 is back in service");
        assert_eq!(change(AdminChange::Resume("1".into())), "worker 1 is back in service");
        assert_eq!(change(AdminChange::Resume("1".into())), "worker 1 is in service already");
    }

    #[tokio::test]
    #[cfg(feature = "etcd")]
    async fn where_others_cannot_be_told_it_is_said_and_otherwise_it_is_not() {
        let shared = Shared::sharing(PolicyName::default(), Loss::default(), Duration::ZERO);
        let fair = AdminChange::Admission("fair".into());
        let policy = AdminChange::Policy("least-loaded".into());
        assert_eq!(shared.administer(&fair).await.unwrap(), format!("admission is fair now, and was open; {UNTOLD}"));

        shared.locked().0.connected(7, 0..10, clock::now());
        assert!(shared.administer(&fair).await.unwrap().ends_with(UNTOLD), "it is not known to be away");
        let (tell, said) = (
            async {
                shared.news.notified().await;
                shared.agree(|agreed| agreed.has_told(agreed.to_tell(9), 1));
                shared.told.send_replace(());
            },
            shared.administer(&policy),
        );
        // What is so already by this master's flags may be news to the others.
        assert_eq!(tokio::join!(said, tell).0.unwrap(), "policy is least-loaded already");
        assert_eq!(shared.locked().0.settings().admission, AdmissionName::Fair);
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let cluster = shared(&["pi-1", "pi-2", "laptop"]);
        let refused = |change| cluster.change(&change).unwrap_err().to_string();
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
        let nobody = shared(&[]).change(&AdminChange::Rest("pi".into())).unwrap_err();
        assert_eq!(nobody.to_string(), "no worker has the name or number `pi`; none has joined");
    }
}
