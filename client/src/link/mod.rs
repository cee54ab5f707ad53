//! One connection from a stream to a worker.
//!
//! A link uses the native call ([`analyze`]), or the call of the old protocol ([`push_and_pull`]) if the worker is old, and
//! reports to the stream with [`LinkEvent`]s. The link decides nothing: the stream chooses the frames to send and what to do
//! when a link is lost.

mod analyze;
mod event;
mod loss;
mod push_and_pull;

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeOpen, Candidate};
use facefleet_service::grpc;
use facefleet_service::trace::StreamTrace;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use facefleet_stream::session::{Disconnect, DisconnectKind, LinkId};

use event::Events;
pub(crate) use event::LinkEvent;

/// The largest JPEG that is sent, in bytes; the rest of the message needs a few bytes, too.
pub(crate) const MOST_FRAME_BYTES: usize = grpc::MAX_MESSAGE_BYTES - 1024;
/// The largest answer that is accepted, in bytes: boxes, or one picture of 500×400 from an old worker. The limit bounds the
/// memory of answers that wait to be reported.
const MOST_ANSWER_BYTES: usize = 1 << 20;

/// A running link. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Link {
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// Connects to the worker in the background. The last event that is sent to `events` is one [`LinkEvent::Down`].
    pub(crate) fn start(
        id: LinkId,
        candidate: Candidate,
        open: AnalyzeOpen,
        trace: StreamTrace,
        events: mpsc::UnboundedSender<LinkEvent>,
    ) -> Link {
        let task = tokio::spawn(async move {
            let ended = run(id, &candidate, open, trace, &events).await;
            let left = || Disconnect { kind: DisconnectKind::Left, reason: "it ended the stream".to_owned() };
            let lost = ended.map_or_else(|lost| lost, |()| left());
            // An error means that the stream has ended.
            let _ = events.send(LinkEvent::Down(id, lost));
        });
        Link { _task: AbortOnDropHandle::new(task) }
    }
}

async fn run(
    id: LinkId,
    candidate: &Candidate,
    open: AnalyzeOpen,
    trace: StreamTrace,
    events: &Events,
) -> Result<(), Disconnect> {
    let channel =
        grpc::endpoint(&candidate.address.into()).connect().await.map_err(|e| Disconnect::broken(grpc::explain(&e)))?;
    let client = VideoStreamClient::new(channel)
        .max_decoding_message_size(MOST_ANSWER_BYTES)
        .max_encoding_message_size(grpc::MAX_MESSAGE_BYTES);
    match analyze::run(id, client.clone(), open.clone(), trace, events).await {
        Err(analyze::Ended::OldWorker) if candidate.generation != 0 => {
            let reason = "it joined with the native call, but what answers at its address does not have that call: \
                          is another program listening there?";
            Err(Disconnect::broken(reason))
        }
        Err(analyze::Ended::OldWorker) => {
            push_and_pull::accepts(candidate, &open)?;
            push_and_pull::run(id, client, candidate, events).await
        }
        Err(analyze::Ended::Lost(lost)) => Err(lost),
        Ok(()) => Ok(()),
    }
}
