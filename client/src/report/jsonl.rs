//! The output `--json`: one line of JSON per frame.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use facefleet_proto::{FaceBox, Point, StageTimes};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::report::destination::{Json, Outputs, check};
use crate::report::error::ReportError;
use crate::report::part::{self, Part};
use facefleet_stream::frame::{End, Finished, Found};

/// Writes JSON lines to a file, to standard output, or to a file for each picture.
pub(super) struct JsonLines {
    stream: String,
    to: To,
}

enum To {
    Out {
        path: PathBuf,
        out: BufWriter<Box<dyn Write + Send>>,
        /// The file that gets its name when it is whole.
        part: Option<Part>,
    },
    /// The file for each picture of the input.
    EachPicture(BTreeMap<PathBuf, PathBuf>),
}

impl JsonLines {
    /// Creates the file, which must not be the input. The path `-` stands for standard output.
    pub(super) fn create(json: &Json, outputs: &Outputs) -> Result<JsonLines, ReportError> {
        let stream = outputs.stream.clone();
        let to = match json {
            Json::EachPicture(files) => To::EachPicture(files.clone()),
            Json::AtOnce(path) if path.as_os_str() == "-" => {
                To::Out { path: path.clone(), out: BufWriter::new(Box::new(io::stdout())), part: None }
            }
            Json::AtOnce(path) => {
                check(path, &outputs.media)?;
                let file = File::create(path).map_err(ReportError::write(path))?;
                To::Out { path: path.clone(), out: BufWriter::new(Box::new(file)), part: None }
            }
            Json::WhenWhole(path) => {
                check(path, &outputs.media)?;
                let part = Part::of(path).map_err(ReportError::write(path))?;
                let file = File::create(part.path()).map_err(ReportError::write(path))?;
                To::Out { path: path.clone(), out: BufWriter::new(Box::new(file)), part: Some(part) }
            }
        };
        Ok(JsonLines { stream, to })
    }

    pub(super) fn write(&mut self, finished: &Finished, flush: bool) -> Result<(), ReportError> {
        let line = serde_json::to_string(&FrameRecord::new(&self.stream, finished)).expect("a line has only text keys");
        match &mut self.to {
            To::Out { path, out, part: _ } => {
                let written = writeln!(out, "{line}").and_then(|()| if flush { out.flush() } else { Ok(()) });
                written.map_err(ReportError::write(path))
            }
            To::EachPicture(files) => match (&finished.end, &finished.frame.image) {
                (End::Ok(_), Some(image)) => {
                    let path = &files[image];
                    part::write(path, format!("{line}\n").as_bytes()).map_err(ReportError::write(path))
                }
                // A file would say that the picture is done.
                _ => Ok(()),
            },
        }
    }

    /// Completes the output and returns the path of the file, or None where there is none or several.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, ReportError> {
        let To::Out { path, mut out, part } = self.to else { return Ok(None) };
        out.flush().map_err(ReportError::write(&path))?;
        part.map_or(Ok(()), Part::publish).map_err(ReportError::write(&path))?;
        Ok((path.as_os_str() != "-").then_some(path))
    }
}

/// One frame as JSON. Programs read the keys: new keys may be added, existing ones never change.
#[derive(Serialize)]
struct FrameRecord<'a> {
    index: u64,
    stream: &'a str,
    /// Time since the start of the source, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_s: Option<f64>,
    /// When a camera's frame came, by this machine's clock (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// Width and height of the frame in its source, in pixels, which is what places of faces are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<(u32, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    worker: Option<&'a str>,
    outcome: &'static str,
    /// Why the frame was dropped, or the code of its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// `null` if no detector ran, or if an old worker sent only a picture.
    faces: Option<Vec<Face>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages_ms: Option<Stages>,
}

#[derive(Serialize)]
struct Face {
    /// Left edge, top edge, width and height, in pixels of the source.
    #[serde(rename = "box")]
    place: [f64; 4],
    score: f64,
    /// `x` and `y` of each landmark, in pixels of the source, if landmarks were requested and found.
    #[serde(skip_serializing_if = "Option::is_none")]
    landmarks: Option<[[f64; 2]; 5]>,
}

#[derive(Serialize)]
struct Stages {
    queue: f64,
    decode: f64,
    resize: f64,
    detect: f64,
    draw: f64,
    encode: f64,
}

impl<'a> FrameRecord<'a> {
    fn new(stream: &'a str, Finished { frame, worker, end }: &'a Finished) -> FrameRecord<'a> {
        let record = FrameRecord {
            index: frame.index,
            stream,
            time_s: frame.time.map(|time| rounded(time.as_secs_f64(), 1e6)),
            time: frame.arrived.map(rfc3339),
            size: frame.size,
            image: frame.image.as_ref().map(|path| path.display().to_string()),
            worker: worker.as_deref(),
            outcome: "ok",
            reason: None,
            message: None,
            faces: None,
            stages_ms: None,
        };
        match end {
            End::Ok(Found { faces, picture: _, stages }) => {
                let faces = faces.as_ref().map(|faces| faces.iter().map(Face::from).collect());
                FrameRecord { faces, stages_ms: stages.map(Stages::from), ..record }
            }
            End::Dropped(reason) => FrameRecord { outcome: "dropped", reason: Some(reason.as_str()), ..record },
            End::Failed { code, message } => {
                FrameRecord { outcome: "failed", reason: Some(code.as_str()), message: Some(message), ..record }
            }
        }
    }
}

// Places are rounded to a tenth of a pixel; more digits would only be artifacts of printing an f32.
impl From<&FaceBox> for Face {
    fn from(&FaceBox { x, y, width, height, score, landmarks }: &FaceBox) -> Face {
        let pixels = |v: f32| rounded(v.into(), 10.0);
        Face {
            place: [x, y, width, height].map(pixels),
            score: rounded(score.into(), 1e3),
            landmarks: landmarks.map(|points| points.map(|Point { x, y }| [pixels(x), pixels(y)])),
        }
    }
}

impl From<StageTimes> for Stages {
    fn from(StageTimes { queue, decode, resize, detect, draw, encode }: StageTimes) -> Stages {
        let ms = |time: Duration| rounded(time.as_secs_f64() * 1e3, 1e3);
        Stages {
            queue: ms(queue),
            decode: ms(decode),
            resize: ms(resize),
            detect: ms(detect),
            draw: ms(draw),
            encode: ms(encode),
        }
    }
}

/// Formats microseconds since 1970, to the millisecond.
fn rfc3339(unix_us: u64) -> String {
    let milliseconds = i128::from(unix_us / 1000);
    let time = OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_stream::frame::SourceFrame;

    fn line(end: End, time: Option<Duration>, image: Option<PathBuf>) -> String {
        let frame = SourceFrame { time, image, ..SourceFrame::new(7, Ok(Vec::new().into())) };
        serde_json::to_string(&FrameRecord::new("a.mp4", &Finished { frame, worker: Some("pi-1".into()), end }))
            .unwrap()
    }

    #[test]
    fn a_frame_with_a_face() {
        let face = FaceBox { x: -1.04, y: 20.0, width: 30.25, height: 40.0, score: 2.71349, landmarks: None };
        let stages = StageTimes { detect: Duration::from_micros(12_345), ..StageTimes::default() };
        let found = Found { faces: Some(vec![face]), picture: None, stages: Some(stages) };
        assert_eq!(
            line(End::Ok(found), Some(Duration::from_millis(844)), None),
            r#"{"index":7,"stream":"a.mp4","time_s":0.844,"worker":"pi-1","outcome":"ok","faces":[{"box":[-1.0,20.0,30.3,40.0],"score":2.713}],"#
                .to_owned()
                + r#""stages_ms":{"queue":0.0,"decode":0.0,"resize":0.0,"detect":12.345,"draw":0.0,"encode":0.0}}"#
        );
    }

    #[test]
    fn a_face_with_landmarks() {
        let landmarks = Some([0.0, 1.0, 2.0, 3.0, 4.0].map(|x| Point { x, y: 7.04 - x }));
        let face = FaceBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0, score: 0.9, landmarks };
        let found = Found { faces: Some(vec![face]), picture: None, stages: None };
        let line = line(End::Ok(found), None, None);
        let want = r#""score":0.9,"landmarks":[[0.0,7.0],[1.0,6.0],[2.0,5.0],[3.0,4.0],[4.0,3.0]]}]"#;
        assert!(line.contains(want), "{line}");
    }

    #[test]
    fn an_old_worker_and_the_other_ends() {
        let picture_only = Found { faces: None, picture: Some(Vec::new().into()), stages: None };
        assert_eq!(
            line(End::Ok(picture_only), None, Some("a/b.jpg".into())),
            r#"{"index":7,"stream":"a.mp4","image":"a/b.jpg","worker":"pi-1","outcome":"ok","faces":null}"#
        );
        assert_eq!(
            line(End::Dropped("stale_client".into()), None, None),
            r#"{"index":7,"stream":"a.mp4","worker":"pi-1","outcome":"dropped","reason":"stale_client","faces":null}"#
        );
        assert_eq!(
            line(End::Failed { code: "truncated".into(), message: "it ends early".into() }, None, None),
            r#"{"index":7,"stream":"a.mp4","worker":"pi-1","outcome":"failed","reason":"truncated","message":"it ends early","faces":null}"#
        );
    }
}
