//! The changes that an administrator can make.

use serde::Deserialize;

use crate::{Invalid, wire};

/// A change by an administrator. As JSON it is an object with one key, which is the variant's name in lower case: `{"rest": "pi-2"}`.
/// The master checks whether there is such a policy or worker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdminChange {
    /// Schedule by the policy of this name, as in the master's `--policy`.
    Policy(String),
    /// Admit streams by the admission of this name, as in the master's `--admission`.
    Admission(String),
    /// Take the worker with this name or number out of service. It stays registered.
    Rest(String),
    /// Put the worker with this name or number back into service.
    Resume(String),
}

impl TryFrom<wire::AdminRequest> for AdminChange {
    type Error = Invalid;

    fn try_from(message: wire::AdminRequest) -> Result<AdminChange, Invalid> {
        use wire::admin_request::Change;
        let wire::AdminRequest { change } = message;
        Ok(match change {
            Some(Change::Policy(name)) => AdminChange::Policy(name),
            Some(Change::Admission(name)) => AdminChange::Admission(name),
            Some(Change::Rest(worker)) => AdminChange::Rest(worker),
            Some(Change::Resume(worker)) => AdminChange::Resume(worker),
            None => {
                let problem = "is missing, or one that this version does not know";
                return Err(Invalid::new("AdminRequest.change", problem));
            }
        })
    }
}

impl From<AdminChange> for wire::AdminRequest {
    fn from(change: AdminChange) -> wire::AdminRequest {
        use wire::admin_request::Change;
        let change = match change {
            AdminChange::Policy(name) => Change::Policy(name),
            AdminChange::Admission(name) => Change::Admission(name),
            AdminChange::Rest(worker) => Change::Rest(worker),
            AdminChange::Resume(worker) => Change::Resume(worker),
        };
        wire::AdminRequest { change: Some(change) }
    }
}
