//! A camera behind RTSP (RFC 2326) that sends RTP (RFC 6184) in the connection on which it is asked.

use std::io;
use std::sync::Arc;

use facefleet_service::clock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Script, Sent, end};

/// One frame: the units of H.264 that belong to it.
pub(super) type Frame = Vec<Vec<u8>>;

/// The type of the unit that stands before each frame.
const DELIMITER: u8 = 9;
/// Steps of the clock of RTP video in a second.
const CLOCK: f64 = 90_000.0;
/// What is sent, as SDP. The numbers of the picture are in the stream itself.
const DESCRIPTION: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n\
                           a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track\r\n";

/// Cuts a stream with start codes into frames.
pub(super) fn frames(h264: &[u8]) -> Vec<Frame> {
    let starts: Vec<usize> = (2..h264.len()).filter(|at| h264[at - 2..=*at] == [0, 0, 1]).map(|at| at + 1).collect();
    let ends = starts.iter().skip(1).map(|next| next - 3).chain([h264.len()]);
    let mut frames: Vec<Frame> = Vec::new();
    for (start, end) in starts.iter().zip(ends) {
        // Zeros at the end belong to the next start code.
        let length = h264[*start..end].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let unit = &h264[*start..*start + length];
        if unit.first().is_some_and(|first| first & 0x1F == DELIMITER) {
            frames.push(Frame::new());
        } else if let Some(frame) = frames.last_mut() {
            frame.push(unit.to_vec());
        }
    }
    frames
}

/// Answers until the viewer wants to play, and plays.
pub(super) async fn serve(
    viewer: TcpStream,
    number: usize,
    sent: Sent,
    script: Script,
    frames: Arc<Vec<Frame>>,
) -> io::Result<()> {
    if number >= script.viewers {
        return Ok(());
    }
    let mut viewer = BufReader::new(viewer);
    loop {
        let request = read_head(&mut viewer).await?;
        let Some(method) = request.first().and_then(|line| line.split(' ').next()) else { return Ok(()) };
        let (status, more) = match method {
            "OPTIONS" => ("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n".to_owned()),
            "DESCRIBE" => {
                let length = DESCRIPTION.len();
                ("200 OK", format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{DESCRIPTION}"))
            }
            "SETUP" if header(&request, "transport").contains("TCP") => {
                ("200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n".to_owned())
            }
            "SETUP" => ("461 Unsupported Transport", "\r\n".to_owned()),
            _ => ("200 OK", "Session: 1\r\n\r\n".to_owned()),
        };
        let answer = format!("RTSP/1.0 {status}\r\nCSeq: {}\r\n{more}", header(&request, "cseq"));
        viewer.write_all(answer.as_bytes()).await?;
        match method {
            "PLAY" => break,
            "TEARDOWN" => return Ok(()),
            _ => {}
        }
    }
    let start = clock::now();
    let mut packets: u16 = 0;
    for (index, frame) in frames.iter().take(script.frames).enumerate() {
        script.wait(start, index).await;
        let time = (index as f64 * CLOCK / script.fps) as u32;
        for (unit, bytes) in frame.iter().enumerate() {
            let packet = packet(packets, time, unit + 1 == frame.len(), bytes);
            viewer.write_all(&packet).await?;
            packets = packets.wrapping_add(1);
        }
        sent.record(number);
    }
    script.wait(start, script.frames).await;
    end(viewer.into_inner(), script.then).await
}

/// One unit as a packet of RTP, in the frame that RTSP puts around it. `last` marks the end of a frame.
fn packet(number: u16, time: u32, last: bool, unit: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + unit.len()).expect("a unit of a small picture is short").to_be_bytes();
    let kind = 96 | u8::from(last) << 7;
    let sender = [0, 0, 0, 7];
    [&[b'$', 0][..], &length, &[0x80, kind], &number.to_be_bytes(), &time.to_be_bytes(), &sender, unit].concat()
}

/// The lines of a request; none, if the viewer has gone.
async fn read_head(viewer: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        viewer.read_line(&mut line).await?;
        match line.trim_end() {
            "" => return Ok(lines),
            text => lines.push(text.to_owned()),
        }
    }
}

/// What stands behind a name, written here in lower case; empty where it is missing.
fn header<'a>(request: &'a [String], name: &str) -> &'a str {
    let find = |line: &'a String| line.split_once(':').filter(|(found, _)| found.eq_ignore_ascii_case(name));
    request.iter().find_map(find).map_or("", |(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_begin_with_delimiters_and_units_with_start_codes() {
        let h264 = [0, 0, 0, 1, 9, 16, 0, 0, 0, 1, 0x67, 5, 0, 0, 1, 0x65, 0, 3, 0, 0, 0, 1, 9, 16, 0, 0, 1, 0x61];
        assert_eq!(frames(&h264), [vec![vec![0x67, 5], vec![0x65, 0, 3]], vec![vec![0x61]]]);
    }
}
