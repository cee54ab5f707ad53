//! The native call `Analyze`.

use std::collections::BTreeMap;
use std::time::Duration;

use facefleet_proto::{
    AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, DropReason, FailureCode, FrameOk, FrameResult, Opened, Outcome, Output,
};
use facefleet_proto::{MAX_DETECT_SIZE, Reply, Task, wire};
use facefleet_vision::{Limits, jpeg};
use tokio::sync::mpsc::Sender;
use tokio_stream::iter;
use tonic::{Code, Status, Streaming};

use crate::support::{Worker, messages, plain_jpeg, portrait, soon};

pub(crate) fn open() -> AnalyzeRequest {
    AnalyzeRequest::Open(AnalyzeOpen::default())
}

pub(crate) fn frame(seq: u64, jpeg: Vec<u8>) -> AnalyzeRequest {
    AnalyzeRequest::Frame(AnalyzeFrame { seq, attempt: 1, age: Duration::ZERO, jpeg: jpeg.into() })
}

/// A stream that is open: the worker has said who it is.
pub(crate) struct Session {
    pub(crate) send: Sender<wire::AnalyzeRequest>,
    replies: Streaming<wire::AnalyzeReply>,
    pub(crate) opened: Opened,
}

impl Session {
    pub(crate) async fn start(worker: &Worker, open: AnalyzeOpen) -> Result<Session, Status> {
        let (send, requests) = messages();
        send.send(AnalyzeRequest::Open(open).into()).await.unwrap();
        let mut replies = worker.client().await.analyze(requests).await?.into_inner();
        let first = soon(replies.message()).await?.expect("`opened` comes first");
        let Ok(Reply::Opened(opened)) = first.try_into() else { panic!("`opened` comes first") };
        Ok(Session { send, replies, opened })
    }

    pub(crate) async fn send(&self, request: AnalyzeRequest) {
        self.send.send(request.into()).await.unwrap();
    }

    /// Waits for the next result. None when the stream has ended without an error.
    pub(crate) async fn next(&mut self) -> Result<Option<FrameResult>, Status> {
        Ok(soon(self.replies.message()).await?.map(|reply| match Reply::try_from(reply).unwrap() {
            Reply::Result(result) => result,
            Reply::Opened(_) => panic!("`opened` comes once"),
        }))
    }

    /// Ends the frames and waits for all remaining results. Returns the outcomes by frame number, and the error that ended the stream.
    pub(crate) async fn rest(mut self) -> (BTreeMap<u64, Outcome>, Option<Status>) {
        drop(self.send);
        let mut outcomes = BTreeMap::new();
        loop {
            match soon(self.replies.message()).await {
                Ok(None) => return (outcomes, None),
                Err(status) => return (outcomes, Some(status)),
                Ok(Some(reply)) => {
                    let Ok(Reply::Result(result)) = reply.try_into() else { panic!("`opened` comes once") };
                    assert_eq!(result.attempt, 1);
                    assert_eq!(outcomes.insert(result.seq, result.outcome), None, "frame {} twice", result.seq);
                }
            }
        }
    }
}

async fn status_of(worker: &Worker, requests: Vec<wire::AnalyzeRequest>) -> Status {
    let called = worker.client().await.analyze(iter(requests)).await;
    let mut replies = match called {
        Err(status) => return status,
        Ok(replies) => replies.into_inner(),
    };
    loop {
        match soon(replies.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended well"),
            Err(status) => return status,
        }
    }
}

#[tokio::test]
async fn a_face_comes_back_in_source_pixels_with_what_it_cost() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |config| config.name = Some("pi-1".to_owned())).await;
    let mut session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    assert_eq!((session.opened.worker.as_str(), session.opened.cores), ("pi-1", 1));
    session.send(frame(41, portrait())).await;
    let result = session.next().await.unwrap().unwrap();
    assert_eq!((result.seq, result.attempt, result.in_flight), (41, 1, 0));
    assert!(result.frame_ms.is_some_and(|ms| ms > 0.0));
    let Outcome::Ok(FrameOk { faces, picture, source_width, source_height, stages }) = result.outcome else {
        panic!("{:?}", result.outcome)
    };
    let header = jpeg::header(&portrait()).unwrap();
    assert_eq!((source_width, source_height), (header.size.width, header.size.height));
    assert_eq!(faces.len(), 1, "{faces:?}");
    assert!(faces[0].x > 0.0 && faces[0].x + faces[0].width < source_width as f32, "{faces:?}");
    assert_eq!(picture, None);
    assert!(stages.decode > Duration::ZERO && stages.detect > Duration::ZERO, "{stages:?}");
    let (rest, end) = session.rest().await;
    assert!(rest.is_empty() && end.is_none());
}

#[tokio::test]
async fn what_was_asked_for_comes_back_and_nothing_else() {
    let worker = Worker::alone().await;
    let cases = [
        (Task::Faces, Output::Boxes, 1, false),
        (Task::Faces, Output::Picture, 0, true),
        (Task::Faces, Output::BoxesAndPicture, 1, true),
        (Task::Canny, Output::Boxes, 0, false),
        (Task::Canny, Output::Picture, 0, true),
    ];
    for (task, output, boxes, pictured) in cases {
        let session = Session::start(&worker, AnalyzeOpen { task, output, ..AnalyzeOpen::default() }).await.unwrap();
        session.send(frame(0, portrait())).await;
        let (mut outcomes, _) = session.rest().await;
        let Some(Outcome::Ok(ok)) = outcomes.remove(&0) else { panic!("{task:?} {output:?}: {outcomes:?}") };
        assert_eq!((ok.faces.len(), ok.picture.is_some()), (boxes, pictured), "{task:?} {output:?}");
        if let Some(picture) = ok.picture {
            jpeg::decode_rgb(&picture, &Limits::default()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_chooses_its_detector_and_the_size_that_it_looks_at() {
    let worker = Worker::alone().await;
    let found = async |detector: &str, detect_size| {
        let detector = Some(detector.to_owned());
        let output = Output::BoxesAndPicture;
        let open = AnalyzeOpen { detector, detect_size, output, ..AnalyzeOpen::default() };
        let session = Session::start(&worker, open).await.unwrap();
        session.send(frame(0, portrait())).await;
        let (mut outcomes, _) = session.rest().await;
        let Some(Outcome::Ok(ok)) = outcomes.remove(&0) else { panic!("{outcomes:?}") };
        let picture = jpeg::header(&ok.picture.unwrap()).unwrap().size;
        (ok.faces, picture.width.max(picture.height))
    };
    let source = jpeg::header(&portrait()).unwrap().size;
    let (faces, size) = found("seeta", None).await;
    assert_eq!((faces.len(), size), (1, 512));
    assert_eq!(found("rustface", None).await, (faces, 512), "the two find the same faces");
    let (faces, size) = found("seeta", Some(300)).await;
    assert_eq!((faces.len(), size), (1, 300));
    assert!(faces[0].x + faces[0].width > 200.0, "in pixels of the source: {faces:?}");
    let (_, size) = found("seeta", Some(MAX_DETECT_SIZE)).await;
    assert_eq!(size, source.width.max(source.height), "nothing is enlarged");
}

#[tokio::test]
async fn landmarks_come_where_they_are_asked_for_and_found() {
    let worker = Worker::alone().await;
    for (detector, landmarks, five) in [("yunet", true, true), ("yunet", false, false), ("seeta", true, false)] {
        let open = AnalyzeOpen { detector: Some(detector.to_owned()), landmarks, ..AnalyzeOpen::default() };
        let session = Session::start(&worker, open).await.unwrap();
        session.send(frame(0, portrait())).await;
        let (mut outcomes, _) = session.rest().await;
        let Some(Outcome::Ok(ok)) = outcomes.remove(&0) else { panic!("{outcomes:?}") };
        assert_eq!(ok.faces.len(), 1);
        assert_eq!(ok.faces[0].landmarks.is_some(), five, "{detector}, asked for: {landmarks}");
    }
}

#[tokio::test]
async fn a_size_that_no_picture_has_is_refused() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |c| c.limits.pixels = 1_000).await;
    let open = |side| AnalyzeOpen { detect_size: Some(side), ..AnalyzeOpen::default() };
    let status = Session::start(&worker, open(1_001)).await.map(drop).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().starts_with("AnalyzeOpen.detect_size") && status.message().contains("--max-pixels"),
        "{status}"
    );
    Session::start(&worker, open(1_000)).await.map(drop).unwrap();
}

#[tokio::test]
async fn every_frame_has_one_result_and_bad_ones_say_why() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |c| c.threads = 3.try_into().unwrap()).await;
    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    for seq in 0..40 {
        let jpeg = match seq {
            7 => Vec::new(),
            20 => b"GIF89a........".to_vec(),
            _ => plain_jpeg(160, 120, 90),
        };
        session.send(frame(seq, jpeg)).await;
    }
    // `rest` ends the sending while frames are held: each is answered all the same.
    let (outcomes, end) = session.rest().await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(outcomes.len(), 40);
    for (seq, outcome) in outcomes {
        match (seq, outcome) {
            (7, Outcome::Failed { code, .. }) => assert_eq!(code, FailureCode::Empty),
            (20, Outcome::Failed { code, message, elsewhere }) => {
                assert_eq!((code, elsewhere), (FailureCode::NotJpeg, false));
                assert!(message.contains("GIF"), "{message}");
            }
            (7 | 20, other) => panic!("frame {seq}: {other:?}"),
            (_, outcome) => assert!(matches!(outcome, Outcome::Ok(_)), "frame {seq}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_frame_that_is_too_old_at_its_turn_is_dropped() {
    let worker = Worker::alone().await;
    let open = AnalyzeOpen { max_age: Some(Duration::from_secs(3600)), ..AnalyzeOpen::default() };
    let session = Session::start(&worker, open).await.unwrap();
    for (seq, age) in [(0, Duration::ZERO), (1, Duration::from_secs(3601)), (2, Duration::from_micros(u64::MAX))] {
        let jpeg = plain_jpeg(64, 48, 90).into();
        session.send(AnalyzeRequest::Frame(AnalyzeFrame { seq, attempt: 1, age, jpeg })).await;
    }
    let (outcomes, _) = session.rest().await;
    assert!(matches!(outcomes[&0], Outcome::Ok(_)), "{outcomes:?}");
    assert_eq!(outcomes[&1], Outcome::Dropped(DropReason::StaleWorker));
    assert_eq!(outcomes[&2], Outcome::Dropped(DropReason::StaleWorker));
}

#[tokio::test]
async fn a_stream_that_breaks_the_rules_is_told_which() {
    let worker = Worker::alone().await;
    let other = AnalyzeRequest::Open(AnalyzeOpen { detector: Some("dlib".to_owned()), ..AnalyzeOpen::default() });
    let cases: [(Vec<wire::AnalyzeRequest>, &str); 6] = [
        (vec![], "the first message is missing; it must be `open`"),
        (vec![frame(0, Vec::new()).into()], "the first message is a frame; it must be `open`"),
        (vec![open().into(), open().into()], "a second `open`"),
        (vec![open().into(), wire::AnalyzeRequest { message: None }], "neither `open` nor `frame`"),
        (vec![other.into()], "AnalyzeOpen.detector: there is no detector `dlib`; choose one of: seeta"),
        (vec![wire::AnalyzeRequest { message: None }], "neither `open` nor `frame`"),
    ];
    for (requests, said) in cases {
        let status = status_of(&worker, requests).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains(said), "`{}` does not say `{said}`", status.message());
    }
}

#[tokio::test]
async fn frames_before_a_broken_rule_are_answered() {
    let worker = Worker::alone().await;
    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    for seq in 0..4 {
        session.send(frame(seq, plain_jpeg(320, 240, 90))).await;
    }
    session.send(open()).await;
    let (outcomes, end) = session.rest().await;
    assert_eq!(outcomes.len(), 4);
    assert_eq!(end.map(|status| status.code()), Some(Code::InvalidArgument));
}
