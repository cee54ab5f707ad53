//! The settings that an administrator can change while the master runs.

use std::collections::BTreeSet;

use crate::admission::AdmissionName;
use crate::policy::PolicyName;

/// How a cluster schedules, and which workers it does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How workers are chosen.
    pub policy: PolicyName,
    /// Which streams are let in.
    pub admission: AdmissionName,
    /// Names of the workers that are out of service. Names and not ids, so that a worker that starts again stays out.
    pub resting: BTreeSet<String>,
}
