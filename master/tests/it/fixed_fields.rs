//! Programs that know the fixed fields only. Their messages are written out here, as such a program has them.

use facefleet_master::Config;
use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::support::{Master, join};

#[derive(Clone, PartialEq, Message)]
struct Join {
    #[prost(string, tag = "1")]
    ip: String,
    #[prost(int32, tag = "2")]
    port: i32,
    #[prost(int32, tag = "3")]
    weight: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Joined {
    #[prost(int32, tag = "1")]
    id: i32,
    #[prost(bool, tag = "2")]
    success: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Leave {
    #[prost(int32, tag = "1")]
    id: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Left {
    #[prost(bool, tag = "1")]
    success: bool,
}

#[derive(Clone, PartialEq, Message)]
struct State {
    #[prost(int32, tag = "1")]
    id: i32,
    #[prost(float, tag = "2")]
    cpu_usage: f32,
    #[prost(int32, tag = "3")]
    task_id: i32,
    #[prost(float, tag = "4")]
    io_perf: f32,
    #[prost(float, tag = "5")]
    pro_perf: f32,
    #[prost(int32, tag = "6")]
    task_st: i32,
    #[prost(int32, tag = "7")]
    task_ed: i32,
    #[prost(int64, tag = "8")]
    utx: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Empty {}

#[derive(Clone, PartialEq, Message)]
struct Query {
    #[prost(int32, tag = "1")]
    task_id: i32,
    #[prost(int32, tag = "2")]
    task_sz: i32,
    #[prost(int32, tag = "3")]
    task_type: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Route {
    #[prost(string, tag = "1")]
    ip: String,
    #[prost(int32, tag = "2")]
    port: i32,
    #[prost(int32, tag = "3")]
    thread_num: i32,
}

#[derive(Clone, PartialEq, Message)]
struct TaskCost {
    #[prost(int32, tag = "1")]
    id: i32,
    #[prost(int32, tag = "2")]
    task_id: i32,
    #[prost(int32, tag = "3")]
    time_cost: i32,
    #[prost(int32, tag = "4")]
    performance: i32,
}

/// Calls `/Master/{method}` as a program does that has its own messages.
async fn call<Q, A>(channel: &Channel, method: &str, question: Q) -> Result<A, Status>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/Master/{method}")).unwrap();
    Ok(grpc.unary(Request::new(question), path, ProstCodec::<Q, A>::default()).await?.into_inner())
}

const QUERY: Query = Query { task_id: 0, task_sz: 10_000, task_type: 50 };

fn old_worker(port: i32) -> Join {
    Join { ip: "10.0.0.7".into(), port, weight: 1 }
}

#[tokio::test]
async fn an_old_worker_and_an_old_client() {
    let master = Master::start(Config::default()).await;
    let channel = master.channel().await;
    let route: Route = call(&channel, "RouteGuide", QUERY).await.unwrap();
    assert_eq!(route, Route::default(), "nobody has joined");

    for (port, id) in [(50_050, 0), (50_051, 1), (50_050, 2)] {
        let joined: Joined = call(&channel, "Join", old_worker(port)).await.unwrap();
        assert_eq!(joined, Joined { id, success: true });
    }
    let state = State { id: 2, cpu_usage: 31.5, utx: 1_700_000_000, ..State::default() };
    call::<_, Empty>(&channel, "PushState", state).await.unwrap();
    call::<_, Empty>(&channel, "PushState", State { id: 77, ..State::default() }).await.unwrap();

    let route: Route = call(&channel, "RouteGuide", QUERY).await.unwrap();
    assert_eq!((route.ip.as_str(), route.port, route.thread_num), ("10.0.0.7", 50_051, 1));
    let cost = TaskCost { id: 2, task_id: 0, time_cost: 12, performance: 3 };
    assert_eq!(call::<_, TaskCost>(&channel, "SubmitResult", cost.clone()).await.unwrap(), cost);

    for (id, success) in [(1, true), (1, false), (0, false), (2, true)] {
        assert_eq!(call::<_, Left>(&channel, "Leave", Leave { id }).await.unwrap(), Left { success }, "{id}");
    }
    let route: Route = call(&channel, "RouteGuide", QUERY).await.unwrap();
    assert_eq!(route, Route::default());
}

#[tokio::test]
async fn an_old_client_is_sent_to_a_new_worker() {
    let master = Master::start(Config::default()).await;
    master.client().await.join(join("pi", 9, 7)).await.unwrap();
    let route: Route = call(&master.channel().await, "RouteGuide", QUERY).await.unwrap();
    assert_eq!(route, Route { ip: "10.0.0.1".into(), port: 7, thread_num: 4 });
}

#[tokio::test]
async fn a_new_life_cannot_be_spoken_for_by_an_old_worker_with_its_id() {
    let master = Master::start(Config::default()).await;
    let mut client = master.client().await;
    client.join(join("pi", 9, 7)).await.unwrap();
    let channel = master.channel().await;
    call::<_, Empty>(&channel, "PushState", State { id: 0, cpu_usage: 99.0, ..State::default() }).await.unwrap();
    assert_eq!(call::<_, Left>(&channel, "Leave", Leave { id: 0 }).await.unwrap(), Left { success: false });
    let nodes = client.list_nodes(facefleet_proto::wire::ListNodesRequest::default()).await.unwrap().into_inner().nodes;
    assert_eq!(nodes[0].state, None);
}
