//! What may listen where a worker was to be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use facefleet_e2e::LOOPBACK;
use facefleet_proto::wire::{AnalyzeReply, analyze_reply};
use h2::SendStream;
use h2::server::SendResponse;
use prost::Message;
use prost::bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tonic::codegen::http::{Response, header};

use crate::fake_worker::{join, opened};

/// Somebody who listens. Dropping it ends it.
pub(crate) struct Stranger {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Stranger {
    /// Starts one that says these bytes to whoever has said something, and nothing ever after. The master takes it for a
    /// worker.
    pub(crate) fn who_says(bytes: &[u8], master: SocketAddr) -> Stranger {
        let bytes = Bytes::copy_from_slice(bytes);
        Stranger::start(master, move |connection| say(connection, bytes.clone()))
    }

    /// Starts one that begins every call as a worker does, and then sends a message of 1 GiB. The count is of the bytes
    /// that it could get rid of.
    pub(crate) fn who_floods(master: SocketAddr) -> (Stranger, Arc<AtomicU64>) {
        let sent = Arc::new(AtomicU64::new(0));
        let count = sent.clone();
        (Stranger::start(master, move |connection| flood(connection, count.clone())), sent)
    }

    fn start<F>(master: SocketAddr, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Stranger
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind(LOOPBACK)).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection));
            }
        });
        join(master, address);
        Stranger { address, _runtime: runtime }
    }
}

async fn say(mut connection: TcpStream, bytes: Bytes) {
    let mut heard = [0; 4096];
    // Err or 0: whoever called has gone, in this and below.
    let Ok(1..) = connection.read(&mut heard).await else { return };
    if connection.write_all(&bytes).await.is_ok() {
        while let Ok(1..) = connection.read(&mut heard).await {}
    }
}

/// Bytes of the message, and of what is sent of it at once.
const FLOOD: u32 = 1 << 30;
const WAVE: usize = 64 << 10;

async fn flood(connection: TcpStream, sent: Arc<AtomicU64>) {
    let mut connection = h2::server::handshake(connection).await.expect("only clients come here");
    while let Some(Ok((request, respond))) = connection.accept().await {
        let sent = sent.clone();
        tokio::spawn(async move {
            let _goes_on_asking = request;
            // Err: the client has ended the call.
            let _ = flood_call(respond, &sent).await;
        });
    }
}

async fn flood_call(mut respond: SendResponse<Bytes>, sent: &AtomicU64) -> Result<(), h2::Error> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/grpc").body(());
    let mut body = respond.send_response(response.expect("all parts of it are well-formed"), false)?;
    let opened = AnalyzeReply { message: Some(analyze_reply::Message::Opened(opened())) }.encode_to_vec();
    send(&mut body, &message_start(u32::try_from(opened.len()).expect("it is short"))).await?;
    send(&mut body, &opened).await?;
    send(&mut body, &message_start(FLOOD)).await?;
    for _ in 0..FLOOD as usize / WAVE {
        send(&mut body, &[0; WAVE]).await?;
        sent.fetch_add(WAVE as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// What gRPC puts before a message: that it is not compressed, and its length.
fn message_start(length: u32) -> [u8; 5] {
    let [a, b, c, d] = length.to_be_bytes();
    [0, a, b, c, d]
}

/// Sends bytes as the client makes room for them.
async fn send(body: &mut SendStream<Bytes>, mut bytes: &[u8]) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        body.reserve_capacity(bytes.len());
        let gone = || h2::Error::from(h2::Reason::CANCEL);
        let room = std::future::poll_fn(|context| body.poll_capacity(context)).await.ok_or_else(gone)??;
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        body.send_data(Bytes::copy_from_slice(now), false)?;
        bytes = later;
    }
    Ok(())
}
