use std::collections::BTreeMap;

use facefleet_proto::view::{Choice, Decision, StreamReport, StreamView, StreamWorker};
use facefleet_proto::{Health, Identity, Load, Node, WorkerId};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::feed::News;
use super::super::screen::Key;
use super::*;

fn worker(id: u32, health: Health, load: Load) -> WorkerView {
    let node = Node {
        id: WorkerId(id),
        identity: Identity { name: format!("pi-{id}"), generation: 1 },
        address: format!("10.0.0.{id}:50050").parse().unwrap(),
        weight: 1,
        cores: 4,
        version: "0.1.0".into(),
        detectors: vec!["seeta".into()],
        health,
        silent: Duration::ZERO,
        load: Some(load),
        slots: 0,
        slots_taken: 0,
    };
    WorkerView { node, frames_per_s: 12.5, slow: false, live: false }
}

fn view(workers: u32) -> ClusterView {
    let load = Load { cpu_percent: 53.4, in_flight: 3, frame_ms_p50: Some(41.0), ..Load::default() };
    let report = StreamReport {
        lease: 1,
        name: "demo.mp4".into(),
        client: "laptop".into(),
        sent: 250,
        ok: 240,
        dropped: BTreeMap::from([("stale".to_owned(), 2), ("no_room".to_owned(), 1)]),
        open: 7,
        workers: vec![StreamWorker { name: "pi-2".into(), in_flight: 3, ..StreamWorker::default() }],
        ..StreamReport::default()
    };
    let choice = |worker: &str, in_flight, answer| Choice {
        worker: worker.into(),
        in_flight,
        frame_ms: Some(41.0),
        cores: 1,
        answers_in_ms: Some(answer),
    };
    let decision = Decision { frame: Some(9), chosen: choice("pi-2", 3, 123.0), next: Some(choice("pi-1", 4, 160.0)) };
    let decision = |number| DecisionView {
        number,
        time_ms: 60_000 + number * 1000,
        lease: 1,
        stream_name: "demo.mp4".into(),
        policy: String::new(),
        decision: decision.clone(),
    };
    ClusterView {
        version: "0.1.0".into(),
        epoch: 1,
        time_ms: 65_000,
        uptime: Duration::from_secs(3725),
        policy: "least-loaded".into(),
        policies: Vec::new(),
        admission: "fair".into(),
        admissions: Vec::new(),
        waiting: 2,
        stale: None,
        vanished: 0,
        workers: (1..=workers).map(|id| worker(id, Health::Healthy, load.clone())).collect(),
        streams: vec![StreamView { report, frames_per_s: 24.9, silent: Duration::ZERO }],
        decisions: (1..=2).map(decision).collect(),
    }
}

fn screen(workers: u32) -> Screen {
    let mut screen = Screen::new("pi-master:50051".into(), true);
    screen.take(News::First(Box::new(view(workers))));
    screen
}

/// Returns the lines of a terminal of this size, without empty space at their ends.
fn drawn(screen: &Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(screen, frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let cells = buffer.content.chunks(width.max(1).into());
    cells.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

#[track_caller]
fn assert_shows(lines: &[String], text: &str) {
    let is_there = lines.iter().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").contains(text));
    assert!(is_there, "no `{text}` in\n{}", lines.join("\n"));
}

#[test]
fn everything_is_on_a_common_terminal() {
    let lines = drawn(&screen(3), 100, 30);
    for text in [
        "facefleet 0.1.0 at pi-master:50051 · policy least-loaded · admission fair, 2 waiting · up 1 h 2 min",
        "Frames/s: 37.5, at most 37.5 in 1 s",
        "Workers: 3",
        "WORKER STATE FRAMES/S P50 MS P95 MS IN FLIGHT CPU % TEMP °C THROTTLED BY",
        "pi-1 healthy 12.5 41.0 - 3 53 - -",
        "Streams: 1",
        "demo.mp4 24.9 - 250 240 3 0 pi-2 (3)",
        "Last decisions: 2",
        "3 s demo.mp4 #9 → pi-2: 3 in flight × 41 ms = 123 ms, next best pi-1 160 ms",
        "tab next part · ↑↓ scroll · q quit",
    ] {
        assert_shows(&lines, text);
    }
    let newest = lines.iter().position(|line| line.contains("  3 s")).unwrap();
    assert!(lines[newest + 1].contains("  4 s"), "the newest comes first");
}

#[test]
fn states_are_words_and_colours_where_these_are_wanted() {
    let mut screen = screen(1);
    let rests = Load { resting: true, draining: true, ..Load::default() };
    let view = screen.view.as_mut().unwrap();
    view.workers.push(worker(2, Health::Draining, rests));
    view.workers.push(worker(3, Health::Lost, Load::default()));
    let lines = drawn(&screen, 100, 30);
    for text in ["pi-1 healthy", "pi-2 resting", "pi-3 lost"] {
        assert_shows(&lines, text);
    }
    let colours = |screen: &Screen| {
        let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
        terminal.draw(|frame| draw(screen, frame)).unwrap();
        terminal.backend().buffer().content.iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(colours(&screen) > 0);
    screen.has_colour = false;
    assert_eq!((colours(&screen), drawn(&screen, 100, 30)), (0, lines));
}

#[test]
fn a_small_terminal_shows_one_part_and_tab_the_next() {
    let mut screen = screen(3);
    let lines = drawn(&screen, 40, 10);
    assert_shows(&lines, "pi-3 healthy 12.5");
    assert!(!lines.iter().any(|line| line.contains("demo.mp4")), "{lines:?}");
    screen.press(Key::NextPart, 0);
    assert_shows(&drawn(&screen, 40, 10), "demo.mp4 24.9");
    screen.press(Key::PartBefore, 0);
    screen.press(Key::PartBefore, 0);
    assert_shows(&drawn(&screen, 40, 10), "demo.mp4 #9 → pi-2");
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for part in 0..3 {
        let mut screen = screen(200);
        (0..part).for_each(|_| screen.press(Key::NextPart, 0));
        for (width, height) in (0..30).flat_map(|height| [0, 1, 7, 40, 300].map(|width| (width, height))) {
            drawn(&screen, width, height);
            screen.press(Key::Down(7), rows(&screen, Rect::new(0, 0, width, height)));
        }
        drawn(&screen, 500, 200);
    }
    drawn(&Screen::new(String::new(), false), 80, 24);
}

#[test]
fn what_has_no_room_is_scrolled_to_and_not_beyond_its_end() {
    let mut screen = screen(200);
    let size = Rect::new(0, 0, 80, 24);
    assert_shows(&drawn(&screen, 80, 24), "pi-1 healthy");
    let rows = rows(&screen, size);
    assert!((2..20).contains(&rows), "{rows}");
    screen.press(Key::Down(1), rows);
    let lines = drawn(&screen, 80, 24);
    assert!(!lines.iter().any(|line| line.starts_with("pi-1 ")), "{lines:?}");
    assert_shows(&lines, &format!("Workers: 200, 2 to {}", rows + 1));
    screen.press(Key::Down(usize::MAX), rows);
    assert_shows(&drawn(&screen, 80, 24), "pi-200 healthy");
    screen.press(Key::Up(1), rows);
    assert_shows(&drawn(&screen, 80, 24), &format!("Workers: 200, {} to 199", 200 - rows));
    // Most of the workers leave.
    screen.take(News::Next(Box::new(view(3))));
    assert_shows(&drawn(&screen, 80, 24), "pi-1 healthy");
}

#[test]
fn a_master_that_is_away_is_said_and_what_was_known_stays() {
    let away = || News::Away { master: "pi:1".parse().unwrap(), why: "connection refused".into() };
    let mut screen = Screen::new("pi:1".into(), true);
    assert_shows(&drawn(&screen, 100, 24), "waiting for the first view");
    screen.take(away());
    assert_shows(&drawn(&screen, 100, 24), "waiting for the master at pi:1: connection refused");
    screen.take(News::First(Box::new(view(3))));
    screen.take(News::Next(Box::new(view(3))));
    assert_eq!(screen.rows(Part::Decisions), 4);
    screen.take(away());
    let lines = drawn(&screen, 100, 24);
    assert_shows(&lines, "connection refused; this is the last view");
    assert_shows(&lines, "pi-1 healthy");
    screen.take(News::First(Box::new(view(3))));
    assert_eq!(screen.rows(Part::Decisions), 2, "it tells them all again");
    assert!(!drawn(&screen, 100, 24).iter().any(|line| line.contains("waiting for")));
    let stale = ClusterView { stale: Some(Duration::from_secs(7)), vanished: 4, ..view(3) };
    screen.take(News::Next(Box::new(stale)));
    assert_shows(&drawn(&screen, 100, 24), "cut off from its registry for 7 s");
}

#[test]
fn a_name_with_control_characters_does_nothing_to_the_terminal() {
    let mut screen = screen(1);
    screen.view.as_mut().unwrap().workers[0].node.identity.name = "pi\u{1b}[2J\n\u{7}x".into();
    let lines = drawn(&screen, 100, 30);
    assert!(lines.iter().all(|line| !line.contains(char::is_control)), "{lines:?}");
}
