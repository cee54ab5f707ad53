//! What ffmpeg logs about an input and, with its filter `showinfo`, about each frame before the frame is made smaller.
//!
//! The pipe with the JPEGs cannot tell this: it has no container that keeps times in the unit of every source, allows two frames
//! with one time, and says how large the frame was.

use std::sync::mpsc;
use std::time::Duration;

use crate::ffmpeg::Line;

/// A frame as the filter saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Time since the start of the input; None if the frame has no time.
    pub(crate) time: Option<Duration>,
    /// The unit in which the input counts time.
    pub(crate) unit: Duration,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Width and height of one pixel, as a ratio; zeros if it is unknown.
    pub(crate) aspect: (u32, u32),
    /// Name of the pixel format, such as `yuv420p`.
    pub(crate) format: String,
    pub(crate) colour: Colour,
}

/// What the numbers of a pixel mean, in ffmpeg's names; `unknown` where the source does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Colour {
    /// `tv` for limited range, `pc` for full range.
    pub(crate) range: String,
    /// The matrix between RGB and the planes.
    pub(crate) matrix: String,
    pub(crate) primaries: String,
    pub(crate) transfer: String,
}

/// Reads the lines of one `showinfo` filter, and passes each frame on once it is complete.
#[derive(Debug)]
pub(crate) struct ShowInfo {
    /// The filter `showinfo@LABEL` logs under this name.
    part: String,
    /// Length of one unit of time in seconds, as a fraction.
    unit: (u32, u32),
    /// A frame whose colours are on the next line.
    pending: Option<Shown>,
    frames: mpsc::Sender<Shown>,
}

impl ShowInfo {
    /// Creates the reader for the filter `showinfo@label`, and the queue of its frames.
    pub(crate) fn of(label: &str) -> (ShowInfo, mpsc::Receiver<Shown>) {
        let (frames, shown) = mpsc::channel();
        (ShowInfo { part: format!("showinfo@{label}"), unit: (0, 1), pending: None, frames }, shown)
    }

    /// Takes the next line of the log.
    pub(crate) fn line(&mut self, line: Line<'_>) {
        if line.part != self.part {
            return;
        }
        if let Some(config) = line.text.strip_prefix("config in time_base: ") {
            // The filter is set up again whenever the size of the frames changes.
            self.unit = config.split(',').next().and_then(|unit| ratio(unit, '/')).unwrap_or((0, 1));
        } else if line.text.starts_with("n:") {
            self.pass();
            self.pending = Some(frame(line.text, self.unit));
        } else if line.text.starts_with("color_range:")
            && let Some(shown) = &mut self.pending
        {
            shown.colour = colour(line.text);
            self.pass();
        }
    }

    fn pass(&mut self) {
        if let Some(shown) = self.pending.take() {
            // Err: nobody reads the frames any more.
            let _ = self.frames.send(shown);
        }
    }
}

/// Reads `n:   0 pts:  64920 pts_time:0.721333 pos: 1504 fmt:yuv420p sar:1/1 s:160x120 i:P …`.
fn frame(text: &str, (n, d): (u32, u32)) -> Shown {
    let ticks = value(text, "pts").and_then(|pts| pts.parse::<i64>().ok());
    let time = ticks.map(|ticks| {
        let nanoseconds = i128::from(ticks) * i128::from(n) * 1_000_000_000 / i128::from(d.max(1));
        // A frame before the start, as an edit list can have it, is shown at the start.
        Duration::from_nanos(u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX))
    });
    Shown {
        time,
        unit: Duration::from_secs_f64(f64::from(n) / f64::from(d.max(1))),
        size: value(text, "s").and_then(|size| ratio(size, 'x')).unwrap_or_default(),
        aspect: value(text, "sar").and_then(|aspect| ratio(aspect, '/')).unwrap_or_default(),
        format: value(text, "fmt").unwrap_or_default().to_owned(),
        colour: Colour::default(),
    }
}

/// Reads `color_range:tv color_space:bt709 color_primaries:bt709 color_trc:bt709`.
fn colour(text: &str) -> Colour {
    let of = |key| value(text, key).unwrap_or("unknown").to_owned();
    Colour {
        range: of("color_range"),
        matrix: of("color_space"),
        primaries: of("color_primaries"),
        transfer: of("color_trc"),
    }
}

/// Returns the word after `key:`, with or without spaces between them.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = text.match_indices(key).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace) && text[at + key.len()..].starts_with(':')
    })?;
    text[at.0 + key.len() + 1..].split_whitespace().next()
}

fn ratio(text: &str, separator: char) -> Option<(u32, u32)> {
    let (one, other) = text.split_once(separator)?;
    Some((one.parse().ok()?, other.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the filter `source` passes on of a log.
    fn shown(log: &str) -> Vec<Shown> {
        let (mut filter, frames) = ShowInfo::of("source");
        log.lines().for_each(|line| filter.line(Line::parse(line)));
        drop(filter);
        frames.into_iter().collect()
    }

    #[test]
    fn frames_of_one_filter_with_their_colours() {
        let log = "\
[showinfo@source @ 0x1] [info] config in time_base: 1/90000, frame_rate: 25/1
[showinfo@planes @ 0x2] [info] config in time_base: 1/1000, frame_rate: 25/1
[showinfo@source @ 0x1] [info] n:   0 pts:  64920 pts_time:0.721333 pos:     1504 fmt:yuv420p sar:64/45 s:720x576 i:P iskey:1 type:I
[showinfo@source @ 0x1] [info]   side data - User Data Unregistered:
[showinfo@planes @ 0x2] [info] n:   0 pts:    721 pts_time:0.721 pos:     1504 fmt:yuv420p sar:64/45 s:720x576 i:P iskey:1 type:I
[showinfo@source @ 0x1] [info] color_range:tv color_space:bt709 color_primaries:unknown color_trc:bt709
[showinfo@source @ 0x1] [info] n:   1 pts:NOPTS   pts_time:NOPTS   duration: 3600 fmt:gray sar:0/1 s:8x6 i:P iskey:1 type:I
[showinfo@source @ 0x1] [info] color_range:unknown color_space:unknown color_primaries:unknown color_trc:unknown";
        let unknown = || "unknown".to_owned();
        let first = Shown {
            time: Some(Duration::from_nanos(721_333_333)),
            unit: Duration::from_secs_f64(1.0 / 90_000.0),
            size: (720, 576),
            aspect: (64, 45),
            format: "yuv420p".into(),
            colour: Colour {
                range: "tv".into(),
                matrix: "bt709".into(),
                primaries: unknown(),
                transfer: "bt709".into(),
            },
        };
        let second = Shown {
            time: None,
            unit: Duration::from_secs_f64(1.0 / 90_000.0),
            size: (8, 6),
            aspect: (0, 1),
            format: "gray".into(),
            colour: Colour { range: unknown(), matrix: unknown(), primaries: unknown(), transfer: unknown() },
        };
        assert_eq!(shown(log), [first, second]);
    }

    #[test]
    fn frames_without_colours_and_before_the_start_are_passed_on() {
        let log = "\
[showinfo@source @ 0x1] [info] config in time_base: 1/25, frame_rate: 25/1
[showinfo@source @ 0x1] [info] n:0 pts:-2 pts_time:-0.08 fmt:rgb24 s:4x2
[showinfo@source @ 0x1] [info] n:1 pts:1 pts_time:0.04 fmt:rgb24 s:4x2";
        // The last frame waits for its colours, which come with the next line of the log.
        let frames = shown(log);
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].time, frames[0].size, frames[0].aspect), (Some(Duration::ZERO), (4, 2), (0, 0)));
    }
}
