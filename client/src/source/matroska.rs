//! The subset of Matroska (RFC 9559) that is needed to pass frames with their times through a pipe.
//!
//! ffmpeg reads and writes many containers, but few can be streamed in both directions and keep the time of each frame. The
//! frames of phones and cameras are not evenly spaced, so their times must be kept. Matroska is the simplest container that
//! does both. ffmpeg writes one JPEG per block, and reads one raw RGB picture per block.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// Element ids (RFC 9559, section 5.1), with their length marker.
mod id {
    pub(super) const EBML: u32 = 0x1A45_DFA3;
    pub(super) const DOC_TYPE: u32 = 0x4282;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const INFO: u32 = 0x1549_A966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(super) const TRACKS: u32 = 0x1654_AE6B;
    pub(super) const TRACK_ENTRY: u32 = 0xAE;
    pub(super) const TRACK_NUMBER: u32 = 0xD7;
    pub(super) const TRACK_UID: u32 = 0x73C5;
    pub(super) const TRACK_TYPE: u32 = 0x83;
    pub(super) const CODEC_ID: u32 = 0x86;
    pub(super) const VIDEO: u32 = 0xE0;
    pub(super) const PIXEL_WIDTH: u32 = 0xB0;
    pub(super) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(super) const UNCOMPRESSED_FOURCC: u32 = 0x2E_B524;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const TIMESTAMP: u32 = 0xE7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(super) const BLOCK_GROUP: u32 = 0xA0;
    pub(super) const BLOCK: u32 = 0xA1;
}

/// The default unit of timestamps, in nanoseconds (RFC 9559, section 5.1.2.9).
const USUAL_TICK_NS: u64 = 1_000_000;
/// The unit of timestamps in the streams that are written here, in nanoseconds. With milliseconds, frames at an even rate of
/// 30 per second would become uneven.
const OUR_TICK_NS: u64 = 1_000;

/// A larger block is taken for a damaged stream: even a JPEG of 100 megapixels is smaller.
const MAX_BLOCK_BYTES: u64 = 256 << 20;

/// The size field of an element that ends where its parent ends (RFC 8794, section 6.2), eight bytes long.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// Reads the blocks of a stream that has one track.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    tick_ns: u64,
    cluster_ticks: u64,
}

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Time since the start of the stream.
    pub(crate) time: Duration,
    /// The content of the block: one frame.
    pub(crate) data: Vec<u8>,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(input: R) -> Reader<R> {
        Reader { input, tick_ns: USUAL_TICK_NS, cluster_ticks: 0 }
    }

    /// Returns the next block, or None at the end of the stream.
    ///
    /// # Errors
    /// Fails if the stream ends inside an element or is not Matroska.
    pub(crate) fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            let Some(id) = self.element_id()? else { return Ok(None) };
            let size = self.element_size()?;
            match id {
                // The children of these elements are read as if they were at the top level.
                id::SEGMENT | id::INFO | id::CLUSTER | id::BLOCK_GROUP => {}
                id::TIMESTAMP_SCALE => self.tick_ns = self.unsigned(size)?,
                id::TIMESTAMP => self.cluster_ticks = self.unsigned(size)?,
                id::SIMPLE_BLOCK | id::BLOCK => return self.block(size).map(Some),
                _ => self.skip(size)?,
            }
        }
    }

    /// Reads an element id, or returns None at the end of the stream.
    fn element_id(&mut self) -> io::Result<Option<u32>> {
        let mut first = [0];
        loop {
            match self.input.read(&mut first) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let more = first[0].leading_zeros() as usize;
        if more > 3 {
            return Err(damaged("an element id is longer than 4 bytes"));
        }
        let mut rest = [0; 3];
        self.input.read_exact(&mut rest[..more])?;
        Ok(Some(rest[..more].iter().fold(first[0].into(), |id, byte| id << 8 | u32::from(*byte))))
    }

    /// Reads an element size, or returns None if the size is marked as unknown.
    fn element_size(&mut self) -> io::Result<Option<u64>> {
        let mut first = [0];
        self.input.read_exact(&mut first)?;
        let more = first[0].leading_zeros() as usize;
        if more > 7 {
            return Err(damaged("an element size is longer than 8 bytes"));
        }
        let mut rest = [0; 7];
        self.input.read_exact(&mut rest[..more])?;
        let marker_cleared = u64::from(first[0]) & (0x7F >> more);
        let size = rest[..more].iter().fold(marker_cleared, |size, byte| size << 8 | u64::from(*byte));
        let all_ones = (1 << (7 * (more + 1))) - 1;
        Ok((size != all_ones).then_some(size))
    }

    fn unsigned(&mut self, size: Option<u64>) -> io::Result<u64> {
        let size = size.filter(|s| *s <= 8).ok_or_else(|| damaged("a number is longer than 8 bytes"))?;
        let mut bytes = [0; 8];
        // The size is at most 8, as checked above.
        self.input.read_exact(&mut bytes[8 - size as usize..])?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn block(&mut self, size: Option<u64>) -> io::Result<Block> {
        // The head is: track number (one byte for the tracks 1 to 127), time within the cluster, flags.
        const HEAD: usize = 4;
        let size = size
            .filter(|s| (HEAD as u64..=MAX_BLOCK_BYTES).contains(s))
            .ok_or_else(|| damaged("a frame has an impossible size"))?;
        let mut head = [0; HEAD];
        self.input.read_exact(&mut head)?;
        let ticks = self.cluster_ticks.saturating_add_signed(i16::from_be_bytes([head[1], head[2]]).into());
        let time = Duration::from_nanos(ticks.saturating_mul(self.tick_ns));
        let length = size - HEAD as u64;
        // The buffer grows with the bytes that arrive, never by the size that the stream announces.
        let mut data = Vec::new();
        self.input.by_ref().take(length).read_to_end(&mut data)?;
        if (data.len() as u64) < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Block { time, data })
    }

    fn skip(&mut self, size: Option<u64>) -> io::Result<()> {
        let size = size.ok_or_else(|| damaged("an element of unknown size cannot be passed over"))?;
        let passed = io::copy(&mut self.input.by_ref().take(size), &mut io::sink())?;
        if passed < size { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn damaged(problem: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, problem)
}

/// Writes raw RGB pictures (`rgb24`: rows from the top, three bytes per pixel), each with its time.
#[derive(Debug)]
pub(crate) struct RgbWriter<W> {
    output: W,
    picture_bytes: usize,
}

impl<W: Write> RgbWriter<W> {
    /// Starts a stream of pictures of `width` × `height` pixels.
    pub(crate) fn new(mut output: W, width: u32, height: u32) -> io::Result<RgbWriter<W>> {
        let number = |id, value: u64| element(id, &value.to_be_bytes());
        let video = [
            number(id::PIXEL_WIDTH, width.into()),
            number(id::PIXEL_HEIGHT, height.into()),
            element(id::UNCOMPRESSED_FOURCC, b"RGB\x18"),
        ];
        let track = [
            number(id::TRACK_NUMBER, 1),
            number(id::TRACK_UID, 1),
            number(id::TRACK_TYPE, 1),
            element(id::CODEC_ID, b"V_UNCOMPRESSED"),
            element(id::VIDEO, &video.concat()),
        ];
        output.write_all(&element(id::EBML, &element(id::DOC_TYPE, b"matroska")))?;
        output.write_all(&id_bytes(id::SEGMENT))?;
        output.write_all(&UNKNOWN_SIZE)?;
        output.write_all(&element(id::INFO, &number(id::TIMESTAMP_SCALE, OUR_TICK_NS)))?;
        output.write_all(&element(id::TRACKS, &element(id::TRACK_ENTRY, &track.concat())))?;
        Ok(RgbWriter { output, picture_bytes: width as usize * height as usize * 3 })
    }

    /// Writes one picture, in its own cluster.
    ///
    /// # Panics
    /// Panics if `rgb` does not have the picture size of the stream.
    pub(crate) fn write(&mut self, time: Duration, rgb: &[u8]) -> io::Result<()> {
        assert_eq!(rgb.len(), self.picture_bytes, "all pictures of a stream have the same size");
        let ticks = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) / OUR_TICK_NS;
        let timestamp = element(id::TIMESTAMP, &ticks.to_be_bytes());
        // The block belongs to track 1 (with its length marker), has time 0 in its cluster, and is a key frame.
        const BLOCK_HEAD: [u8; 4] = [0x81, 0, 0, 0x80];
        let block_head = element_head(id::SIMPLE_BLOCK, BLOCK_HEAD.len() + rgb.len());
        let head = [timestamp, block_head, BLOCK_HEAD.to_vec()].concat();
        self.output.write_all(&element_head(id::CLUSTER, head.len() + rgb.len()))?;
        self.output.write_all(&head)?;
        self.output.write_all(rgb)
    }
}

fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = element_head(id, content.len());
    bytes.extend_from_slice(content);
    bytes
}

/// Encodes the id and the size of an element, the size always in eight bytes.
fn element_head(id: u32, content_bytes: usize) -> Vec<u8> {
    let mut bytes = id_bytes(id);
    bytes.extend((content_bytes as u64 | 1 << 56).to_be_bytes());
    bytes
}

fn id_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pictures: &[(u64, [u8; 6])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = RgbWriter::new(&mut bytes, 2, 1).unwrap();
        for (us, rgb) in pictures {
            writer.write(Duration::from_micros(*us), rgb).unwrap();
        }
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<Block>> {
        let mut reader = Reader::new(bytes);
        std::iter::from_fn(|| reader.next_block().transpose()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let pictures = [(0, [1; 6]), (33_367, [2; 6]), (3_600_000_000, [3; 6])];
        let blocks = read(&written(&pictures)).unwrap();
        let expected = pictures.map(|(us, rgb)| Block { time: Duration::from_micros(us), data: rgb.to_vec() });
        assert_eq!(blocks, expected);
    }

    #[test]
    fn short_sizes_block_groups_and_unknown_elements_are_read() {
        // A cluster of unknown size: timestamp 1000 in two bytes, a Void element, a group with a block at -10.
        let bytes = b"\x1F\x43\xB6\x75\xFF\xE7\x82\x03\xE8\xEC\x81\x00\xA0\x88\xA1\x86\x81\xFF\xF6\x00hi";
        let block = Block { time: Duration::from_millis(990), data: b"hi".to_vec() };
        assert_eq!(read(bytes).unwrap(), [block]);
    }

    #[test]
    fn every_cut_is_an_end_or_an_error() {
        let whole = written(&[(0, [1; 6]), (40, [2; 6])]);
        let mut ends = 0;
        for length in 0..whole.len() {
            match read(&whole[..length]) {
                Ok(blocks) => {
                    assert!(blocks.len() < 2, "cut at {length}");
                    ends += 1;
                }
                Err(e) => assert_eq!(e.kind(), ErrorKind::UnexpectedEof, "cut at {length}"),
            }
        }
        assert!(ends > 0 && ends < whole.len());
    }

    #[test]
    fn noise_is_an_error_and_takes_no_memory() {
        for noise in [&b"\x00\x00\x00\x00"[..], b"\xA3\x00", b"\xA3\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFE", b"\xA3\x81\x00"] {
            assert_eq!(read(noise).unwrap_err().kind(), ErrorKind::InvalidData, "{noise:?}");
        }
        // 200 MiB promised, 2 bytes there.
        let promise = b"\xA3\x1C\x80\x00\x00\x81\x00\x00\x80ab";
        assert_eq!(read(promise).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
