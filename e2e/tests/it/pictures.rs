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
    fs::write(pictures.join("notes.txt"), "not a picture").unwrap();
    fs::create_dir(pictures.join("trip")).unwrap();
    fs::copy(pictures.join("c.jpg"), pictures.join("trip/d")).unwrap();
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

    let left_out = "1 subfolder (use --recursive), 1 file that is no picture and no video (notes.txt)";
    assert!(ended.stderr.iter().any(|line| line.ends_with(left_out)), "{:?}", ended.stderr);

    report::assert_balanced(&run(&["--recursive"]), 4);
    assert!(out.join("trip/d.jpg").exists());
    report::assert_balanced(&run(&["--limit", "2"]), 2);
}

#[test]
fn a_photo_is_searched_and_drawn_upright() {
    let cluster = Cluster::start(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (folder.path().join("turned.jpg"), folder.path().join("out.jpg"));
    // Lying on its left side, with the word that it is to be turned by a quarter to the right.
    let lying = image::open(asset("photos/astronaut.jpg")).unwrap().crop_imm(0, 0, 512, 400).rotate270().into_rgb8();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
    // Big-endian TIFF with one entry: tag 0x112, a short, one of them, the value 6; no further directory.
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif).unwrap();
    encoder.encode_image(&lying).unwrap();
    fs::write(&source, jpeg.into_inner()).unwrap();

    let ended = cluster.run(&[text(&source), "--annotate", text(&out), "--json", "-"]).unwrap().end().unwrap();
    report::assert_balanced(&ended, 1);
    let lines = report::parse(&ended.stdout);
    let [left, top, width, _] = lines[0].faces.as_ref().unwrap()[0].place;
    let middle = (left + width / 2.0, top + width / 2.0);
    assert!((200.0..250.0).contains(&middle.0) && (90.0..140.0).contains(&middle.1), "{:?}", lines[0]);
    assert_eq!(image::image_dimensions(&out).unwrap(), (512, 400));
}

#[test]
fn a_photo_of_48_million_pixels() {
    let cluster = Cluster::start(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (folder.path().join("large.png"), folder.path().join("out.jpg"));
    let photo = image::open(asset("photos/astronaut.jpg")).unwrap().crop_imm(150, 40, 150, 150).into_rgb8();
    let photo = image::imageops::resize(&photo, 2400, 2400, image::imageops::FilterType::Nearest);
    let mut large = image::RgbImage::from_pixel(8064, 6048, image::Rgb([128; 3]));
    image::imageops::replace(&mut large, &photo, 2700, 1700);
    large.save(&source).unwrap();

    let ended = cluster.run(&[text(&source), "--annotate", text(&out), "--json", "-"]).unwrap().end().unwrap();
    report::assert_balanced(&ended, 1);
    let lines = report::parse(&ended.stdout);
    let [left, top, width, _] = lines[0].faces.as_ref().unwrap()[0].place;
    let middle = (left + width / 2.0, top + width / 2.0);
    assert!((3700.0..4100.0).contains(&middle.0) && (2700.0..3100.0).contains(&middle.1), "{:?}", lines[0]);
    assert_eq!(image::image_dimensions(&out).unwrap(), (8064, 6048));
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
