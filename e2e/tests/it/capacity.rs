//! How fast the workers of a cluster are, as they say themselves, and what that comes to.

use std::net::SocketAddr;

use facefleet_e2e::{Cluster, LOOPBACK, Service, asset, client, wait_until};
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::wire::{JoinRequest, NodeState, RouteRequest};
use serde_json::{Value, json};

use crate::media::text;

/// What `facefleet-client COMMAND --json` prints of this master's cluster.
pub(crate) fn told(command: &str, master: SocketAddr) -> Value {
    let ended = client(&[command, "--json", "--master", &master.to_string()]).unwrap().end().unwrap();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    serde_json::from_str(&ended.stdout.concat()).unwrap()
}

#[test]
fn a_worker_measures_itself_until_frames_tell_more() {
    let cluster = Cluster::start(1).unwrap();
    let is_known_by = |how: &str| told("capacity", cluster.master.address)["workers"][0]["how"] == how;
    wait_until("the worker has measured itself", || is_known_by("self_test"));

    let capacity = told("capacity", cluster.master.address);
    let frames_per_s = capacity["frames_per_s"].as_f64().unwrap();
    let measured = told("nodes", cluster.master.address)["nodes"][0]["load"]["frames_per_s"].as_f64().unwrap();
    assert!(frames_per_s > 0.0 && frames_per_s as f32 == measured as f32, "{capacity:#}");
    assert_eq!(capacity["cameras"].as_f64(), Some((frames_per_s * 0.8 / 10.0).floor()), "{capacity:#}");

    let video = asset("demo.mp4");
    let ended = cluster.run(&[text(&video), "--limit", "30"]).unwrap().end().unwrap();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    wait_until("the last frames tell", || is_known_by("last_frames"));
}

/// Two workers of which one says that it is too hot: what people are told, and what clients are offered.
#[tokio::test]
async fn a_worker_that_is_held_back_says_so_and_its_share_shrinks_until_it_is_not() {
    let master = Service::master(LOOPBACK).unwrap();
    let mut wire = MasterClient::connect(format!("http://{}", master.address)).await.unwrap();
    for port in [1, 2] {
        let cool = JoinRequest { ip: "10.0.0.1".into(), port, weight: 1, frames_per_s: 30.0, ..JoinRequest::default() };
        wire.join(cool).await.unwrap();
    }
    for (throttled, now, before, share) in [
        (0, json!([]), json!([]), 0.5),
        (0x5_0005, json!(["under-voltage", "throttled"]), json!(["under-voltage", "throttled"]), 0.4),
        (0x5_0000, json!([]), json!(["under-voltage", "throttled"]), 0.5),
    ] {
        let id = 0;
        wire.push_state(NodeState { id, throttled, frames_per_s: 30.0, ..NodeState::default() }).await.unwrap();
        let route = wire.route_guide(RouteRequest { wanted: 2, ..RouteRequest::default() }).await.unwrap().into_inner();
        let offered = route.candidates.iter().find(|candidate| candidate.id == id).unwrap();
        assert!((offered.share - share).abs() < 1e-6, "{throttled:x}: {route:?}");

        let load = &told("nodes", master.address)["nodes"][0]["load"];
        assert_eq!((&load["held_back_by"], &load["was_held_back_by"]), (&now, &before));
        let capacity = told("capacity", master.address);
        assert_eq!(capacity["workers"][0]["held_back_by"], now);
        assert_eq!(capacity["cameras"], if share < 0.5 { 1 } else { 2 }, "{capacity:#}");
    }
}

#[test]
fn a_cluster_that_is_not_there_carries_nothing_and_one_without_workers_no_camera() {
    let master = Service::master(LOOPBACK).unwrap();
    let ask = |fps: &str| client(&["capacity", "--master", &master.address.to_string(), "--fps", fps]).unwrap().end();
    let ended = ask("10").unwrap();
    assert_eq!(ended.stdout, ["this cluster can serve no cameras: no worker has joined yet"]);
    assert_eq!(ask("0").unwrap().code, Some(2));
    let nobody = crate::start_order::nobody().to_string();
    let ended = client(&["capacity", "--master", &nobody]).unwrap().end().unwrap();
    assert!(ended.code == Some(1) && ended.stderr.concat().contains(&nobody), "{:?}", ended.stderr);
}
