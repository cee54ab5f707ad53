//! Joining a master, and heartbeats.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use facefleet_proto::{AnalyzeOpen, WorkerId};
use facefleet_vision::DetectorKind;
use tokio::net::TcpListener;
use tonic::Status;

use crate::analyze::{Session, frame};
use crate::support::{FakeMaster, Received, Worker, plain_jpeg, soon};

#[tokio::test]
async fn a_worker_says_who_it_is_and_how_it_is() {
    let joins = Arc::new(Mutex::new(Vec::new()));
    let mut master = FakeMaster::start().await;
    master.answers.lock().unwrap().next_id = 5;
    let worker = Worker::start(master.address, |config| {
        config.weight = 3;
        config.threads = 2.try_into().unwrap();
        config.detector = DetectorKind::Rustface;
        let joins = joins.clone();
        config.on_join = Arc::new(move |_, id| joins.lock().unwrap().push(id));
    });
    let worker = worker.await;
    let join = master.join().await;
    assert_eq!((join.ip.as_str(), join.port), ("127.0.0.1", i32::from(worker.address.port())));
    assert_eq!((join.weight, join.cores, join.heartbeat_interval_ms), (3, 2, 20));
    assert_eq!(join.detectors[0], "rustface", "its own is the first");
    let offered: BTreeSet<&str> = join.detectors.iter().map(String::as_str).collect();
    assert_eq!(offered, DetectorKind::ALL.iter().map(|kind| kind.name()).collect());
    assert_eq!(join.detectors.len(), offered.len());
    assert!(join.name.ends_with(&format!("-{}", worker.address.port())), "{}", join.name);
    assert!(join.generation > 0 && !join.version.is_empty());

    let state = master.state(|_| true).await;
    assert_eq!((state.id, state.generation, state.in_flight, state.frames_ok), (5, join.generation, 0, 0));
    assert!(state.utx > 0 && !state.draining);
    assert_eq!(*joins.lock().unwrap(), [WorkerId(5)]);

    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    session.send(frame(0, plain_jpeg(320, 240, 90))).await;
    session.send(frame(1, Vec::new())).await;
    session.rest().await;
    let state = master.state(|s| s.frames_ok > 0 && s.in_flight == 0).await;
    assert_eq!((state.frames_ok, state.frames_failed, state.frames_dropped, state.queued), (1, 1, 0, 0));
    assert!(state.frame_ms > 0.0);
}

#[tokio::test]
async fn a_worker_that_is_not_known_joins_again_at_once() {
    let mut master = FakeMaster::start().await;
    let _worker = Worker::start(master.address, |_| {}).await;
    let first = master.join().await;
    master.state(|s| s.id == 0).await;
    master.answers.lock().unwrap().forget = true;
    let second = master.join().await;
    assert_eq!(second, first, "it is the same worker");
    master.state(|s| s.id == 1).await;
}

#[tokio::test]
async fn a_new_life_of_the_master_is_joined_again() {
    let mut master = FakeMaster::start().await;
    let _worker = Worker::start(master.address, |_| {}).await;
    master.join().await;
    master.state(|_| true).await;
    master.answers.lock().unwrap().epoch = 2;
    master.join().await;
    master.state(|s| s.id == 1).await;
}

#[tokio::test]
async fn a_master_that_appears_late_is_joined() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _worker = Worker::start(listener.local_addr().unwrap(), |_| {}).await;
    for _ in 0..3 {
        drop(soon(listener.accept()).await.unwrap()); // There is no master yet.
    }
    let mut master = FakeMaster::on(listener);
    master.join().await;
    master.state(|s| s.id == 0).await;
}

#[tokio::test]
async fn a_refused_worker_asks_again() {
    let mut master = FakeMaster::start().await;
    master.answers.lock().unwrap().refuse = Some(Status::invalid_argument("weight 0 is no weight"));
    let _worker = Worker::start(master.address, |_| {}).await;
    master.join().await;
    let next = master.hears(Some).await;
    assert!(matches!(next, Received::Join(_)), "only a worker that is in beats: {next:?}");
    master.state(|s| s.id == 0).await;
}
