//! Video behind http: Motion JPEG of a camera, and a file of a web server.

use std::io;
use std::sync::Arc;

use facefleet_service::clock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Script, Sent, end};

/// Sends the JPEG until the script ends.
pub(super) async fn motion_jpeg(
    mut viewer: TcpStream,
    number: usize,
    sent: Sent,
    script: Script,
    jpeg: Arc<[u8]>,
    says_length: bool,
) -> io::Result<()> {
    read_head(&mut viewer).await?;
    if number >= script.viewers {
        return viewer.write_all(b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    }
    let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
    viewer.write_all(head.as_bytes()).await?;
    let length = if says_length { format!("Content-Length: {}\r\n", jpeg.len()) } else { String::new() };
    let part = [format!("--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n").as_bytes(), &jpeg, b"\r\n"].concat();
    let start = clock::now();
    for frame in 0..script.frames {
        script.wait(start, frame).await;
        viewer.write_all(&part).await?;
        sent.record(number);
    }
    // The last frame is shown as long as the others.
    script.wait(start, script.frames).await;
    end(viewer, script.then).await
}

/// Sends all of the file to whoever asks, from its start, whatever part is asked for.
pub(super) async fn file(mut viewer: TcpStream, content_type: &str, bytes: Arc<[u8]>) -> io::Result<()> {
    read_head(&mut viewer).await?;
    let length = bytes.len();
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    viewer.write_all(head.as_bytes()).await?;
    viewer.write_all(&bytes).await?;
    end(viewer, super::Then::HangUp).await
}

/// Reads the lines of a request, up to the empty one.
async fn read_head(viewer: &mut TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(viewer).lines();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    Ok(())
}
