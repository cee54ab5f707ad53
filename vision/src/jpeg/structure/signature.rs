//! Kinds of files that are sent in place of a JPEG.

/// Names the kind of file that begins like `bytes`, with an article.
pub(super) fn signature(bytes: &[u8]) -> &'static str {
    const SIGNATURES: [(&[u8], &str); 8] = [
        (b"\x89PNG", "a PNG"),
        (b"GIF8", "a GIF"),
        (b"BM", "a BMP"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"\xFF\x0A", "a JPEG XL"),
        (b"\0\0\0\x0CjP  ", "a JPEG 2000"),
        (b"\x1A\x45\xDF\xA3", "a Matroska or WebM video"),
    ];
    let known = SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start));
    match (known, bytes.get(4..8), bytes.get(8..12)) {
        (Some((_, name)), ..) => name,
        (None, _, Some(b"WEBP")) => "a WebP",
        (None, Some(b"ftyp"), _) => "an MP4, HEIC or AVIF file",
        _ => "something unknown",
    }
}
