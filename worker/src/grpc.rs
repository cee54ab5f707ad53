//! The `VideoStream` service: which streams are admitted, and what each method does with its frames.

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

use crate::analyze::StreamOptions;
use crate::duty::DutyState;
use crate::leases::{LeaseGuard, Leases};
use crate::live::{Live, Shown};
use crate::pool::Pool;
use crate::{analyze, legacy};

/// The service. A clone is cheap and shares everything.
#[derive(Clone)]
pub(crate) struct Video {
    pub(crate) pool: Pool,
    /// The reply that opens each stream, in which the worker says who it is.
    pub(crate) opened: Opened,
    /// Pixels of the largest picture that is accepted.
    pub(crate) max_pixels: u64,
    pub(crate) streams: Streams,
    pub(crate) leases: Leases,
    pub(crate) live: Live,
}

/// The streams that are open, limited to a number.
#[derive(Clone)]
pub(crate) struct Streams {
    max: u32,
    free: Arc<Semaphore>,
    /// While the duty is not to serve, no new stream is admitted and open ones must end.
    duty: DutyState,
}

/// How the messages of a stream end when the worker stops serving.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtStop {
    /// The messages end with an error, which tells the sender that not all of its frames were taken.
    Fail,
    /// The messages end without an error, because the sender sees from the results which frames were not taken.
    End,
}

impl Streams {
    /// Admits at most `max` streams at once, and none while `duty` is not to serve.
    pub(crate) fn new(max: u32, duty: DutyState) -> Streams {
        Streams { max, free: Arc::new(Semaphore::new(max as usize)), duty }
    }

    /// Resolves when no stream is open.
    pub(crate) async fn idle(&self) {
        let all = self.free.acquire_many(self.max).await;
        drop(all.expect("the semaphore is never closed"));
    }

    /// How many streams are open.
    pub(crate) fn open(&self) -> usize {
        (self.max as usize).saturating_sub(self.free.available_permits())
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, Status> {
        if let Some(refusal) = self.duty.now().refusal() {
            return Err(refusal);
        }
        self.free.clone().try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => Status::resource_exhausted(format!(
                "this worker serves {} streams already, which is its limit (--max-streams)",
                self.max
            )),
            TryAcquireError::Closed => unreachable!("the semaphore is never closed"),
        })
    }

    /// The messages of a stream until it ends or fails, or until this worker stops serving. `at_stop` says how the stream ends in
    /// the last case.
    fn until_stop<T: Send + 'static>(
        &self,
        messages: Streaming<T>,
        at_stop: AtStop,
    ) -> BoxStream<'static, Result<T, Status>> {
        stream::unfold(Some((messages, self.duty.clone())), move |state| async move {
            let (mut messages, duty) = state?;
            tokio::select! {
                biased;
                refusal = duty.refusal() => (at_stop == AtStop::Fail).then_some((Err(refusal), None)),
                message = messages.next() => Some((message?, Some((messages, duty)))),
            }
        })
        .boxed()
    }
}

impl Video {
    /// Does `task` on each frame of the stream and answers nothing but that all were taken.
    async fn forget(
        &self,
        method: &str,
        request: Request<Streaming<VideoFrame>>,
        task: Task,
    ) -> Result<Response<Empty>, Status> {
        let _place = self.streams.admit()?;
        let shown = self.show(method, &request);
        let frames = self.streams.until_stop(request.into_inner(), AtStop::Fail);
        legacy::all(&self.pool, frames, task, shown).await?;
        Ok(Response::new(Empty {}))
    }

    /// Enters a stream into the live view. A stream of a legacy method has neither lease nor name, so it is shown under the method
    /// and the address of its sender.
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
        legacy::one(&self.pool, request.into_inner()).await?;
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
        let frames = self.streams.until_stop(request.into_inner(), AtStop::Fail);
        let replies = legacy::annotate(&self.pool, frames, shown);
        Ok(Response::new(Admitted { replies: replies.boxed(), _place: place, _lease: None }))
    }

    type AnalyzeStream = Admitted<AnalyzeReply>;

    async fn analyze(
        &self,
        request: Request<Streaming<AnalyzeRequest>>,
    ) -> Result<Response<Admitted<AnalyzeReply>>, Status> {
        let place = self.streams.admit()?;
        let trace = StreamTrace::extract(&request).unwrap_or_else(StreamTrace::random);
        let mut messages = request.into_inner();
        let open = tokio::select! {
            biased;
            refusal = self.streams.duty.refusal() => return Err(refusal),
            open = analyze::open(&mut messages, analyze::OPEN_WITHIN) => open?,
        };
        let options = StreamOptions::of(&open, self.max_pixels)?;
        // The client sends every frame that got no result to another worker.
        let messages = self.streams.until_stop(messages, AtStop::End);
        tracing::debug!(stream = %open.stream_id, task = ?open.task, %trace, "stream opened");
        let (pool, opened) = (self.pool.clone(), self.opened.clone());
        let name = if open.stream_id.is_empty() { "unnamed" } else { &open.stream_id };
        let shown = self.live.open(open.lease_id, name);
        let replies = analyze::replies(pool, opened, options, shown, trace, messages);
        let lease = open.lease_id.map(|lease| self.leases.hold(lease));
        Ok(Response::new(Admitted { replies: replies.boxed(), _place: place, _lease: lease }))
    }
}

/// The replies of a stream. They occupy its place among the open streams until they end or the client disconnects.
pub(crate) struct Admitted<T> {
    replies: BoxStream<'static, Result<T, Status>>,
    _place: OwnedSemaphorePermit,
    /// Keeps the lease in the heartbeat for as long as the stream is open.
    _lease: Option<LeaseGuard>,
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
        let duty = DutyState::new();
        let streams = Streams::new(2, duty.clone());
        let (first, second) = (streams.admit().unwrap(), streams.admit().unwrap());
        assert_eq!(streams.admit().unwrap_err().code(), Code::ResourceExhausted);
        drop(first);
        let _third = streams.admit().unwrap();
        drop(second);
        duty.rest();
        assert_eq!(streams.admit().unwrap_err().code(), Code::Unavailable);
        duty.resume();
        let second = streams.admit().unwrap();
        drop(second);
        duty.leave();
        assert_eq!(streams.admit().unwrap_err().code(), Code::Unavailable);
    }

    #[test]
    fn streams_are_idle_when_the_last_has_ended() {
        let streams = Streams::new(2, DutyState::new());
        let open = streams.admit().unwrap();
        assert_eq!(streams.idle().now_or_never(), None);
        drop(open);
        assert_eq!(streams.idle().now_or_never(), Some(()));
    }
}
