//! The native call, `Analyze`: frames out, and one result per frame in any order.

use std::time::Duration;

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeOpen, AnalyzeRequest, FrameOk, FrameResult, Opened, Outcome, Reply, StageTimes, wire};
use facefleet_service::trace::StreamTrace;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::event::{Events, LinkEvent};
use super::loss::{broken_by, lost_by};
use facefleet_stream::event_loop::OPEN_TIME;
use facefleet_stream::frame::End;
use facefleet_stream::session::{Disconnect, FrameAnswer, FrameAttempt, Greeting, LinkId, Pace};

/// Why the call has ended.
pub(super) enum Ended {
    /// The worker is too old to have the call. No frame was sent to it.
    OldWorker,
    /// The link was lost.
    Lost(Disconnect),
}

impl<E: Into<Disconnect>> From<E> for Ended {
    fn from(error: E) -> Ended {
        Ended::Lost(error.into())
    }
}

pub(super) async fn run(
    id: LinkId,
    mut client: VideoStreamClient<Channel>,
    open: AnalyzeOpen,
    trace: StreamTrace,
    events: &Events,
) -> Result<(), Ended> {
    let (frames, queue) = mpsc::unbounded_channel();
    let frames_out = UnboundedReceiverStream::new(queue).map(AnalyzeRequest::Frame);
    let requests = tokio_stream::once(AnalyzeRequest::Open(open)).chain(frames_out).map(wire::AnalyzeRequest::from);
    let mut requests = Request::new(requests);
    trace.inject(&mut requests);

    let opening = async {
        let mut replies = match client.analyze(requests).await {
            Err(status) if status.code() == Code::Unimplemented => return Err(Ended::OldWorker),
            replies => replies.map_err(|status| lost_before_answer(&status))?.into_inner(),
        };
        match replies.message().await.map_err(|status| lost_before_answer(&status))?.map(Reply::try_from).transpose()? {
            Some(Reply::Opened(opened)) => Ok((opened, replies)),
            Some(Reply::Result(_)) => Err(Disconnect::broken("it sent a result before it opened the stream").into()),
            None => Err(Disconnect::broken("it ended the stream at once").into()),
        }
    };
    let silent = |_| Ended::from(Disconnect::broken(format!("it sent nothing for {} s", OPEN_TIME.as_secs())));
    let (opened, mut replies) = tokio::time::timeout(OPEN_TIME, opening).await.map_err(silent)??;
    let Opened { worker: name, generation, cores: threads } = opened;
    let _ = events.send(LinkEvent::Up(id, Greeting { name, generation, threads }, frames));

    while let Some(reply) =
        replies.message().await.map_err(|status| lost_by(&status))?.map(Reply::try_from).transpose()?
    {
        let Reply::Result(result) = reply else {
            return Err(Disconnect::broken("it opened the stream twice").into());
        };
        let _ = events.send(LinkEvent::Answer(id, answer(result)));
    }
    Ok(())
}

/// Explains a connection that ended before the worker answered: what listens there may not be a worker.
fn lost_before_answer(status: &Status) -> Disconnect {
    match broken_by(status) {
        Some(cause) => Disconnect::broken(format!(
            "it does not answer like a worker ({cause}): is another program listening there?"
        )),
        None => lost_by(status),
    }
}

fn answer(FrameResult { seq, attempt, outcome, in_flight, frame_ms, streams }: FrameResult) -> FrameAnswer {
    let (stayed, worked) = match &outcome {
        Outcome::Ok(FrameOk { stages: StageTimes { queue, decode, resize, detect, draw, encode }, .. }) => {
            let worked = *decode + *resize + *detect + *draw + *encode;
            (Some(*queue + worked), Some(worked).filter(|worked| !worked.is_zero()))
        }
        Outcome::Dropped(_) | Outcome::Failed { .. } => (None, None),
    };
    // The time of this frame is preferred to the average of all frames of the worker, because other streams may use other
    // detectors.
    let frame_time = worked.or(frame_ms.map(|ms| Duration::from_secs_f32(ms.min(MOST_FRAME_MS) / 1e3)));
    let elsewhere = matches!(outcome, Outcome::Failed { elsewhere: true, .. });
    let pace = Pace { frame_time, stayed, in_flight, streams };
    FrameAnswer { frame: FrameAttempt { seq, attempt }, end: End::from(outcome), elsewhere, pace }
}

/// The longest time for one frame that is believed, in milliseconds: an hour, which a `Duration` can hold.
const MOST_FRAME_MS: f32 = 3.6e6;
