//! Compares the decoder with `zune-jpeg`, which must come to the same pixels, and tries damaged scans.

use std::path::Path;
use std::process::Command;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use memchr::memmem;
use prerequisites::{FFMPEG, is_shared_data_there};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::*;
use crate::error::FrameError;
use crate::geometry::Size;
use crate::jpeg::structure;

/// Decodes as many planes as there are in `N`; `None` for a picture that this decoder leaves to others.
pub(super) fn decode<const N: usize>(
    bytes: &[u8],
    kernels: &'static Kernels,
) -> Result<Option<[Raster; N]>, FrameError> {
    let (header, extent) = (structure::header(bytes)?, structure::extent(bytes)?);
    let mut planes = [const { Raster::empty() }; N];
    let tidiness = Baseline::new(kernels).decode(bytes, &header, extent, &mut planes.each_mut())?;
    Ok(tidiness.map(|_| planes))
}

fn zune(bytes: &[u8], colours: ColorSpace) -> Vec<u8> {
    let options = DecoderOptions::new_fast().set_strict_mode(true).jpeg_set_out_colorspace(colours);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().unwrap()
}

#[track_caller]
fn assert_same_as_zune(bytes: &[u8], what: &str) {
    for kernels in Kernels::supported() {
        let [luma] = decode(bytes, kernels).unwrap().unwrap_or_else(|| panic!("{what}: not taken"));
        assert!(luma.pixels == zune(bytes, ColorSpace::Luma), "{what}: {} differs", kernels.name());
    }
}

pub(super) fn seed() -> u64 {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    seed
}

/// The way in which a picture is encoded.
#[derive(Debug)]
struct Kind {
    width: u16,
    height: u16,
    quality: u8,
    sampling: SamplingFactor,
    grey: bool,
    restart: u16,
}

impl Kind {
    fn random(random: &mut fastrand::Rng) -> Kind {
        let samplings = [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_2, SamplingFactor::R_4_2_0];
        Kind {
            width: random.u16(1..90),
            height: random.u16(1..90),
            quality: random.u8(1..=100),
            sampling: samplings[random.usize(..3)],
            grey: random.u8(..5) == 0,
            restart: [0, 0, 1, 2, 5, 16][random.usize(..6)],
        }
    }

    /// Encodes a picture with smooth and rough places, and with extremes.
    fn encode(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let channels = if self.grey { 1 } else { 3 };
        let roughness = random.u8(..4) * 80;
        let mut pixels = Vec::new();
        for i in 0..usize::from(self.width) * usize::from(self.height) * channels {
            let smooth = (i / 7 % 256) as u8;
            pixels.push(if roughness == 240 {
                u8::from(random.bool()) * 255
            } else {
                smooth.wrapping_add(random.u8(..=roughness))
            });
        }
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.quality);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_restart_interval(self.restart);
        let colour = if self.grey { ColorType::Luma } else { ColorType::Ycbcr };
        encoder.encode(&pixels, self.width, self.height, colour).unwrap();
        bytes
    }
}

#[test]
fn the_same_brightness_as_zune_at_every_size_quality_and_sampling() {
    let mut random = fastrand::Rng::with_seed(seed());
    for _ in 0..600 {
        let kind = Kind::random(&mut random);
        assert_same_as_zune(&kind.encode(&mut random), &format!("{kind:?}"));
    }
}

#[test]
fn the_same_colours_as_zune() {
    let mut random = fastrand::Rng::with_seed(seed());
    for _ in 0..200 {
        let kind = Kind { sampling: SamplingFactor::R_4_4_4, grey: false, ..Kind::random(&mut random) };
        let bytes = kind.encode(&mut random);
        let planes: [Raster; 3] = decode(&bytes, Kernels::best()).unwrap().unwrap();
        let want = zune(&bytes, ColorSpace::YCbCr);
        for (i, plane) in planes.iter().enumerate() {
            assert!(plane.pixels.iter().eq(want.iter().skip(i).step_by(3)), "{kind:?}, plane {i}");
        }
    }
}

#[test]
fn colour_planes_have_the_resolution_that_was_sent() {
    let mut random = fastrand::Rng::with_seed(1);
    for (sampling, width, height) in
        [(SamplingFactor::R_4_4_4, 33, 21), (SamplingFactor::R_4_2_2, 17, 21), (SamplingFactor::R_4_2_0, 17, 11)]
    {
        let kind = Kind { width: 33, height: 21, quality: 90, sampling, grey: false, restart: 0 };
        let planes: [Raster; 3] = decode(&kind.encode(&mut random), Kernels::best()).unwrap().unwrap();
        assert_eq!(planes[0].size, Size { width: 33, height: 21 });
        assert_eq!([planes[1].size, planes[2].size], [Size { width, height }; 2]);
    }
}

/// Decodes frames of real video, with the Huffman tables that are best for each.
#[test]
fn the_same_frames_as_zune_from_a_video() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/short_hamilton_clip.mp4");
    if !FFMPEG.is_there() || !is_shared_data_there(&clip) {
        return;
    }
    let mut ffmpeg = Command::new(FFMPEG.program);
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(&clip);
    ffmpeg.args(["-q:v", "3", "-c:v", "mjpeg", "-f", "image2pipe", "-"]);
    let output = ffmpeg.output().unwrap();
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    let mut rest = &output.stdout[..];
    let mut count = 0;
    while !rest.is_empty() {
        let (frame, others) = rest.split_at(memmem::find(rest, &[0xFF, 0xD9]).unwrap() + 2);
        assert_same_as_zune(frame, &format!("frame {count}"));
        rest = others;
        count += 1;
    }
    assert_eq!(count, 300);
}

/// Returns a picture with restart markers, its scan's first byte, and the place behind the scan's last byte.
fn with_restarts() -> (Vec<u8>, usize, usize) {
    let kind = Kind { width: 64, height: 48, quality: 90, sampling: SamplingFactor::R_4_2_0, grey: false, restart: 3 };
    let bytes = kind.encode(&mut fastrand::Rng::with_seed(3));
    let start = Tables::new().read(&bytes).unwrap();
    let end = structure::extent(&bytes).unwrap().scan_end;
    (bytes, start, end)
}

#[track_caller]
fn assert_corrupt(bytes: &[u8], want: &str) {
    let error = decode::<1>(bytes, Kernels::scalar()).unwrap_err();
    assert!(matches!(error, FrameError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(want), "{error}");
}

#[test]
fn a_scan_that_lacks_a_block_or_goes_on_in_its_middle_is_damaged() {
    let (bytes, start, end) = with_restarts();
    assert!(decode::<1>(&bytes, Kernels::scalar()).unwrap().is_some());
    let marker = start + memmem::find(&bytes[start..end], &[0xFF, 0xD0]).unwrap();
    let next = start + memmem::find(&bytes[start..end], &[0xFF, 0xD1]).unwrap();
    let without = |from: usize, to: usize| [&bytes[..from], &bytes[to..]].concat();
    let with = |at: usize, more: &[u8]| [&bytes[..at], more, &bytes[at..]].concat();

    assert_corrupt(&without(marker - 4, marker), "ends too soon");
    assert_corrupt(&without(end - 4, end), "ends too soon");
    assert_corrupt(&without(marker, next), "ends too soon");
    assert_corrupt(&with(marker - 4, &[0xFF, 0xD0]), "ends too soon");
    assert_corrupt(&with(marker, &[0x55; 3]), "goes on");
    assert_corrupt(&with(marker, &[0, 0, 0x55]), "goes on");
    assert!(decode::<1>(&with(end, &[0; 5]), Kernels::scalar()).unwrap().is_some(), "filled up with zeros");
}

#[test]
fn blocks_that_are_too_long_and_codes_of_nothing_are_found() {
    // Grey, 8x8. One DC code, 0: no difference. AC codes 0, 10 and 110: fifteen zeros and a one, the end, an unknown run.
    let picture = |scan: &[u8]| {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        bytes.extend([1; 64]);
        bytes.extend([0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
        bytes.extend([0xFF, 0xC4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0xFF, 0xC4, 0, 22, 0x10, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF1, 0, 0x50]);
        bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
        bytes.extend(scan);
        bytes.extend([0xFF, 0xD9]);
        bytes
    };
    assert!(decode::<1>(&picture(&[0b0100_0000]), Kernels::scalar()).unwrap().is_some());
    assert!(decode::<1>(&picture(&[0b0000_0000, 0b1011_1111]), Kernels::scalar()).is_err(), "bits are left");
    for filling in [0b0101_1111, 0b0100_0000] {
        assert!(decode::<1>(&picture(&[filling, 0x55]), Kernels::scalar()).unwrap().is_some(), "the block is whole");
    }
    assert_corrupt(&picture(&[0b0100_1000, 0x55]), "goes on");
    assert_corrupt(&picture(&[0b0010_1010, 0b1010_1010]), "more than 64");
    assert_corrupt(&picture(&[0b0110_0000]), "means nothing");
    assert_corrupt(&picture(&[0b0111_0000]), "stands for nothing");
}

/// A decoder that looked for the end of the zeros after each block would take minutes.
#[test]
fn half_a_million_restart_markers_that_are_lost_before_zeros_take_no_time() {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([1; 64]);
    // Grey, 4096x8192, with a restart marker behind each block. The codes 0 stand for no difference, and for the end of a block.
    bytes.extend([0xFF, 0xC0, 0, 11, 8, 0x20, 0, 0x10, 0, 1, 1, 0x11, 0, 0xFF, 0xDD, 0, 4, 0, 1]);
    for class in [0, 0x10] {
        bytes.extend([0xFF, 0xC4, 0, 20, class, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
    bytes.resize(bytes.len() + 512 * 1024 - 1, 0);
    bytes.extend([0b0011_1111, 0xFF, 0xD9]);
    let [luma] = decode(&bytes, Kernels::best()).unwrap().unwrap();
    assert!(luma.pixels.iter().all(|&grey| grey == 128));
}

#[test]
fn tables_that_are_not_there_or_not_tables_are_left_to_others() {
    let (bytes, start, _) = with_restarts();
    let at = |marker: u8| bytes.windows(2).position(|pair| pair == [0xFF, marker]).unwrap();
    let changed = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        bytes
    };
    for (what, bytes) in [
        ("factors of two bytes", changed(at(0xDB) + 4, 0x10)),
        ("a table of factors with number 9", changed(at(0xDB) + 4, 9)),
        ("a component without a table of factors", changed(at(0xC0) + 12, 3)),
        ("a Huffman table of class 2", changed(at(0xC4) + 4, 0x20)),
        ("a Huffman table with number 7", changed(at(0xC4) + 4, 7)),
        ("too many short codes", changed(at(0xC4) + 5, 3)),
        ("a scan with a Huffman table that is not there", changed(at(0xDA) + 6, 0x33)),
        ("components in another order", changed(at(0xDA) + 5, 9)),
        ("a scan of some coefficients", changed(start - 2, 62)),
        ("a scan of some bits", changed(start - 1, 1)),
    ] {
        let done = decode::<1>(&bytes, Kernels::scalar()).unwrap();
        assert!(done.is_none(), "{what}");
    }
}

#[test]
fn any_bytes_get_an_answer() {
    let mut random = fastrand::Rng::with_seed(seed());
    let (good, _, end) = with_restarts();
    for length in 0..end {
        let cut = [&good[..length], &[0xFF, 0xD9]].concat();
        assert!(decode::<3>(&good[..length], Kernels::best()).is_err(), "{length} bytes");
        assert!(!matches!(decode::<3>(&cut, Kernels::best()), Ok(Some(_))), "{length} bytes, closed");
    }
    let mut caught = 0;
    for _ in 0..4_000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        caught += usize::from(decode::<3>(&bytes, Kernels::best()).is_err());
    }
    assert!(caught > 2_000, "only {caught} of 4,000 damaged pictures were noticed");
}
