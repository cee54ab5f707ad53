//! One frame, from JPEG bytes to the answer.

use image::{GrayImage, Rgb, RgbImage};

use crate::canny;
use crate::clock::Stopwatch;
use crate::colour;
use crate::detect::{DetectorError, DetectorKind, FaceDetector, LumaView, Wanted};
use crate::draw;
use crate::error::{FrameError, no_panic};
use crate::geometry::{Fit, Size};
use crate::job::{Job, Limits, Report, Stages, Task};
use crate::jpeg::{self, Decoder};
use crate::raster::{Channels, Raster};
use crate::resize::Resizer;

/// A detector and all buffers one thread needs. Made inside its thread, it need not move.
pub struct Analyzer {
    limits: Limits,
    build: Build,
    detector: Box<dyn FaceDetector>,
    buffers: Buffers,
}

type Build = Box<dyn Fn() -> Result<Box<dyn FaceDetector>, DetectorError>>;

struct Buffers {
    decoder: Decoder,
    resizer: Resizer,
    /// The frame as sent.
    source: Raster,
    /// The frame at the size the detector sees, in colour if a picture of it goes back.
    seen: Raster,
    /// `seen` in grey, when `seen` is in colour.
    grey: Raster,
}

impl Analyzer {
    /// Makes a detector and empty buffers; these grow to the size of the frames that come.
    ///
    /// # Errors
    /// [`DetectorError`] when the detector's model cannot be read.
    pub fn new(kind: DetectorKind, limits: Limits) -> Result<Self, DetectorError> {
        Analyzer::with(Box::new(move || kind.build()), limits)
    }

    fn with(build: Build, limits: Limits) -> Result<Self, DetectorError> {
        Ok(Analyzer { limits, detector: build()?, build, buffers: Buffers::new() })
    }

    /// Does `job` on one JPEG.
    ///
    /// # Errors
    /// [`FrameError`] says what is wrong with the frame. The analyzer is ready for the next one whatever happened.
    pub fn analyze(&mut self, jpeg: &[u8], job: &Job) -> Result<Report, FrameError> {
        let result = no_panic(|| self.run(jpeg, job));
        if matches!(result, Err(FrameError::Panicked { .. })) {
            self.buffers = Buffers::new();
            self.detector = (self.build)().expect("the same model was read at the start");
        }
        result
    }

    fn run(&mut self, jpeg: &[u8], job: &Job) -> Result<Report, FrameError> {
        let mut clock = Stopwatch::start();
        let Buffers { decoder, source, .. } = &mut self.buffers;
        // Colour is only worth its time where someone will look at it. It stays in JPEG's own form from the decoder to the
        // encoder: nothing is converted, and the detector sees the same brightness with and without colour.
        let channels = match job.task {
            Task::Faces if job.picture => Channels::Ycc,
            _ => Channels::Luma,
        };
        decoder.decode(jpeg, &self.limits, channels, source)?;
        let mut report = Report { source: source.size, faces: Vec::new(), picture: None, stages: Stages::default() };
        report.stages.decode = clock.lap();

        match job.task {
            Task::View => {}
            Task::Faces => self.faces(job, &mut clock, &mut report)?,
            Task::Canny => self.canny(job, &mut clock, &mut report)?,
        }
        Ok(report)
    }

    fn faces(&mut self, job: &Job, clock: &mut Stopwatch, report: &mut Report) -> Result<(), FrameError> {
        let target = self.target(job.fit)?;
        let Buffers { seen, grey, .. } = self.buffers.bring_to(target);
        let luma = if job.picture {
            seen.to_luma(grey);
            grey
        } else {
            &*seen
        };
        report.stages.resize = clock.lap();

        let smaller = target.width as f32 / report.source.width as f32;
        let wanted = Wanted { min_score: job.min_score, min_face: job.min_face.map(|side| side * smaller) };
        self.detector.detect(LumaView::new(target, &luma.pixels), wanted, &mut report.faces);
        report.stages.detect = clock.lap();

        if job.picture {
            let mut picture = RgbImage::from_raw(target.width, target.height, std::mem::take(&mut seen.pixels))
                .expect("a raster is as long as its size says");
            draw::faces(&mut picture, &report.faces, seed_style_in_ycc());
            report.stages.draw = clock.lap();
            let encoded = jpeg::encode_ycc(&picture, jpeg::QUALITY);
            seen.pixels = picture.into_raw();
            report.picture = Some(encoded?);
            report.stages.encode = clock.lap();
        }
        for face in &mut report.faces {
            *face = face.rescaled(target, report.source);
        }
        Ok(())
    }

    fn canny(&mut self, job: &Job, clock: &mut Stopwatch, report: &mut Report) -> Result<(), FrameError> {
        let target = self.target(job.fit)?;
        let Buffers { seen, .. } = self.buffers.bring_to(target);
        report.stages.resize = clock.lap();

        let luma = GrayImage::from_raw(target.width, target.height, std::mem::take(&mut seen.pixels))
            .expect("a raster is as long as its size says");
        let edges = canny::edges(&luma);
        seen.pixels = luma.into_raw();
        report.stages.detect = clock.lap();

        if job.picture {
            report.picture = Some(jpeg::encode_luma(&edges, jpeg::QUALITY)?);
            report.stages.encode = clock.lap();
        }
        Ok(())
    }

    /// The size to bring the decoded frame to. The job may come from a stranger too.
    fn target(&self, fit: Fit) -> Result<Size, FrameError> {
        let size = fit.target(self.buffers.source.size);
        let limit = self.limits.max_pixels;
        if size.pixels() == 0 || size.pixels() > limit {
            return Err(FrameError::BadTarget { size, limit });
        }
        Ok(size)
    }
}

impl Buffers {
    fn new() -> Self {
        Buffers {
            decoder: Decoder::new(),
            resizer: Resizer::new(),
            source: Raster::empty(),
            seen: Raster::empty(),
            grey: Raster::empty(),
        }
    }

    /// Puts the decoded frame into `seen` at the size `target`.
    fn bring_to(&mut self, target: Size) -> &mut Self {
        if target == self.source.size {
            std::mem::swap(&mut self.source, &mut self.seen);
        } else {
            self.resizer.resize(&self.source, target, &mut self.seen);
        }
        self
    }
}

/// The boxes' style for a picture that is not in red, green and blue, though `image` has no other name for its type.
fn seed_style_in_ycc() -> draw::Style {
    let Rgb(colour) = draw::Style::SEED.colour;
    draw::Style { colour: Rgb(colour::ycc(colour)), ..draw::Style::SEED }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::geometry::Face;

    /// Finds one face of 10x10 in the corner, or panics when the corner pixel is black.
    struct Fragile;

    impl FaceDetector for Fragile {
        fn name(&self) -> &'static str {
            "fragile"
        }

        fn detect(&mut self, luma: LumaView<'_>, _: Wanted, faces: &mut Vec<Face>) {
            assert!(luma.pixels()[0] > 10, "black corner in {}", luma.size());
            faces.push(Face { x: 0.0, y: 0.0, width: 10.0, height: 10.0, score: 1.0 });
        }
    }

    #[test]
    fn a_panic_is_an_error_and_the_detector_is_made_anew() {
        let built = Rc::new(Cell::new(0));
        let count = Rc::clone(&built);
        let build = move || -> Result<Box<dyn FaceDetector>, DetectorError> {
            count.set(count.get() + 1);
            Ok(Box::new(Fragile))
        };
        let mut analyzer = Analyzer::with(Box::new(build), Limits::default()).unwrap();
        let grey = |luma: u8| jpeg::encode_rgb(&RgbImage::from_pixel(100, 50, Rgb([luma; 3])), 85).unwrap();
        let job = Job { fit: Fit::Within(50), ..Job::default() };

        let error = analyzer.analyze(&grey(0), &job).unwrap_err();
        assert_eq!(error.code(), "panicked");
        assert!(error.to_string().contains("black corner in 50x25"), "{error}");
        assert_eq!(built.get(), 2);

        let faces = analyzer.analyze(&grey(200), &job).unwrap().faces;
        assert_eq!(faces, [Face { x: 0.0, y: 0.0, width: 20.0, height: 20.0, score: 1.0 }]);
        assert_eq!(built.get(), 2, "a good frame keeps the detector");
    }
}
