//! Reads the JPEGs that ffmpeg writes into a pipe with its muxer `mpjpeg`: each with a few header lines that say how long it is.

use std::io::{self, BufRead, ErrorKind, Read};

/// A longer JPEG is taken for a damaged stream.
const MOST_BYTES: u64 = 256 << 20;
/// A longer line is taken for a damaged stream.
const MOST_LINE_BYTES: u64 = 1 << 10;

/// Returns the next JPEG, or None at the end of the stream.
///
/// # Errors
/// Fails if the stream ends inside a JPEG or is something else.
pub(crate) fn next_jpeg(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        input.by_ref().take(MOST_LINE_BYTES).read_until(b'\n', &mut line)?;
        let Some(text) = line.strip_suffix(b"\n") else {
            return if line.is_empty() && length.is_none() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        };
        match (text.trim_ascii(), length) {
            // The boundary comes before each JPEG, and an empty line after it.
            (b"", None) => {}
            (b"", Some(length)) => return content(input, length).map(Some),
            (text, _) => {
                if let Some((key, value)) = str::from_utf8(text).ok().and_then(|text| text.split_once(':'))
                    && key.eq_ignore_ascii_case("content-length")
                {
                    let bytes = value.trim().parse().ok().filter(|bytes| *bytes <= MOST_BYTES);
                    length = Some(bytes.ok_or_else(|| damaged("a frame has an impossible size"))?);
                }
            }
        }
    }
}

fn content(input: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    // The buffer grows with the bytes that arrive, never by the length that the stream announces.
    let mut jpeg = Vec::new();
    input.take(length).read_to_end(&mut jpeg)?;
    if (jpeg.len() as u64) < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(jpeg) }
}

fn damaged(problem: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 3\r\n\r\n\r\n!\r\n--ffmpeg\r\n\
        Content-type: image/jpeg\r\nContent-length: 2\r\n\r\nhi\r\n--ffmpeg\r\n";

    fn read(mut bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        std::iter::from_fn(|| next_jpeg(&mut bytes).transpose()).collect()
    }

    #[test]
    fn each_jpeg_is_as_long_as_announced() {
        assert_eq!(read(STREAM).unwrap(), [b"\r\n!".to_vec(), b"hi".to_vec()]);
    }

    #[test]
    fn every_cut_is_an_end_or_an_error() {
        for length in 0..STREAM.len() {
            match read(&STREAM[..length]) {
                Ok(jpegs) => assert!(jpegs.len() <= 2, "cut at {length}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut at {length}"),
            }
        }
        assert!(read(&STREAM[..58]).is_err());
    }

    #[test]
    fn noise_is_an_error_and_takes_no_memory() {
        let huge = b"Content-length: 99999999999\r\n\r\n";
        assert_eq!(read(huge).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read(b"Content-length: -1\r\n\r\n").unwrap_err().kind(), ErrorKind::InvalidData);
        let promised = b"Content-length: 200000000\r\n\r\nab";
        assert_eq!(read(promised).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(read(&[b'x'; 4096]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
