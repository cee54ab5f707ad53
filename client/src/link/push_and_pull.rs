//! The call of the old protocol, `PushAndPull`: frames out, and one annotated picture per frame back, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, Candidate, FailureCode, wire};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;

use super::event::{Events, LinkEvent};
use super::loss::lost_by;
use facefleet_stream::frame::{End, Found};
use facefleet_stream::session::{Disconnect, DisconnectKind, FrameAnswer, FrameAttempt, Greeting, LinkId, Pace};

/// The frames in flight, in the order in which they were sent.
type InFlight = Arc<Mutex<VecDeque<FrameAttempt>>>;

fn locked(frames: &InFlight) -> MutexGuard<'_, VecDeque<FrameAttempt>> {
    frames.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks whether an old worker can be used for this stream. The old protocol has no options, so a stream that requires a
/// detector cannot use it. All other options are ignored with a warning.
///
/// # Errors
/// Fails if the stream requires a detector.
pub(super) fn accepts(candidate: &Candidate, open: &AnalyzeOpen) -> Result<(), Disconnect> {
    let Candidate { name, address, .. } = candidate;
    if let Some(detector) = &open.detector {
        let reason = format!("it is an old worker, which cannot be asked for the detector `{detector}`");
        return Err(Disconnect { kind: DisconnectKind::Unfit, reason });
    }
    let ignored = ignored_options(open).join(", ");
    if !ignored.is_empty() {
        tracing::warn!(
            "{name} at {address} is an old worker: it returns pictures of 500×400 with boxes, and ignores {ignored}"
        );
    }
    Ok(())
}

/// Returns the options of this stream that an old worker ignores.
fn ignored_options(open: &AnalyzeOpen) -> Vec<&'static str> {
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

pub(super) async fn run(
    id: LinkId,
    mut client: VideoStreamClient<Channel>,
    candidate: &Candidate,
    events: &Events,
) -> Result<(), Disconnect> {
    let (frames, queue) = mpsc::unbounded_channel();
    // Replies have no number: only their order tells which frame they belong to.
    let in_flight = InFlight::default();
    let sent = in_flight.clone();
    let requests = UnboundedReceiverStream::new(queue).map(move |frame: AnalyzeFrame| {
        locked(&sent).push_back(FrameAttempt { seq: frame.seq, attempt: frame.attempt });
        wire::VideoFrame { size: i32::try_from(frame.jpeg.len()).unwrap_or(i32::MAX), frame: frame.jpeg }
    });
    // An old worker may answer the call only with its first picture, so the link is reported as up before.
    let Candidate { name, generation, cores, .. } = candidate.clone();
    let _ = events.send(LinkEvent::Up(id, Greeting { name, generation, threads: cores }, frames));

    let mut replies = client.push_and_pull(requests).await.map_err(|status| lost_by(&status))?.into_inner();
    while let Some(wire::VideoFrame { size: _, frame: picture }) =
        replies.message().await.map_err(|status| lost_by(&status))?
    {
        let answered = locked(&in_flight).pop_front();
        let FrameAttempt { seq, attempt } =
            answered.ok_or_else(|| Disconnect::broken("it sent more pictures than it received frames"))?;
        let end = if picture.is_empty() {
            End::Failed { code: FailureCode::Undecodable, message: "the worker sent no picture back".into() }
        } else {
            End::Ok(Found { faces: None, picture: Some(picture), stages: None })
        };
        let answer = FrameAnswer { frame: FrameAttempt { seq, attempt }, end, elsewhere: false, pace: Pace::default() };
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
        assert!(accepts(&candidate, &plain).is_ok() && ignored_options(&plain).is_empty());
        let open = AnalyzeOpen { detect_size: Some(640), landmarks: true, ..AnalyzeOpen::default() };
        assert_eq!(ignored_options(&open), ["--detect-size", "--landmarks"]);
        assert!(accepts(&candidate, &open).is_ok());
        let refused = accepts(&candidate, &AnalyzeOpen { detector: Some("yunet".into()), ..open }).unwrap_err();
        assert!(refused.kind == DisconnectKind::Unfit && refused.reason.contains("`yunet`"), "{refused:?}");
    }
}
