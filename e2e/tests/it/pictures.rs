//! Pictures in, pictures out; and the flags that shape a run.

use std::fs;

use facefleet_e2e::{Cluster, asset};

use crate::media::{self, text};
use crate::report;

#[test]
fn one_picture() {
    let cluster = Cluster::start(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (asset("photos/astronaut.jpg"), folder.path().join("out.jpg"));
    let ended = cluster.run(&[text(&source), "--annotate", text(&out), "--json", "-"]).unwrap().end().unwrap();
    report::assert_balanced(&ended, 1);
    let lines = report::parse(&ended.stdout);
    assert_eq!(lines[0].image.as_deref(), Some(text(&source)));
    let drawn = image::open(&out).unwrap().into_rgb8();
    assert_eq!(Ok(drawn.dimensions()), image::image_dimensions(&source).map_err(drop));
    let [left, top, width, _] = lines[0].faces.as_ref().unwrap()[0].place;
    let image::Rgb([r, g, b]) = *drawn.get_pixel((left + width / 2.0) as u32, top as u32 + 1);
    assert!(g > r.saturating_add(60) && g > b.saturating_add(60), "no green line at the top of the box: {r} {g} {b}");
}

#[test]
fn a_folder_of_pictures() {
    let cluster = Cluster::start(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (pictures, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&pictures).unwrap();
    let astronaut = image::open(asset("photos/astronaut.jpg")).unwrap();
    for name in ["c.jpg", "a.png", "b.bmp"] {
        astronaut.save(pictures.join(name)).unwrap();
    }
    fs::write(pictures.join("notes.txt"), "not a picture, and not asked about").unwrap();
    let run = |more: &[&str]| {
        let args = [&[text(&pictures), "--annotate", text(&out), "--json", "-"], more].concat();
        cluster.run(&args).unwrap().end().unwrap()
    };

    let ended = run(&[]);
    report::assert_balanced(&ended, 3);
    let lines = report::parse(&ended.stdout);
    let images: Vec<_> = lines.iter().map(|line| line.image.as_deref().unwrap().rsplit(['/', '\\']).next()).collect();
    assert_eq!(images, [Some("a.png"), Some("b.bmp"), Some("c.jpg")]);
    for line in &lines {
        let best = line.faces.as_ref().and_then(|faces| faces.first()).unwrap_or_else(|| panic!("no face: {line:?}"));
        let [left, top, width, _] = best.place;
        let middle = (left + width / 2.0, top + width / 2.0);
        assert!((200.0..250.0).contains(&middle.0) && (90.0..140.0).contains(&middle.1), "{line:?}");
    }
    let mut written: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    written.sort();
    assert_eq!(written, ["a.png.jpg", "b.bmp.jpg", "c.jpg"]);

    report::assert_balanced(&run(&["--limit", "2"]), 2);
}

#[test]
fn two_cameras_from_one_file() {
    let cluster = Cluster::start(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (asset("demo.mp4"), folder.path().join("out.mp4"));
    let jsonl = folder.path().join("faces.jsonl");
    let limits = ["--clients", "2", "--limit", "12"];
    let ended =
        cluster.run(&[&limits[..], &[text(&source), "--annotate", text(&out), "--json", text(&jsonl)]].concat());
    report::assert_balanced(&ended.unwrap().end().unwrap(), 24);
    let mut faces = Vec::new();
    for stream in 1..=2 {
        let lines = report::read(&folder.path().join(format!("faces-{stream}.jsonl")));
        report::assert_all_ok(&lines, 12);
        faces.push(lines.into_iter().map(|line| line.faces).collect::<Vec<_>>());
        assert_eq!(media::video(&folder.path().join(format!("out-{stream}.mp4"))).frames, 12);
    }
    assert_eq!(faces[0], faces[1]);
    assert!(!out.exists() && !jsonl.exists());
}
