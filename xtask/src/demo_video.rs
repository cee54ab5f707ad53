//! `cargo xtask demo-video`: makes `assets/demo.mp4` from `assets/photos` with ffmpeg alone, and
//! `assets/demo.faces.json`, which says how many faces each of its frames shows.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::wait::Stop;
use crate::{process, setup};

const VIDEO: &str = "assets/demo.mp4";
const FACES: &str = "assets/demo.faces.json";
/// Frames a second.
const RATE: u32 = 25;
/// A quiet chord, so that there is sound to copy.
const SOUND: &str = "0.04*(sin(2*PI*220*t)+sin(2*PI*277.18*t)+sin(2*PI*329.63*t))";

/// A stretch of the video that shows the same people all the time.
struct Scene {
    frames: u32,
    /// Faces in each of its frames.
    faces: u32,
    /// The filters of ffmpeg that draw it. With a camera they end in one still picture of 2560×1440.
    filters: &'static str,
    camera: Option<Camera>,
}

/// A smooth change of zoom around a point, which is given as a part of the width and of the height.
struct Camera {
    from: f32,
    to: f32,
    x: f32,
    y: f32,
}

/// Faces are from 45 to 260 pixels wide, by the box that the detector draws.
const SCENES: [Scene; 4] = [
    Scene {
        frames: 75,
        faces: 1,
        filters: "movie=assets/photos/astronaut.jpg,crop=512:288:0:0,scale=2560:1440:flags=lanczos",
        camera: Some(Camera { from: 1.4, to: 1.0, x: 0.4, y: 0.4 }),
    },
    Scene {
        frames: 30,
        faces: 0,
        filters: "gradients=size=640x360:rate=25:duration=1.2:speed=0.012:seed=1:nb_colors=4\
                  :c0=0x1b3a5c:c1=0x3f8f8a:c2=0xf0b860:c3=0xd9604c:x0=0:y0=0:x1=640:y1=360",
        camera: None,
    },
    Scene {
        frames: 75,
        faces: 1,
        filters: "movie=assets/photos/obama.jpg,crop=728:410:0:20,scale=2560:1440:flags=lanczos",
        camera: Some(Camera { from: 1.0, to: 1.2, x: 0.56, y: 0.4 }),
    },
    // Four framed portraits on a wall.
    Scene {
        frames: 70,
        faces: 4,
        filters: "\
            movie=assets/photos/astronaut.jpg,crop=240:300:102:0,scale=672:840:flags=lanczos,pad=736:904:32:32:0xf4f1ea[p0];\
            movie=assets/photos/obama.jpg,crop=384:480:202:0,scale=768:960:flags=lanczos,pad=832:1024:32:32:0xf4f1ea[p1];\
            movie=assets/photos/obama.jpg,crop=480:600:154:0,hflip,scale=416:520:flags=lanczos,pad=456:560:20:20:0xf4f1ea[p2];\
            movie=assets/photos/astronaut.jpg,crop=240:300:102:0,hflip,scale=448:560:flags=lanczos,pad=488:600:20:20:0xf4f1ea[p3];\
            color=0x5d7a86:size=2560x1440,trim=end_frame=1,vignette=PI/5[w0];\
            [w0][p0]overlay=150:240[w1];[w1][p1]overlay=1010:200[w2];[w2][p2]overlay=1960:100[w3];[w3][p3]overlay=1944:740",
        camera: Some(Camera { from: 1.0, to: 1.08, x: 0.5, y: 0.5 }),
    },
];

/// Makes the video and the list of its faces.
///
/// # Errors
/// ffmpeg failed, or a file could not be written.
pub(crate) fn run(stop: &Stop) -> Result<(), Error> {
    setup::ffmpeg(stop)?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y"]);
    ffmpeg.args(["-filter_complex", &graph(&SCENES), "-map", "[video]", "-map", "[sound]"]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "slow", "-crf", "22", "-pix_fmt", "yuv420p"]);
    ffmpeg.args(["-c:a", "aac", "-b:a", "48k", "-movflags", "+faststart"]);
    // One thread and no names of programs: the same ffmpeg makes the same bytes on every machine.
    ffmpeg.args(["-threads", "1", "-bitexact", "-map_metadata", "-1", VIDEO]);
    process::run("ffmpeg", &mut ffmpeg, stop)?;
    fs::write(FACES, faces(&SCENES)).map_err(Error::file(Path::new(FACES)))?;
    println!("wrote {VIDEO} and {FACES}");
    Ok(())
}

/// The whole video as one graph of ffmpeg's filters, with the outputs `[video]` and `[sound]`.
fn graph(scenes: &[Scene]) -> String {
    let mut graph = String::new();
    let mut labels = String::new();
    for (number, scene) in scenes.iter().enumerate() {
        let camera = scene.camera.as_ref().map(|camera| camera.filters(scene.frames)).unwrap_or_default();
        graph += &format!("{}{camera},setsar=1,format=yuv420p[s{number}];", scene.filters);
        labels += &format!("[s{number}]");
    }
    let frames: u32 = scenes.iter().map(|scene| scene.frames).sum();
    let seconds = f64::from(frames) / f64::from(RATE);
    graph += &format!("{labels}concat=n={}:v=1:a=0[video];", scenes.len());
    graph += &format!("aevalsrc={SOUND}:sample_rate=44100:duration={seconds},afade=in:duration=0.5[sound]");
    graph
}

impl Camera {
    /// The filters that make `frames` frames of 640×360 from one picture of 2560×1440. zoompan moves by whole pixels,
    /// which would show as a shake; on a picture of four times the size it does not.
    fn filters(&self, frames: u32) -> String {
        let Camera { from, to, x, y } = self;
        let last = frames - 1;
        format!(
            ",zoompan=z='{from}+({to}-{from})*(1-cos(PI*on/{last}))/2':x='(iw-iw/zoom)*{x}':y='(ih-ih/zoom)*{y}'\
             :d={frames}:s=1280x720:fps={RATE},scale=640:360:flags=area"
        )
    }
}

/// The faces of each stretch of frames as JSON: a list of first frame, last frame, and how many each frame shows.
fn faces(scenes: &[Scene]) -> String {
    let mut from = 0;
    let mut lines = Vec::new();
    for scene in scenes {
        let to = from + scene.frames - 1;
        lines.push(format!("  {{\"from\": {from}, \"to\": {to}, \"faces\": {}}}", scene.faces));
        from = to + 1;
    }
    format!("[\n{}\n]\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_of_frames_follow_each_other() {
        let scene = |frames, faces| Scene { frames, faces, filters: "", camera: None };
        let json: serde_json::Value = serde_json::from_str(&faces(&[scene(2, 1), scene(1, 0)])).unwrap();
        assert_eq!(json, serde_json::json!([{"from": 0, "to": 1, "faces": 1}, {"from": 2, "to": 2, "faces": 0}]));
    }

    #[test]
    fn the_committed_list_is_of_these_scenes() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FACES);
        assert_eq!(fs::read_to_string(committed).unwrap().replace("\r\n", "\n"), faces(&SCENES));
    }
}
