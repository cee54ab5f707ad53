//! Health checks and reflection, as load balancers and `grpcurl` ask for them.

use std::time::Duration;

use facefleet_proto::{AnalyzeOpen, VIDEO_STREAM_DESCRIPTORS};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::analyze::{Session, frame};
use crate::support::{FakeMaster, Worker, plain_jpeg, simulated, soon};

async fn channel(worker: &Worker) -> Channel {
    Channel::from_shared(format!("http://{}", worker.address)).unwrap().connect().await.unwrap()
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn reflected(worker: &Worker, question: MessageRequest) -> MessageResponse {
    let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut client = ServerReflectionClient::new(channel(worker).await);
    let mut answers = client.server_reflection_info(tokio_stream::once(question)).await.unwrap().into_inner();
    let ServerReflectionResponse { message_response, .. } = soon(answers.message()).await.unwrap().unwrap();
    message_response.unwrap()
}

#[tokio::test]
async fn it_is_healthy_until_it_drains_and_who_watches_is_told() {
    let mut master = FakeMaster::start().await;
    let worker = Worker::start(master.address, |config| config.device = simulated(Duration::from_millis(300))).await;
    let mut client = HealthClient::new(channel(&worker).await);
    let mut watches = Vec::new();
    for service in ["", "VideoStream"] {
        assert_eq!(client.check(of(service)).await.unwrap().into_inner().status(), ServingStatus::Serving);
        let mut watch = client.watch(of(service)).await.unwrap().into_inner();
        assert_eq!(soon(watch.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    assert_eq!(client.check(of("Master")).await.unwrap_err().code(), Code::NotFound);

    // A frame is held, so that the worker drains for a while.
    let session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    session.send(frame(0, plain_jpeg(64, 48, 90))).await;
    master.state(|state| state.in_flight == 1).await;
    worker.shutdown.cancel();
    for watch in &mut watches {
        assert_eq!(soon(watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    }
    let (outcomes, end) = session.rest().await;
    assert!(outcomes.len() == 1 && end.is_none(), "{outcomes:?} {end:?}");
    for watch in &mut watches {
        assert_eq!(soon(watch.message()).await.unwrap(), None, "the watch ends, and keeps nobody from ending");
    }
    soon(worker.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn it_tells_which_services_it_has_and_what_they_are() {
    let worker = Worker::alone().await;
    let listed = reflected(&worker, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = listed else { panic!("{listed:?}") };
    let mut names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    names.sort();
    assert_eq!(names, ["VideoStream", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]);
    let described = reflected(&worker, MessageRequest::FileContainingSymbol("AnalyzeOpen".into())).await;
    let MessageResponse::FileDescriptorResponse(files) = described else { panic!("{described:?}") };
    let [file] = &files.file_descriptor_proto[..] else { panic!("{files:?}") };
    assert!(file.len() > 1000 && VIDEO_STREAM_DESCRIPTORS.ends_with(file), "{} bytes", file.len());
}
