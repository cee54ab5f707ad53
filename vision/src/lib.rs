//! The picture work of facefleet, and nothing else: JPEG in, faces (or edges) and perhaps a JPEG out.
//!
//! No sockets, no async runtime, no threads: a caller gives each of its own threads one [`Analyzer`] and feeds it frames.
//! Everything is Rust, so one binary file is all there is to install on a small board.
//!
//! The bytes come from strangers. A frame is looked at in this order, and the first thing wrong ends it with a
//! [`FrameError`]: signature, header, pixel limit, completeness, and only then is memory taken and the picture decoded.
//!
//! ```
//! use facefleet_vision::{Analyzer, DetectorKind, Job, Limits};
//!
//! let mut analyzer = Analyzer::new(DetectorKind::Seeta, Limits::default())?;
//! let error = analyzer.analyze(b"GIF89a", &Job::default()).unwrap_err();
//! assert_eq!(error.code(), "not_jpeg");
//! # Ok::<(), facefleet_vision::DetectorError>(())
//! ```

mod analyzer;
mod annotator;
mod canny;
mod clock;
mod colour;
mod detect;
pub mod draw;
mod error;
mod geometry;
mod job;
pub mod jpeg;
mod kernels;
mod raster;
mod resize;

pub use analyzer::Analyzer;
pub use annotator::Annotator;
pub use detect::{DetectorError, DetectorKind, FaceDetector, PictureView, UnknownDetector, Wanted, seeta, yunet};
pub use error::FrameError;
pub use geometry::{Face, Fit, Point, SEED, Size};
pub use job::{Job, Limits, Report, Stages, Task};
pub use kernels::Kernels;
