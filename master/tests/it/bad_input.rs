//! Messages that cannot mean anything get a status that says why, and the master goes on.

use facefleet_master::Config;
use facefleet_proto::wire;
use tonic::{Code, Status};

use crate::support::{Master, beat, join};

fn is_invalid(status: &Status, field: &str) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().starts_with(field), "{status:?} does not name {field}");
}

#[tokio::test]
async fn a_worker_that_cannot_be_is_not_taken() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    let good = join("a", 1, 1);
    let cases = [
        (wire::JoinRequest { weight: 0, ..good.clone() }, "JoinRequest.weight"),
        (wire::JoinRequest { weight: -4, ..good.clone() }, "JoinRequest.weight"),
        (wire::JoinRequest { weight: i32::MIN, ..good.clone() }, "JoinRequest.weight"),
        (wire::JoinRequest { weight: i32::MAX, ..good.clone() }, "JoinRequest.weight"),
        (wire::JoinRequest { ip: String::new(), ..good.clone() }, "JoinRequest.ip"),
        (wire::JoinRequest { ip: "pi.local".into(), ..good.clone() }, "JoinRequest.ip"),
        (wire::JoinRequest { ip: "0.0.0.0".into(), ..good.clone() }, "JoinRequest.ip"),
        (wire::JoinRequest { ip: "::".into(), ..good.clone() }, "JoinRequest.ip"),
        (wire::JoinRequest { ip: "10.0.0.1:7".into(), ..good.clone() }, "JoinRequest.ip"),
        (wire::JoinRequest { port: 0, ..good.clone() }, "JoinRequest.port"),
        (wire::JoinRequest { port: 70_000, ..good.clone() }, "JoinRequest.port"),
        (wire::JoinRequest { port: -1, ..good.clone() }, "JoinRequest.port"),
        (wire::JoinRequest { name: "a\nb".into(), ..good.clone() }, "JoinRequest.name"),
        (wire::JoinRequest { frames_per_s: f32::NAN, ..good.clone() }, "JoinRequest.frames_per_s"),
    ];
    for (message, field) in cases {
        is_invalid(&client.join(message).await.unwrap_err(), field);
    }
    assert_eq!(client.join(good).await.unwrap().into_inner().id, 0, "none of them was given an id");
}

#[tokio::test]
async fn a_heartbeat_that_cannot_be_changes_nothing() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("a", 1, 1)).await.unwrap();
    client.push_state(beat(0, 1, 5)).await.unwrap();
    let cases = [
        (wire::NodeState { cpu_usage: f32::NAN, ..beat(0, 1, 6) }, "NodeState.cpu_usage"),
        (wire::NodeState { cpu_usage: f32::INFINITY, ..beat(0, 1, 6) }, "NodeState.cpu_usage"),
        (wire::NodeState { cpu_usage: f32::NEG_INFINITY, ..beat(0, 1, 6) }, "NodeState.cpu_usage"),
        (wire::NodeState { cpu_usage: -1.0, ..beat(0, 1, 6) }, "NodeState.cpu_usage"),
        (wire::NodeState { frame_ms: f32::INFINITY, ..beat(0, 1, 6) }, "NodeState.frame_ms"),
        (beat(-1, 1, 6), "NodeState.id"),
    ];
    for (message, field) in cases {
        is_invalid(&client.push_state(message).await.unwrap_err(), field);
    }
    let nodes = client.list_nodes(wire::ListNodesRequest::default()).await.unwrap().into_inner().nodes;
    assert_eq!(nodes[0].state.as_ref().unwrap().frames_ok, 5);
}

#[tokio::test]
async fn other_questions_that_cannot_be() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    is_invalid(
        &client.leave(wire::LeaveRequest { id: -1, generation: 0, epoch: 0 }).await.unwrap_err(),
        "LeaveRequest.id",
    );
    let query = wire::RouteRequest { exclude_ids: vec![1, -1], ..Default::default() };
    is_invalid(&client.route_guide(query).await.unwrap_err(), "RouteRequest.exclude_ids");
    let query = wire::RouteRequest { stream_id: "x".repeat(2 << 20), ..Default::default() };
    assert_eq!(client.route_guide(query).await.unwrap_err().code(), Code::OutOfRange, "a message past the limit");
    client.list_nodes(wire::ListNodesRequest::default()).await.unwrap();
}

#[tokio::test]
async fn an_earlier_life_is_refused_and_told_why() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("pi", 9, 7)).await.unwrap();
    let status = client.join(join("pi", 8, 8)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("`pi`") && status.message().contains("10.0.0.1:7"), "{status:?}");
    assert!(!client.push_state(beat(0, 9, 1)).await.unwrap().into_inner().unknown);
}

#[tokio::test]
async fn a_worker_with_an_ipv6_address_is_one_like_any_other() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(wire::JoinRequest { ip: "fd00::7".into(), ..join("six", 1, 9) }).await.unwrap();
    let route = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_eq!((route.ip.as_str(), route.port), ("fd00::7", 9));
}

#[tokio::test]
async fn who_joins_twice_from_one_address_is_its_new_life_or_is_refused() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("other", 1, 8)).await.unwrap();
    assert_eq!(client.join(join("pi", 5, 7)).await.unwrap().into_inner().id, 1);
    assert_eq!(client.join(join("pi", 6, 7)).await.unwrap().into_inner().id, 2);
    let status = client.join(join("stranger", 7, 7)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("10.0.0.1:7") && status.message().contains("`pi`"), "{status:?}");

    assert!(client.push_state(beat(1, 5, 1)).await.unwrap().into_inner().unknown, "the old life is gone");
    assert!(!client.push_state(beat(2, 6, 1)).await.unwrap().into_inner().unknown);
    let nodes = client.list_nodes(wire::ListNodesRequest::default()).await.unwrap().into_inner().nodes;
    assert_eq!(nodes.iter().map(|node| (node.id, node.generation)).collect::<Vec<_>>(), [(0, 1), (2, 6)]);
}

#[tokio::test]
async fn a_heartbeat_under_the_id_of_another_is_unknown_and_changes_nothing() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("a", 1, 1)).await.unwrap();
    client.join(join("b", 2, 2)).await.unwrap();
    client.push_state(beat(1, 2, 5)).await.unwrap();
    assert!(client.push_state(beat(1, 1, 99)).await.unwrap().into_inner().unknown, "b's id and a's generation");
    let nodes = client.list_nodes(wire::ListNodesRequest::default()).await.unwrap().into_inner().nodes;
    assert_eq!(nodes[0].state, None);
    assert_eq!(nodes[1].state.as_ref().unwrap().frames_ok, 5);
}
