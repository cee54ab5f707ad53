//! Decodes every kind of JPEG that may come, in grey and in colour, and scans that end too soon.

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;
use crate::colour;
use crate::error::FrameError;
use crate::geometry::Size;
use crate::raster::{Planes, Raster};

/// Returns a picture of smooth colours that differ everywhere, so that a block in a wrong place shows.
pub(super) fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let along = |at: u32, side: u32| (at * 200 / side.max(64)) as u8 + 20;
        image::Rgb([along(x, width), along(y, height), along(x + y, width + height)])
    })
}

/// The meaning of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// The meaning that the encoder gives them.
    Usual(ColorType),
    /// Red, green and blue with the numbers 1, 2 and 3, a JFIF marker, and one of Adobe's.
    AdobeRgb,
    /// Red, green and blue, known by their names only.
    NamedRgb,
}

/// One way to write a picture down.
#[derive(Debug)]
pub(super) struct Variant {
    colour: Colour,
    sampling: SamplingFactor,
    pub(super) progressive: bool,
    /// Number of MCUs between restart markers; 0 for no markers.
    pub(super) restart: u16,
    /// Whether the tables are made for the picture. A baseline picture with tables of its own comes in one scan for each
    /// component.
    pub(super) own_tables: bool,
}

impl Variant {
    pub(super) fn all() -> Vec<Variant> {
        let mut all = Vec::new();
        let usual = [ColorType::Rgb, ColorType::Luma, ColorType::Cmyk, ColorType::CmykAsYcck].map(Colour::Usual);
        for colour in usual.into_iter().chain([Colour::AdobeRgb, Colour::NamedRgb]) {
            for sampling in [
                SamplingFactor::R_4_4_4,
                SamplingFactor::R_4_2_2,
                SamplingFactor::R_4_4_0,
                SamplingFactor::R_4_2_0,
                SamplingFactor::R_4_1_1,
            ] {
                for (progressive, restart, own_tables) in
                    [(false, 0, false), (false, 3, false), (false, 0, true), (true, 0, false), (true, 3, false)]
                {
                    all.push(Variant { colour, sampling, progressive, restart, own_tables });
                }
            }
        }
        all
    }

    /// Returns whether the picture is grey, or has brightness and two colours.
    pub(super) fn is_usual(&self) -> bool {
        matches!(self.colour, Colour::Usual(ColorType::Luma | ColorType::Rgb))
    }

    pub(super) fn encode(&self, picture: &RgbImage) -> Vec<u8> {
        let (width, height) = picture.dimensions();
        let pixels: Vec<u8> = match self.colour {
            Colour::Usual(ColorType::Luma) => picture.pixels().map(|p| p[1]).collect(),
            Colour::Usual(ColorType::Rgb) | Colour::AdobeRgb | Colour::NamedRgb => picture.to_vec(),
            Colour::Usual(_) => picture.pixels().flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], 0]).collect(),
        };
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 95);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.progressive);
        encoder.set_restart_interval(self.restart);
        encoder.set_optimized_huffman_tables(self.own_tables);
        let colour = match self.colour {
            Colour::Usual(colour) => colour,
            // The encoder does not change the three components on their way into the file.
            Colour::AdobeRgb | Colour::NamedRgb => ColorType::Ycbcr,
        };
        encoder.encode(&pixels, width as u16, height as u16, colour).unwrap();
        match self.colour {
            Colour::Usual(_) => {}
            Colour::AdobeRgb => {
                rename(&mut bytes, [1, 2, 3]);
                let end_of_jfif = 2 + 18;
                bytes.splice(end_of_jfif..end_of_jfif, *b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0");
            }
            Colour::NamedRgb => rename(&mut bytes, *b"RGB"),
        }
        bytes
    }
}

/// Renames the three components of a picture, in its frame header and in every scan's.
fn rename(bytes: &mut [u8], names: [u8; 3]) {
    let frame = bytes.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0 | 0xC2])).unwrap();
    let old: [u8; 3] = std::array::from_fn(|i| std::mem::replace(&mut bytes[frame + 10 + 3 * i], names[i]));
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|&at| bytes[at..at + 2] == [0xFF, 0xDA]).collect();
    for scan in scans {
        for i in 0..usize::from(bytes[scan + 4]) {
            let name = &mut bytes[scan + 5 + 2 * i];
            *name = names[old.iter().position(|old| old == name).unwrap()];
        }
    }
}

/// The form to which a picture is decoded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Luma,
    Rgb,
    Planes,
}

/// Returns the size, and the pixels with one byte or three each. Colour planes are enlarged to the size by repeating pixels.
pub(super) fn decode(bytes: &[u8], wanted: Wanted) -> Result<(Size, Vec<u8>), FrameError> {
    let mut decoder = Decoder::new(Kernels::best());
    let limits = Limits::default();
    match wanted {
        Wanted::Rgb => decoder.decode_rgb(bytes, &limits),
        Wanted::Luma => {
            let mut raster = Raster::empty();
            decoder.decode_luma(bytes, &limits, &mut raster)?;
            Ok((raster.size, raster.pixels))
        }
        Wanted::Planes => {
            let mut planes = Planes::empty();
            decoder.decode_planes(bytes, &limits, &mut planes)?;
            let Size { width, height } = planes.luma.size;
            let planes = [planes.luma, planes.blue, planes.red];
            let at = |x: u32, y: u32, plane: &Raster| {
                let Size { width: w, height: h } = plane.size;
                // Colour planes have all pixels, half of them, or (in grey pictures) one.
                let near = |at: u32, side: u32, whole: u32| if side == whole { at } else { at / 2 }.min(side - 1);
                plane.pixels[(near(y, h, height) * w + near(x, w, width)) as usize]
            };
            let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let pixels = places.flat_map(|(x, y)| planes.each_ref().map(|plane| at(x, y, plane))).collect();
            Ok((Size { width, height }, pixels))
        }
    }
}

/// Returns the greatest difference between two pictures, in steps of 255.
fn difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap_or(0)
}

#[test]
fn every_valid_kind_decodes_in_colour_and_in_grey() {
    for (width, height) in [(1, 1), (7, 5), (8, 8), (15, 9), (16, 16), (17, 31), (33, 17), (64, 64), (100, 75)] {
        let picture = gradient(width, height);
        for variant in Variant::all() {
            let rgb: Vec<[u8; 3]> = match variant.colour {
                Colour::Usual(ColorType::Luma) => picture.pixels().map(|p| [p[1]; 3]).collect(),
                _ => picture.pixels().map(|p| p.0).collect(),
            };
            let bytes = variant.encode(&picture);
            for (wanted, want) in [
                (Wanted::Luma, rgb.iter().map(|&p| colour::luma(p)).collect()),
                (Wanted::Rgb, rgb.concat()),
                (Wanted::Planes, rgb.iter().flat_map(|&p| colour::ycc(p)).collect()),
            ] {
                let (size, got) =
                    decode(&bytes, wanted).unwrap_or_else(|e| panic!("{width}x{height} {variant:?}: {e}"));
                assert_eq!(size, Size { width, height });
                let off = difference(&got, &want);
                assert!(off <= 16, "{width}x{height} {variant:?} {wanted:?}: off by {off}");
            }
        }
    }
}

#[test]
fn a_scan_cut_short_is_an_error_even_with_an_end_marker_behind_it() {
    // With noise every scan is longer than the longest piece cut off here, and the shortest piece is longer than a block.
    let mut random = fastrand::Rng::with_seed(7);
    let picture = RgbImage::from_fn(128, 128, |_, _| image::Rgb([random.u8(..), random.u8(..), random.u8(..)]));
    for variant in Variant::all() {
        let whole = variant.encode(&picture);
        let scan_end = structure::extent(&whole).unwrap().scan_end;
        for missing in [300, 900] {
            let mut cut = whole[..scan_end - missing].to_vec();
            // A 0xFF just before the end marker would be taken for a fill byte.
            while cut.last() == Some(&0xFF) {
                cut.pop();
            }
            for end in [&[][..], &[0xFF, 0xD9]] {
                cut.extend(end);
                for wanted in [Wanted::Luma, Wanted::Rgb, Wanted::Planes] {
                    let as_expected = match decode(&cut, wanted) {
                        Err(FrameError::Truncated { .. }) => end.is_empty(),
                        Err(FrameError::Corrupt { .. }) => !end.is_empty(),
                        _ => false,
                    };
                    assert!(as_expected, "{variant:?} -{missing} {wanted:?}");
                }
            }
        }
    }
}

#[test]
fn an_earlier_scan_cut_short_is_an_error_too() {
    let mut random = fastrand::Rng::with_seed(8);
    let picture = RgbImage::from_fn(128, 128, |_, _| image::Rgb([random.u8(..), random.u8(..), random.u8(..)]));
    let mut several = 0;
    for variant in Variant::all() {
        let whole = variant.encode(&picture);
        if structure::extent(&whole).unwrap().scans == 1 {
            continue;
        }
        several += 1;
        let start = whole.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        let end = structure::scan_ends(&whole).next().unwrap();
        let mut cut = whole[..start + (end - start) / 2].to_vec();
        while cut.last() == Some(&0xFF) {
            cut.pop();
        }
        cut.extend(&whole[end..]);
        for wanted in [Wanted::Luma, Wanted::Rgb, Wanted::Planes] {
            assert!(decode(&whole, wanted).is_ok(), "{variant:?} {wanted:?}");
            assert!(matches!(decode(&cut, wanted), Err(FrameError::Corrupt { .. })), "{variant:?} {wanted:?}");
        }
    }
    assert!(several > 50, "only {several} kinds have several scans");
}

#[test]
fn fill_bytes_before_a_restart_marker_change_nothing() {
    let picture = gradient(64, 48);
    for variant in Variant::all().into_iter().filter(|variant| variant.restart > 0) {
        let bytes = variant.encode(&picture);
        let mut filled = bytes.clone();
        let scan = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for at in (scan..bytes.len()).rev() {
            if matches!(bytes[at..], [0xFF, 0xD0..=0xD7, ..]) {
                filled.splice(at..at, [0xFF; 2]);
            }
        }
        assert!(filled.len() > bytes.len());
        for wanted in [Wanted::Luma, Wanted::Rgb, Wanted::Planes] {
            let got = decode(&filled, wanted).unwrap_or_else(|e| panic!("{variant:?} {wanted:?}: {e}"));
            assert_eq!(got, decode(&bytes, wanted).unwrap(), "{variant:?} {wanted:?}");
        }
    }
}

#[test]
fn the_standard_tables_need_not_be_sent() {
    // The encoder uses the standard tables unless it makes some for the picture.
    for variant in Variant::all().into_iter().filter(|variant| !variant.own_tables && !variant.progressive) {
        let bytes = variant.encode(&gradient(64, 48));
        let mut without = bytes.clone();
        while let Some(at) = without.windows(2).position(|pair| pair == [0xFF, 0xC4]) {
            let length = usize::from(u16::from_be_bytes([without[at + 2], without[at + 3]]));
            without.drain(at..at + 2 + length);
        }
        assert!(without.len() < bytes.len());
        for wanted in [Wanted::Luma, Wanted::Rgb, Wanted::Planes] {
            let got = decode(&without, wanted).unwrap_or_else(|e| panic!("{variant:?} {wanted:?}: {e}"));
            assert_eq!(got, decode(&bytes, wanted).unwrap(), "{variant:?} {wanted:?}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_not_looked_at() {
    let variant = &Variant::all()[0];
    let mut bytes = variant.encode(&gradient(40, 30));
    let want = decode(&bytes, Wanted::Rgb).unwrap().1;
    bytes.extend(b"\0\0\xFF\xD8\xFF whatever a camera appends");
    assert_eq!(decode(&bytes, Wanted::Rgb).unwrap().1, want);
}

#[test]
fn what_encode_writes_decode_reads() {
    let picture = gradient(500, 400);
    let bytes = encode_rgb(&picture, QUALITY).unwrap();
    let back = decode_rgb(&bytes, &Limits::default()).unwrap();
    assert_eq!(back.dimensions(), (500, 400));
    assert!(difference(&back, &picture) <= 16);
}
