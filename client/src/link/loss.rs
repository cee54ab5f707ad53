//! Why a link was lost, as its status tells.

use std::error::Error;

use facefleet_service::grpc;
use facefleet_stream::session::{Disconnect, DisconnectKind};
use tonic::{Code, Status};

/// Converts the status that ended a call to the reason for which the link is lost.
pub(super) fn lost_by(status: &Status) -> Disconnect {
    let unfit = matches!(status.code(), Code::InvalidArgument | Code::FailedPrecondition);
    let reason = match broken_by(status) {
        Some(cause) => format!("its connection broke: {cause}"),
        None => grpc::explain(status),
    };
    Disconnect { kind: if unfit { DisconnectKind::Unfit } else { DisconnectKind::Broken }, reason }
}

/// Returns what broke the connection, if `status` was not sent by the worker but created from a local error.
pub(super) fn broken_by(status: &Status) -> Option<&dyn Error> {
    let mut cause = status.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause)
}
