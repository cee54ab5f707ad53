//! Receives the frames of a video at full size from ffmpeg, as raw planes, to draw on them.
//!
//! ffmpeg decodes each frame once: a small JPEG of it goes through stdout to the workers, and the planes go through a socket.
//! They wait here until the faces of their frame are known.

use std::ffi::OsString;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use facefleet_vision::Size;
use facefleet_vision::draw::{Depth, Matrix, Range, RawFormat};

use crate::ffmpeg::Process;
use crate::source::showinfo::{Colour, Shown};

/// How many bytes of planes may wait. When they are this many, ffmpeg is held up, and with it the frames that are in flight: 80 of
/// 1920×1080 pixels, or 20 of 3840×2160.
const MOST_WAITING_BYTES: usize = 256 << 20;
/// How many frames may wait at least, however large they are.
const LEAST_WAITING: usize = 4;
/// How many frames may wait at most: as many as a stream has in flight.
const MOST_WAITING: usize = 256;

/// The pixel formats that are drawn on, in ffmpeg's names. Encoders take all of them.
pub(crate) const FORMATS: &str = "yuv420p|yuvj420p";
/// The pixel format for high dynamic range, which needs ten bits.
pub(crate) const HDR_FORMAT: &str = "yuv420p10le";

/// One frame at full size, in 4:2:0: all rows of brightness, then those of the two colour differences.
#[derive(Debug)]
pub(crate) struct RawPicture {
    pub(crate) bytes: Vec<u8>,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Width and height of one pixel, as a ratio; zeros if it is unknown.
    pub(crate) aspect: (u32, u32),
    /// What the bytes mean.
    pub(crate) format: RawFormat,
    pub(crate) colour: Colour,
    /// The unit in which the source counts time.
    pub(crate) unit: Duration,
}

/// The frames of a video at full size, in order.
#[derive(Debug)]
pub(crate) struct Planes {
    /// Gives the queue once the size of the frames, and with it the length of the queue, is known.
    queue: Receiver<Receiver<RawPicture>>,
    pictures: Option<Receiver<RawPicture>>,
}

impl Planes {
    /// Waits for the next frame. Returns None after the last one, or when ffmpeg has ended early.
    pub(crate) fn next(&mut self) -> Option<RawPicture> {
        if self.pictures.is_none() {
            self.pictures = Some(self.queue.recv().ok()?);
        }
        self.pictures.as_ref()?.recv().ok()
    }
}

/// Ends ffmpeg when every frame that the stream has taken was received at full size, too. So a run that is stopped has the planes of
/// the frames that are still in flight.
#[derive(Debug)]
pub(crate) struct Closing {
    process: Arc<Process>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many frames were received at full size; None if none are wanted.
    received: Option<u64>,
    /// How many frames the stream has taken, once it takes no more.
    wanted: Option<u64>,
    /// Whether ffmpeg is held up because too many frames wait for their faces.
    is_held_up: bool,
}

impl Closing {
    pub(crate) fn new(process: Arc<Process>, with_planes: bool) -> Arc<Closing> {
        let state = State { received: with_planes.then_some(0), wanted: None, is_held_up: false };
        Arc::new(Closing { process, state: Mutex::new(state) })
    }

    /// Says that the stream takes no more than the `taken` frames that it has.
    pub(crate) fn close(&self, taken: u64) {
        self.change(|state| state.wanted = Some(state.wanted.map_or(taken, |wanted| wanted.min(taken))));
    }

    /// Returns whether ffmpeg is held up here, so that no frame can come.
    pub(crate) fn is_held_up(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_held_up
    }

    /// Says that a frame at full size may have to wait for room.
    fn holds_up(&self) {
        self.change(|state| state.is_held_up = true);
    }

    /// Says that the frame has found room.
    fn received(&self) {
        self.change(|state| {
            state.is_held_up = false;
            state.received = state.received.map(|received| received + 1);
        });
    }

    /// Says that nobody wants planes any more.
    fn lost(&self) {
        self.change(|state| state.received = None);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if let Some(wanted) = state.wanted
            && state.received.is_none_or(|received| received >= wanted)
        {
            self.process.kill();
        }
    }
}

/// The end of the socket that ffmpeg connects to.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: socket::Listener,
}

impl Socket {
    /// Listens for ffmpeg: on Unix where only this user can connect, elsewhere on a port of loopback, which any program of this machine
    /// can reach.
    ///
    /// # Errors
    /// Fails if there is no folder for temporary files, or no socket.
    pub(crate) fn listen() -> io::Result<Socket> {
        Ok(Socket { listener: socket::Listener::new()? })
    }

    /// The socket as an output of ffmpeg.
    pub(crate) fn url(&self) -> OsString {
        self.listener.url()
    }

    /// Starts a thread that receives the frames that `shown` announces.
    pub(crate) fn receive(self, shown: Receiver<Shown>, closing: Arc<Closing>) -> Planes {
        let (sender, queue) = mpsc::channel();
        std::thread::spawn(move || {
            if let Err(error) = self.receive_all(&shown, &sender, &closing) {
                // ffmpeg has ended, and why is told by the thread that waits for its end.
                tracing::debug!("no more frames at full size: {error}");
            }
            closing.lost();
        });
        Planes { queue, pictures: None }
    }

    fn receive_all(
        self,
        shown: &Receiver<Shown>,
        queue: &Sender<Receiver<RawPicture>>,
        closing: &Closing,
    ) -> io::Result<()> {
        // ffmpeg opens its outputs before it decodes, so it has connected when it announces the first frame.
        let Ok(first) = shown.recv() else { return Ok(()) };
        let mut stream = self.listener.accept()?;
        // ffmpeg scales frames of another size to that of the first.
        let size @ (width, height) = first.size;
        let bytes = raw_format(&first, height).bytes(Size { width, height });
        let waiting = (MOST_WAITING_BYTES / bytes.max(1)).clamp(LEAST_WAITING, MOST_WAITING);
        let (sender, pictures): (SyncSender<RawPicture>, _) = mpsc::sync_channel(waiting);
        if queue.send(pictures).is_err() {
            return Ok(());
        }
        for shown in std::iter::once(first).chain(shown) {
            let mut picture = vec![0; bytes];
            stream.read_exact(&mut picture)?;
            let format = raw_format(&shown, height);
            let Shown { unit, aspect, colour, .. } = shown;
            closing.holds_up();
            if sender.send(RawPicture { bytes: picture, size, aspect, format, colour, unit }).is_err() {
                return Ok(());
            }
            closing.received();
        }
        Ok(())
    }
}

/// From this height on, players take a video that does not say its matrix for BT.709.
const LEAST_HD_HEIGHT: u32 = 720;

/// Returns what the bytes of a frame in one of the formats that are asked for mean.
fn raw_format(Shown { format, colour, .. }: &Shown, height: u32) -> RawFormat {
    RawFormat {
        depth: if format == HDR_FORMAT { Depth::Ten } else { Depth::Eight },
        matrix: match colour.matrix.as_str() {
            "bt709" => Matrix::Bt709,
            "bt2020nc" | "bt2020c" => Matrix::Bt2020,
            "unknown" if height >= LEAST_HD_HEIGHT => Matrix::Bt709,
            _ => Matrix::Bt601,
        },
        range: if colour.range == "pc" { Range::Full } else { Range::Limited },
    }
}

#[cfg(unix)]
mod socket {
    use std::ffi::OsString;
    use std::io::{self, Read};
    use std::os::unix::net::UnixListener;

    use tempfile::TempDir;

    /// A socket in a folder that only this user can enter.
    #[derive(Debug)]
    pub(super) struct Listener {
        listener: UnixListener,
        folder: TempDir,
    }

    impl Listener {
        pub(super) fn new() -> io::Result<Listener> {
            let folder = tempfile::Builder::new().prefix("facefleet-").tempdir()?;
            Ok(Listener { listener: UnixListener::bind(folder.path().join("planes"))?, folder })
        }

        pub(super) fn url(&self) -> OsString {
            let mut url = OsString::from("unix:");
            url.push(self.folder.path().join("planes"));
            url
        }

        pub(super) fn accept(self) -> io::Result<impl Read> {
            Ok(self.listener.accept()?.0)
        }
    }
}

#[cfg(not(unix))]
mod socket {
    use std::ffi::OsString;
    use std::io::{self, Read};
    use std::net::{Ipv4Addr, TcpListener};

    /// A port on loopback, for systems whose ffmpeg has no other sockets.
    #[derive(Debug)]
    pub(super) struct Listener(TcpListener);

    impl Listener {
        pub(super) fn new() -> io::Result<Listener> {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(Listener)
        }

        pub(super) fn url(&self) -> OsString {
            let address = self.0.local_addr().expect("a bound socket has an address");
            format!("tcp://{address}").into()
        }

        pub(super) fn accept(self) -> io::Result<impl Read> {
            Ok(self.0.accept()?.0)
        }
    }
}
