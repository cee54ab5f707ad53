//! One id for each frame, in the logs and traces of all programs that see it.
//!
//! A client gives each stream a random trace id and sends it as a W3C [`traceparent`] in the gRPC metadata of its calls. The id of
//! a frame is made of it and of the frame's number, so both sides know it without another field on the wire: the stream's half,
//! which is the first 8 bytes of its trace id (the last, where those are 0), and the number as the last 8. It is written as 32 hexadecimal digits.
//!
//! Each frame is a trace of its own. The span of the client begins when the frame comes and ends when it goes on; its id is the
//! stream's half again, so that the worker, whose span is its child, knows that too.
//!
//! [`traceparent`]: https://www.w3.org/TR/trace-context/

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use tonic::Request;
use tonic::metadata::MetadataValue;

/// The name of the metadata.
const TRACEPARENT: &str = "traceparent";
/// Of a header: version, trace id, parent id and flags. Later versions may say more behind them.
const LENGTH: usize = 55;

/// The trace id of a stream. Not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTrace(u128);

/// The id of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTrace(u128);

impl StreamTrace {
    /// That of a new stream. Its digits come from the system, so that no two streams of a cluster have the same.
    pub fn random() -> StreamTrace {
        let digits = || u128::from(RandomState::new().hash_one(TRACEPARENT));
        StreamTrace((digits() << 64 | digits()).max(1))
    }

    /// Reads a `traceparent`. None: it is none, and the specification wants it to be ignored.
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

    /// What a call says of its stream. None: nothing, or nonsense.
    pub fn told<T>(request: &Request<T>) -> Option<StreamTrace> {
        StreamTrace::parse(request.metadata().get(TRACEPARENT)?.to_str().ok()?)
    }

    /// Has a call say it.
    pub fn tell<T>(self, request: &mut Request<T>) {
        let header = MetadataValue::try_from(self.to_string()).expect("hexadecimal digits and dashes are ASCII");
        request.metadata_mut().insert(TRACEPARENT, header);
    }

    /// The id of the frame of this number.
    pub fn frame(self, number: u64) -> FrameTrace {
        FrameTrace(u128::from(self.half()) << 64 | u128::from(number))
    }

    /// The first 8 bytes; of a system whose ids have 64 bits, and are filled up with zeros in front, the last.
    fn half(self) -> u64 {
        let [first, last] = [self.0 >> 64, self.0].map(|half| half as u64);
        if first == 0 { last } else { first }
    }
}

/// As a `traceparent`: sampled, since whoever wants no traces exports none.
impl fmt::Display for StreamTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.0, self.half())
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for FrameTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// At most 16 digits, in lower case alone, as the specification wants them.
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
        ours.tell(&mut request);
        assert_eq!(StreamTrace::told(&request), Some(ours));
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
        assert_eq!(StreamTrace::told(&request), None);
    }
}
