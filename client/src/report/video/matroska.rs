//! Writes the subset of Matroska (RFC 9559) that passes raw frames with their times to ffmpeg through a pipe.
//!
//! Few containers can be streamed and keep the time of each frame, and Matroska is the simplest of them.

use std::io::{self, Write};
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
    pub(super) const DEFAULT_DURATION: u32 = 0x23_E383;
    pub(super) const LANGUAGE: u32 = 0x22_B59C;
    pub(super) const CODEC_ID: u32 = 0x86;
    pub(super) const VIDEO: u32 = 0xE0;
    pub(super) const PIXEL_WIDTH: u32 = 0xB0;
    pub(super) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(super) const UNCOMPRESSED_FOURCC: u32 = 0x2E_B524;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const TIMESTAMP: u32 = 0xE7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xA3;
}

/// The unit of times, in nanoseconds.
const TICK_NS: u64 = 1;

/// The size field of an element that ends where its parent ends (RFC 8794, section 6.2), eight bytes long.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// The frames of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track {
    /// Width and height in pixels.
    pub(super) size: (u32, u32),
    /// What ffmpeg knows the pixel format by.
    pub(super) fourcc: [u8; 4],
    /// Time between two frames, as the encoder is told it.
    pub(super) period: Duration,
}

/// Writes raw frames, each with its time.
#[derive(Debug)]
pub(super) struct Writer<W>(W);

impl<W: Write> Writer<W> {
    /// Starts a stream.
    pub(super) fn new(mut output: W, track: Track) -> io::Result<Writer<W>> {
        let number = |id, value: u64| element(id, &value.to_be_bytes());
        let video = [
            number(id::PIXEL_WIDTH, track.size.0.into()),
            number(id::PIXEL_HEIGHT, track.size.1.into()),
            element(id::UNCOMPRESSED_FOURCC, &track.fourcc),
        ];
        let track = [
            number(id::TRACK_NUMBER, 1),
            number(id::TRACK_UID, 1),
            number(id::TRACK_TYPE, 1),
            number(id::DEFAULT_DURATION, nanoseconds(track.period).max(1)),
            // Without it, the language would be English.
            element(id::LANGUAGE, b"und"),
            element(id::CODEC_ID, b"V_UNCOMPRESSED"),
            element(id::VIDEO, &video.concat()),
        ];
        output.write_all(&element(id::EBML, &element(id::DOC_TYPE, b"matroska")))?;
        output.write_all(&id_bytes(id::SEGMENT))?;
        output.write_all(&UNKNOWN_SIZE)?;
        output.write_all(&element(id::INFO, &number(id::TIMESTAMP_SCALE, TICK_NS)))?;
        output.write_all(&element(id::TRACKS, &element(id::TRACK_ENTRY, &track.concat())))?;
        Ok(Writer(output))
    }

    /// Writes one frame, in its own cluster.
    pub(super) fn write(&mut self, time: Duration, frame: &[u8]) -> io::Result<()> {
        let timestamp = element(id::TIMESTAMP, &nanoseconds(time).to_be_bytes());
        // The block belongs to track 1 (with its length marker), has time 0 in its cluster, and is a key frame.
        const BLOCK_HEAD: [u8; 4] = [0x81, 0, 0, 0x80];
        let block_head = element_head(id::SIMPLE_BLOCK, BLOCK_HEAD.len() + frame.len());
        let head = [timestamp, block_head, BLOCK_HEAD.to_vec()].concat();
        self.0.write_all(&element_head(id::CLUSTER, head.len() + frame.len()))?;
        self.0.write_all(&head)?;
        self.0.write_all(frame)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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

    #[test]
    fn a_frame_is_a_cluster_with_its_time_in_nanoseconds() {
        let mut bytes = Vec::new();
        let track = Track { size: (2, 2), fourcc: *b"I420", period: Duration::from_millis(40) };
        let mut writer = Writer::new(&mut bytes, track).unwrap();
        writer.write(Duration::from_nanos(33_366_667), &[1, 2, 3, 4, 5, 6]).unwrap();
        let cluster = b"\x1F\x43\xB6\x75\x01\x00\x00\x00\x00\x00\x00\x24\
            \xE7\x01\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x01\xFD\x22\x8B\
            \xA3\x01\x00\x00\x00\x00\x00\x00\x0A\x81\x00\x00\x80\x01\x02\x03\x04\x05\x06";
        assert!(bytes.ends_with(cluster), "{:x?}", &bytes[bytes.len() - cluster.len()..]);
        let head = &bytes[..bytes.len() - cluster.len()];
        assert!(head.starts_with(b"\x1A\x45\xDF\xA3") && head.windows(4).any(|four| four == b"I420"));
        assert!(head.ends_with(b"I420"));
    }
}
