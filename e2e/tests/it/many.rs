//! Many inputs in one run, each with outputs of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use facefleet_e2e::{Cluster, asset, tool};
use serde_json::Value;

use crate::media::{self, text};
use crate::report;

/// Two videos, two pictures in two folders, a note, and a video that cannot be read.
fn inputs(folder: &Path) -> PathBuf {
    let inputs = folder.join("in");
    fs::create_dir_all(inputs.join("trip")).unwrap();
    for (name, seconds) in [("a.mp4", "0.4"), ("trip/b.mkv", "0.8")] {
        let out = inputs.join(name);
        let source = "testsrc2=s=160x120:r=25";
        tool("ffmpeg", &["-f", "lavfi", "-i", source, "-t", seconds, "-c:v", "libx264", text(&out)]).unwrap();
    }
    fs::copy(asset("photos/astronaut.jpg"), inputs.join("c.jpg")).unwrap();
    let photo = image::open(asset("photos/astronaut.jpg")).unwrap();
    photo.save(inputs.join("trip/d.png")).unwrap();
    fs::write(inputs.join("notes.txt"), "words").unwrap();
    let whole = fs::read(inputs.join("a.mp4")).unwrap();
    fs::write(inputs.join("trip/cut.mp4"), &whole[..40]).unwrap();
    inputs
}

fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    files
}

const ALL: [&str; 8] = [
    "a.mp4",
    "a.mp4.jsonl",
    "c.jpg",
    "c.jpg.jsonl",
    "trip/b.mkv",
    "trip/b.mkv.jsonl",
    "trip/d.png.jpg",
    "trip/d.png.jsonl",
];

#[test]
fn every_file_has_its_outputs_and_the_same_line_goes_on() {
    let cluster = Cluster::start(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out, summary) = (inputs(folder.path()), folder.path().join("out"), folder.path().join("summary.json"));
    let run = |more: &[&str]| {
        let args = [text(&inputs), "--out-dir", text(&out), "--recursive", "--summary", text(&summary)];
        let ended = cluster.run(&[&args[..], more].concat()).unwrap().end().unwrap();
        (ended, serde_json::from_slice::<Value>(&fs::read(&summary).unwrap()).unwrap())
    };

    let (ended, told) = run(&[]);
    assert_eq!(ended.code, Some(1), "one file cannot be read: {ended:?}");
    assert_eq!(files_below(&out), BTreeSet::from(ALL.map(str::to_owned)));
    assert_eq!((&told["files"]["total"], &told["files"]["done"]), (&5.into(), &4.into()));
    let failed = told["files"]["failed"].as_array().unwrap();
    assert!(failed.len() == 1 && failed[0]["file"].as_str().unwrap().ends_with("trip/cut.mp4"), "{failed:?}");
    assert!(ended.stderr.iter().any(|line| line.contains("notes.txt")), "what is left out is said: {:?}", ended.stderr);
    assert_eq!(media::video(&out.join("a.mp4")).frames, 10);
    assert_eq!(report::read(&out.join("trip/b.mkv.jsonl")).len(), 20);
    let faces = report::read(&out.join("c.jpg.jsonl"));
    assert_eq!((faces.len(), faces[0].count_of_faces()), (1, 1));

    fs::remove_file(out.join("trip/b.mkv")).unwrap();
    let untouched = fs::metadata(out.join("a.mp4")).unwrap().modified().unwrap();
    let (_, told) = run(&["--skip-done"]);
    assert_eq!((&told["files"]["total"], &told["files"]["done"]), (&2.into(), &1.into()), "the cut one, and b.mkv");
    assert_eq!(files_below(&out), BTreeSet::from(ALL.map(str::to_owned)));
    assert_eq!(fs::metadata(out.join("a.mp4")).unwrap().modified().unwrap(), untouched);
}

#[test]
fn nothing_is_overwritten_and_no_two_inputs_share_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (inputs(folder.path()), folder.path().join("out"));
    fs::create_dir(&out).unwrap();
    fs::write(out.join("c.jpg.jsonl"), "somebody's").unwrap();
    let cluster = Cluster::start(1).unwrap();
    let refused = |args: &[&str], why: &str| {
        let ended = cluster.run(args).unwrap().end().unwrap();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.iter().any(|line| line.contains(why)), "{why}: {:?}", ended.stderr);
        assert_eq!(files_below(&out), BTreeSet::from(["c.jpg.jsonl".to_owned()]));
    };
    refused(&[text(&inputs), "--out-dir", text(&out)], "c.jpg.jsonl exists");
    let (one, other) = (inputs.join("a.mp4"), inputs.join("trip/a.mp4"));
    fs::copy(&one, &other).unwrap();
    refused(&[text(&one), text(&other), "--out-dir", text(&out)], "would both be written");
    refused(&[text(&one), "rtsp://127.0.0.1:9/door", "--out-dir", text(&out)], "run it by itself");
    refused(&[text(&out), "--out-dir", text(&out), "--overwrite"], "choose another folder");
    assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap(), "the inputs are as they were");
}
