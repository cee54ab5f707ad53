//! The curve as a picture.

use super::results::{Point, Results};
use crate::svg::{self, AXIS, GRID, line, text};

/// Size of the picture, and what the curve leaves of it on the left, at the top, on the right (for the last figure) and below.
const SIZE: [f64; 2] = [800.0, 440.0];
const MARGINS: [f64; 4] = [64.0, 44.0, 128.0, 56.0];

/// How lines are drawn, as attributes.
const LINEAR: &str = r##"stroke="#222222" stroke-dasharray="6 4""##;
const MEASURED: &str = r##"stroke="#7fa8e0" stroke-width="3""##;
/// The colour of what belongs to the measured line.
const MEASURED_FILL: &str = r##"fill="#1f5fbf""##;

/// An SVG 1.1 document: frames a second over workers, beside the straight line that one worker's rate promises.
pub(super) fn svg(results: &Results) -> String {
    let curve = &results.curve;
    let largest = curve.last().expect("there are clusters");
    let scale = Scale::new(largest.workers.into(), largest.linear_per_s.max(largest.frames_per_s));
    let mut parts = axes(&scale, curve);
    parts.push(line(MEASURED, curve.iter().map(|point| scale.place(point.workers, point.frames_per_s))));
    parts.push(line(LINEAR, curve.iter().map(|point| scale.place(point.workers, point.linear_per_s))));
    for Point { workers, frames_per_s, efficiency_percent, .. } in curve {
        let [x, y] = scale.place(*workers, *frames_per_s);
        parts.push(format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" {MEASURED_FILL}/>"#));
        // Below the line, which rises to the right.
        let figures = format!("{frames_per_s:.1} ({efficiency_percent:.1} %)");
        parts.push(text([x + 10.0, y + 14.0], "start", MEASURED_FILL, &figures));
    }
    let [left, top] = scale.place(0, scale.most[1]);
    let legend = [("measured, and its part of linear", MEASURED), ("linear: so many times the rate of one", LINEAR)];
    for ((name, stroke), y) in legend.into_iter().zip([top + 20.0, top + 42.0]) {
        parts.push(line(stroke, [[left + 20.0, y], [left + 56.0, y]]));
        parts.push(text([left + 64.0, y + 4.5], "start", "", name));
    }
    svg::document(SIZE, "Frames a second by number of workers", &parts)
}

/// Lines, ticks and names.
fn axes(scale: &Scale, curve: &[Point]) -> Vec<String> {
    let most_workers = scale.most[0] as u32;
    let mut parts = Vec::new();
    let ticks = (scale.most[1] / scale.tick).round() as u32;
    for rate in (0..=ticks).map(|tick| f64::from(tick) * scale.tick) {
        let [left, y] = scale.place(0, rate);
        parts.push(line(GRID, [[left, y], scale.place(most_workers, rate)]));
        parts.push(text([left - 8.0, y + 4.5], "end", "", &rate.to_string()));
    }
    for Point { workers, .. } in curve {
        let [x, y] = scale.place(*workers, 0.0);
        parts.push(line(AXIS, [[x, y], [x, y + 5.0]]));
        parts.push(text([x, y + 20.0], "middle", "", &workers.to_string()));
    }
    parts.push(line(AXIS, [scale.place(0, scale.most[1]), scale.place(0, 0.0), scale.place(most_workers, 0.0)]));
    let [x, y] = scale.place(most_workers, 0.0);
    parts.push(text([x + 14.0, y + 20.0], "start", "", "workers"));
    let [x, y] = scale.place(0, scale.most[1]);
    parts.push(text([x, y - 10.0], "middle", "", "frames/s"));
    parts
}

/// Where a number of workers and a rate are in the picture.
struct Scale {
    /// Both at the far ends of the axes.
    most: [f64; 2],
    /// Frames a second between two lines of the grid.
    tick: f64,
}

impl Scale {
    fn new(workers: f64, rate: f64) -> Scale {
        let magnitude = 10_f64.powf(rate.log10().floor());
        // Between five and ten lines.
        let tick = match rate / magnitude {
            5.0.. => magnitude,
            2.0.. => magnitude / 2.0,
            _ => magnitude / 5.0,
        };
        Scale { most: [workers, (rate / tick).ceil() * tick], tick }
    }

    fn place(&self, workers: u32, rate: f64) -> [f64; 2] {
        let ([width, height], [left, top, right, below]) = (SIZE, MARGINS);
        let [x, y] = [f64::from(workers) / self.most[0], rate / self.most[1]];
        [left + x * (width - left - right), height - below - y * (height - top - below)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_few_lines_and_room_for_all() {
        for (rate, tick, most) in [(19.9, 2.0, 20.0), (100.0, 20.0, 100.0), (320.0, 50.0, 350.0), (640.0, 100.0, 700.0)]
        {
            let scale = Scale::new(16.0, rate);
            assert_eq!((scale.tick, scale.most), (tick, [16.0, most]));
        }
    }

    #[test]
    fn the_corners_of_the_curve_are_those_between_the_margins() {
        let scale = Scale::new(16.0, 350.0);
        assert_eq!(scale.place(0, 0.0), [MARGINS[0], SIZE[1] - MARGINS[3]]);
        assert_eq!(scale.place(16, 350.0), [SIZE[0] - MARGINS[2], MARGINS[1]]);
    }
}
