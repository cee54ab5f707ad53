//! Reads the body of a request, up to a limit.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::StreamExt as _;

/// How long a body may take.
const WITHIN: Duration = Duration::from_secs(10);

/// Reads a whole body.
///
/// # Errors
/// 413 if the body has more than `max` bytes, 408 if it takes more than 10 s, and 400 if it breaks off.
pub async fn body(body: Body, max: usize) -> Result<Bytes, StatusCode> {
    body_within(WITHIN, body, max).await
}

async fn body_within(within: Duration, body: Body, max: usize) -> Result<Bytes, StatusCode> {
    let read = async {
        let (mut pieces, mut all) = (body.into_data_stream(), Vec::new());
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece.map_err(|_| StatusCode::BAD_REQUEST)?);
            if all.len() > max {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
        }
        Ok(all.into())
    };
    tokio::time::timeout(within, read).await.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::io;

    #[tokio::test]
    async fn as_long_as_it_may_be_and_in_time() {
        assert_eq!(body(Body::from("1234"), 4).await.unwrap(), "1234");
        assert_eq!(body(Body::from("12345"), 4).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        let cut = Body::from_stream(stream::iter([Ok("12"), Err(io::Error::from(io::ErrorKind::ConnectionReset))]));
        assert_eq!(body(cut, 4).await, Err(StatusCode::BAD_REQUEST));
        let slow = Body::from_stream(stream::pending::<Result<&str, io::Error>>());
        assert_eq!(body_within(Duration::from_millis(1), slow, 4).await, Err(StatusCode::REQUEST_TIMEOUT));
    }
}
