//! The native call.

use std::time::Duration;

use facefleet_proto::{AnalyzeOpen, AnalyzeRequest, FrameResult, Reply, wire};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Code;

use super::{Answer, Client, Events, LinkEvent, Lost, OPEN_TIME, Worker};
use crate::dispatch::{Assignment, LinkId};
use crate::frame::End;

/// Why the call is over.
pub(super) enum Ended {
    /// The worker does not know the call. No frame was sent to it.
    OldWorker,
    Lost(Lost),
}

impl<E: Into<Lost>> From<E> for Ended {
    fn from(error: E) -> Ended {
        Ended::Lost(error.into())
    }
}

pub(super) async fn run(id: LinkId, mut client: Client, open: AnalyzeOpen, events: &Events) -> Result<(), Ended> {
    let (frames, queue) = mpsc::unbounded_channel();
    let frames_out = UnboundedReceiverStream::new(queue).map(AnalyzeRequest::Frame);
    let requests = tokio_stream::once(AnalyzeRequest::Open(open)).chain(frames_out).map(wire::AnalyzeRequest::from);

    let opening = async {
        let mut replies = match client.analyze(requests).await {
            Err(status) if status.code() == Code::Unimplemented => return Err(Ended::OldWorker),
            replies => replies?.into_inner(),
        };
        match next_reply(&mut replies).await? {
            Some(Reply::Opened(opened)) => Ok((opened, replies)),
            Some(Reply::Result(_)) => Err(Lost::because("it answered before it was asked").into()),
            None => Err(Lost::because("it ended the stream at once").into()),
        }
    };
    let silent = |_| Ended::from(Lost::because(format!("it said nothing for {} s", OPEN_TIME.as_secs())));
    let (opened, mut replies) = tokio::time::timeout(OPEN_TIME, opening).await.map_err(silent)??;
    let worker = Worker { name: opened.worker, threads: opened.cores, frames };
    let _ = events.send(LinkEvent::Up(id, worker));

    while let Some(reply) = next_reply(&mut replies).await? {
        let Reply::Result(FrameResult { seq, attempt, outcome, in_flight: _, frame_ms, streams: _ }) = reply else {
            return Err(Lost::because("it opened the stream twice").into());
        };
        let frame_time = frame_ms.map(|ms| Duration::from_secs_f32(ms.min(MOST_FRAME_MS) / 1e3));
        let answer = Answer { end: End::from(outcome), frame_time };
        let _ = events.send(LinkEvent::Answer(Assignment { seq, attempt, link: id }, answer));
    }
    Ok(())
}

/// An hour for one frame is nonsense, and within what a duration can hold.
const MOST_FRAME_MS: f32 = 3.6e6;

async fn next_reply(replies: &mut tonic::Streaming<wire::AnalyzeReply>) -> Result<Option<Reply>, Lost> {
    Ok(replies.message().await?.map(Reply::try_from).transpose()?)
}
