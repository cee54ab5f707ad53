//! Whether two workers have found the same faces in the same frames.

use serde_json::Value;

use crate::error::Error;

/// How far two workers' numbers may be apart, by detector: box in pixels of the source, score.
///
/// `seeta` promises the same bits on every processor. The sums of `yunet` are added up in another order by each set of
/// kernels; its heads agree to 1e-4 (`vision/src/detect/yunet/oracle.rs`), which is less than 0.01 pixels after the greatest
/// stride of 32. The client writes tenths of a pixel and hundredths of a score, and what is next to a half may be rounded
/// to either side: one such step, and a little for the division into decimals.
fn tolerance(detector: &str) -> [f64; 2] {
    if detector == "yunet" { [0.1001, 0.010_01] } else { [0.0, 0.0] }
}

/// A frame and its faces: left, top, width, height, score.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    index: u64,
    faces: Vec<[f64; 5]>,
}

/// Reads the client's lines, of which each has to be the work of `worker`.
///
/// # Errors
/// [`Error::NotAnalyzed`] with the first line that is not.
pub(super) fn parse(lines: &[String], worker: &str) -> Result<Vec<Frame>, Error> {
    lines.iter().map(|line| frame(line, worker).ok_or_else(|| Error::NotAnalyzed(line.clone()))).collect()
}

fn frame(line: &str, worker: &str) -> Option<Frame> {
    let line: Value = serde_json::from_str(line).ok()?;
    if line["worker"] != worker || line["outcome"] != "ok" {
        return None;
    }
    let face = |face: &Value| {
        let mut numbers = [0.0; 5];
        for (number, place) in numbers.iter_mut().zip(0..) {
            let told = if place < 4 { &face["box"][place] } else { &face["score"] };
            *number = told.as_f64()?;
        }
        Some(numbers)
    };
    Some(Frame {
        index: line["index"].as_u64()?,
        faces: line["faces"].as_array()?.iter().map(face).collect::<Option<_>>()?,
    })
}

/// Compares the first `count` frames of `native` with `emulated`, which has to be those, and returns the faces in them.
///
/// # Errors
/// [`Error::OtherFaces`] with the first frame that is not the same.
pub(super) fn compare(detector: &str, native: &[Frame], emulated: &[Frame], count: usize) -> Result<usize, Error> {
    let differ = |index: usize| {
        let of = |frames: &[Frame]| format!("{:?}", frames.get(index));
        Error::OtherFaces { detector: detector.to_owned(), index, native: of(native), emulated: of(emulated) }
    };
    if emulated.len() != count || native.len() < count {
        return Err(differ(emulated.len().min(native.len())));
    }
    let [pixels, score] = tolerance(detector);
    let close = |a: &[f64; 5], b: &[f64; 5]| {
        let limits = [pixels, pixels, pixels, pixels, score];
        a.iter().zip(b).zip(limits).all(|((a, b), limit)| (a - b).abs() <= limit)
    };
    for (place, (a, b)) in native.iter().zip(emulated).enumerate() {
        let same = a.index == b.index && a.faces.len() == b.faces.len();
        if !same || !a.faces.iter().zip(&b.faces).all(|(a, b)| close(a, b)) {
            return Err(differ(place));
        }
    }
    match emulated.iter().map(|frame| frame.faces.len()).sum() {
        0 => Err(differ(0)), // Nothing is not the same as nothing: there is a face in each frame.
        faces => Ok(faces),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(index: u64, left: f64) -> String {
        format!(
            r#"{{"index": {index}, "time_s": 0.1, "worker": "arm64", "outcome": "ok",
                "faces": [{{"box": [{left}, 40.0, 53.8, 53.8], "score": 0.88}}]}}"#
        )
    }

    fn frames(lefts: &[f64]) -> Vec<Frame> {
        let lines: Vec<_> = lefts.iter().zip(0..).map(|(left, index)| line(index, *left)).collect();
        parse(&lines, "arm64").unwrap()
    }

    #[test]
    fn a_line_of_another_worker_or_without_faces_is_refused() {
        assert_eq!(frames(&[1.5]), [Frame { index: 0, faces: vec![[1.5, 40.0, 53.8, 53.8, 0.88]] }]);
        assert!(parse(&[line(0, 1.5)], "native").is_err());
        for wrong in [line(0, 1.5).replace("ok", "failed"), line(0, 1.5).replace("40.0, ", ""), "{}".into()] {
            assert!(parse(&[wrong], "arm64").is_err());
        }
    }

    #[test]
    fn seeta_has_to_agree_exactly_and_yunet_to_the_last_digit() {
        let (native, same, near, far) = (frames(&[1.5, 2.0, 3.0]), [1.5, 2.0], [1.5, 2.1], [1.5, 2.2]);
        assert_eq!(compare("seeta", &native, &frames(&same), 2).unwrap(), 2);
        assert!(compare("seeta", &native, &frames(&near), 2).is_err());
        assert_eq!(compare("yunet", &native, &frames(&near), 2).unwrap(), 2);
        let error = compare("yunet", &native, &frames(&far), 2).unwrap_err().to_string();
        assert!(error.contains("frame 1") && error.contains("2.2"), "{error}");
    }

    #[test]
    fn fewer_frames_or_no_faces_are_not_the_same() {
        let native = frames(&[1.5, 2.0]);
        assert!(compare("seeta", &native, &frames(&[1.5]), 2).is_err());
        assert!(compare("seeta", &native[..1], &frames(&[1.5, 2.0]), 2).is_err());
        let none = || vec![Frame { index: 0, faces: Vec::new() }];
        assert!(compare("seeta", &none(), &none(), 1).is_err());
    }
}
