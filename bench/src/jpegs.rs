//! JPEGs that ffmpeg makes.

use facefleet_e2e::tool;

use crate::Error;

/// Runs ffmpeg with arguments that end with `-f mpjpeg pipe:1` or the like.
pub(crate) fn make(args: &[&str]) -> Result<Vec<Vec<u8>>, Error> {
    Ok(split(&tool("ffmpeg", args)?))
}

/// Splits what ffmpeg's muxer `mpjpeg` writes: before each JPEG a few lines of text, one of which has its length.
fn split(mut stream: &[u8]) -> Vec<Vec<u8>> {
    const LENGTH: &str = "Content-length: ";
    let mut jpegs = Vec::new();
    while let Some(end) = stream.windows(4).position(|four| four == b"\r\n\r\n") {
        let (head, rest) = stream.split_at(end);
        let head = String::from_utf8_lossy(head);
        let length = head.lines().find_map(|line| line.strip_prefix(LENGTH)?.parse().ok());
        let (jpeg, rest) = rest[4..].split_at(length.expect("ffmpeg says how long each JPEG is"));
        jpegs.push(jpeg.to_vec());
        stream = rest;
    }
    jpegs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_jpeg_is_as_long_as_its_head_says() {
        let stream = b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 6\r\n\r\na\r\n\r\nb\r\n--ffmpeg\r\n\
            Content-type: image/jpeg\r\nContent-length: 1\r\n\r\nc\r\n--ffmpeg\r\n";
        assert_eq!(split(stream), [&b"a\r\n\r\nb"[..], b"c"]);
    }
}
