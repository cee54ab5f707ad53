//! The call of the old programs: a frame out, its picture back, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate, FailureCode, wire};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Client, Events, LinkEvent, lost_by};
use facefleet_stream::frame::{End, Found};
use facefleet_stream::session::{Answer, Greeting, LinkId, Loss, Lost, Pace};

/// Number and attempt of the frames that were sent and not answered, in order.
type OnTheirWay = Arc<Mutex<VecDeque<(u64, u32)>>>;

fn locked(frames: &OnTheirWay) -> MutexGuard<'_, VecDeque<(u64, u32)>> {
    frames.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an old worker will do for this stream: it can be told nothing, and so not which detector to use. Says what
/// else it will not hear of.
pub(super) fn accepts(candidate: &Candidate, open: &AnalyzeOpen) -> Result<(), Lost> {
    let Candidate { name, address, .. } = candidate;
    if let Some(detector) = &open.detector {
        let reason = format!("it is an old worker, which cannot be asked for the detector `{detector}`");
        return Err(Lost { loss: Loss::Unfit, reason });
    }
    let unheard = unheard(open).join(", ");
    if !unheard.is_empty() {
        tracing::warn!(
            "{name} at {address} is an old worker: it sends pictures of 500×400 with its own boxes, and no {unheard} reaches it"
        );
    }
    Ok(())
}

/// The flags of this stream that an old worker knows nothing of.
fn unheard(open: &AnalyzeOpen) -> Vec<&'static str> {
    let AnalyzeOpen { min_score, min_face, detect_size, landmarks, max_age, priority, .. } = open;
    let flags = [
        ("--min-score", min_score.is_some()),
        ("--min-face", min_face.is_some()),
        ("--detect-size", detect_size.is_some()),
        ("--landmarks", *landmarks),
        ("--max-age", max_age.is_some()),
        ("--priority", *priority != 0),
    ];
    flags.into_iter().filter_map(|(flag, given)| given.then_some(flag)).collect()
}

pub(super) async fn run(id: LinkId, mut client: Client, candidate: &Candidate, events: &Events) -> Result<(), Lost> {
    let (frames, queue) = mpsc::unbounded_channel();
    // Replies carry no number: the order is all that tells them apart.
    let on_their_way = OnTheirWay::default();
    let sent = on_their_way.clone();
    let requests = UnboundedReceiverStream::new(queue).map(move |frame: AnalyzeFrame| {
        locked(&sent).push_back((frame.seq, frame.attempt));
        wire::VideoFrame { size: i32::try_from(frame.jpeg.len()).unwrap_or(i32::MAX), frame: frame.jpeg }
    });
    // An old worker may answer the call only with its first picture, so the link counts as up before that.
    let Candidate { name, generation, cores, .. } = candidate.clone();
    let _ = events.send(LinkEvent::Up(id, Greeting { name, generation, threads: cores }, frames));

    let mut replies = client.push_and_pull(requests).await.map_err(|status| lost_by(&status))?.into_inner();
    while let Some(wire::VideoFrame { size: _, frame: picture }) =
        replies.message().await.map_err(|status| lost_by(&status))?
    {
        let asked = locked(&on_their_way).pop_front();
        let (seq, attempt) = asked.ok_or_else(|| Lost::because("it sent a picture that nobody asked for"))?;
        let end = if picture.is_empty() {
            End::Failed { code: FailureCode::Undecodable, message: "the worker sent no picture back".into() }
        } else {
            End::Ok(Found { faces: None, picture: Some(picture), stages: None })
        };
        let answer = Answer { seq, attempt, end, elsewhere: false, pace: Pace::default() };
        let _ = events.send(LinkEvent::Answer(id, answer));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_worker_is_not_used_for_a_detector_and_for_the_rest_it_is() {
        let address = "10.0.0.7:50050".parse().unwrap();
        let candidate =
            Candidate { id: None, generation: 0, name: "pi".into(), address, cores: 1, share: 1.0, frame_ms: None };
        let plain = AnalyzeOpen::default();
        assert!(accepts(&candidate, &plain).is_ok() && unheard(&plain).is_empty());
        let open = AnalyzeOpen { detect_size: Some(640), landmarks: true, ..AnalyzeOpen::default() };
        assert_eq!(unheard(&open), ["--detect-size", "--landmarks"]);
        assert!(accepts(&candidate, &open).is_ok());
        let refused = accepts(&candidate, &AnalyzeOpen { detector: Some("yunet".into()), ..open }).unwrap_err();
        assert!(refused.loss == Loss::Unfit && refused.reason.contains("`yunet`"), "{refused:?}");
    }
}
