//! Why frames end as they do: the words that may be values of a label. Another program may say anything on the wire.

/// Why a frame was left out on purpose.
pub const DROPPED: &[&str] =
    &["stale_client", "stale_worker", "queue_full", "stream_gone", "interrupted", "not_written"];

/// Why a frame could not be worked on.
pub const FAILED: &[&str] = &[
    "empty",
    "not_jpeg",
    "bad_header",
    "zero_size",
    "too_many_pixels",
    "unsupported",
    "truncated",
    "corrupt",
    "bad_target",
    "encode",
    "panicked",
    "no_detector",
    "too_large",
    "unreadable",
    "undecodable",
    "worker_lost",
];

/// For what is none of the known words.
pub const OTHER: &str = "other";

/// `reason` if it is one of `known`, and [`OTHER`] if not.
pub fn known(known: &[&'static str], reason: &str) -> &'static str {
    known.iter().copied().find(|word| *word == reason).unwrap_or(OTHER)
}
