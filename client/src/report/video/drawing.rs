//! Draws boxes and landmarks on a raw frame, in the colours that its numbers stand for.

use facefleet_vision::draw::{self, RawFrame, Style};
use facefleet_vision::{Face, Size};
use image::Rgb;
use image::imageops::{self, FilterType};

use crate::report::drawing::{decode, face};
use crate::source::{Colour, RawPicture};
use facefleet_stream::frame::{End, Finished, Found};

/// Draws what was found. An old worker has drawn the boxes itself, on a picture of 500×400; that picture is stretched back to the size of
/// the frame.
pub(super) fn draw(picture: &mut RawPicture, finished: &Finished) {
    let size = Size { width: picture.size.0, height: picture.size.1 };
    let mut frame = RawFrame { bytes: &mut picture.bytes, size, format: picture.format };
    match &finished.end {
        End::Ok(Found { faces: Some(faces), .. }) => {
            // ffmpeg gives all frames the size of the first, and faces are in pixels of the frame's own.
            let own = finished.frame.size.map_or(size, |(width, height)| Size { width, height });
            let faces: Vec<Face> = faces.iter().map(|found| face(found).rescaled(own, size)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_no_brighter_than_white() {
        let of = |transfer: &str| bright(&Colour { transfer: transfer.into(), ..Colour::default() }, Rgb([40, 200, 0]));
        assert_eq!([of("bt709"), of("smpte2084")], [Rgb([40, 200, 0]), Rgb([23, 116, 0])]);
    }
}
