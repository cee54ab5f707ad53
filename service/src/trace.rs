//! Trace ids: every frame has one, which all programs that see the frame use in their logs and traces.
//!
//! A client gives each stream a random trace id and sends it as a W3C [`traceparent`] in the gRPC metadata of its calls. The id of
//! a frame has 16 bytes, written as 32 hexadecimal digits. The first 8 are the stream's half: the first 8 bytes of the stream's
//! trace id, or its last 8 where those are 0. The last 8 bytes are the frame's number. So both sides know the id of a frame without
//! another field on the wire.
//!
//! Each frame is a trace of its own. The client's span begins when the frame comes and ends when the frame goes on. The id of that
//! span is the stream's half again, so the worker knows it as well and makes its own span a child of it.
//!
//! [`traceparent`]: https://www.w3.org/TR/trace-context/

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use tonic::Request;
use tonic::metadata::MetadataValue;

/// The name of the metadata entry.
const TRACEPARENT: &str = "traceparent";
/// The length of a header in bytes: version, trace id, parent id and flags. Later versions may append to it.
const LENGTH: usize = 55;

/// The trace id of a stream, which is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTrace(u128);

/// The id of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTrace(u128);

impl StreamTrace {
    /// The id of a new stream. It is made from the system's random keys, so that no two streams of a cluster have the same.
    pub fn random() -> StreamTrace {
        let digits = || u128::from(RandomState::new().hash_one(TRACEPARENT));
        StreamTrace((digits() << 64 | digits()).max(1))
    }

    /// Reads a `traceparent`. None means that the header is invalid, and then the specification wants it to be ignored.
    pub fn parse(header: &str) -> Option<StreamTrace> {
        let bytes = header.as_bytes();
        let fields = bytes.get(..LENGTH)?;
        let is_known = fields.starts_with(b"00-") && bytes.len() == LENGTH;
        let is_later = !fields.starts_with(b"00-") && matches!(bytes.get(LENGTH), None | Some(b'-'));
        let dashes = [2, 35, 52].iter().all(|at| fields[*at] == b'-');
        if !dashes || !(is_known || is_later) || fields.starts_with(b"ff") {
            return None;
        }
        hex(&fields[..2])?;
        hex(&fields[53..])?;
        // All zeros are no id.
        hex(&fields[36..52]).filter(|parent| *parent != 0)?;
        let (first, last) = (hex(&fields[3..19])?, hex(&fields[19..35])?);
        let trace = u128::from(first) << 64 | u128::from(last);
        (trace != 0).then_some(StreamTrace(trace))
    }

    /// Extracts the trace id from a call's metadata. None when there is none or it is invalid.
    pub fn extract<T>(request: &Request<T>) -> Option<StreamTrace> {
        StreamTrace::parse(request.metadata().get(TRACEPARENT)?.to_str().ok()?)
    }

    /// Injects the trace id into a call's metadata.
    pub fn inject<T>(self, request: &mut Request<T>) {
        let header = MetadataValue::try_from(self.to_string()).expect("hexadecimal digits and dashes are ASCII");
        request.metadata_mut().insert(TRACEPARENT, header);
    }

    /// The id of the frame with this number.
    pub fn frame(self, number: u64) -> FrameTrace {
        FrameTrace(u128::from(self.half()) << 64 | u128::from(number))
    }

    /// The stream's half of its frames' ids: the first 8 bytes, or the last 8 where the first are 0, as they are from systems whose ids
    /// have 64 bits.
    fn half(self) -> u64 {
        let [first, last] = [self.0 >> 64, self.0].map(|half| half as u64);
        if first == 0 { last } else { first }
    }
}

/// Writes a `traceparent` with the flag `sampled`, because whoever wants no traces exports none.
impl fmt::Display for StreamTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.0, self.half())
    }
}

/// Writes 32 hexadecimal digits.
impl fmt::Display for FrameTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Reads at most 16 hexadecimal digits. The specification allows lower case only.
fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number: u64, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_frame_is_its_stream_and_its_number() {
        let stream = StreamTrace::parse(GOOD).unwrap();
        assert_eq!(stream.frame(0).to_string(), "4bf92f3577b34da60000000000000000");
        assert_eq!(stream.frame(0x1234).to_string(), "4bf92f3577b34da60000000000001234");
        let short = StreamTrace::parse("00-0000000000000000a3ce929d0e0e4736-00f067aa0ba902b7-00").unwrap();
        assert_eq!(short.frame(1).to_string(), "a3ce929d0e0e47360000000000000001");
    }

    #[test]
    fn both_sides_know_the_same() {
        let (ours, others) = (StreamTrace::random(), StreamTrace::random());
        assert_ne!(ours, others);
        let mut request = Request::new(());
        ours.inject(&mut request);
        assert_eq!(StreamTrace::extract(&request), Some(ours));
    }

    #[test]
    fn what_is_no_traceparent_is_ignored() {
        let bad = [
            String::new(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-00"),
            format!("{GOOD}0"),
            GOOD.replace("00-4b", "ff-4b"),
            GOOD.replace("4bf9", "4BF9"),
            GOOD.replace("4bf9", "4bg9"),
            GOOD.replace('-', "_"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01".to_owned(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01".to_owned(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x".to_owned(),
            "é".repeat(55),
            GOOD.repeat(10_000),
        ];
        for header in bad {
            assert_eq!(StreamTrace::parse(&header), None, "{}", header.chars().take(80).collect::<String>());
        }
        let later = GOOD.replace("00-4b", "01-4b");
        for header in [GOOD, &later, &format!("{later}-more")] {
            assert!(StreamTrace::parse(header).is_some(), "{header}");
        }
        let mut request = Request::new(());
        request.metadata_mut().insert(TRACEPARENT, MetadataValue::from_static("nonsense"));
        assert_eq!(StreamTrace::extract(&request), None);
    }
}
