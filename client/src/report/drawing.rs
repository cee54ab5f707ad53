//! Drawing boxes and landmarks on a frame, at the size of the source.

use facefleet_proto::FaceBox;
use facefleet_vision::draw::{self, Style};
use facefleet_vision::{Face, FrameError, Limits, Point, Size, jpeg};
use image::RgbImage;
use image::imageops::{self, FilterType};

use facefleet_stream::frame::{End, Finished, Found};

/// Returns the frame with its boxes, or None if the frame cannot be decoded. An old worker has drawn the boxes itself, on a
/// picture of 500×400; that picture is stretched back to the size of the source.
pub(super) fn annotated(finished: &Finished) -> Option<RgbImage> {
    let decode = |jpeg: &[u8]| -> Result<RgbImage, FrameError> { jpeg::decode_rgb(jpeg, &Limits::default()) };
    let mut picture = decode(finished.frame.jpeg.as_ref().ok()?).ok()?;
    match &finished.end {
        End::Ok(Found { faces: Some(faces), .. }) => {
            let (width, height) = picture.dimensions();
            let faces: Vec<Face> = faces.iter().map(face).collect();
            draw::faces(&mut picture, &faces, Style::video(Size { width, height }));
        }
        End::Ok(Found { faces: None, picture: Some(drawn), .. }) => {
            if let Ok(drawn) = decode(drawn) {
                picture = imageops::resize(&drawn, picture.width(), picture.height(), FilterType::Triangle);
            }
        }
        End::Ok(_) | End::Dropped(_) | End::Failed { .. } => {}
    }
    Some(picture)
}

fn face(&FaceBox { x, y, width, height, score, landmarks }: &FaceBox) -> Face {
    let landmarks = landmarks.map(|points| points.map(|facefleet_proto::Point { x, y }| Point { x, y }));
    Face { x, y, width, height, score, landmarks }
}
