//! Runs whole jobs on good frames.

use facefleet_vision::{Analyzer, DetectorKind, Face, Fit, Job, Limits, Report, Size, Task, Tidiness, jpeg};
use image::RgbImage;

use crate::pictures::{FACE, astronaut, astronaut_in, encode, stripes};

fn analyzer() -> Analyzer {
    Analyzer::new(DetectorKind::Rustface, Limits::default()).unwrap()
}

fn run(picture: &RgbImage, job: Job) -> Report {
    analyzer().analyze(&encode(picture), &job).unwrap()
}

/// Returns the intersection over union of two boxes.
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let shared = |a0: f32, a1: f32, b0: f32, b1: f32| ((a0 + a1).min(b0 + b1) - a0.max(b0)).max(0.0);
    let both = shared(a[0], a[2], b[0], b[2]) * shared(a[1], a[3], b[1], b[3]);
    both / (a[2] * a[3] + b[2] * b[3] - both)
}

fn assert_one_face_at(faces: &[Face], want: [f32; 4]) {
    let [Face { x, y, width, height, .. }] = *faces else { panic!("one face expected: {faces:?}") };
    let overlap = overlap([x, y, width, height], want);
    assert!(overlap > 0.6, "{faces:?} overlaps {want:?} by {overlap}");
}

#[test]
fn the_face_is_found_where_it_is_at_any_fit() {
    for fit in [Fit::LEGACY, Fit::Within(512), Fit::Within(300), Fit::default()] {
        let report = run(&astronaut(), Job { fit, ..Job::default() });
        assert_eq!(report.source, Size { width: 512, height: 512 });
        assert_eq!(report.picture, None);
        assert_one_face_at(&report.faces, FACE);
    }
}

#[test]
fn an_untidy_frame_is_worked_on_and_said_to_be_untidy() {
    let whole = encode(&astronaut());
    let mut analyzer = analyzer();
    let mut run = |jpeg: &[u8]| analyzer.analyze(jpeg, &Job::default()).unwrap();
    let want = run(&whole);
    assert_eq!(want.tidiness, Tidiness::Tidy);
    let (data, end) = whole.split_at(whole.len() - 2);
    for (jpeg, tidiness) in
        [(data.to_vec(), Tidiness::NoEndMarker), ([data, b"\r\n", end].concat(), Tidiness::StrayBytes)]
    {
        let report = run(&jpeg);
        assert_eq!((report.faces, report.tidiness), (want.faces.clone(), tidiness));
    }
    assert_one_face_at(&want.faces, FACE);
    assert_eq!(run(&whole).tidiness, Tidiness::Tidy, "the frame after it is a frame by itself");
}

#[test]
fn boxes_are_in_pixels_of_the_picture_that_was_sent() {
    let picture = astronaut_in(1600, 900, 900, 300);
    let want = [FACE[0] + 900.0, FACE[1] + 300.0, FACE[2], FACE[3]];
    for fit in [Fit::Stretch(Size { width: 1000, height: 640 }), Fit::Within(960)] {
        for picture_back in [false, true] {
            let report = run(&picture, Job { fit, picture: picture_back, ..Job::default() });
            assert_one_face_at(&report.faces, want);
        }
    }
}

#[test]
fn the_faces_are_the_same_with_and_without_a_picture() {
    for fit in [Fit::LEGACY, Fit::Within(300), Fit::Within(400), Fit::Within(512)] {
        let boxes_only = run(&astronaut(), Job { fit, ..Job::default() });
        let with_picture = run(&astronaut(), Job { fit, picture: true, ..Job::default() });
        assert_eq!(boxes_only.faces, with_picture.faces, "{fit:?}");
    }
}

#[test]
fn the_old_programs_get_500x400_with_a_blue_box() {
    let job = Job { fit: Fit::LEGACY, picture: true, ..Job::default() };
    let report = run(&astronaut_in(640, 512, 100, 0), job);
    let picture = jpeg::decode_rgb(&report.picture.unwrap(), &Limits::default()).unwrap();
    assert_eq!(picture.dimensions(), (500, 400));

    let [face] = report.faces[..] else { panic!("{:?}", report.faces) };
    let to_seen = |x: f32, y: f32| ((x * 500.0 / 640.0).round() as u32, (y * 400.0 / 512.0).round() as u32);
    let (left, top) = to_seen(face.x, face.y);
    let (right, bottom) = to_seen(face.x + face.width, face.y + face.height);
    let line = (left..right).flat_map(|x| [(x, top), (x, bottom - 1)]);
    // JPEG halves the colour resolution, so a line of one pixel is not pure blue any more, but bluer than anything else.
    let blue = |&(x, y): &(u32, u32)| {
        let [r, g, b] = picture.get_pixel(x, y).0.map(i32::from);
        b - r > 40 && b - g > 40
    };
    let length = 2 * (right - left) as usize;
    let found = line.filter(blue).count();
    assert!(found * 10 >= length * 9, "{found} of {length} pixels of the box are blue");
}

#[test]
fn pictures_come_back_at_the_size_that_was_seen_and_are_never_enlarged() {
    let job = |task| Job { task, picture: true, ..Job::default() };
    for task in [Task::Faces, Task::Canny] {
        for (sent, want) in [((200, 100), (200, 100)), ((1024, 768), (512, 384)), ((30, 1000), (15, 512))] {
            let report = run(&stripes(sent.0, sent.1), job(task));
            let header = jpeg::header(&report.picture.unwrap()).unwrap();
            assert_eq!((header.size.width, header.size.height), want, "{task:?}");
            assert_eq!(header.components, if task == Task::Canny { 1 } else { 3 });
            assert_eq!(report.faces, []);
        }
    }
}

#[test]
fn canny_marks_the_edge_of_a_square() {
    let square = RgbImage::from_fn(320, 240, |x, y| {
        let inside = (100..220).contains(&x) && (60..180).contains(&y);
        image::Rgb([if inside { 220 } else { 30 }; 3])
    });
    let report = run(&square, Job { task: Task::Canny, picture: true, ..Job::default() });
    let map = jpeg::decode_rgb(&report.picture.unwrap(), &Limits::default()).unwrap();
    let bright = |(x, y): (u32, u32)| {
        let around = (x - 2..=x + 2).flat_map(|x| (y - 2..=y + 2).map(move |y| (x, y)));
        around.map(|(x, y)| map.get_pixel(x, y)[0]).max().unwrap() > 180
    };
    for edge in [(100, 120), (219, 120), (160, 60), (160, 179)] {
        assert!(bright(edge), "no edge at {edge:?}");
    }
    assert!(!bright((160, 120)) && !bright((30, 30)), "an edge where there is none");
}

#[test]
fn a_report_that_was_used_before_says_what_a_new_one_does() {
    let mut analyzer = analyzer();
    let mut report = Report::default();
    let with_face = encode(&astronaut());
    let without = encode(&stripes(300, 200));
    let picture = Job { fit: Fit::LEGACY, picture: true, ..Job::default() };
    let canny = Job { task: Task::Canny, picture: true, ..Job::default() };
    let view = Job { task: Task::View, ..Job::default() };
    for (frame, job) in [
        (&with_face, picture),
        (&without, picture),
        (&with_face, Job::default()),
        (&with_face, canny),
        (&without, view),
        (&with_face, picture),
    ] {
        analyzer.analyze_into(frame, &job, &mut report).unwrap();
        let Report { source, faces, picture, .. } = analyzer.analyze(frame, &job).unwrap();
        assert_eq!((report.source, &report.faces, &report.picture), (source, &faces, &picture), "{job:?}");
        assert!(analyzer.analyze_into(&frame[..20], &job, &mut report).is_err());
    }
}

#[test]
fn view_decodes_and_forgets() {
    let report = run(&astronaut(), Job { task: Task::View, picture: true, ..Job::default() });
    assert_eq!((report.source.width, report.faces.len(), report.picture), (512, 0, None));
    assert!(!report.stages.decode.is_zero());
    assert!(report.stages.resize.is_zero() && report.stages.detect.is_zero());
}

#[test]
fn every_stage_of_a_picture_job_is_timed() {
    let stages = run(&astronaut(), Job { fit: Fit::LEGACY, picture: true, ..Job::default() }).stages;
    for (name, stage) in [
        ("decode", stages.decode),
        ("resize", stages.resize),
        ("detect", stages.detect),
        ("draw", stages.draw),
        ("encode", stages.encode),
    ] {
        assert!(!stage.is_zero(), "{name} took no time");
    }
}

#[test]
fn the_score_decides_what_is_a_face() {
    let with = |min_score| run(&astronaut(), Job { min_score, ..Job::default() }).faces;
    let [face] = with(None)[..] else { panic!("one face expected") };
    assert!(face.score >= 2.0);
    assert_eq!(with(Some(face.score - 0.1)), [face]);
    assert_eq!(with(Some(face.score + 0.1)), []);
    assert!(!with(Some(-5.0)).is_empty(), "a nonsense threshold is the lowest one");
}
