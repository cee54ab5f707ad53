//! What administrators set, where masters share a registry: whatever is set at one is in effect at all. Pure.
//!
//! Each [`Setting`] has a key of its own, so that two that are made at once do not undo each other, and stays when the master
//! goes at which it was made. Of two for one key the last one written counts.

use std::collections::BTreeSet;

use crate::admission::AdmissionName;
use crate::policy::PolicyName;
use crate::registry::MAX_WORKERS;
use crate::settings::Settings;

/// One thing that is set, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// How workers are chosen; None: as each master was told when it started.
    Policy(Option<PolicyName>),
    /// Who is let in; None: as each master was told when it started.
    Admission(Option<AdmissionName>),
    /// Whether the worker with this name is out of service.
    Rest(String, bool),
}

impl Setting {
    /// Whether both are of one key.
    fn replaces(&self, other: &Setting) -> bool {
        match (self, other) {
            (Setting::Policy(_), Setting::Policy(_)) | (Setting::Admission(_), Setting::Admission(_)) => true,
            (Setting::Rest(name, _), Setting::Rest(other, _)) => name == other,
            _ => false,
        }
    }
}

/// The settings as one master knows them.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// What this master was told when it started, which is so until an administrator sets something else anywhere.
    own: Settings,
    policy: Option<PolicyName>,
    admission: Option<AdmissionName>,
    resting: BTreeSet<String>,
    /// Made here and not in the registry yet, at most one of each key.
    untold: Vec<Setting>,
    /// Made here and in the registry since its write of this number, which this master has not heard of yet: words of the
    /// writes before may still be on their way. At most one of each key.
    unheard: Vec<(i64, Setting)>,
}

impl Agreed {
    /// Nothing is set. `own` is what this master was told when it started.
    pub fn new(own: Settings) -> Agreed {
        let (untold, unheard) = (Vec::new(), Vec::new());
        Agreed { own, policy: None, admission: None, resting: BTreeSet::new(), untold, unheard }
    }

    /// What is in effect.
    pub fn settings(&self) -> Settings {
        Settings {
            policy: self.policy.unwrap_or(self.own.policy),
            admission: self.admission.unwrap_or(self.own.admission),
            resting: self.resting.clone(),
        }
    }

    /// An administrator has made a setting here.
    pub fn make(&mut self, setting: Setting) {
        self.untold.retain(|other| !setting.replaces(other));
        self.untold.push(setting.clone());
        self.apply(setting);
    }

    /// A setting was written into the registry, by its write of this number; they are told in their order. One that was made
    /// here since will replace it there, or has done so already.
    pub fn told(&mut self, setting: Setting, revision: i64) {
        self.unheard.retain(|(written, _)| *written > revision);
        let mut ours = self.untold.iter().chain(self.unheard.iter().map(|(_, ours)| ours));
        if !ours.any(|ours| ours.replaces(&setting)) {
            self.apply(setting);
        }
    }

    /// The registry has these and no others, and only what is written from now on will be told.
    pub fn told_all(&mut self, all: Vec<Setting>) {
        *self = Agreed { untold: std::mem::take(&mut self.untold), ..Agreed::new(self.own.clone()) };
        let ours = self.untold.clone();
        all.into_iter().chain(ours).for_each(|setting| self.apply(setting));
    }

    /// At most so many of those that the registry does not have yet. They are kept until [`Agreed::has_told`].
    pub fn to_tell(&self, most: usize) -> Vec<Setting> {
        self.untold.iter().take(most).cloned().collect()
    }

    /// The registry has these now, by its write of this number.
    pub fn has_told(&mut self, told: Vec<Setting>, revision: i64) {
        self.untold.retain(|setting| !told.contains(setting));
        self.unheard.retain(|(_, before)| !told.iter().any(|setting| setting.replaces(before)));
        self.unheard.extend(told.into_iter().map(|setting| (revision, setting)));
    }

    /// Whether the registry has all that was made here.
    pub fn is_told(&self) -> bool {
        self.untold.is_empty()
    }

    /// All that is set, for a registry that has lost it.
    pub fn all(&self) -> Vec<Setting> {
        let policy = self.policy.map(|policy| Setting::Policy(Some(policy)));
        let admission = self.admission.map(|admission| Setting::Admission(Some(admission)));
        let resting = self.resting.iter().map(|name| Setting::Rest(name.clone(), true));
        policy.into_iter().chain(admission).chain(resting).collect()
    }

    fn apply(&mut self, setting: Setting) {
        match setting {
            Setting::Policy(policy) => self.policy = policy,
            Setting::Admission(admission) => self.admission = admission,
            // Whatever stands in the registry, a master remembers no more than it would let an administrator say.
            Setting::Rest(name, true) => _ = self.resting.len() < MAX_WORKERS && self.resting.insert(name),
            Setting::Rest(name, false) => _ = self.resting.remove(&name),
        }
    }
}

#[cfg(test)]
mod tests;
