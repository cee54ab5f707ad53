//! A worker that an administrator takes out of service and puts back.

use facefleet_proto::{AnalyzeOpen, Outcome};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::analyze::{Session, frame};
use crate::support::{FakeMaster, Received, Worker, plain_jpeg, portrait, soon};

#[tokio::test]
async fn a_worker_that_rests_answers_what_it_holds_and_stays_until_it_is_resumed() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |_| {}).await;
    let channel = Channel::from_shared(format!("http://{}", worker.address)).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(soon(health.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    for seq in 0..4 {
        session.send(frame(seq, portrait())).await;
    }
    master.state(|s| u64::from(s.in_flight) + s.frames_ok == 4 && !s.draining).await;
    master.answers.lock().unwrap().rest = true;
    let (outcomes, end) = session.rest().await;
    assert!(end.is_none(), "its stream ends well: {end:?}");
    assert!((0..4).all(|seq| matches!(outcomes.get(&seq), Some(Outcome::Ok(_)))), "{outcomes:?}");
    master.state(|s| s.draining && s.resting && s.frames_ok == 4).await;

    assert_eq!(soon(health.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let refused = Session::start(&worker, AnalyzeOpen::default()).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("resting"), "{refused}");

    // Another life of the master does not know it yet. The worker does not come back into service by itself.
    {
        let mut answers = master.answers.lock().unwrap();
        (answers.epoch, answers.forget) = (2, true);
    }
    let rests_on = |told| match told {
        Received::Join(_) => Some(None),
        Received::State(state) => Some(Some(state)),
        Received::Leave(_) => panic!("it stays"),
    };
    let after_join = loop {
        if master.hears(rests_on).await.is_none() {
            break master.state(|_| true).await;
        }
    };
    assert!(after_join.resting && after_join.epoch == 2, "{after_join:?}");

    master.answers.lock().unwrap().rest = false;
    master.state(|s| !s.draining && !s.resting).await;
    assert_eq!(soon(health.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    drop(health);
    let mut session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    session.send(frame(0, plain_jpeg(64, 48, 90))).await;
    let result = session.next().await.unwrap().unwrap();
    assert!(matches!(result.outcome, Outcome::Ok(_)), "{result:?}");

    // A worker that rests leaves like any other.
    master.answers.lock().unwrap().rest = true;
    master.state(|s| s.resting).await;
    worker.shutdown.cancel();
    soon(worker.ended).await.unwrap().unwrap();
    master.hears(|told| matches!(told, Received::Leave(_)).then_some(())).await;
}
