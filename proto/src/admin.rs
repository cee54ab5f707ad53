//! What an administrator changes.

use serde::Deserialize;

use crate::{Invalid, wire};

/// One change. As JSON it is an object with one of these keys in lower case: `{"rest": "pi-2"}`. Whether there is such a
/// policy or worker is for the master to say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdminChange {
    /// How workers are chosen: as in the master's `--policy`.
    Policy(String),
    /// Who is let in: as in its `--admission`.
    Admission(String),
    /// The worker with this name or number goes out of service, and stays.
    Rest(String),
    /// It comes back.
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
