//! The cluster, once a second, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::timeout;

use crate::parts::Parts;

/// How long no view may come before a comment is sent, so that proxies between here and the browser keep the connection.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// `GET /api/events`: a view at once, and then every view for which the reader has time. Ends when the master stops.
pub(super) async fn events(State(master): State<Arc<Parts>>) -> Response {
    match master.viewers.viewer() {
        Ok(viewer) => {
            let views = stream::unfold(viewer, |mut viewer| async {
                let seeing = viewer.next().await?;
                Some((seeing.event(), viewer))
            });
            let content = Body::from_stream(lines(views, KEEPALIVE).map(Ok::<_, Infallible>));
            ([(CONTENT_TYPE, "text/event-stream")], content).into_response()
        }
        Err(many) => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], format!("{many}\n")).into_response(),
    }
}

/// The views, each of which is an event, and a comment where none comes for a while. A view is asked for only when the one before
/// has been taken, so a slow reader gets the newest.
fn lines(views: impl Stream<Item = Bytes> + Send, keepalive: Duration) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Box::pin(views), move |mut views| async move {
        match timeout(keepalive, views.next()).await {
            Ok(view) => view.map(|view| (view, views)),
            Err(_) => Some((Bytes::from_static(b":\n\n"), views)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn views_are_events_and_silence_is_a_comment() {
        let views = ["event: view\ndata: {\"a\":1}\n\n", "event: view\ndata: {}\n\n"];
        let said: Vec<Bytes> = lines(stream::iter(views.map(Bytes::from)), KEEPALIVE).collect().await;
        assert_eq!(said, views);
        let silent = lines(stream::pending(), Duration::from_millis(1));
        assert_eq!(silent.take(2).collect::<Vec<_>>().await, [":\n\n", ":\n\n"]);
    }
}
