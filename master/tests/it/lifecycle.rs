//! Workers that come and go, and a master that ends.

use facefleet_master::Config;
use facefleet_proto::wire;

use crate::support::{Master, beat, join};

#[tokio::test]
async fn a_worker_joins_is_routed_to_and_leaves() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    let joined = client.join(join("pi", 9, 7)).await.unwrap().into_inner();
    assert!(joined.success && joined.epoch != 0);
    assert_eq!(joined.id, 0);

    let state = client.push_state(beat(0, 9, 1)).await.unwrap().into_inner();
    assert_eq!(
        state,
        wire::PushStateReply { unknown: false, drain: false, epoch: joined.epoch, stale: false, rest: false }
    );

    let route = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_eq!((route.ip.as_str(), route.port, route.thread_num), ("10.0.0.1", 7, 4));
    assert_eq!((route.candidates.len(), route.epoch), (1, joined.epoch));
    assert_eq!((route.candidates[0].id, route.candidates[0].generation, route.candidates[0].share), (0, 9, 1.0));
    assert!(route.lease_id != 0 && route.lease_ttl_ms > 0);

    let nodes = client.list_nodes(wire::ListNodesRequest::default()).await.unwrap().into_inner();
    assert_eq!((nodes.policy.as_str(), nodes.epoch), ("least-loaded", joined.epoch));
    assert_eq!((nodes.nodes[0].name.as_str(), nodes.nodes[0].health()), ("pi", wire::NodeHealth::Healthy));

    // Another life's Leave changes nothing.
    let leave = |generation| wire::LeaveRequest { id: 0, generation, epoch: 0 };
    assert!(!client.leave(leave(8)).await.unwrap().into_inner().success);
    assert!(client.leave(leave(9)).await.unwrap().into_inner().success);
    assert!(!client.leave(leave(9)).await.unwrap().into_inner().success);
    let route = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_eq!(route, wire::RouteReply { epoch: joined.epoch, ..Default::default() });
}

#[tokio::test]
async fn a_worker_that_is_not_known_is_told_so() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    assert!(client.push_state(beat(3, 9, 1)).await.unwrap().into_inner().unknown);
    client.join(join("pi", 9, 7)).await.unwrap();
    assert!(client.push_state(beat(0, 8, 1)).await.unwrap().into_inner().unknown);
    assert!(!client.push_state(beat(0, 9, 1)).await.unwrap().into_inner().unknown);
}

#[tokio::test]
async fn a_result_ends_what_was_promised_to_its_stream_and_to_no_other() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("a", 1, 1)).await.unwrap();
    client.join(join("b", 1, 2)).await.unwrap();
    let first = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    let result = wire::TaskResult {
        id: -5,
        task_id: 1,
        time_cost: 2,
        performance: 3,
        lease_id: first.lease_id,
        epoch: first.epoch,
    };
    for lease_id in 1..100 {
        client.submit_result(wire::TaskResult { lease_id, ..result }).await.unwrap();
    }
    let other = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_ne!(other.port, first.port, "nobody's stream has a small number");
    client.submit_result(wire::TaskResult { lease_id: other.lease_id, ..result }).await.unwrap();
    assert_eq!(client.submit_result(result).await.unwrap().into_inner(), result);
    let second = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_eq!(second.port, first.port, "the place is free again");
    let third = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_ne!(third.port, second.port, "the place is taken");
}

#[tokio::test]
async fn a_client_on_this_machine_is_told_the_loopback_address() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(wire::JoinRequest { ip: "127.0.0.1".into(), ..join("a", 1, 1) }).await.unwrap();
    let route = client.route_guide(wire::RouteRequest::default()).await.unwrap().into_inner();
    assert_eq!(route.ip, "127.0.0.1");
}

#[tokio::test]
async fn it_ends_when_told_to_though_clients_are_connected() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("a", 1, 1)).await.unwrap();
    let mut queue = client.get_q(wire::QueueRequest { last: 0 }).await.unwrap().into_inner();
    master.stop().await.unwrap();
    assert_eq!(queue.message().await.unwrap(), None, "the queue ends without an error");
}
