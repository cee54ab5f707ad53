//! The picture work of facefleet, and nothing else: a JPEG goes in; faces or edges, and perhaps a JPEG, come out.
//!
//! There are no sockets, no async runtime and no threads here: a caller gives each of its own threads one [`Analyzer`] and feeds
//! it frames. Everything is Rust, so one binary file is all there is to install on a small board.
//!
//! The bytes come from strangers, so a frame is checked in a fixed order, and the first thing that is wrong ends it with a
//! [`FrameError`]: signature, header, pixel limit, segments. Only then is memory taken and the picture decoded, and
//! only a picture with all its blocks is looked at.
//!
//! ```
//! use facefleet_vision::{Analyzer, DetectorKind, FrameError, Job, Limits};
//!
//! let mut analyzer = Analyzer::new(DetectorKind::Seeta, Limits::default())?;
//! let error = analyzer.analyze(b"GIF89a", &Job::default()).unwrap_err();
//! assert!(matches!(error, FrameError::NotJpeg { .. }));
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
mod tidiness;

pub use analyzer::Analyzer;
pub use annotator::Annotator;
pub use detect::{DetectorError, DetectorKind, FaceDetector, PictureView, UnknownDetector, Wanted, seeta, yunet};
pub use error::FrameError;
pub use geometry::{Face, Fit, Point, Size};
pub use job::{Job, Limits, Report, Stages, Task};
pub use kernels::Kernels;
pub use tidiness::Tidiness;
