//! Drawing boxes and landmarks on a picture, at the size of the source.

use facefleet_proto::FaceBox;
use facefleet_vision::draw::{self, Style};
use facefleet_vision::{Face, FrameError, Limits, Point, Size, jpeg};
use image::RgbImage;
use image::imageops::{self, FilterType};

use facefleet_stream::frame::Found;

/// Draws what was found in a picture. An old worker has drawn the boxes itself, on a picture of 500×400; that picture is stretched
/// to the size of this one, and replaces it.
///
/// # Errors
/// Says why nothing can be drawn. A picture without a box would look as if it had no face.
pub(super) fn draw(picture: &mut RgbImage, found: &Found) -> Result<(), String> {
    let (width, height) = picture.dimensions();
    match found {
        Found { faces: Some(faces), .. } => {
            let faces: Vec<Face> = faces.iter().map(face).collect();
            draw::faces(picture, &faces, Style::video(Size { width, height }));
        }
        Found { faces: None, picture: Some(drawn), .. } => {
            let drawn = decode(drawn).map_err(|e| format!("its worker returned no picture: {e}"))?;
            *picture = imageops::resize(&drawn, width, height, FilterType::Triangle);
        }
        Found { faces: None, picture: None, .. } => return Err("no worker looked for faces in it".into()),
    }
    Ok(())
}

pub(super) fn decode(jpeg: &[u8]) -> Result<RgbImage, FrameError> {
    jpeg::decode_rgb(jpeg, &Limits::default())
}

pub(super) fn face(&FaceBox { x, y, width, height, score, landmarks }: &FaceBox) -> Face {
    let landmarks = landmarks.map(|points| points.map(|facefleet_proto::Point { x, y }| Point { x, y }));
    Face { x, y, width, height, score, landmarks }
}
