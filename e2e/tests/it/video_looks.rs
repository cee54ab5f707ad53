//! An annotated video looks like its source: shape, colours, which side is up; and faces are found in it as people see it.

use serde_json::Value;

use crate::cases::{Case, Done, assert_near};
use crate::media::text;
use crate::patches;
use crate::tracks::Media;
use facefleet_e2e::asset;

/// What a colour may be off, out of 255.
const OFF: f64 = 4.0;
/// What each number of a box may be off, in pixels.
const BOX: f64 = 12.0;
/// The face in `photos/astronaut.jpg`.
const FACE: [f64; 4] = [178.0, 67.0, 94.0, 94.0];
const H264: &str = "-c:v libx264 -preset veryfast";

/// A still of half a second that shows the photo with the face.
fn make_photo(case: &Case, filter: &str, name: &str) {
    let photo = asset("photos/astronaut.jpg");
    std::fs::copy(&photo, case.path("photo.jpg")).unwrap_or_else(|e| panic!("{}: {e}", text(&photo)));
    case.make(&format!("-loop 1 -framerate 10 -i photo.jpg -t 0.5 -vf {filter},format=yuv420p {H264} -crf 20"), name);
}

/// The frame has one face, and that is its box.
#[track_caller]
fn assert_face(done: &Done, index: usize, place: [f64; 4]) {
    let faces = done.lines[index].faces.as_deref().unwrap_or_default();
    let [face] = faces else { panic!("one face is to be in frame {index}: {faces:#?}") };
    for (found, right) in face.place.iter().zip(place) {
        assert_near(&format!("a number of the box {:?}", face.place), *found, right, BOX);
    }
}

#[test]
fn pixels_that_are_not_square_stay_as_wide() {
    let case = Case::new();
    case.make(&format!("-f lavfi -i testsrc2=s=720x576:r=10:d=0.5 -vf setsar=64/45 {H264}"), "in.mp4");
    for out in ["out.mp4", "out.mkv", "out.mov", "out.ts"] {
        assert_eq!(case.annotate("in.mp4", out).frames(), 5);
        assert_near(out, Media::of(&case.path(out)).picture().shape(), 16.0 / 9.0, 0.01);
    }
}

/// A lens of the cinema squeezes the picture to half its width: a detector finds no face in that, or another box.
#[test]
fn faces_are_found_in_the_shape_in_which_they_are_shown() {
    let case = Case::new();
    make_photo(&case, "scale=256:512,setsar=2/1", "in.mp4");
    let done = case.annotate("in.mp4", "out.mp4");
    let [left, top, width, height] = FACE;
    assert_face(&done, 0, [left / 2.0, top, width / 2.0, height]);
    assert_near("the shape", Media::of(&case.path("out.mp4")).picture().shape(), 1.0, 0.01);
}

#[test]
fn colours_stay() {
    let marked = |matrix: &str, range: &str| {
        let tags = format!("-colorspace {matrix} -color_primaries {matrix} -color_trc {matrix} -color_range {range}");
        format!("-vf scale=out_color_matrix={matrix}:out_range={range},format=yuv420p {H264} -qp 4 {tags}")
    };
    for (encoder, input, out) in [
        (marked("bt709", "tv"), "in.mp4", "out.mp4"),
        (marked("bt709", "tv"), "in.mp4", "out.mkv"),
        (marked("bt709", "pc"), "in.mp4", "out.mov"),
        (marked("smpte170m", "tv"), "in.mkv", "out.mp4"),
        (format!("-pix_fmt yuv420p {H264}"), "in.mp4", "out.mp4"),
        (format!("-pix_fmt yuvj420p {H264}"), "in.mp4", "out.mp4"),
        (format!("-pix_fmt yuv422p {H264}"), "in.mp4", "out.mp4"),
        (format!("-pix_fmt yuv444p {H264}"), "in.mkv", "out.mkv"),
        (format!("-pix_fmt yuv420p10le {H264}"), "in.mkv", "out.mp4"),
        (format!("-pix_fmt gray {H264}"), "in.mp4", "out.mp4"),
        ("-c:v mjpeg -q:v 2 -pix_fmt yuvj422p".into(), "in.avi", "out.mp4"),
        ("-c:v prores_ks -pix_fmt yuv422p10le".into(), "in.mov", "out.mov"),
        ("-c:v qtrle -pix_fmt rgb24".into(), "in.mov", "out.mp4"),
        ("-c:v ffv1 -pix_fmt bgr0".into(), "in.mkv", "out.mkv"),
        (String::new(), "in.gif", "out.mp4"),
    ] {
        let case = Case::new();
        patches::draw(&case, 160, 120);
        case.make(&format!("-loop 1 -framerate 10 -i patches.png -frames:v 5 {encoder}"), input);
        let source = patches::seen(&case.path(input));
        // A grey picture is not what was drawn, and a source whose marks are wrong would be no test.
        assert!(encoder.contains("gray") || patches::from_drawn(&case.path(input)) < OFF, "{encoder}: {source:.0?}");
        assert_eq!(case.annotate(input, out).frames(), 5, "{encoder}");
        let kept = patches::seen(&case.path(out));
        let off = patches::difference(&source, &kept);
        assert!(off <= OFF, "{encoder}: {off:.1} off\n{source:.0?}\n{kept:.0?}");
        let [source, kept] = [input, out].map(|name| Media::of(&case.path(name)).picture().colours());
        if encoder.contains("colorspace") {
            // What is full range may be kept as such or be converted; the rest has one right value.
            assert_eq!(kept[1..], source[1..], "{encoder}: matrix, transfer and primaries in {out}");
        }
    }
}

#[test]
fn high_dynamic_range_keeps_its_ten_bits_and_its_marks() {
    for transfer in ["smpte2084", "arib-std-b67"] {
        let case = Case::new();
        let marks = format!("-color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc -color_range tv");
        let source = format!("-f lavfi -i testsrc2=s=160x120:r=10:d=0.5 -pix_fmt yuv420p10le {H264} {marks}");
        case.make(&source, "in.mp4");
        for out in ["out.mp4", "out.mkv"] {
            assert_eq!(case.annotate("in.mp4", out).frames(), 5);
            let [source, kept] = ["in.mp4", out].map(|name| Media::of(&case.path(name)));
            let format = kept.picture().pix_fmt.as_deref().unwrap_or_default();
            assert!(format.contains("10"), "{out}: {format}");
            assert_eq!(kept.picture().colours(), source.picture().colours(), "{out}");
        }
    }
}

#[test]
fn a_video_that_is_to_be_turned_is_shown_upright() {
    for (quarters, stored) in [(1, "transpose=2"), (2, "hflip,vflip"), (3, "transpose=1")] {
        let case = Case::new();
        patches::draw(&case, 160, 96);
        case.make(
            &format!("-loop 1 -framerate 10 -i patches.png -frames:v 5 -vf {stored} -pix_fmt yuv420p {H264} -qp 4"),
            "in.mp4",
        );
        patches::turn(&case.path("in.mp4"), quarters);
        assert!(patches::from_drawn(&case.path("in.mp4")) <= OFF, "the source is not upright");
        for out in ["out.mp4", "out.mkv", "out.mov"] {
            assert_eq!(case.annotate("in.mp4", out).frames(), 5);
            let off = patches::from_drawn(&case.path(out));
            assert!(off <= OFF, "{quarters} quarters, {out}: {off:.1} off");
            assert_near(out, Media::of(&case.path(out)).picture().shape(), 160.0 / 96.0, 0.01);
        }
    }
}

#[test]
fn faces_are_found_upright_with_boxes_in_the_upright_picture() {
    let case = Case::new();
    make_photo(&case, "crop=512:400:0:0,transpose=2", "in.mp4");
    patches::turn(&case.path("in.mp4"), 1);
    assert_face(&case.done(&["in.mp4"]), 0, FACE);
}

#[test]
fn a_size_that_changes_in_mid_stream() {
    let case = Case::new();
    make_photo(&case, "scale=256:256", "small.ts");
    make_photo(&case, "null", "large.ts");
    let parts = ["small.ts", "large.ts"].map(|name| std::fs::read(case.path(name)).unwrap());
    std::fs::write(case.path("in.ts"), parts.concat()).unwrap();
    let done = case.annotate("in.ts", "out.mp4");
    assert_eq!((done.frames(), Media::of(&case.path("out.mp4")).times().len()), (10, 10));
    assert_face(&done, 0, FACE.map(|number| number / 2.0));
    assert_face(&done, 9, FACE);
}

#[test]
fn a_size_that_is_odd() {
    let case = Case::new();
    case.make("-f lavfi -i testsrc=s=161x121:r=10:d=0.5", "in.gif");
    for out in ["out.mp4", "out.mkv", "out.gif"] {
        assert_eq!(case.annotate("in.gif", out).frames(), 5);
        let kept = Media::of(&case.path(out));
        let size = (kept.picture().width.unwrap(), kept.picture().height.unwrap());
        // Half the pixels have colours in most codecs, so a column and a row may be added.
        assert!((161..=162).contains(&size.0) && (121..=122).contains(&size.1), "{out}: {size:?}");
    }
}

/// Frames of a source with more colours must not be sent as JPEGs for which there is only a slow decoder.
#[test]
fn a_source_with_more_colours_costs_a_worker_no_more() {
    let case = Case::new();
    let median = |format: &str| {
        let name = format!("{format}.mp4");
        case.make(
            &format!("-f lavfi -i testsrc2=s=1920x1080:r=10:d=1,gblur=3 -pix_fmt {format} {H264} -crf 38"),
            &name,
        );
        let decode = |line: &String| serde_json::from_str::<Value>(line).unwrap()["stages_ms"]["decode"].as_f64();
        let mut decode: Vec<f64> = case.done(&[&name]).ended.stdout.iter().filter_map(decode).collect();
        decode.sort_by(f64::total_cmp);
        decode[decode.len() / 2]
    };
    let usual = median("yuv420p");
    for format in ["yuv422p", "yuv444p"] {
        let found = median(format);
        assert!(found < 3.0 * usual + 1.0, "{format}: {found} ms, and {usual} ms for yuv420p");
    }
}
