//! One connection to one worker, for one stream.
//!
//! A link speaks [`analyze`] to a worker of ours and [`push_and_pull`] to an old one, and tells the stream what
//! happens as [`LinkEvent`]s. It decides nothing: which frame it carries, and what a loss means, is the stream's
//! business.

mod analyze;
mod push_and_pull;

use std::time::Duration;

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate};
use facefleet_service::grpc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic::transport::Channel;

use crate::dispatch::{Assignment, LinkId};
use crate::frame::End;

/// Greatest answer: boxes, or one picture of 500×400 from an old worker. It bounds what answers that wait for their turn
/// may hold.
const MOST_ANSWER_BYTES: usize = 1 << 20;

/// A worker that is there answers the opening of a stream at once, however busy it is.
const OPEN_TIME: Duration = Duration::from_secs(5);

/// What a link tells its stream.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The worker takes frames, through `frames`.
    Up(LinkId, Worker),
    /// A frame came back.
    Answer(Assignment, Answer),
    /// The link is over.
    Down(LinkId, Lost),
}

/// A worker that takes frames.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    /// Detector threads.
    pub(crate) threads: u32,
    /// Takes as many as it is given: the stream bounds them by the worker's credit.
    pub(crate) frames: mpsc::UnboundedSender<AnalyzeFrame>,
}

/// What came back for a frame.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) end: End,
    /// Time one of the worker's threads spends on a frame; None from an old worker.
    pub(crate) frame_time: Option<Duration>,
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
        events: mpsc::UnboundedSender<LinkEvent>,
    ) -> Link {
        let task = tokio::spawn(async move {
            let ended = run(id, &candidate, open, &events).await;
            let lost = ended.map_or_else(|lost| lost, |()| Lost::because("it ended the stream"));
            // Err: the stream is over.
            let _ = events.send(LinkEvent::Down(id, lost));
        });
        Link { _task: AbortOnDropHandle::new(task) }
    }
}

/// Why a link is over.
#[derive(Debug)]
pub(crate) struct Lost {
    /// For people; it names no address.
    pub(crate) reason: String,
    /// The worker is there and does not do what this stream asks for.
    pub(crate) unfit: bool,
}

impl Lost {
    pub(crate) fn because(reason: impl Into<String>) -> Lost {
        Lost { reason: reason.into(), unfit: false }
    }
}

impl From<tonic::Status> for Lost {
    fn from(status: tonic::Status) -> Lost {
        let unfit = matches!(status.code(), Code::InvalidArgument | Code::FailedPrecondition);
        Lost { reason: grpc::explain(&status), unfit }
    }
}

impl From<facefleet_proto::Invalid> for Lost {
    fn from(invalid: facefleet_proto::Invalid) -> Lost {
        Lost::because(format!("it sent nonsense: {invalid}"))
    }
}

type Client = VideoStreamClient<Channel>;
type Events = mpsc::UnboundedSender<LinkEvent>;

async fn run(id: LinkId, candidate: &Candidate, open: AnalyzeOpen, events: &Events) -> Result<(), Lost> {
    let channel =
        grpc::endpoint(&candidate.address.into()).connect().await.map_err(|e| Lost::because(grpc::explain(&e)))?;
    let client = VideoStreamClient::new(channel)
        .max_decoding_message_size(MOST_ANSWER_BYTES)
        .max_encoding_message_size(grpc::MAX_MESSAGE_BYTES);
    match analyze::run(id, client.clone(), open.clone(), events).await {
        Err(analyze::Ended::OldWorker) => {
            push_and_pull::accepts(candidate, &open)?;
            push_and_pull::run(id, client, candidate, events).await
        }
        Err(analyze::Ended::Lost(lost)) => Err(lost),
        Ok(()) => Ok(()),
    }
}
