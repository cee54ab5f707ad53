//! Reads headers and extents of small files, whole, cut and broken.

use super::extent::MAX_SCANS;
use super::*;
use crate::tidiness::Tidiness;

/// Returns a JPEG of SOI, a frame header of `marker` for `width` x `height` grey pixels, a scan of one byte, and EOI.
fn small(marker: u8, precision: u8, width: u16, height: u16) -> Vec<u8> {
    let ([h1, h0], [w1, w0]) = (height.to_be_bytes(), width.to_be_bytes());
    let mut bytes = vec![0xFF, 0xD8, 0xFF, marker, 0, 11, precision];
    bytes.extend([h1, h0, w1, w0, 1, 1, 0x11, 0]);
    bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x55, 0xFF, 0xD9]);
    bytes
}

#[test]
fn header_and_extent_of_a_small_file() {
    let mut bytes = small(0xC0, 8, 640, 360);
    let want =
        Header { size: Size { width: 640, height: 360 }, components: 1, progressive: false, names: [1, 0, 0, 0] };
    assert_eq!(header(&bytes).unwrap(), want);
    assert!(header(&small(0xC2, 8, 1, 1)).unwrap().progressive);
    let want = Extent { scan_end: bytes.len() - 2, scans: 1, adobe: None, tidiness: Tidiness::Tidy };
    assert_eq!(extent(&bytes).unwrap(), want);
    bytes.extend(b"trailing \xFF\xD9");
    assert_eq!(extent(&bytes).unwrap(), want);
}

#[test]
fn stuffed_bytes_restarts_and_fill_bytes_do_not_end_a_scan_early() {
    let mut bytes = small(0xC0, 8, 1, 1);
    let at = bytes.len() - 2;
    bytes.splice(at..at, [0xFF, 0x00, 0xFF, 0xD3, 7, 0xFF, 0xFF, 0xFF, 0xD4, 7, 0xFF, 0xFF, 0xFF]);
    let extent = extent(&bytes).unwrap();
    assert_eq!(extent.scan_end, bytes.len() - 5, "the fill bytes begin here");
    assert_eq!(extent.tidiness, Tidiness::Tidy);
    assert!(scan_ends(&bytes).eq([extent.scan_end]));
}

#[test]
fn a_prefix_without_a_scan_is_truncated() {
    let bytes = small(0xC0, 8, 4, 4);
    let scan = bytes.len() - 3;
    for length in 1..scan {
        let error = extent(&bytes[..length]).unwrap_err();
        assert!(matches!(error, FrameError::Truncated { .. }), "{length} bytes: {error}");
    }
    // Only a decoder knows how many bytes a scan needs.
    for length in scan..bytes.len() {
        let extent = extent(&bytes[..length]).unwrap();
        assert_eq!((extent.scan_end, extent.tidiness), (length.min(scan + 1), Tidiness::NoEndMarker), "{length} bytes");
    }
}

#[test]
fn without_an_end_all_scans_must_be_there() {
    let scan = |first, last, bits| vec![0xFF, 0xDA, 0, 8, 1, 1, 0, first, last, bits, 0x55];
    let with = |scans: &[Vec<u8>]| [&small(0xC2, 8, 8, 8)[..15], &scans.concat()].concat();
    let all = [scan(0, 0, 0x01), scan(1, 63, 0x02), scan(1, 63, 0x21), scan(0, 0, 0x10), scan(1, 63, 0x10)];
    assert_eq!(extent(&with(&all)).unwrap().tidiness, Tidiness::NoEndMarker);
    for count in 1..all.len() {
        let error = extent(&with(&all[..count])).unwrap_err();
        assert!(matches!(error, FrameError::Truncated { .. }), "{count} scans: {error}");
        let ended = [&with(&all[..count])[..], &[0xFF, 0xD9]].concat();
        assert_eq!(extent(&ended).unwrap().tidiness, Tidiness::Tidy, "{count} scans, and the end");
    }
    let spoilt = [scan(0, 63, 0), vec![0xFF, 0xDA, 0, 3, 9]];
    assert!(extent(&with(&spoilt)).is_ok(), "a scan's header that says nothing takes nothing away");
}

#[test]
fn bytes_between_segments_are_passed_over() {
    let good = small(0xC0, 8, 4, 4);
    let want = extent(&good).unwrap();
    for strays in [&[0][..], b"stray", &[0xFF, 0], &[0xFF, 1, 0xFF, 0x42, 7], &[0xFF, 0xD3], &[9, 0xFF]] {
        for at in [2, 15, good.len() - 2] {
            let bytes = [&good[..at], strays, &good[at..]].concat();
            let got = extent(&bytes).unwrap();
            assert_eq!(header(&bytes).unwrap(), header(&good).unwrap(), "{strays:?} at {at}");
            if at < 16 {
                assert_eq!(got.tidiness, Tidiness::StrayBytes, "{strays:?} at {at}");
                assert_eq!(got.scan_end, want.scan_end + strays.len(), "{strays:?} at {at}");
            }
        }
    }
}

#[test]
fn broken_rules_are_named_with_their_place() {
    for (bytes, want) in [
        (&b"\xFF\xD8\xFF\xD8"[..], "at byte 2: a second picture"),
        (b"\xFF\xD8\xFF\xE0\0\x01", "at byte 2: the segment's length"),
        (b"\xFF\xD8\xFF\xFF\xD9", "at byte 3: no frame header"),
        (b"\xFF\xD8\xFF\xC0\0\x05\x08\0\x01", "at byte 2: the frame header is too"),
    ] {
        let error = header(bytes).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
        assert!(matches!(error, FrameError::BadHeader { .. }), "{error}");
    }
    let mut twice = small(0xC0, 8, 1, 1);
    twice.splice(15..15, small(0xC0, 8, 9, 9)[2..15].to_vec());
    assert!(extent(&twice).unwrap_err().to_string().contains("a second"));
    let mut no_scan = small(0xC0, 8, 1, 1);
    no_scan.drain(15..26);
    assert!(extent(&no_scan).unwrap_err().to_string().contains("before"));
}

#[test]
fn what_cannot_be_decoded_is_said_to_be_so() {
    for (bytes, want) in [
        (small(0xC3, 8, 1, 1), "lossless"),
        (small(0xC9, 8, 1, 1), "arithmetic"),
        (small(0xC5, 8, 1, 1), "hierarchical"),
        (small(0xC1, 12, 1, 1), "8 bits"),
    ] {
        let error = header(&bytes).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
        assert!(matches!(error, FrameError::Unsupported { .. }), "{error}");
    }
}

#[test]
fn a_picture_has_so_many_scans_and_no_more() {
    let with_scans = |count: usize| {
        let mut bytes = small(0xC2, 8, 1, 1);
        let scan = bytes[15..26].to_vec();
        bytes.splice(15..26, scan.repeat(count));
        bytes
    };
    assert_eq!(extent(&with_scans(MAX_SCANS)).unwrap().scans, MAX_SCANS);
    let error = extent(&with_scans(MAX_SCANS + 1)).unwrap_err();
    assert!(matches!(error, FrameError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains(&format!("more than {MAX_SCANS} scans")), "{error}");
}

#[test]
fn other_formats_are_named() {
    for (bytes, want) in [
        (&b"\x89PNG\r\n\x1A\n"[..], "a PNG"),
        (b"GIF89a", "a GIF"),
        (b"BM", "a BMP"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP"),
        (b"\0\0\0\x18ftypmp42", "an MP4, HEIC or AVIF file"),
        (b"hello", "something unknown"),
        (b"\xFF\xFF", "something unknown"),
    ] {
        match header(bytes) {
            Err(FrameError::NotJpeg { found }) => assert_eq!(found, want),
            other => panic!("{want}: {other:?}"),
        }
    }
}
