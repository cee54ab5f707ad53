//! Health checks and reflection, as load balancers and `grpcurl` ask for them.

use facefleet_master::Config;
use facefleet_proto::MASTER_DESCRIPTORS;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::support::Master;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn reflected(channel: Channel, question: MessageRequest) -> MessageResponse {
    let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::once(question)).await.unwrap().into_inner();
    let ServerReflectionResponse { message_response, .. } = answers.message().await.unwrap().unwrap();
    message_response.unwrap()
}

#[tokio::test]
async fn it_is_healthy_until_it_stops_and_who_watches_is_told() {
    let master = Master::start(Config::default()).await;
    let mut client = HealthClient::new(master.channel().await);
    let mut watches = Vec::new();
    for service in ["", "Master"] {
        let mut watch = client.watch(of(service)).await.unwrap().into_inner();
        // The first word may be older than that it knows its cluster.
        while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
        assert_eq!(client.check(of(service)).await.unwrap().into_inner().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    assert_eq!(client.check(of("VideoStream")).await.unwrap_err().code(), Code::NotFound);
    master.stop().await.unwrap();
    for mut watch in watches {
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(watch.message().await.unwrap(), None, "the watch ends, and keeps nobody from ending");
    }
}

#[cfg(feature = "etcd")]
#[tokio::test]
async fn it_is_not_healthy_before_it_knows_its_cluster() {
    let store = "etcd://127.0.0.1:1".parse().unwrap();
    let master = Master::start(Config { store, ..Config::default() }).await;
    let mut client = HealthClient::new(master.channel().await);
    for service in ["", "Master"] {
        assert_eq!(client.check(of(service)).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    }
    master.stop().await.unwrap();
}

#[tokio::test]
async fn it_tells_which_services_it_has_and_what_they_are() {
    let master = Master::start(Config::default()).await;
    let channel = master.channel().await;
    let listed = reflected(channel.clone(), MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = listed else { panic!("{listed:?}") };
    let mut names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    names.sort();
    assert_eq!(names, ["Master", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]);
    let described = reflected(channel, MessageRequest::FileContainingSymbol("Master.RouteGuide".into())).await;
    let MessageResponse::FileDescriptorResponse(files) = described else { panic!("{described:?}") };
    let [file] = &files.file_descriptor_proto[..] else { panic!("{files:?}") };
    assert!(file.len() > 1000 && MASTER_DESCRIPTORS.ends_with(file), "{} bytes", file.len());
}
