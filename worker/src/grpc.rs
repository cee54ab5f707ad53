//! The `VideoStream` service: who is let in, and what each method does with its frames.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use facefleet_proto::Opened;
use facefleet_proto::wire::video_stream_server::VideoStream;
use facefleet_proto::wire::{AnalyzeReply, AnalyzeRequest, Empty, VideoFrame};
use facefleet_service::trace::StreamTrace;
use facefleet_vision::Task;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tonic::{Request, Response, Status, Streaming};

use crate::analyze::Wants;
use crate::duty::OnDuty;
use crate::leases::{self, Leases};
use crate::live::{Live, Shown};
use crate::pool::Pool;
use crate::{analyze, seed};

/// The service, cheap to clone.
#[derive(Clone)]
pub(crate) struct Video {
    pub(crate) pool: Pool,
    /// How this worker presents itself.
    pub(crate) opened: Opened,
    /// Pixels of the greatest picture that is taken.
    pub(crate) max_pixels: u64,
    pub(crate) streams: Streams,
    pub(crate) leases: Leases,
    pub(crate) live: Live,
}

/// The streams that are open, so many at most.
#[derive(Clone)]
pub(crate) struct Streams {
    most: u32,
    free: Arc<Semaphore>,
    /// While it is not to serve, no new stream is taken and open ones must end.
    duty: OnDuty,
}

impl Streams {
    pub(crate) fn new(most: u32, duty: OnDuty) -> Streams {
        Streams { most, free: Arc::new(Semaphore::new(most as usize)), duty }
    }

    /// Resolves when no stream is open.
    pub(crate) async fn idle(&self) {
        let all = self.free.acquire_many(self.most).await;
        drop(all.expect("the semaphore is never closed"));
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        (self.most as usize).saturating_sub(self.free.available_permits())
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, Status> {
        if let Some(refusal) = self.duty.now().refusal() {
            return Err(refusal);
        }
        self.free.clone().try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => Status::resource_exhausted(format!(
                "this worker serves {} streams already, which is its limit (--max-streams)",
                self.most
            )),
            TryAcquireError::Closed => unreachable!("the semaphore is never closed"),
        })
    }

    /// `messages` until it ends or fails, or until this worker serves no more: that is then an error, unless the sender finds
    /// out by itself what was not taken.
    fn taken<T: Send + 'static>(
        &self,
        messages: Streaming<T>,
        finds_out: bool,
    ) -> BoxStream<'static, Result<T, Status>> {
        stream::unfold(Some((messages, self.duty.clone())), move |state| async move {
            let (mut messages, duty) = state?;
            tokio::select! {
                biased;
                refusal = duty.refusal() => (!finds_out).then_some((Err(refusal), None)),
                message = messages.next() => Some((message?, Some((messages, duty)))),
            }
        })
        .boxed()
    }
}

impl Video {
    async fn forget(
        &self,
        method: &str,
        request: Request<Streaming<VideoFrame>>,
        task: Task,
    ) -> Result<Response<Empty>, Status> {
        let _place = self.streams.admit()?;
        let shown = self.show(method, &request);
        let frames = self.streams.taken(request.into_inner(), false);
        seed::all(&self.pool, frames, task, shown).await?;
        Ok(Response::new(Empty {}))
    }

    /// Shows a stream that has neither a lease nor a name to people.
    fn show<T>(&self, method: &str, request: &Request<T>) -> Shown {
        let name = match request.remote_addr() {
            Some(peer) => format!("{method} from {}", peer.ip().to_canonical()),
            None => method.to_owned(),
        };
        self.live.open(None, &name)
    }
}

#[tonic::async_trait]
impl VideoStream for Video {
    async fn send_fream(&self, request: Request<VideoFrame>) -> Result<Response<Empty>, Status> {
        let _place = self.streams.admit()?;
        seed::one(&self.pool, request.into_inner()).await?;
        Ok(Response::new(Empty {}))
    }

    async fn push_stream(&self, request: Request<Streaming<VideoFrame>>) -> Result<Response<Empty>, Status> {
        self.forget("PushStream", request, Task::View).await
    }

    async fn face_detection(&self, request: Request<Streaming<VideoFrame>>) -> Result<Response<Empty>, Status> {
        self.forget("FaceDetection", request, Task::Faces).await
    }

    async fn canny(&self, request: Request<Streaming<VideoFrame>>) -> Result<Response<Empty>, Status> {
        self.forget("Canny", request, Task::Canny).await
    }

    type PushAndPullStream = Admitted<VideoFrame>;

    async fn push_and_pull(
        &self,
        request: Request<Streaming<VideoFrame>>,
    ) -> Result<Response<Admitted<VideoFrame>>, Status> {
        let place = self.streams.admit()?;
        let shown = self.show("PushAndPull", &request);
        let frames = self.streams.taken(request.into_inner(), false);
        let replies = seed::annotate(&self.pool, frames, shown);
        Ok(Response::new(Admitted { replies: replies.boxed(), _place: place, _lease: None }))
    }

    type AnalyzeStream = Admitted<AnalyzeReply>;

    async fn analyze(
        &self,
        request: Request<Streaming<AnalyzeRequest>>,
    ) -> Result<Response<Admitted<AnalyzeReply>>, Status> {
        let place = self.streams.admit()?;
        let trace = StreamTrace::told(&request).unwrap_or_else(StreamTrace::random);
        let mut messages = request.into_inner();
        let open = tokio::select! {
            biased;
            refusal = self.streams.duty.refusal() => return Err(refusal),
            open = analyze::open(&mut messages, analyze::OPEN_WITHIN) => open?,
        };
        let wants = Wants::of(&open, self.max_pixels)?;
        // The client sends again elsewhere what it got no result for.
        let messages = self.streams.taken(messages, true);
        tracing::debug!(stream = %open.stream_id, task = ?open.task, %trace, "stream opened");
        let (pool, opened) = (self.pool.clone(), self.opened.clone());
        let name = if open.stream_id.is_empty() { "unnamed" } else { &open.stream_id };
        let shown = self.live.open(open.lease_id, name);
        let replies = analyze::replies(pool, opened, wants, shown, trace, messages);
        let lease = open.lease_id.map(|lease| self.leases.hold(lease));
        Ok(Response::new(Admitted { replies: replies.boxed(), _place: place, _lease: lease }))
    }
}

/// The replies of a stream, which keep its place among the open ones until they end or the client goes.
pub(crate) struct Admitted<T> {
    replies: BoxStream<'static, Result<T, Status>>,
    _place: OwnedSemaphorePermit,
    /// The heartbeat names it as long.
    _lease: Option<leases::Held>,
}

impl<T> Stream for Admitted<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.replies.as_mut().poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tonic::Code;

    use super::*;

    #[test]
    fn so_many_streams_are_let_in_and_none_while_the_worker_rests_or_leaves() {
        let duty = OnDuty::new();
        let streams = Streams::new(2, duty.clone());
        let (first, second) = (streams.admit().unwrap(), streams.admit().unwrap());
        assert_eq!(streams.admit().unwrap_err().code(), Code::ResourceExhausted);
        drop(first);
        let _third = streams.admit().unwrap();
        drop(second);
        duty.rest(true);
        assert_eq!(streams.admit().unwrap_err().code(), Code::Unavailable);
        duty.rest(false);
        let second = streams.admit().unwrap();
        drop(second);
        duty.leave();
        assert_eq!(streams.admit().unwrap_err().code(), Code::Unavailable);
    }

    #[test]
    fn streams_are_idle_when_the_last_has_ended() {
        let streams = Streams::new(2, OnDuty::new());
        let open = streams.admit().unwrap();
        assert_eq!(streams.idle().now_or_never(), None);
        drop(open);
        assert_eq!(streams.idle().now_or_never(), Some(()));
    }
}
