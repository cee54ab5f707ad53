//! A master that lets in so many streams at once and no more, as its clients see it.

use std::time::Duration;

use facefleet_cluster::admission::AdmissionName;
use facefleet_master::Config;
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{RETRY_AFTER_MS, wire};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::support::{Master, beat, join};

type RouteResult = Result<Response<wire::RouteReply>, Status>;

/// A master with a worker, which has just started and so lets nobody in for a while.
async fn start(max_wait: Duration) -> Master {
    let admission = AdmissionName::Fifo;
    let master = Master::start(Config { admission, max_wait, ..Config::default() }).await;
    let mut client = master.client().await;
    client.join(join("pi", 1, 7)).await.unwrap();
    client.push_state(beat(0, 1, 0)).await.unwrap();
    master
}

async fn asking(master: &Master) -> JoinHandle<RouteResult> {
    let mut client = master.client().await;
    tokio::spawn(async move { client.route_guide(wire::RouteRequest { lease_id: 5, ..Default::default() }).await })
}

async fn until_so_many_wait(client: &mut MasterClient<Channel>, streams: u32) {
    let look = wire::ListNodesRequest { without_nodes: true };
    loop {
        let list = client.list_nodes(look).await.unwrap().into_inner();
        assert_eq!((list.nodes.len(), list.admission.as_str()), (0, "fifo"));
        if list.waiting == streams {
            return;
        }
    }
}

#[tokio::test]
async fn who_has_waited_for_long_enough_is_told_when_to_come_again() {
    let master = start(Duration::from_secs(3600)).await;
    let waited = wire::RouteRequest { lease_id: 5, waited_ms: 3_600_000, ..Default::default() };
    let refused = master.client().await.route_guide(waited).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("--max-wait"), "{refused:?}");
    assert_eq!(refused.metadata().get(RETRY_AFTER_MS).unwrap(), "5000");
}

#[tokio::test]
async fn whose_client_goes_away_leaves_the_queue() {
    let master = start(Duration::from_secs(3600)).await;
    let mut client = master.client().await;
    let call = asking(&master).await;
    until_so_many_wait(&mut client, 1).await;
    call.abort();
    until_so_many_wait(&mut client, 0).await;
}

#[tokio::test]
async fn a_result_ends_a_wait_and_a_slot() {
    let master = start(Duration::from_secs(3600)).await;
    let mut client = master.client().await;
    let _call = asking(&master).await;
    until_so_many_wait(&mut client, 1).await;
    client.submit_result(wire::TaskResult { lease_id: 5, ..Default::default() }).await.unwrap();
    until_so_many_wait(&mut client, 0).await;
}

#[tokio::test]
async fn a_master_that_stops_sends_those_who_wait_away() {
    let master = start(Duration::from_secs(3600)).await;
    let call = asking(&master).await;
    until_so_many_wait(&mut master.client().await, 1).await;
    master.stop().await.unwrap();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
}
