//! The few calls to etcd that a registry needs.

use std::net::SocketAddr;
use std::time::Duration;

use facefleet_service::address::HostPort;
use facefleet_service::grpc;
use futures_util::{Stream, stream};
use prost::Message;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::messages::{
    Compare, KeyValue, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, Op,
    RangeRequest, RangeResponse, RequestOp, SortOrder, SortTarget, TxnRequest, TxnResponse, WatchCreateRequest,
    WatchRequest, WatchResponse,
};

/// How long any answer of etcd's may take. Within this time etcd mostly replaces a leader that is gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// Greatest answer, which is the one with all registrations: as many workers as there may be, with the longest names and lists.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Why etcd cannot be used just now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EtcdError {
    /// etcd refused, or the connection was lost.
    #[error("{}", grpc::explain(.0))]
    Call(#[from] Status),
    /// Nobody is at the address, or somebody else.
    #[error("{}", grpc::explain(.0))]
    Connect(#[from] tonic::transport::Error),
    /// etcd did not answer in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Silent,
    /// etcd ended a stream of answers.
    #[error("it ended the {what}: {why}")]
    Ended {
        /// The stream.
        what: &'static str,
        /// The reason that etcd gave, if any.
        why: String,
    },
    /// No address is known at which other masters would reach this one.
    #[error(
        "this master, which listens on {bound}, has no address towards it at which other masters reach it: listen on both \
         kinds of address with --listen [::]:{}, or say with --advertise where they do", bound.port()
    )]
    NoAddress {
        /// The address on which this master listens.
        bound: SocketAddr,
    },
    /// Somebody else has written or deleted what only masters write.
    #[error("the key `{key}` is not as a master has left it: delete it, and a master writes it anew")]
    Spoilt {
        /// The key.
        key: String,
    },
}

/// A connection to one member.
pub(super) struct Etcd(Grpc<Channel>);

/// All keys at one moment.
pub(super) struct Snapshot {
    /// In the order in which they were written.
    pub(super) kvs: Vec<KeyValue>,
    /// The moment.
    pub(super) revision: i64,
}

/// The lease of a master, while it is kept alive.
pub(super) struct Lease {
    pub(super) id: i64,
    asking: tokio::sync::mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Streaming<LeaseKeepAliveResponse>,
}

impl Etcd {
    pub(super) async fn connect(member: &HostPort) -> Result<Etcd, EtcdError> {
        let channel = grpc::endpoint(member).connect().await?;
        Ok(Etcd(Grpc::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)))
    }

    /// Reads one key, if it exists.
    pub(super) async fn get(&mut self, key: &str) -> Result<Option<KeyValue>, EtcdError> {
        let request = RangeRequest { key: key.into(), ..RangeRequest::default() };
        let RangeResponse { header: _, kvs } = self.call("/etcdserverpb.KV/Range", request).await?;
        Ok(kvs.into_iter().next())
    }

    /// Reads all keys from `prefix` to before `end`.
    pub(super) async fn all(&mut self, prefix: &str, end: &str) -> Result<Snapshot, EtcdError> {
        let request = RangeRequest {
            key: prefix.into(),
            range_end: end.into(),
            sort_order: SortOrder::Ascend.into(),
            sort_target: SortTarget::ModRevision.into(),
        };
        let RangeResponse { header, kvs } = self.call("/etcdserverpb.KV/Range", request).await?;
        Ok(Snapshot { kvs, revision: header.unwrap_or_default().revision })
    }

    /// Does all of `ops` in one revision, and returns it.
    pub(super) async fn write(&mut self, ops: Vec<Op>) -> Result<i64, EtcdError> {
        let request = TxnRequest { compare: Vec::new(), success: steps(ops) };
        let TxnResponse { header, .. } = self.call("/etcdserverpb.KV/Txn", request).await?;
        Ok(header.unwrap_or_default().revision)
    }

    /// Does all of `ops` if `key` was last written by this revision; 0: if it does not exist. Returns whether that was so.
    pub(super) async fn write_if(&mut self, key: &str, mod_revision: i64, ops: Vec<Op>) -> Result<bool, EtcdError> {
        let target = Compare::MOD_REVISION;
        let compare = Compare { result: 0, target, key: key.into(), mod_revision: Some(mod_revision) };
        let request = TxnRequest { compare: vec![compare], success: steps(ops) };
        let TxnResponse { succeeded, .. } = self.call("/etcdserverpb.KV/Txn", request).await?;
        Ok(succeeded)
    }

    /// Takes a lease that lasts for so many seconds.
    pub(super) async fn lease(&mut self, seconds: i64) -> Result<Lease, EtcdError> {
        let request = LeaseGrantRequest { ttl: seconds };
        let LeaseGrantResponse { id } = self.call("/etcdserverpb.Lease/LeaseGrant", request).await?;
        let (asking, asked) = tokio::sync::mpsc::channel(1);
        let requests = stream::unfold(asked, |mut asked| async { Some((asked.recv().await?, asked)) });
        let answers = self.stream("/etcdserverpb.Lease/LeaseKeepAlive", requests);
        // etcd sends no answer, not even headers, before the first request.
        let first = asking.send(LeaseKeepAliveRequest { id });
        let (answers, _) = tokio::join!(answers, first);
        let mut lease = Lease { id, asking, answers: answers? };
        lease.answer().await?;
        Ok(lease)
    }

    /// Watches the keys from `prefix` to before `end`, from `start_revision` on.
    pub(super) async fn watch(
        &mut self,
        prefix: &str,
        end: &str,
        start_revision: i64,
    ) -> Result<Streaming<WatchResponse>, EtcdError> {
        let create = WatchCreateRequest { key: prefix.into(), range_end: end.into(), start_revision };
        let first = stream::once(async { WatchRequest { create: Some(create) } });
        // The watch ends with the requests.
        let requests = futures_util::StreamExt::chain(first, stream::pending());
        self.stream("/etcdserverpb.Watch/Watch", requests).await
    }

    async fn call<Q, A>(&mut self, path: &'static str, request: Q) -> Result<A, EtcdError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let call = async {
            self.0.ready().await?;
            let codec = ProstCodec::<Q, A>::default();
            Ok(self.0.unary(Request::new(request), PathAndQuery::from_static(path), codec).await?.into_inner())
        };
        timeout(PATIENCE, call).await.map_err(|_| EtcdError::Silent)?
    }

    async fn stream<Q, A>(
        &mut self,
        path: &'static str,
        requests: impl Stream<Item = Q> + Send + 'static,
    ) -> Result<Streaming<A>, EtcdError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let call = async {
            self.0.ready().await?;
            let mut request = Request::new(requests);
            // A member that has lost the others ends the stream instead of saying nothing.
            request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
            let codec = ProstCodec::<Q, A>::default();
            Ok(self.0.streaming(request, PathAndQuery::from_static(path), codec).await?.into_inner())
        };
        timeout(PATIENCE, call).await.map_err(|_| EtcdError::Silent)?
    }
}

fn steps(ops: Vec<Op>) -> Vec<RequestOp> {
    ops.into_iter().map(|op| RequestOp { op: Some(op) }).collect()
}

impl Lease {
    /// Renews the lease.
    pub(super) async fn keep(&mut self) -> Result<(), EtcdError> {
        // Err: the stream has ended, and the answer says so.
        let _ = self.asking.try_send(LeaseKeepAliveRequest { id: self.id });
        self.answer().await
    }

    async fn answer(&mut self) -> Result<(), EtcdError> {
        let ended = |why: &str| EtcdError::Ended { what: "lease", why: why.to_owned() };
        match timeout(PATIENCE, self.answers.message()).await.map_err(|_| EtcdError::Silent)?? {
            Some(LeaseKeepAliveResponse { ttl: 1.. }) => Ok(()),
            Some(_) => Err(ended("its time was over")),
            None => Err(ended("without a reason")),
        }
    }
}
