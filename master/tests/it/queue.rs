//! `GetQ`: the last so many heartbeats, and those that come.

use facefleet_master::Config;
use facefleet_proto::wire;
use facefleet_proto::wire::master_client::MasterClient;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::support::{Master, beat, join};

async fn subscribe(client: &mut MasterClient<Channel>, last: u32) -> Streaming<wire::HeartbeatRecord> {
    client.get_q(wire::QueueRequest { last }).await.unwrap().into_inner()
}

async fn next(queue: &mut Streaming<wire::HeartbeatRecord>) -> wire::HeartbeatRecord {
    queue.message().await.unwrap().unwrap()
}

#[tokio::test]
async fn the_past_comes_first_then_what_happens() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("pi", 9, 7)).await.unwrap();
    for n in 1..=3 {
        client.push_state(beat(0, 9, n)).await.unwrap();
    }
    // Of an unknown worker: not in the queue.
    client.push_state(beat(5, 9, 99)).await.unwrap();

    let mut queue = subscribe(&mut client, 2).await;
    let mut live = subscribe(&mut client, 0).await;
    client.push_state(beat(0, 9, 4)).await.unwrap();
    for n in 2..=4 {
        let record = next(&mut queue).await;
        assert_eq!((record.name.as_str(), record.ip.as_str(), record.port), ("pi", "10.0.0.1", 7));
        assert_eq!((record.state.unwrap(), record.missed), (beat(0, 9, n), 0));
        assert!(record.received_us > 0);
    }
    assert_eq!(next(&mut live).await.state.unwrap(), beat(0, 9, 4));
}
