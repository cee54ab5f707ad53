//! The call of the old programs: a frame out, its picture back, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facefleet_proto::{AnalyzeFrame, Candidate, wire};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Answer, Client, Events, LinkEvent, Lost, Worker};
use crate::dispatch::{Assignment, LinkId};
use crate::frame::{End, Found};

/// Frames that were sent and not answered, in order.
type OnTheirWay = Arc<Mutex<VecDeque<Assignment>>>;

fn locked(frames: &OnTheirWay) -> MutexGuard<'_, VecDeque<Assignment>> {
    frames.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn run(id: LinkId, mut client: Client, candidate: &Candidate, events: &Events) -> Result<(), Lost> {
    let (frames, queue) = mpsc::unbounded_channel();
    // Replies carry no number: the order is all that tells them apart.
    let on_their_way = OnTheirWay::default();
    let sent = on_their_way.clone();
    let requests = UnboundedReceiverStream::new(queue).map(move |frame: AnalyzeFrame| {
        locked(&sent).push_back(Assignment { seq: frame.seq, attempt: frame.attempt, link: id });
        wire::VideoFrame { size: i32::try_from(frame.jpeg.len()).unwrap_or(i32::MAX), frame: frame.jpeg }
    });
    // An old worker may answer the call only with its first picture, so the link counts as up before that.
    let worker = Worker { name: candidate.name.clone(), threads: candidate.cores, frames };
    let _ = events.send(LinkEvent::Up(id, worker));

    let mut replies = client.push_and_pull(requests).await?.into_inner();
    while let Some(wire::VideoFrame { size: _, frame: picture }) = replies.message().await? {
        let asked = locked(&on_their_way).pop_front();
        let asked = asked.ok_or_else(|| Lost("it sent a picture that nobody asked for".into()))?;
        let end = if picture.is_empty() {
            End::Failed { code: "undecodable".into(), message: "the worker sent no picture back".into() }
        } else {
            End::Ok(Found { faces: None, picture: Some(picture), stages: None })
        };
        let _ = events.send(LinkEvent::Answer(asked, Answer { end, frame_time: None }));
    }
    Ok(())
}
