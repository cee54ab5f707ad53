//! Why frames end without a result: the closed vocabulary that messages, JSON, metric labels and the page's texts go by.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

/// Stands for every reason that has no name of its own, where names are limited: in metric labels and in reports.
pub const OTHER: &str = "other";

/// Declares an enum of words: a variant for each word that this release knows, and `Other` for what another release says.
///
/// Values are equal and ordered as their words are, so a map by reason lists them in alphabetical order and can be asked
/// for a `str`.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that this release does not know, as a newer or older program sent it.
            Other(String),
        }

        impl $name {
            /// All words that this release knows.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// Every value that [`Self::label`] may have: the known words, then [`OTHER`].
            pub const LABELS: &[&str] = &[$($word,)+ OTHER];

            /// The word on the wire and in JSON, in snake_case.
            pub fn as_str(&self) -> &str {
                match self {
                    $name::Other(word) => word,
                    known => known.label(),
                }
            }

            /// The word as a metric label: [`OTHER`] where it is not known, so that no peer can create new time series.
            pub fn label(&self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(_) => OTHER,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> $name {
                match word.as_str() {
                    $($word => $name::$variant,)+
                    _ => $name::Other(word),
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> $name {
                word.to_owned().into()
            }
        }

        impl From<$name> for String {
            fn from(reason: $name) -> String {
                match reason {
                    $name::Other(word) => word,
                    known => known.label().to_owned(),
                }
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &$name) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &$name) -> Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// Why a frame was left out on purpose.
    DropReason {
        /// The frame became too old at the client before a worker could begin with it.
        StaleClient = "stale_client",
        /// The frame became too old in the worker's queue.
        StaleWorker = "stale_worker",
        /// There was no room, at the client or at the worker; the oldest frame that waited was dropped.
        QueueFull = "queue_full",
        /// The stream that the frame belonged to had ended, so nobody waited for the result.
        StreamGone = "stream_gone",
        /// The run was stopped by a signal before the frame was sent.
        Interrupted = "interrupted",
        /// An output could not be written, so the rest of the stream was given up.
        NotWritten = "not_written",
    }
}

vocabulary! {
    /// Why a frame could not be processed.
    FailureCode {
        /// The frame has no bytes.
        Empty = "empty",
        /// The bytes are not a JPEG.
        NotJpeg = "not_jpeg",
        /// The JPEG's marker segments break the standard's rules.
        BadHeader = "bad_header",
        /// The JPEG header gives a width or a height of zero.
        ZeroSize = "zero_size",
        /// The JPEG header gives more pixels than the worker's limit.
        TooManyPixels = "too_many_pixels",
        /// The JPEG is of a kind that is not decoded, such as lossless.
        Unsupported = "unsupported",
        /// The bytes end before the picture does.
        Truncated = "truncated",
        /// The coded picture is damaged.
        Corrupt = "corrupt",
        /// The size that was asked for is zero, or over the limits.
        BadTarget = "bad_target",
        /// The annotated picture could not be encoded.
        Encode = "encode",
        /// The decoder, the detector or the detector thread panicked.
        Panicked = "panicked",
        /// The worker could not set up the detector that was asked for.
        NoDetector = "no_detector",
        /// The frame is larger than a message may be.
        TooLarge = "too_large",
        /// The source could not give the frame, such as a picture file that cannot be read.
        Unreadable = "unreadable",
        /// A worker of the old protocol sent no picture back.
        Undecodable = "undecodable",
        /// Too many workers were lost while they had the frame.
        WorkerLost = "worker_lost",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_known_word_is_parsed_to_its_own_variant() {
        let distinct: BTreeSet<&str> = DropReason::LABELS.iter().copied().collect();
        assert_eq!(distinct.len(), DropReason::ALL.len() + 1);
        for reason in DropReason::ALL {
            let parsed = DropReason::from(reason.as_str());
            assert!(!matches!(parsed, DropReason::Other(_)) && parsed == *reason, "{reason}");
            assert!(DropReason::LABELS.contains(&reason.label()));
        }
        let distinct: BTreeSet<&str> = FailureCode::LABELS.iter().copied().collect();
        assert_eq!(distinct.len(), FailureCode::ALL.len() + 1);
        for code in FailureCode::ALL {
            let parsed = FailureCode::from(code.as_str());
            assert!(!matches!(parsed, FailureCode::Other(_)) && parsed == *code, "{code}");
            assert!(FailureCode::LABELS.contains(&code.label()));
        }
    }

    #[test]
    fn an_unknown_word_is_passed_on_and_never_becomes_a_label() {
        let strange = DropReason::from("from_the_future");
        assert_eq!((strange.as_str(), strange.label()), ("from_the_future", OTHER));
        assert_eq!(String::from(strange), "from_the_future");
    }

    #[test]
    fn a_map_by_reason_is_in_alphabetical_order_in_json() {
        let words = ["zebra", "queue_full", "interrupted"];
        let counts: BTreeMap<DropReason, u64> = words.map(|word| (word.into(), 1)).into();
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"interrupted":1,"queue_full":1,"zebra":1}"#);
        assert_eq!(counts["queue_full"], 1);
    }
}
