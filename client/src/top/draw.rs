//! Rendering of the screen for a terminal of any size.

use std::time::Duration;

use facefleet_proto::view::{ClusterView, DecisionView, WorkerState, WorkerView};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table};

use super::columns::{self, Column, GAP};
use super::decision::explained;
use super::screen::{Part, Screen};

/// The height from which all parts are shown at once; a lower terminal shows only the selected part.
const ALL_PARTS: u16 = 16;
/// The height from which the chart of frames per second is shown, too.
const WITH_RATES: u16 = 24;
/// The height of that chart.
const RATES: u16 = 4;
/// How many lines of each part are not rows: its title, and the titles of its columns.
const HEADS: [u16; Part::ALL.len()] = [2, 2, 1];

/// The areas of the screen. An area without room has height 0.
struct Areas {
    head: Rect,
    notice: Rect,
    rates: Rect,
    parts: [Rect; Part::ALL.len()],
    foot: Rect,
}

/// Draws the whole screen.
pub(super) fn draw(screen: &Screen, frame: &mut Frame<'_>) {
    let Areas { head, notice, rates, parts, foot } = areas(screen, frame.area());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Line::styled(summary(screen), bold), head);
    let loud = coloured(screen, Color::Yellow).add_modifier(Modifier::REVERSED);
    frame.render_widget(Line::styled(notices(screen).unwrap_or_default(), loud), notice);
    draw_rates(screen, frame, rates);
    let view = screen.view.as_ref();
    let worker = |worker: &WorkerView| state_style(screen, worker.state());
    let [workers, streams, decisions] = parts;
    let (all, runs) = view.map_or((&[][..], &[][..]), |view| (&view.workers, &view.streams));
    draw_table(screen, frame, workers, Part::Workers, (columns::WORKERS, all), worker);
    draw_table(screen, frame, streams, Part::Streams, (columns::STREAMS, runs), |_| Style::new());
    draw_decisions(screen, frame, decisions);
    frame.render_widget(Line::styled("tab next part · ↑↓ scroll · q quit", Modifier::DIM), foot);
}

/// Returns how many rows of the selected part are visible on a terminal of this size.
pub(super) fn rows(screen: &Screen, size: Rect) -> usize {
    room(areas(screen, size).parts[screen.part as usize], screen.part)
}

fn room(area: Rect, part: Part) -> usize {
    area.height.saturating_sub(HEADS[part as usize]).into()
}

fn areas(screen: &Screen, size: Rect) -> Areas {
    let one = |is_there: bool| Constraint::Length(is_there.into());
    let noticed = notices(screen).is_some();
    let with_rates = size.height >= WITH_RATES;
    let rates = Constraint::Length(if with_rates { RATES } else { 0 });
    let [head, notice, rates, middle, foot] =
        Layout::vertical([one(true), one(noticed), rates, Constraint::Fill(1), one(true)]).areas(size);
    let parts = if size.height < ALL_PARTS {
        let nothing = Rect { height: 0, ..middle };
        Part::ALL.map(|part| if part == screen.part { middle } else { nothing })
    } else {
        // Each part gets the lines that it needs, limited to its share; the last part gets the rest.
        let wanted =
            |part: Part| HEADS[part as usize].saturating_add(u16::try_from(screen.rows(part)).unwrap_or(u16::MAX));
        let workers = wanted(Part::Workers).clamp(3, middle.height * 2 / 5);
        let streams = wanted(Part::Streams).clamp(3, (middle.height - workers) / 2);
        Layout::vertical([Constraint::Length(workers), Constraint::Length(streams), Constraint::Fill(1)]).areas(middle)
    };
    Areas { head, notice, rates, parts, foot }
}

fn summary(screen: &Screen) -> String {
    let Some(view) = &screen.view else { return format!("facefleet at {}", screen.masters) };
    let ClusterView { version, policy, admission, waiting, uptime, .. } = view;
    let admission = match &**admission {
        "" | "open" => String::new(),
        order => format!(" · admission {order}, {waiting} waiting"),
    };
    format!("facefleet {version} at {} · policy {policy}{admission} · up {}", screen.masters, long(*uptime))
}

/// Returns the most serious problem, if there is one.
fn notices(screen: &Screen) -> Option<String> {
    let stale = |view: &ClusterView| {
        let seconds = view.stale?.as_secs();
        Some(format!("the master has been cut off from its registry for {seconds} s: this view may be out of date"))
    };
    let outage = |view: &ClusterView| {
        let vanished = Some(view.vanished).filter(|vanished| *vanished > 0)?;
        Some(format!("{vanished} workers fell silent at once: the master assumes a fault of its own network"))
    };
    let view = screen.view.as_ref();
    let first = match view {
        None => screen.away.clone().or_else(|| Some("waiting for the first view".to_owned())),
        Some(_) => screen.away.as_ref().map(|away| format!("{away}; this is the last view")),
    };
    first.or_else(|| view.and_then(stale)).or_else(|| view.and_then(outage))
}

fn draw_rates(screen: &Screen, frame: &mut Frame<'_>, area: Rect) {
    let newest = screen.rates.iter().skip(screen.rates.len().saturating_sub(area.width.into()));
    let bars: Vec<u64> = newest.map(|rate| (rate * 10.0) as u64).collect();
    let highest = bars.iter().max().copied().unwrap_or(0) as f64 / 10.0;
    let title = match screen.rates.back() {
        Some(now) => format!(" Frames/s: {now:.1}, at most {highest:.1} in {} s ", bars.len()),
        None => " Frames/s ".to_owned(),
    };
    let block = Block::new().borders(Borders::TOP).title(title);
    frame.render_widget(Sparkline::default().block(block).style(coloured(screen, Color::Cyan)).data(&bars), area);
}

fn draw_table<T>(
    screen: &Screen,
    frame: &mut Frame<'_>,
    area: Rect,
    part: Part,
    (columns, rows): (&'static [Column<T>], &[T]),
    style: impl Fn(&T) -> Style,
) {
    let columns = columns::that_fit(columns, area.width);
    let line = |column: &Column<T>, text: String| {
        let line = Line::from(text);
        Cell::from(if column.is_number { line.right_aligned() } else { line })
    };
    let room = room(area, part);
    let shown = rows.iter().skip(screen.first(part, room)).take(room).map(|row| {
        let cells = columns.iter().map(|column| {
            let style = if column.title == "STATE" { style(row) } else { Style::new() };
            line(column, (column.text)(row)).style(style)
        });
        Row::new(cells)
    });
    let header = Row::new(columns.iter().map(|column| line(column, column.title.to_owned()))).style(Modifier::DIM);
    let widths = columns.iter().map(|column| Constraint::Length(column.width));
    let table = Table::new(shown, widths).column_spacing(GAP).header(header).block(title(screen, part, room));
    frame.render_widget(table, area);
}

fn draw_decisions(screen: &Screen, frame: &mut Frame<'_>, area: Rect) {
    let room = room(area, Part::Decisions);
    let now = screen.view.as_ref().map_or(0, |view| view.time_ms);
    let age = |decision: &DecisionView| format!("{:>4} s  ", now.saturating_sub(decision.time_ms) / 1000);
    let newest_first = screen.decisions.iter().rev().skip(screen.first(Part::Decisions, room)).take(room);
    let lines = newest_first
        .map(|decision| Line::from(vec![Span::styled(age(decision), Modifier::DIM), Span::raw(explained(decision))]));
    let text = Paragraph::new(lines.collect::<Vec<_>>());
    frame.render_widget(text.block(title(screen, Part::Decisions, room)), area);
}

/// The line above a part: its name, its number of rows, and which of them are visible.
fn title(screen: &Screen, part: Part, room: usize) -> Block<'static> {
    let name = match part {
        Part::Workers => "Workers",
        Part::Streams => "Streams",
        Part::Decisions => "Last decisions",
    };
    let (rows, first) = (screen.rows(part), screen.first(part, room));
    let shown = if rows > room { format!(", {} to {}", first + 1, first + room) } else { String::new() };
    let style = Style::new().add_modifier(if screen.part == part { Modifier::REVERSED } else { Modifier::BOLD });
    Block::new().borders(Borders::TOP).title(Span::styled(format!(" {name}: {rows}{shown} "), style))
}

/// Returns the colour of a state, which is shown as a word, too.
fn state_style(screen: &Screen, state: WorkerState) -> Style {
    match state {
        WorkerState::Healthy => coloured(screen, Color::Green),
        WorkerState::Slow => coloured(screen, Color::Yellow),
        WorkerState::Draining | WorkerState::Resting => coloured(screen, Color::Blue),
        WorkerState::Lost => coloured(screen, Color::Red).add_modifier(Modifier::BOLD),
    }
}

fn coloured(screen: &Screen, colour: Color) -> Style {
    if screen.has_colour { Style::new().fg(colour) } else { Style::new() }
}

/// Formats a duration in its two largest units.
fn long(time: Duration) -> String {
    let s = time.as_secs();
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, min, s) => format!("{min} min {s} s"),
        (0, h, min, _) => format!("{h} h {min} min"),
        (days, h, ..) => format!("{days} d {h} h"),
    }
}

#[cfg(test)]
mod tests;
