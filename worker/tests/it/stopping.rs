//! Draining and leaving.

use std::any::Any;
use std::time::Duration;

use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::{AnalyzeOpen, Outcome};
use tonic::Code;
use tonic::transport::Endpoint;

use crate::analyze::{Session, frame};
use crate::support::{FakeMaster, Received, Worker, messages, old_frame, plain_jpeg, portrait, simulated, soon};

#[tokio::test]
async fn held_frames_are_answered_and_the_master_is_told() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |_| {}).await;
    let join = master.join().await;
    let mut session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    for seq in 0..4 {
        session.send(frame(seq, portrait())).await;
    }
    // All four are taken: what is taken must be answered, although the client leaves its stream open.
    master.state(|s| u64::from(s.in_flight) + s.frames_ok == 4).await;
    worker.shutdown.cancel();
    for _ in 0..4 {
        let result = session.next().await.unwrap().expect("a frame that was taken is answered");
        assert!(matches!(result.outcome, Outcome::Ok(_)), "{result:?}");
    }
    assert_eq!(session.next().await.unwrap(), None, "the stream ends well");
    soon(worker.ended).await.unwrap().unwrap();

    let leave = master.hears(|message| if let Received::Leave(leave) = message { Some(leave) } else { None }).await;
    assert_eq!((leave.id, leave.generation), (0, join.generation));
}

#[tokio::test]
async fn the_master_hears_at_once_and_no_further_frame_is_taken() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |config| {
        config.heartbeat = Duration::from_secs(3600);
        config.device = simulated(Duration::from_millis(200));
    });
    let worker = worker.await;
    master.state(|s| !s.draining).await;
    let mut session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    for seq in 0..3 {
        session.send(frame(seq, plain_jpeg(64, 48, 90))).await;
    }
    let first = session.next().await.unwrap().unwrap();
    let held = first.in_flight as usize;
    worker.shutdown.cancel();
    master.state(|s| s.draining).await;
    // The send fails when everything that was held is answered already and the stream is over.
    let _ = session.send.send(frame(3, plain_jpeg(64, 48, 90)).into()).await;
    let (outcomes, end) = session.rest().await;
    assert!(end.is_none(), "{end:?}");
    assert!(outcomes.len() >= held && !outcomes.contains_key(&3), "{held} were held: {outcomes:?}");
    assert!(outcomes.values().all(|outcome| matches!(outcome, Outcome::Ok(_))), "{outcomes:?}");
    soon(worker.ended).await.unwrap().unwrap();
}

/// A client with a small window that fetches no reply to the frame it sends: its connection cannot be closed in order.
async fn deaf_client(worker: &Worker, master: &mut FakeMaster) -> Box<dyn Any> {
    let uri = format!("http://{}", worker.address);
    let channel = Endpoint::from_shared(uri).unwrap().initial_stream_window_size(1024).connect().await.unwrap();
    let mut client = VideoStreamClient::new(channel);
    let (send, frames) = messages();
    let replies = client.push_and_pull(frames).await.unwrap();
    send.send(old_frame(portrait())).await.unwrap();
    master.state(|s| s.frames_ok == 1).await;
    Box::new((client, send, replies))
}

#[tokio::test]
async fn a_draining_worker_says_so_until_its_last_reply_is_fetched() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |_| {}).await;
    let client = deaf_client(&worker, &mut master).await;
    worker.shutdown.cancel();
    master.state(|s| s.draining).await;
    assert!(!worker.ended.is_finished());
    drop(client);
    soon(worker.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_fetches_nothing_is_cut_off_after_the_grace_time() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |config| config.grace = Duration::from_millis(1_100)).await;
    let _client = deaf_client(&worker, &mut master).await;
    worker.shutdown.cancel();
    soon(worker.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_master_can_ask_for_it_and_an_old_client_sees_why_its_stream_ends() {
    let master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |_| {}).await;
    let (send, frames) = messages();
    let mut replies = worker.client().await.push_and_pull(frames).await.unwrap().into_inner();
    send.send(old_frame(plain_jpeg(320, 240, 90))).await.unwrap();
    soon(replies.message()).await.unwrap().unwrap();
    master.answers.lock().unwrap().drain = true;

    let status = soon(replies.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("draining"), "{status}");
    soon(worker.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_without_a_master_or_a_stream_stops_at_once() {
    let worker = Worker::alone().await;
    let _idle = worker.client().await;
    worker.shutdown.cancel();
    soon(worker.ended).await.unwrap().unwrap();
}
