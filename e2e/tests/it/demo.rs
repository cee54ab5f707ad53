//! The main job: a video over three workers, and what comes out of it.

use std::fs;
use std::path::Path;

use facefleet_e2e::{Cluster, asset, client};
use serde::Deserialize;

use crate::media::{self, text};
use crate::report::{self, Face, Line};

/// Pixels within which a compressed line of a box may leave traces.
const TRACES: f64 = 10.0;

#[derive(Deserialize)]
struct Shown {
    from: u64,
    to: u64,
    faces: usize,
}

#[test]
fn a_video_over_three_workers() {
    let folder = tempfile::tempdir().unwrap();
    let (source, annotated) = (asset("demo.mp4"), folder.path().join("annotated.mp4"));
    let jsonl = folder.path().join("faces.jsonl");
    let cluster = Cluster::start(3).unwrap();
    let ended = cluster.run(&[text(&source), "--annotate", text(&annotated), "--json", text(&jsonl)]);
    let ended = ended.unwrap().end().unwrap();

    let video = media::video(&source);
    let lines = report::read(&jsonl);
    report::assert_all_ok(&lines, video.frames);
    report::assert_balanced(&ended, video.frames);
    assert_eq!(report::workers(&lines).len(), 3, "a worker had nothing to do");
    assert_faces_are_found(&lines);

    assert_eq!(media::video(&annotated), video);
    let sound = media::sound(&source);
    assert!(sound.is_some(), "the demo video has lost its sound");
    assert_eq!(media::sound(&annotated), sound);
    for index in [20, 150, 220] {
        assert_boxes_are_drawn(&source, &annotated, &lines[index]);
    }
}

#[test]
fn a_cluster_finds_what_one_machine_finds() {
    let folder = tempfile::tempdir().unwrap();
    let source = asset("demo.mp4");
    let run = |args: &[&str], name: &str| {
        let jsonl = folder.path().join(name);
        let ended = client(&[&["run", text(&source), "--limit", "40", "--json", text(&jsonl)], args].concat());
        report::assert_balanced(&ended.unwrap().end().unwrap(), 40);
        report::read(&jsonl).into_iter().map(|line| (line.index, line.faces)).collect::<Vec<_>>()
    };
    let cluster = Cluster::start(2).unwrap();
    let together = run(&["--master", &cluster.master.address.to_string()], "cluster.jsonl");
    assert_eq!(run(&["--local"], "local.jsonl"), together);
}

fn assert_faces_are_found(lines: &[Line]) {
    let shown: Vec<Shown> = serde_json::from_slice(&fs::read(asset("demo.faces.json")).unwrap()).unwrap();
    let with_face = |line: &&Line| shown.iter().any(|s| s.faces > 0 && (s.from..=s.to).contains(&line.index));
    let with_face: Vec<&Line> = lines.iter().filter(with_face).collect();
    let found = with_face.iter().filter(|line| line.count_of_faces() > 0).count();
    assert!(found * 10 >= with_face.len() * 9, "a face in {found} of the {} frames that show one", with_face.len());
}

/// The pictures differ along the boxes, and hardly anywhere else.
fn assert_boxes_are_drawn(source: &Path, annotated: &Path, line: &Line) {
    let (before, after) = (media::frame(source, line.index), media::frame(annotated, line.index));
    let faces = line.faces.as_ref().expect("our own workers tell faces");
    assert!(!faces.is_empty(), "frame {} was to show a box", line.index);
    let (mut on, mut off) = (Mean::default(), Mean::default());
    for (x, y, pixel) in after.enumerate_pixels() {
        let difference = pixel.0.iter().zip(before.get_pixel(x, y).0).map(|(a, b)| f64::from(a.abs_diff(b)));
        let difference = difference.sum::<f64>() / 3.0;
        let inside = faces.iter().map(|face| depth(face, x, y)).min_by(|a, b| a.abs().total_cmp(&b.abs()));
        match inside.expect("there is a face") {
            0.0..2.0 => on.add(difference),
            far if far.abs() > TRACES => off.add(difference),
            _ => {}
        }
    }
    assert!(on.count > 100.0, "only {} pixels of the boxes lie in frame {}", on.count, line.index);
    let (on, off) = (on.mean(), off.mean());
    assert!(on > 40.0 && off < 5.0, "frame {} differs by {on:.1} along its boxes, by {off:.1} elsewhere", line.index);
}

/// How far the middle of a pixel lies within the face's box; less than 0 outside it.
fn depth(face: &Face, x: u32, y: u32) -> f64 {
    let [left, top, width, height] = face.place;
    let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
    let inside = [x - left, y - top, left + width - x, top + height - y];
    inside.into_iter().fold(f64::INFINITY, f64::min)
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}
