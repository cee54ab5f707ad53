//! The command `admin`: changes how a cluster schedules, and takes workers out of service and back.

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{AdminChange, wire};
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::grpc;
use facefleet_service::http::token::Token;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// None of the masters answered.
    #[error("cannot ask the master at {master}")]
    Call {
        /// The master that was asked last.
        master: HostPort,
        /// What the call ended with.
        source: Box<Status>,
    },
    /// The master refused the change, for a reason that it gives.
    #[error("the master at {master} refuses: {}", why.message())]
    Refused {
        /// The master that was asked.
        master: HostPort,
        /// The reason that the master gave.
        why: Box<Status>,
    },
    /// The master is too old to have the call.
    #[error("the master at {master} cannot be administered: it is of an older version")]
    TooOld {
        /// The master that was asked.
        master: HostPort,
    },
}

/// Asks the masters for a change, one after the other, until one of them answers. Returns the master's description of what
/// has changed.
///
/// # Errors
/// Fails if no master answers, or if the master that answers refuses.
pub async fn change(masters: &HostPorts, token: &Token, change: AdminChange) -> Result<String, AdminError> {
    let mut asked = masters.iter();
    loop {
        let master = asked.next().expect("the last one ends the loop").clone();
        let mut request = Request::new(wire::AdminRequest::from(change.clone()));
        request.set_timeout(grpc::call_timeout(masters));
        let shown = MetadataValue::try_from(format!("Bearer {}", token.reveal()));
        request.metadata_mut().insert("authorization", shown.expect("a token is letters, digits and signs of ASCII"));
        match MasterClient::new(grpc::channel(&master)).administer(request).await {
            Ok(reply) => return Ok(reply.into_inner().said),
            Err(status) if status.code() == Code::Unimplemented => return Err(AdminError::TooOld { master }),
            Err(status) if is_away(&status) && asked.len() > 0 => {
                tracing::warn!("the master at {master} does not answer: {}", grpc::explain(&status));
            }
            Err(status) if is_away(&status) => return Err(AdminError::Call { master, source: Box::new(status) }),
            Err(status) => return Err(AdminError::Refused { master, why: Box::new(status) }),
        }
    }
}

/// Returns whether the call failed before the master could decide, so that another master may be asked.
fn is_away(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown)
}

#[cfg(test)]
mod tests {
    use facefleet_master::{Config, run};
    use facefleet_service::address::HostPort;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[tokio::test]
    async fn the_first_master_that_answers_does_it_or_says_why_not() {
        let nobody: HostPort = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let master: HostPort = listener.local_addr().unwrap().into();
        let stop = CancellationToken::new();
        let config = Config { admin_token: Some(TOKEN.parse().unwrap()), ..Config::default() };
        tokio::spawn(run(listener, config, stop.clone().cancelled_owned()));
        let _stop = stop.drop_guard();

        let masters: HostPorts = format!("{nobody},{master}").parse().unwrap();
        let policy = |name: &str| AdminChange::Policy(name.into());
        let [right, wrong] = [TOKEN, "fedcba9876543210"].map(|token| token.parse().unwrap());
        let said = change(&masters, &right, policy("weighted-round-robin")).await.unwrap();
        assert!(said.contains("weighted-round-robin"), "{said}");
        let unknown = change(&masters, &right, policy("best")).await.unwrap_err().to_string();
        assert!(unknown.contains("least-loaded, weighted-round-robin"), "{unknown}");
        let refused = change(&masters, &wrong, policy("least-loaded")).await.unwrap_err().to_string();
        assert!(refused.contains("not the admin token"), "{refused}");
        let away = change(&nobody.clone().into(), &right, policy("least-loaded")).await.unwrap_err();
        assert!(matches!(away, AdminError::Call { .. }) && away.to_string().contains(&nobody.to_string()), "{away}");
    }
}
