//! What senders may not do, and what is left of a client that is gone.

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeOpen, FailureCode, Outcome};
use tokio_stream::iter;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::analyze::{Session, frame};
use crate::support::{FakeMaster, Worker, messages, old_frame, plain_jpeg, soon};

#[tokio::test]
async fn a_message_above_the_limit_is_refused_and_frames_before_it_are_answered() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |c| c.limits.frame_bytes = 100_000).await;
    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    session.send(frame(0, plain_jpeg(320, 240, 90))).await;
    session.send(frame(1, vec![0; 100_001])).await;
    let (outcomes, end) = session.rest().await;
    assert!(matches!(outcomes[&0], Outcome::Ok(_)), "{outcomes:?}");
    let status = end.unwrap();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("100000"), "{status}");
    soon(worker.client().await.send_fream(old_frame(plain_jpeg(64, 48, 90)))).await.unwrap();
}

#[tokio::test]
async fn a_picture_above_the_limit_is_one_failed_frame() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |c| c.limits.pixels = 64 * 48).await;
    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    for (seq, width) in [(0, 64), (1, 65), (2, 64)] {
        session.send(frame(seq, plain_jpeg(width, 48, 90))).await;
    }
    let (outcomes, end) = session.rest().await;
    assert!(end.is_none(), "{end:?}");
    assert!(matches!(outcomes[&0], Outcome::Ok(_)) && matches!(outcomes[&2], Outcome::Ok(_)), "{outcomes:?}");
    assert!(
        matches!(&outcomes[&1], Outcome::Failed { code, .. } if *code == FailureCode::TooManyPixels),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_told_why() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |c| c.limits.streams = 2.try_into().unwrap()).await;
    let first = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    let _second = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    let mut client = worker.client().await;
    let status = client.push_and_pull(iter([old_frame(plain_jpeg(64, 48, 90))])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("2 streams") && status.message().contains("--max-streams"), "{status}");

    let (_, end) = first.rest().await;
    assert!(end.is_none());
    // The place is free when the server has seen the end of the stream, which may be after the client has.
    soon(async { while client.send_fream(old_frame(plain_jpeg(64, 48, 90))).await.is_err() {} }).await;
}

#[tokio::test]
async fn nothing_is_kept_for_a_client_that_is_gone() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |c| c.limits.streams = 1.try_into().unwrap()).await;
    let address = worker.address;
    // The client has a runtime of its own, so that its end cuts the connection as the end of its process would.
    let gone = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (send, frames) = messages();
            let mut client = VideoStreamClient::connect(format!("http://{address}")).await.unwrap();
            let mut replies = client.push_and_pull(frames).await.unwrap().into_inner();
            for _ in 0..30 {
                send.send(old_frame(plain_jpeg(640, 480, 90))).await.unwrap();
            }
            soon(replies.message()).await.unwrap().unwrap();
        });
    });
    gone.await.unwrap();

    master.state(|s| s.in_flight == 0 && s.queued == 0 && s.frames_ok > 0).await;
    let mut client = worker.client().await;
    soon(async { while client.send_fream(old_frame(plain_jpeg(64, 48, 90))).await.is_err() {} }).await;
}

#[tokio::test]
async fn streams_that_do_not_read_their_replies_hold_up_nobody_else() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |_| {}).await;
    // HTTP/2 lets the worker send a reply of theirs only until this much is unread, and they read nothing.
    let endpoint = Endpoint::from_shared(format!("http://{}", worker.address)).unwrap().initial_stream_window_size(1);
    let mut deaf = VideoStreamClient::new(endpoint.connect().await.unwrap());
    let mut streams = Vec::new();
    for _ in 0..16 {
        let (send, frames) = messages();
        for _ in 0..6 {
            send.send(old_frame(plain_jpeg(64, 48, 90))).await.unwrap();
        }
        streams.push((send, deaf.push_and_pull(frames).await.unwrap()));
    }
    let mut client = worker.client().await;
    // Each waits for its turn behind the frames of the streams, so that all of these come to theirs in the meantime.
    for _ in 0..10 {
        soon(client.send_fream(old_frame(plain_jpeg(64, 48, 90)))).await.unwrap();
    }
}
