//! Draws boxes and landmarks on a raw frame, in the colours that its numbers stand for.

use facefleet_vision::draw::{self, Depth, Matrix, Range, RawFormat, RawFrame, Style};
use facefleet_vision::{Face, Size};
use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Rgb};

use crate::report::drawing::{decode, face};
use crate::source::{Colour, RawPicture};
use facefleet_stream::frame::{End, Finished, Found};

/// From this height on, players take a video that does not say its matrix for BT.709.
const LEAST_HD_HEIGHT: u32 = 720;

/// Draws what was found. An old worker has drawn the boxes itself, on a picture of 500×400; that picture is stretched back to the size of
/// the frame.
pub(super) fn draw(picture: &mut RawPicture, finished: &Finished) {
    let (size, format) = (size(picture), format(picture));
    let mut frame = RawFrame { bytes: &mut picture.bytes, size, format };
    match &finished.end {
        End::Ok(Found { faces: Some(faces), .. }) => {
            let faces: Vec<Face> = faces.iter().map(face).collect();
            let style = Style { colour: bright(&picture.colour, Style::video(size).colour), ..Style::video(size) };
            draw::faces_on_raw(&mut frame, &faces, style);
        }
        End::Ok(Found { faces: None, picture: Some(drawn), .. }) => {
            if let Ok(drawn) = decode(drawn) {
                frame.put(&imageops::resize(&drawn, size.width, size.height, FilterType::Triangle));
            }
        }
        End::Ok(_) | End::Dropped(_) | End::Failed { .. } => {}
    }
}

/// Returns a frame in another size, for a source whose frames change theirs: a video has one.
pub(super) fn resized(picture: &RawPicture, (width, height): (u32, u32)) -> RawPicture {
    let halved = |(width, height): (u32, u32)| (width.div_ceil(2), height.div_ceil(2));
    let (from, to) = (picture.size, (width, height));
    let planes = [(from, to), (halved(from), halved(to)), (halved(from), halved(to))];
    let sample = if picture.is_ten_bits { 2 } else { 1 };
    let (mut bytes, mut rest) = (Vec::new(), &picture.bytes[..]);
    for (from, to) in planes {
        let (plane, others) = rest.split_at(from.0 as usize * from.1 as usize * sample);
        rest = others;
        if picture.is_ten_bits {
            let samples = plane.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            bytes.extend(scaled::<u16>(samples, from, to).into_iter().flat_map(u16::to_le_bytes));
        } else {
            bytes.extend(scaled::<u8>(plane.to_vec(), from, to));
        }
    }
    RawPicture { bytes, size: to, aspect: picture.aspect, colour: picture.colour.clone(), ..*picture }
}

fn scaled<S: image::Primitive + 'static>(plane: Vec<S>, from: (u32, u32), to: (u32, u32)) -> Vec<S>
where
    Luma<S>: image::Pixel<Subpixel = S>,
{
    let plane = ImageBuffer::<Luma<S>, _>::from_raw(from.0, from.1, plane).expect("as many samples as the size says");
    imageops::resize(&plane, to.0, to.1, FilterType::Triangle).into_raw()
}

/// Returns a colour as bright as in a video of standard range. In high dynamic range, the greatest number is far brighter than white.
fn bright(colour: &Colour, Rgb(rgb): Rgb<u8>) -> Rgb<u8> {
    // The share of the numbers below the white of graphics (ITU-R BT.2408, table 1).
    let share = match colour.transfer.as_str() {
        "smpte2084" => 0.58,
        "arib-std-b67" => 0.75,
        _ => 1.0,
    };
    Rgb(rgb.map(|value| (f32::from(value) * share) as u8))
}

fn size(picture: &RawPicture) -> Size {
    Size { width: picture.size.0, height: picture.size.1 }
}

fn format(picture: &RawPicture) -> RawFormat {
    RawFormat {
        depth: if picture.is_ten_bits { Depth::Ten } else { Depth::Eight },
        matrix: match picture.colour.matrix.as_str() {
            "bt709" => Matrix::Bt709,
            "bt2020nc" | "bt2020c" => Matrix::Bt2020,
            "unknown" if picture.size.1 >= LEAST_HD_HEIGHT => Matrix::Bt709,
            _ => Matrix::Bt601,
        },
        range: if picture.colour.range == "pc" { Range::Full } else { Range::Limited },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn boxes_are_no_brighter_than_white() {
        let of = |transfer: &str| bright(&Colour { transfer: transfer.into(), ..Colour::default() }, Rgb([40, 200, 0]));
        assert_eq!([of("bt709"), of("smpte2084")], [Rgb([40, 200, 0]), Rgb([23, 116, 0])]);
    }

    #[test]
    fn each_plane_is_resized() {
        let unknown = || "unknown".to_owned();
        let colour = Colour { range: unknown(), matrix: unknown(), primaries: unknown(), transfer: unknown() };
        let bytes = [vec![200; 16], vec![90; 4], vec![30; 4]].concat();
        let unit = Duration::from_millis(1);
        let picture = RawPicture { bytes, size: (4, 4), aspect: (1, 1), is_ten_bits: false, colour, unit };
        let larger = resized(&picture, (5, 6));
        assert_eq!(larger.bytes, [vec![200; 30], vec![90; 9], vec![30; 9]].concat());
        let samples = [vec![800_u16; 16], vec![512; 4], vec![100; 4]].concat();
        let bytes = samples.into_iter().flat_map(u16::to_le_bytes).collect();
        let ten = resized(&RawPicture { bytes, is_ten_bits: true, ..picture }, (2, 2));
        let samples: Vec<u16> = ten.bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(samples, [800, 800, 800, 800, 512, 100]);
    }
}
