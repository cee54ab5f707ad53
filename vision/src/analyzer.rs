//! The way of one frame, from JPEG bytes to the answer.

use crate::canny;
use crate::clock::Stopwatch;
use crate::detect::{DetectorError, DetectorKind, FaceDetector, PictureView, Wanted};
use crate::draw;
use crate::error::{FrameError, no_panic};
use crate::geometry::Size;
use crate::job::{Job, Limits, Report, Stages, Task};
use crate::jpeg::{self, Decoder, Encoder};
use crate::kernels::Kernels;
use crate::raster::Planes;
use crate::resize::Resizer;

/// Analyzes frames one after the other, with one detector and all the buffers that a thread needs. Each thread makes its own: an
/// analyzer need not move between threads.
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
    encoder: Encoder,
    /// The frame as it was sent. Colour is filled in only if a picture goes back, or the detector looks at it.
    source: Planes,
    /// The frame at the size the detector sees.
    seen: Planes,
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
        let mut report = Report::default();
        self.analyze_into(jpeg, job, &mut report)?;
        Ok(report)
    }

    /// Does `job` on one JPEG as [`Analyzer::analyze`] does, and writes the answer over a report that was used before. The
    /// report's memory is used again: after the first frame, frames of the same size allocate nothing when only boxes are wanted.
    /// After an error the report's contents are undefined.
    ///
    /// # Errors
    /// As [`Analyzer::analyze`].
    pub fn analyze_into(&mut self, jpeg: &[u8], job: &Job, report: &mut Report) -> Result<(), FrameError> {
        let result = no_panic(|| self.run(jpeg, job, report));
        if matches!(result, Err(FrameError::Panicked { .. })) {
            self.buffers = Buffers::new();
            self.detector = (self.build)().expect("the same model was read at the start");
        }
        result
    }

    fn run(&mut self, jpeg: &[u8], job: &Job, report: &mut Report) -> Result<(), FrameError> {
        let mut clock = Stopwatch::start();
        let Buffers { decoder, source, .. } = &mut self.buffers;
        // Colour is only worth its time where someone will look at it. It stays in JPEG's own form from the decoder to the
        // encoder: nothing is converted, and the detector sees the same brightness with and without colour.
        report.tidiness = if job.task == Task::Faces && (job.picture || self.detector.wants_colour()) {
            decoder.decode_planes(jpeg, &self.limits, source)?
        } else {
            decoder.decode_luma(jpeg, &self.limits, &mut source.luma)?
        };
        report.source = source.luma.size;
        report.stages = Stages { decode: clock.lap(), ..Stages::default() };
        report.faces.clear();
        let picture = report.picture.take();

        match job.task {
            Task::View => Ok(()),
            Task::Faces => self.faces(job, picture, &mut clock, report),
            Task::Canny => self.canny(job, picture, &mut clock, report),
        }
    }

    /// Finds faces. `picture` is memory to use again for the picture that goes back, if there is any.
    fn faces(
        &mut self,
        job: &Job,
        picture: Option<Vec<u8>>,
        clock: &mut Stopwatch,
        report: &mut Report,
    ) -> Result<(), FrameError> {
        let target = self.target(job, report.source)?;
        let Buffers { resizer, encoder, source, seen, .. } = &mut self.buffers;
        let in_colour = self.detector.wants_colour();
        if job.picture || in_colour {
            resizer.bring_planes(source, target, seen);
        } else {
            resizer.bring(&mut source.luma, target, &mut seen.luma);
        }
        report.stages.resize = clock.lap();

        // A picture that is squeezed more in one direction than in the other squeezes its faces alike.
        let share = |seen: u32, sent: u32| seen as f32 / sent as f32;
        let smaller = share(target.width, report.source.width).min(share(target.height, report.source.height));
        let wanted = Wanted { min_score: job.min_score, min_face: job.min_face.map(|side| side * smaller) };
        let mut picture_seen = PictureView::new(target, &seen.luma.pixels);
        if in_colour {
            picture_seen = picture_seen.with_colour(&seen.blue.pixels, &seen.red.pixels);
        }
        self.detector.detect(picture_seen, wanted, &mut report.faces);
        if !job.landmarks {
            report.faces.iter_mut().for_each(|face| face.landmarks = None);
        }
        report.stages.detect = clock.lap();

        if job.picture {
            draw::faces_on_planes(seen, &report.faces, draw::Style::LEGACY);
            report.stages.draw = clock.lap();
            let mut picture = picture.unwrap_or_default();
            encoder.encode_planes(seen, &mut picture)?;
            report.picture = Some(picture);
            report.stages.encode = clock.lap();
        }
        for face in &mut report.faces {
            *face = face.rescaled(target, report.source);
        }
        Ok(())
    }

    fn canny(
        &mut self,
        job: &Job,
        picture: Option<Vec<u8>>,
        clock: &mut Stopwatch,
        report: &mut Report,
    ) -> Result<(), FrameError> {
        let target = self.target(job, report.source)?;
        let Buffers { resizer, encoder, source, seen, .. } = &mut self.buffers;
        resizer.bring(&mut source.luma, target, &mut seen.luma);
        report.stages.resize = clock.lap();

        let edges = canny::edges(&mut seen.luma);
        report.stages.detect = clock.lap();

        if job.picture {
            let mut picture = picture.unwrap_or_default();
            encoder.encode_luma(&edges, &mut picture)?;
            report.picture = Some(picture);
            report.stages.encode = clock.lap();
        }
        Ok(())
    }

    /// Returns the size to which a frame of size `source` is brought, and checks it: the job may come from a stranger, as the
    /// frame does.
    fn target(&self, job: &Job, source: Size) -> Result<Size, FrameError> {
        let size = job.fit.target(source);
        let limit = self.limits.max_pixels;
        let bad = FrameError::BadTarget { size, limit };
        if size.pixels() == 0 || size.pixels() > limit {
            return Err(bad);
        }
        // A side longer than any JPEG's would take more memory than its pixels, with a picture or without.
        match jpeg::check_size(size) {
            Ok(()) => Ok(size),
            Err(error) if job.picture => Err(error.into()),
            Err(_) => Err(bad),
        }
    }
}

impl Buffers {
    fn new() -> Self {
        let kernels = Kernels::best();
        Buffers {
            decoder: Decoder::new(kernels),
            resizer: Resizer::new(kernels),
            encoder: Encoder::new(kernels, jpeg::QUALITY),
            source: Planes::empty(),
            seen: Planes::empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use image::{Rgb, RgbImage};

    use super::*;
    use crate::geometry::{Face, Fit, Point};

    /// Finds one face of 10x10 in the corner, or panics when the corner pixel is black.
    struct Fragile;

    const FOUND: Face =
        Face { x: 0.0, y: 0.0, width: 10.0, height: 10.0, score: 1.0, landmarks: Some([Point { x: 5.0, y: 7.0 }; 5]) };

    impl FaceDetector for Fragile {
        fn name(&self) -> &'static str {
            "fragile"
        }

        fn detect(&mut self, picture: PictureView<'_>, _: Wanted, faces: &mut Vec<Face>) {
            assert!(picture.luma()[0] > 10, "black corner in {}", picture.size());
            faces.clear();
            faces.push(FOUND);
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
        assert!(matches!(error, FrameError::Panicked { .. }), "{error}");
        assert!(error.to_string().contains("black corner in 50x25"), "{error}");
        assert_eq!(built.get(), 2);

        let faces = analyzer.analyze(&grey(200), &job).unwrap().faces;
        assert_eq!(faces, [Face { width: 20.0, height: 20.0, landmarks: None, ..FOUND }]);
        assert_eq!(built.get(), 2, "a good frame keeps the detector");
    }

    #[test]
    fn landmarks_come_when_they_are_asked_for_and_are_drawn() {
        let mut analyzer = Analyzer::with(Box::new(|| Ok(Box::new(Fragile))), Limits::default()).unwrap();
        let grey = jpeg::encode_rgb(&RgbImage::from_pixel(100, 50, Rgb([200; 3])), 85).unwrap();
        let mut analyze = |landmarks| {
            let job = Job { fit: Fit::Within(50), picture: true, landmarks, ..Job::default() };
            let report = analyzer.analyze(&grey, &job).unwrap();
            let picture = jpeg::decode_rgb(&report.picture.unwrap(), &Limits::default()).unwrap();
            (report.faces[0].landmarks, picture.get_pixel(5, 7).0[0])
        };
        let (none, undrawn) = analyze(false);
        let (five, drawn) = analyze(true);
        assert_eq!((none, five), (None, Some([Point { x: 10.0, y: 14.0 }; 5])));
        assert!(undrawn > 190 && drawn < 150, "{undrawn} {drawn}");
    }
}
