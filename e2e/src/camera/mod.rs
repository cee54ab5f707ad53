//! Cameras of a network, as a client sees them. They send by the clock, and wait for nobody.

mod http;
mod rtsp;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use facefleet_service::clock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::LOOPBACK;

/// How a camera sends, and what it does after its last frame.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Frames a second.
    pub fps: f64,
    /// The frames that each viewer gets.
    pub frames: usize,
    /// What comes after the last one.
    pub then: Then,
    /// The viewers that are served; all who come after them are refused, as by a small board that is busy.
    pub viewers: usize,
}

/// What a camera does after its last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The connection is closed.
    HangUp,
    /// The connection stays, and nothing comes any more.
    Silence,
}

/// A camera, or another server of video. Dropping it ends it, with all of its connections.
#[derive(Debug)]
pub struct Camera {
    address: SocketAddr,
    sent: Sent,
    _runtime: Runtime,
}

/// When each frame was sent to the first viewer.
#[derive(Clone, Debug, Default)]
struct Sent(Arc<Mutex<Vec<Instant>>>);

impl Camera {
    /// A camera that sends this JPEG again and again, as `multipart/x-mixed-replace`. Some cameras say how long each
    /// part is, and some do not: `says_length`.
    ///
    /// # Errors
    /// There is no free port.
    pub fn motion_jpeg(script: Script, jpeg: Vec<u8>, says_length: bool) -> io::Result<Camera> {
        let jpeg: Arc<[u8]> = jpeg.into();
        Camera::start(move |viewer, number, sent| {
            http::motion_jpeg(viewer, number, sent, script, jpeg.clone(), says_length)
        })
    }

    /// A server of one file behind http, which is no camera.
    ///
    /// # Errors
    /// There is no free port.
    pub fn file(content_type: &'static str, bytes: Vec<u8>) -> io::Result<Camera> {
        let bytes: Arc<[u8]> = bytes.into();
        Camera::start(move |viewer, _, _| http::file(viewer, content_type, bytes.clone()))
    }

    /// A camera behind RTSP that sends a stream of H.264, which begins each frame with an access unit delimiter, over the
    /// connection on which it is asked.
    ///
    /// # Errors
    /// There is no free port.
    pub fn rtsp(script: Script, h264: &[u8]) -> io::Result<Camera> {
        let frames = Arc::new(rtsp::frames(h264));
        Camera::start(move |viewer, number, sent| rtsp::serve(viewer, number, sent, script, frames.clone()))
    }

    /// A program that sends these bytes to the first who connects, and then does as the script says; no others are let in.
    ///
    /// # Errors
    /// There is no free port.
    pub fn tcp(then: Then, bytes: Vec<u8>) -> io::Result<Camera> {
        let bytes: Arc<[u8]> = bytes.into();
        Camera::start(move |mut viewer, number, _| {
            let bytes = bytes.clone();
            async move {
                if number == 0 {
                    viewer.write_all(&bytes).await?;
                    end(viewer, then).await?;
                }
                Ok(())
            }
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// When the frame with this number, from 0, was sent to the first viewer.
    pub fn sent_at(&self, frame: usize) -> Option<Instant> {
        self.sent.0.lock().unwrap_or_else(PoisonError::into_inner).get(frame).copied()
    }

    /// Serves each viewer with `serve`, which gets the viewer's number from 0.
    fn start<F>(serve: impl Fn(TcpStream, usize, Sent) -> F + Send + 'static) -> io::Result<Camera>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind(LOOPBACK))?;
        let (address, sent) = (listener.local_addr()?, Sent::default());
        let records = sent.clone();
        runtime.spawn(async move {
            for number in 0.. {
                let Ok((viewer, _)) = listener.accept().await else { return };
                // Err: the viewer has gone, as viewers do.
                tokio::spawn(serve(viewer, number, records.clone()));
            }
        });
        Ok(Camera { address, sent, _runtime: runtime })
    }
}

impl Script {
    /// Waits until frame `number` of a stream that began at `start` is due.
    async fn wait(&self, start: Instant, number: usize) {
        let due = start + Duration::from_secs_f64(number as f64 / self.fps);
        tokio::time::sleep_until(due.into()).await;
    }
}

impl Sent {
    fn record(&self, viewer: usize) {
        if viewer == 0 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(clock::now());
        }
    }
}

/// Ends a stream whose last byte is on its way.
async fn end(mut viewer: TcpStream, then: Then) -> io::Result<()> {
    if then == Then::HangUp {
        viewer.shutdown().await?;
    }
    // A socket that is closed before all is read that came for it takes back what it has sent.
    tokio::io::copy(&mut viewer, &mut tokio::io::sink()).await?;
    Ok(())
}
