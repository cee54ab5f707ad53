//! What an administrator changes, over gRPC.

use std::time::Duration;

use facefleet_cluster::admission::AdmissionName;
use facefleet_master::Config;
use facefleet_proto::RETRY_AFTER_MS;
use facefleet_proto::wire::admin_request::Change;
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::wire::{AdminRequest, ListNodesRequest, NodeHealth, RouteRequest};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::{Master, beat, join};

const TOKEN: &str = "0123456789abcdef";

async fn start(admission: AdmissionName, token: Option<&str>) -> (Master, MasterClient<Channel>) {
    let admin_token = token.map(|token| token.parse().unwrap());
    let max_wait = Duration::from_secs(3600);
    let master = Master::start(Config { admission, max_wait, admin_token, ..Config::default() }).await;
    let client = master.client().await;
    (master, client)
}

/// The change, by who shows this in `authorization`.
async fn change(client: &mut MasterClient<Channel>, shown: Option<&str>, change: Change) -> Result<String, Status> {
    let mut request = Request::new(AdminRequest { change: Some(change) });
    if let Some(shown) = shown {
        request.metadata_mut().insert("authorization", shown.parse().unwrap());
    }
    Ok(client.administer(request).await?.into_inner().said)
}

fn policy() -> Change {
    Change::Policy("weighted-round-robin".into())
}

#[tokio::test]
async fn only_who_shows_the_token_may() {
    let (_master, mut client) = start(AdmissionName::Open, Some(TOKEN)).await;
    for shown in [None, Some(TOKEN), Some("Bearer"), Some("Basic 0123456789abcdef"), Some("Bearer 0123456789abcdeg")] {
        let refused = change(&mut client, shown, policy()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{shown:?}: {refused:?}");
        assert!(!refused.message().contains(TOKEN), "{refused:?}");
    }
    let policy_now = client.list_nodes(ListNodesRequest::default()).await.unwrap().into_inner().policy;
    assert_eq!(policy_now, "least-loaded");
    let said = change(&mut client, Some(&format!("Bearer {TOKEN}")), policy()).await.unwrap();
    assert_eq!(said, "policy is weighted-round-robin now, and was least-loaded");

    // Who tries many is not listened to, whatever comes.
    let mut refused = change(&mut client, Some("Bearer wrong"), policy()).await.unwrap_err();
    while refused.code() == Code::PermissionDenied {
        refused = change(&mut client, Some("Bearer wrong"), policy()).await.unwrap_err();
    }
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.metadata().contains_key(RETRY_AFTER_MS));
    let right = change(&mut client, Some(&format!("Bearer {TOKEN}")), policy()).await.unwrap_err();
    assert_eq!(right.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn without_a_token_set_nobody_may_and_is_told_what_to_set() {
    let (_master, mut client) = start(AdmissionName::Open, None).await;
    for shown in [None, Some("Bearer "), Some("Bearer 0123456789abcdef")] {
        let refused = change(&mut client, shown, policy()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("--admin-token"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_worker_that_rests_is_told_so_and_is_offered_to_nobody() {
    let (_master, mut client) = start(AdmissionName::Open, Some(TOKEN)).await;
    let shown = format!("Bearer {TOKEN}");
    for (name, port) in [("pi-1", 1), ("pi-2", 2)] {
        client.join(join(name, 1, port)).await.unwrap();
        client.push_state(beat(port - 1, 1, 0)).await.unwrap();
    }
    change(&mut client, Some(&shown), Change::Rest("pi-2".into())).await.unwrap();
    let route = client.route_guide(RouteRequest { wanted: u32::MAX, ..Default::default() }).await.unwrap().into_inner();
    assert_eq!(route.candidates.iter().map(|candidate| &*candidate.name).collect::<Vec<_>>(), ["pi-1"]);
    let rests = [0, 1].map(|id| (id, client.clone()));
    for (id, mut client) in rests {
        assert_eq!(client.push_state(beat(id, 1, 0)).await.unwrap().into_inner().rest, id == 1);
    }
    let nodes = client.list_nodes(ListNodesRequest::default()).await.unwrap().into_inner().nodes;
    let resting: Vec<bool> = nodes.iter().map(|node| node.state.as_ref().unwrap().resting).collect();
    assert_eq!((nodes[1].health(), resting), (NodeHealth::Draining, vec![false, true]));
    let unknown = change(&mut client, Some(&shown), Change::Resume("pi2".into())).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert!(unknown.message().contains("most like it: pi-2, pi-1"), "{unknown:?}");
    change(&mut client, Some(&shown), Change::Resume("1".into())).await.unwrap();
    assert!(!client.push_state(beat(1, 1, 0)).await.unwrap().into_inner().rest);
}

#[tokio::test]
async fn who_waits_is_let_in_when_admission_is_switched_off() {
    let (master, mut client) = start(AdmissionName::Fifo, Some(TOKEN)).await;
    client.join(join("pi", 1, 7)).await.unwrap();
    let mut asking = master.client().await;
    let call =
        tokio::spawn(async move { asking.route_guide(RouteRequest { lease_id: 5, ..Default::default() }).await });
    let look = ListNodesRequest { without_nodes: true };
    while client.list_nodes(look).await.unwrap().into_inner().waiting == 0 {}
    change(&mut client, Some(&format!("Bearer {TOKEN}")), Change::Admission("open".into())).await.unwrap();
    let route = call.await.unwrap().unwrap().into_inner();
    assert_eq!(route.candidates[0].name, "pi");
    let list = client.list_nodes(look).await.unwrap().into_inner();
    assert_eq!((list.waiting, &*list.admission), (0, "open"));
}
