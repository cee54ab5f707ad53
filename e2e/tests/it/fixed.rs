//! A program that knows the fixed fields and methods and nothing else, as those that exist already.
//!
//! The messages are written out here, and the paths by whoever calls: nothing generated from our own files is used, so
//! that a change of those cannot change what is asked.

use std::net::SocketAddr;

use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct JoinRequest {
    #[prost(string, tag = "1")]
    pub(crate) ip: String,
    #[prost(int32, tag = "2")]
    pub(crate) port: i32,
    #[prost(int32, tag = "3")]
    pub(crate) weight: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct JoinReply {
    #[prost(int32, tag = "1")]
    pub(crate) id: i32,
    #[prost(bool, tag = "2")]
    pub(crate) success: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LeaveRequest {
    #[prost(int32, tag = "1")]
    pub(crate) id: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LeaveReply {
    #[prost(bool, tag = "1")]
    pub(crate) success: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeState {
    #[prost(int32, tag = "1")]
    pub(crate) id: i32,
    #[prost(float, tag = "2")]
    pub(crate) cpu_usage: f32,
    #[prost(int32, tag = "3")]
    pub(crate) task_id: i32,
    #[prost(float, tag = "4")]
    pub(crate) io_perf: f32,
    #[prost(float, tag = "5")]
    pub(crate) pro_perf: f32,
    #[prost(int32, tag = "6")]
    pub(crate) task_st: i32,
    #[prost(int32, tag = "7")]
    pub(crate) task_ed: i32,
    #[prost(int64, tag = "8")]
    pub(crate) utx: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RouteRequest {
    #[prost(int32, tag = "1")]
    pub(crate) task_id: i32,
    #[prost(int32, tag = "2")]
    pub(crate) task_sz: i32,
    #[prost(int32, tag = "3")]
    pub(crate) task_type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RouteReply {
    #[prost(string, tag = "1")]
    pub(crate) ip: String,
    #[prost(int32, tag = "2")]
    pub(crate) port: i32,
    #[prost(int32, tag = "3")]
    pub(crate) thread_num: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TaskResult {
    #[prost(int32, tag = "1")]
    pub(crate) id: i32,
    #[prost(int32, tag = "2")]
    pub(crate) task_id: i32,
    #[prost(int32, tag = "3")]
    pub(crate) time_cost: i32,
    #[prost(int32, tag = "4")]
    pub(crate) performance: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoFrame {
    #[prost(int32, tag = "1")]
    pub(crate) size: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) frame: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Empty {}

impl VideoFrame {
    pub(crate) fn of(jpeg: &[u8]) -> VideoFrame {
        VideoFrame { size: i32::try_from(jpeg.len()).unwrap(), frame: jpeg.to_vec() }
    }
}

impl RouteRequest {
    /// What the programs that exist always ask.
    pub(crate) const AS_EVER: RouteRequest = RouteRequest { task_id: 0, task_sz: 10_000, task_type: 50 };
}

/// A connection to a master or a worker.
pub(crate) struct Peer(Grpc<Channel>);

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Peer {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Peer(Grpc::new(endpoint.connect().await.unwrap()))
    }

    pub(crate) async fn unary<Q, R>(&mut self, path: &'static str, message: Q) -> Result<R, Status>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
    {
        self.0.ready().await.unwrap();
        let codec = ProstCodec::<Q, R>::default();
        let reply = self.0.unary(Request::new(message), PathAndQuery::from_static(path), codec).await;
        reply.map(tonic::Response::into_inner)
    }

    /// Frames out, one answer back.
    pub(crate) async fn push(&mut self, path: &'static str, frames: Vec<VideoFrame>) -> Result<Empty, Status> {
        self.0.ready().await.unwrap();
        let (path, codec) = (PathAndQuery::from_static(path), ProstCodec::default());
        let reply = self.0.client_streaming(Request::new(tokio_stream::iter(frames)), path, codec).await;
        reply.map(tonic::Response::into_inner)
    }

    /// Frames out, and all that comes back.
    pub(crate) async fn push_and_pull(&mut self, frames: Vec<VideoFrame>) -> Result<Vec<VideoFrame>, Status> {
        self.0.ready().await.unwrap();
        let (path, codec) = (PathAndQuery::from_static("/VideoStream/PushAndPull"), ProstCodec::default());
        let replies = self.0.streaming(Request::new(tokio_stream::iter(frames)), path, codec).await?;
        let mut replies = replies.into_inner();
        let mut all = Vec::new();
        while let Some(reply) = replies.message().await? {
            all.push(reply);
        }
        Ok(all)
    }
}
