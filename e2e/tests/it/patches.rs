//! A picture of four flat colours, which shows what a video does to colours and to which side is up.

use std::fs;
use std::path::Path;

use facefleet_e2e::tool;
use image::{Rgb, RgbImage};

use crate::cases::Case;
use crate::media::text;

/// The colours: left and right above, left and right below.
const COLOURS: [[u8; 3]; 4] = [[200, 40, 40], [30, 160, 60], [40, 60, 190], [210, 190, 70]];
/// The side of the picture to which a frame is scaled to look at it.
const SIDE: usize = 64;

/// The mean colour of the middle of each quarter, in the order of [`COLOURS`].
pub(crate) type Seen = [[f64; 3]; 4];

/// Writes the picture as `patches.png`.
pub(crate) fn draw(case: &Case, width: u32, height: u32) {
    let quarter = |x, y| usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb(COLOURS[quarter(x, y)]));
    picture.save(case.path("patches.png")).unwrap();
}

/// What a player shows of the first frame, turned as the file says.
#[track_caller]
pub(crate) fn seen(path: &Path) -> Seen {
    let filter = format!("scale={SIDE}:{SIDE}:flags=area+accurate_rnd+full_chroma_int,format=rgb24");
    let first = ["-map", "0:V:0", "-frames:v", "1", "-vf", &filter, "-f", "rawvideo", "-"];
    let pixels = tool("ffmpeg", &[&["-i", text(path)], &first[..]].concat()).unwrap();
    assert_eq!(pixels.len(), SIDE * SIDE * 3, "{} has no frame", path.display());
    let half = SIDE / 2;
    std::array::from_fn(|quarter| {
        let (left, top) = (quarter % 2 * half + half / 4, quarter / 2 * half + half / 4);
        let middle = (top..top + half / 2).flat_map(|y| (left..left + half / 2).map(move |x| (y * SIDE + x) * 3));
        let count = (half / 2 * (half / 2)) as f64;
        std::array::from_fn(|channel| middle.clone().map(|at| f64::from(pixels[at + channel])).sum::<f64>() / count)
    })
}

/// The greatest difference of a channel of a quarter, out of 255.
pub(crate) fn difference(one: &Seen, other: &Seen) -> f64 {
    let channels = one.as_flattened().iter().zip(other.as_flattened());
    channels.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// How far the video is from the picture that was drawn.
#[track_caller]
pub(crate) fn from_drawn(path: &Path) -> f64 {
    difference(&seen(path), &COLOURS.map(|colour| colour.map(f64::from)))
}

/// Has an mp4 or mov say that its picture is to be shown turned to the right, by so many quarters. ffmpeg's own flag for that has
/// another name in each version.
pub(crate) fn turn(path: &Path, quarters: usize) {
    const ONE: i32 = 0x1_0000;
    let (a, b) = [(ONE, 0), (0, ONE), (-ONE, 0), (0, -ONE)][quarters % 4];
    let matrix = [a, b, 0, -b, a, 0, 0, 0, 0x4000_0000_i32];
    let mut bytes = fs::read(path).unwrap();
    // The header of the first track, which is that of the picture. Forty bytes from its version on stand before the matrix.
    let header = bytes.windows(4).position(|name| name == b"tkhd").expect("an mp4 has a track") + 4;
    bytes.splice(header + 40..header + 76, matrix.iter().flat_map(|number| number.to_be_bytes()));
    fs::write(path, bytes).unwrap();
}
