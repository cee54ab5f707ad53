//! The figures as a picture: a row for each policy, worlds and kinds of clients below each other.

use super::results::{Results, Run};
use crate::svg::{self, GRID, line, text};

/// Rows, the space above the first, and between two kinds of clients or two worlds.
const ROW: f64 = 18.0;
const TOP: f64 = 84.0;
const GAPS: [f64; 2] = [6.0, 20.0];
const WIDTH: f64 = 1_220.0;
/// Where the names are, and where each panel begins.
const NAMES: [f64; 3] = [12.0, 168.0, 392.0];
const TIMES: [f64; 2] = [412.0, 772.0];
const BARS: [f64; 3] = [790.0, 940.0, 1_080.0];
/// Length of the longest bar; its figure comes behind it.
const BAR: f64 = 70.0;
/// Milliseconds at the lines of the panel of times, and what they are called.
const TICKS: [(f64, &str); 5] = [(10.0, "10 ms"), (100.0, "100 ms"), (1e3, "1 s"), (10e3, "10 s"), (100e3, "100 s")];
/// Colours of the policies, in their order.
const COLOURS: [&str; 4] = ["#1f5fbf", "#d08020", "#409050", "#a04080"];

/// An SVG 1.1 document.
pub(super) fn svg(results: &Results) -> String {
    let mut parts = Vec::new();
    let mut y = TOP;
    let mut before: Option<&Run> = None;
    for run in &results.runs {
        let is_same = |name: fn(&Run) -> &str| before.is_some_and(|before| name(before) == name(run));
        let (same_world, same_clients) = (is_same(|run| run.world), is_same(|run| &run.clients));
        match (same_world, same_clients) {
            (true, true) => {}
            (true, false) => y += GAPS[0],
            (false, _) => y += GAPS[1],
        }
        if !same_world {
            parts.push(text([NAMES[0], y], "start", r#"font-weight="bold""#, run.world));
        }
        if !(same_world && same_clients) {
            parts.push(text([NAMES[1], y], "start", "", &run.clients));
        }
        parts.extend(row(run, results, y));
        before = Some(run);
        y += ROW;
    }
    let grid = TICKS.iter().flat_map(|(ms, name)| {
        let x = at(*ms);
        [line(GRID, [[x, TOP], [x, y]]), text([x, TOP - 8.0], "middle", "", name)]
    });
    let heads = [
        ([TIMES[0], TOP - 28.0], "from picture to result: median, 95 and 99 of 100"),
        ([BARS[0], TOP - 8.0], "frames/s"),
        ([BARS[1], TOP - 8.0], "Jain's fairness"),
        ([BARS[2], TOP - 8.0], "frames in flight"),
    ];
    let mut all: Vec<String> = grid.collect();
    all.extend(heads.map(|(place, words)| text(place, "start", "", words)));
    all.extend(parts);
    svg::document([WIDTH, y + 12.0], "Policies in simulated clusters", &all)
}

/// One policy in one world.
fn row(run: &Run, results: &Results, y: f64) -> Vec<String> {
    let alike: Vec<&Run> = results.runs.iter().filter(|r| (r.world, &r.clients) == (run.world, &run.clients)).collect();
    let number = alike.iter().position(|r| r.policy == run.policy).expect("it is one of them");
    let colour = COLOURS[number % COLOURS.len()];
    let most = |figure: fn(&Run) -> f64| alike.iter().map(|run| figure(run)).fold(0.0, f64::max);
    let figures = &run.figures;
    let middle = y - 4.5;
    let times = [figures.p50_ms, figures.p95_ms, figures.p99_ms].map(at);
    let mut parts = vec![
        text([NAMES[2], y], "end", &format!(r#"fill="{colour}""#), run.policy),
        line(&format!(r#"stroke="{colour}" stroke-width="2""#), [[times[0], middle], [times[2], middle]]),
    ];
    parts.extend(
        times
            .iter()
            .zip([3.0, 4.0, 5.5])
            .map(|(x, radius)| format!(r#"<circle cx="{x:.1}" cy="{middle:.1}" r="{radius}" fill="{colour}"/>"#)),
    );
    let bars = [
        (figures.frames_per_s, most(|run| run.figures.frames_per_s), 0),
        (figures.fairness, 1.0, 3),
        (figures.in_flight, most(|run| run.figures.in_flight), 0),
    ];
    for ((figure, whole, digits), x) in bars.into_iter().zip(BARS) {
        let (top, width) = (y - 11.0, figure / whole * BAR);
        parts.push(format!(
            r#"<rect x="{x:.1}" y="{top:.1}" width="{width:.1}" height="13" fill="{colour}" fill-opacity="0.5"/>"#
        ));
        parts.push(text([x + BAR + 6.0, y], "start", "", &format!("{figure:.digits$}")));
    }
    parts
}

/// Where a time is, on a logarithmic scale.
fn at(ms: f64) -> f64 {
    let [first, last] = [TICKS[0].0, TICKS[TICKS.len() - 1].0].map(f64::log10);
    let part = (ms.log10() - first) / (last - first);
    TIMES[0] + part.clamp(0.0, 1.0) * (TIMES[1] - TIMES[0])
}
