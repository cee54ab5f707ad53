//! One connection to one worker, for one stream.
//!
//! A link speaks [`analyze`] to a worker of ours and [`push_and_pull`] to an old one, and tells the stream what
//! happens as [`LinkEvent`]s. It decides nothing: which frame it carries, and what a loss means, is the stream's
//! business.

mod analyze;
mod push_and_pull;

use std::error::Error;
use std::time::Duration;

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate};
use facefleet_service::grpc;
use facefleet_service::trace::StreamTrace;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic::transport::Channel;

use facefleet_stream::session::{Answer, Greeting, LinkId, Loss, Lost};

/// Greatest answer: boxes, or one picture of 500×400 from an old worker. It bounds what answers that wait for their turn
/// may hold.
const MOST_ANSWER_BYTES: usize = 1 << 20;

/// A worker that is there answers the opening of a stream at once, however busy it is.
const OPEN_TIME: Duration = Duration::from_secs(5);

/// What a link tells its stream.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The worker takes frames, as many as it is given.
    Up(LinkId, Greeting, mpsc::UnboundedSender<AnalyzeFrame>),
    /// A frame came back.
    Answer(LinkId, Answer),
    /// The link is over.
    Down(LinkId, Lost),
}

/// A running link. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Link {
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// Connects to the worker in the background. Exactly one [`LinkEvent::Down`] ends what `events` gets from it.
    pub(crate) fn start(
        id: LinkId,
        candidate: Candidate,
        open: AnalyzeOpen,
        trace: StreamTrace,
        events: mpsc::UnboundedSender<LinkEvent>,
    ) -> Link {
        let task = tokio::spawn(async move {
            let ended = run(id, &candidate, open, trace, &events).await;
            let left = || Lost { loss: Loss::Left, reason: "it ended the stream".to_owned() };
            let lost = ended.map_or_else(|lost| lost, |()| left());
            // Err: the stream is over.
            let _ = events.send(LinkEvent::Down(id, lost));
        });
        Link { _task: AbortOnDropHandle::new(task) }
    }
}

/// What a status that ends a call says of the link.
fn lost_by(status: &tonic::Status) -> Lost {
    let unfit = matches!(status.code(), Code::InvalidArgument | Code::FailedPrecondition);
    let reason = match broken_by(status) {
        Some(cause) => format!("its connection broke: {cause}"),
        None => grpc::explain(status),
    };
    Lost { loss: if unfit { Loss::Unfit } else { Loss::Broken }, reason }
}

/// What ended the connection, if `status` is not the worker's word, but made here of that.
fn broken_by(status: &tonic::Status) -> Option<&dyn Error> {
    let mut cause = status.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause)
}

type Client = VideoStreamClient<Channel>;
type Events = mpsc::UnboundedSender<LinkEvent>;

async fn run(
    id: LinkId,
    candidate: &Candidate,
    open: AnalyzeOpen,
    trace: StreamTrace,
    events: &Events,
) -> Result<(), Lost> {
    let channel =
        grpc::endpoint(&candidate.address.into()).connect().await.map_err(|e| Lost::because(grpc::explain(&e)))?;
    let client = VideoStreamClient::new(channel)
        .max_decoding_message_size(MOST_ANSWER_BYTES)
        .max_encoding_message_size(grpc::MAX_MESSAGE_BYTES);
    match analyze::run(id, client.clone(), open.clone(), trace, events).await {
        Err(analyze::Ended::OldWorker) if candidate.generation != 0 => {
            let reason = "it joined as a worker that knows the native call, and what answers there does not: \
                          does something else listen there?";
            Err(Lost::because(reason))
        }
        Err(analyze::Ended::OldWorker) => {
            push_and_pull::accepts(candidate, &open)?;
            push_and_pull::run(id, client, candidate, events).await
        }
        Err(analyze::Ended::Lost(lost)) => Err(lost),
        Ok(()) => Ok(()),
    }
}
