//! Decodes whole pictures that are not written as the standard says, and refuses those that lack a part.

use memchr::memmem;

use super::tests::{Variant, Wanted, decode, gradient};
use super::*;
use crate::error::FrameError;
use crate::raster::Raster;
use crate::tidiness::Tidiness;

const WANTED: [Wanted; 3] = [Wanted::Luma, Wanted::Rgb, Wanted::Planes];

/// Checks that `bytes` are the same picture as `tidy`, and untidy as `want` says.
#[track_caller]
fn assert_same(bytes: &[u8], tidy: &[u8], want: Tidiness, what: &str) {
    for wanted in WANTED {
        let got = decode(bytes, wanted).unwrap_or_else(|error| panic!("{what}, {wanted:?}: {error}"));
        assert!(got == decode(tidy, wanted).unwrap(), "{what}, {wanted:?}: another picture");
    }
    let mut luma = Raster::empty();
    let tidiness = Decoder::new(Kernels::best()).decode_luma(bytes, &Limits::default(), &mut luma).unwrap();
    assert_eq!(tidiness, want, "{what}");
}

/// Returns pictures of the kinds that our own decoder decodes, which are those that cameras send.
fn common(width: u32, height: u32) -> impl Iterator<Item = (Variant, Vec<u8>)> {
    let is_common = |variant: &Variant, bytes: &[u8]| {
        variant.is_usual() && !variant.progressive && structure::extent(bytes).unwrap().scans == 1
    };
    let all = Variant::all().into_iter().map(move |variant| {
        let bytes = variant.encode(&gradient(width, height));
        (variant, bytes)
    });
    all.filter(move |(variant, bytes)| is_common(variant, bytes))
}

#[test]
fn a_picture_needs_no_end_marker() {
    for variant in Variant::all() {
        let bytes = variant.encode(&gradient(40, 24));
        let what = format!("{variant:?}");
        assert_same(&bytes, &bytes, Tidiness::Tidy, &what);
        for missing in [1, 2] {
            assert_same(&bytes[..bytes.len() - missing], &bytes, Tidiness::NoEndMarker, &what);
        }
    }
}

#[test]
fn a_picture_needs_all_its_blocks() {
    let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
    println!("seed {}", random.get_seed());
    for variant in Variant::all() {
        let bytes = variant.encode(&gradient(40, 24));
        // The last bits of a progressive picture may be missed by nobody, because they only refine what is there.
        let end = bytes.len() - if variant.progressive { 8 } else { 3 };
        for length in (1..=end).rev().take(8).chain((0..12).map(|_| random.usize(1..=end))) {
            for wanted in WANTED {
                let error = decode(&bytes[..length], wanted).map(|_| ()).unwrap_err();
                assert!(matches!(error, FrameError::Truncated { .. }), "{variant:?} {wanted:?} {length}: {error}");
            }
        }
    }
}

#[test]
fn bytes_between_segments_mean_nothing() {
    for variant in Variant::all() {
        let bytes = variant.encode(&gradient(40, 24));
        let scan = memmem::find(&bytes, &[0xFF, 0xDA]).unwrap();
        for at in [2, scan] {
            for strays in [&b"\r\n"[..], &[0, 0xFF, 0, 7]] {
                let untidy = [&bytes[..at], strays, &bytes[at..]].concat();
                assert_same(&untidy, &bytes, Tidiness::StrayBytes, &format!("{variant:?} at {at}: {strays:?}"));
            }
            let filled = [&bytes[..at], &[0xFF; 3], &bytes[at..]].concat();
            assert_same(&filled, &bytes, Tidiness::Tidy, &format!("{variant:?}, filled"));
        }
    }
}

#[test]
fn bytes_behind_the_last_block_mean_nothing() {
    for (variant, bytes) in common(40, 24) {
        let (data, end) = bytes.split_at(bytes.len() - 2);
        for strays in [&b"\r\n"[..], &[0, 1], &[0xFF, 0, 0x55], &[0xFF, 0xD3], &[0xFF, 0x42, 7], &[0x55; 3000]] {
            let what = format!("{variant:?}: {strays:?}");
            assert_same(&[data, strays, end].concat(), &bytes, Tidiness::StrayBytes, &what);
        }
        assert_same(&[data, &[0; 9], end].concat(), &bytes, Tidiness::Tidy, "filled up with zeros");
        assert_same(&[data, &[0xFF; 9], end].concat(), &bytes, Tidiness::Tidy, "filled up with ones");
        assert_same(&[data, b"\r\n"].concat(), &bytes, Tidiness::NoEndMarker, "and no end");
    }
}

#[test]
fn a_restart_marker_that_is_lost_or_wrong_takes_nothing_away() {
    for (variant, bytes) in common(72, 50).filter(|(variant, _)| variant.restart > 0) {
        let markers: Vec<usize> =
            (0..bytes.len() - 1).filter(|&at| matches!(bytes[at..], [0xFF, 0xD0..=0xD7, ..])).collect();
        assert!(markers.len() > 2, "{variant:?}");
        let same = |bytes_of: &[u8], what: &str| {
            assert_same(bytes_of, &bytes, Tidiness::RestartMarkers, &format!("{variant:?}, {what}"));
        };
        for &at in &markers {
            same(&[&bytes[..at], &bytes[at + 2..]].concat(), "one is lost");
            let mut wrong = bytes.clone();
            wrong[at + 1] ^= 3;
            same(&wrong, "one is wrong");
        }
        let mut none = bytes.clone();
        for &at in markers.iter().rev() {
            none.drain(at..at + 2);
        }
        same(&none, "all are lost");
        let mut zeros = bytes.clone();
        markers.iter().for_each(|&at| zeros[at + 1] = 0xD0);
        same(&zeros, "all have one number");
    }
}

#[test]
fn a_restart_interval_that_is_lost_is_not_made_up() {
    for (variant, bytes) in common(72, 50).filter(|(variant, _)| variant.restart > 0) {
        let markers: Vec<usize> = memmem::find_iter(&bytes, &[0xFF, 0xD1]).collect();
        let next = markers[0] + memmem::find(&bytes[markers[0]..], &[0xFF, 0xD2]).unwrap();
        for (from, to) in [(markers[0], next), (markers[0] + 2, next)] {
            let lost = [&bytes[..from], &bytes[to..]].concat();
            let error = decode(&lost, Wanted::Luma).map(|_| ()).unwrap_err();
            assert!(matches!(error, FrameError::Corrupt { .. }), "{variant:?}: {error}");
        }
    }
}
