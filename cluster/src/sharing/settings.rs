//! What administrators set where masters share a registry: a setting that is made at one master is in effect at all.
//!
//! Each [`Setting`] has a key of its own in the registry, so two that are made at once do not undo each other. A setting stays
//! when the master goes at which it was made. Of two settings for one key the last one written counts.

use std::collections::BTreeSet;

use crate::admission::AdmissionName;
use crate::policy::PolicyName;
use crate::registry::MAX_WORKERS;
use crate::settings::Settings;

/// One thing that is set, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// How workers are chosen; None: each master goes by its flags.
    Policy(Option<PolicyName>),
    /// Which streams are let in; None: each master goes by its flags.
    Admission(Option<AdmissionName>),
    /// The worker with this name is out of service.
    Rest(String),
    /// The worker with this name is in service, as workers are of which nothing is set.
    Resume(String),
}

impl Setting {
    /// Whether both have the same key.
    fn replaces(&self, other: &Setting) -> bool {
        match (self, other) {
            (Setting::Policy(_), Setting::Policy(_)) | (Setting::Admission(_), Setting::Admission(_)) => true,
            (Setting::Rest(name) | Setting::Resume(name), Setting::Rest(other) | Setting::Resume(other)) => {
                name == other
            }
            _ => false,
        }
    }
}

/// The settings as one master knows them.
#[derive(Clone, Debug)]
pub struct AgreedSettings {
    /// The flags of this master, which count until an administrator sets something else anywhere.
    own: Settings,
    policy: Option<PolicyName>,
    admission: Option<AdmissionName>,
    resting: BTreeSet<String>,
    /// Settings that were made here and are not in the registry yet, at most one for each key.
    unpublished: Vec<Setting>,
    /// Settings that were made here and are in the registry since the revision with this number, of which the registry has not
    /// told this master yet. It may still tell of revisions before. At most one for each key.
    unconfirmed: Vec<(i64, Setting)>,
}

impl AgreedSettings {
    /// Nothing is set. `own` are the flags of this master.
    pub fn new(own: Settings) -> AgreedSettings {
        AgreedSettings {
            own,
            policy: None,
            admission: None,
            resting: BTreeSet::new(),
            unpublished: Vec::new(),
            unconfirmed: Vec::new(),
        }
    }

    /// The settings that are in effect.
    pub fn settings(&self) -> Settings {
        Settings {
            policy: self.policy.unwrap_or(self.own.policy),
            admission: self.admission.unwrap_or(self.own.admission),
            resting: self.resting.clone(),
        }
    }

    /// Makes a setting at this master.
    pub fn make(&mut self, setting: Setting) {
        self.unpublished.retain(|other| !setting.replaces(other));
        self.unpublished.push(setting.clone());
        self.apply(setting);
    }

    /// Learns that a setting was written into the registry, by the revision with this number; revisions are learnt in order. A
    /// setting for the same key that was made here since replaces it in the registry soon, or has done so already.
    pub fn learn(&mut self, setting: Setting, revision: i64) {
        self.unconfirmed.retain(|(written, _)| *written > revision);
        let mut ours = self.unpublished.iter().chain(self.unconfirmed.iter().map(|(_, ours)| ours));
        if !ours.any(|ours| ours.replaces(&setting)) {
            self.apply(setting);
        }
    }

    /// Learns that the registry has these settings and no others, and will tell only of what is written from now on.
    pub fn learn_all(&mut self, all: Vec<Setting>) {
        let unpublished = std::mem::take(&mut self.unpublished);
        *self = AgreedSettings { unpublished: unpublished.clone(), ..AgreedSettings::new(self.own.clone()) };
        all.into_iter().chain(unpublished).for_each(|setting| self.apply(setting));
    }

    /// At most so many of the settings that the registry does not have yet. They are kept until [`AgreedSettings::published`].
    pub fn to_publish(&self, most: usize) -> Vec<Setting> {
        self.unpublished.iter().take(most).cloned().collect()
    }

    /// Records that the registry has these settings since the revision with this number.
    pub fn published(&mut self, settings: Vec<Setting>, revision: i64) {
        self.unpublished.retain(|setting| !settings.contains(setting));
        self.unconfirmed.retain(|(_, before)| !settings.iter().any(|setting| setting.replaces(before)));
        self.unconfirmed.extend(settings.into_iter().map(|setting| (revision, setting)));
    }

    /// Whether the registry has all that was made here.
    pub fn is_published(&self) -> bool {
        self.unpublished.is_empty()
    }

    /// All that is set, for a registry that has lost it.
    pub fn all(&self) -> Vec<Setting> {
        let policy = self.policy.map(|policy| Setting::Policy(Some(policy)));
        let admission = self.admission.map(|admission| Setting::Admission(Some(admission)));
        let resting = self.resting.iter().cloned().map(Setting::Rest);
        policy.into_iter().chain(admission).chain(resting).collect()
    }

    fn apply(&mut self, setting: Setting) {
        match setting {
            Setting::Policy(policy) => self.policy = policy,
            Setting::Admission(admission) => self.admission = admission,
            // Whatever stands in the registry, a master remembers no more than it would let an administrator say.
            Setting::Rest(name) => _ = self.resting.len() < MAX_WORKERS && self.resting.insert(name),
            Setting::Resume(name) => _ = self.resting.remove(&name),
        }
    }
}

#[cfg(test)]
mod tests;
