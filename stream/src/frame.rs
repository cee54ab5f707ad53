//! A frame on its way: as it comes from its source, and as it is when its end is known.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use facefleet_proto::{DropReason, FaceBox, FailureCode, FrameOk, Outcome, StageTimes};

use crate::ledger::Entry;

/// One frame of a source.
#[derive(Clone, Debug)]
pub struct SourceFrame {
    /// Number of the frame in its stream, from 0.
    pub index: u64,
    /// Time since the start of the video; None for pictures.
    pub time: Option<Duration>,
    /// The picture's file; None for video.
    pub image: Option<PathBuf>,
    /// A JPEG file, or why there is none.
    pub jpeg: Result<Bytes, Unreadable>,
}

/// Why a picture cannot be sent.
#[derive(Clone, Debug)]
pub struct Unreadable(pub String);

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Unreadable {
        Unreadable(error.to_string())
    }
}

/// A frame whose end is known.
#[derive(Debug)]
pub struct Finished {
    /// The frame as it came from its source.
    pub frame: SourceFrame,
    /// The worker that answered; None where none did.
    pub worker: Option<Arc<str>>,
    /// What became of it.
    pub end: End,
}

/// What became of a frame.
#[derive(Debug)]
pub enum End {
    /// The frame was worked on.
    Ok(Found),
    /// The frame was left out on purpose.
    Dropped(DropReason),
    /// The frame could not be worked on.
    Failed {
        /// For programs.
        code: FailureCode,
        /// For people.
        message: String,
    },
}

/// What was found in a frame.
#[derive(Debug)]
pub struct Found {
    /// In pixels of the frame; None from an old worker, which sends only a picture.
    pub faces: Option<Vec<FaceBox>>,
    /// An annotated JPEG, from an old worker.
    pub picture: Option<Bytes>,
    /// Time that each stage took at the worker; None from an old worker.
    pub stages: Option<StageTimes>,
}

impl End {
    /// What the ledger counts for this outcome.
    pub fn entry(&self) -> Entry<'_> {
        match self {
            End::Ok(found) => Entry::Ok(found.faces.as_ref().map_or(0, Vec::len)),
            End::Dropped(reason) => Entry::Dropped(reason),
            End::Failed { code, message: _ } => Entry::Failed(code),
        }
    }
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> End {
        match outcome {
            // Only boxes were asked for; a picture that comes all the same is not kept.
            Outcome::Ok(FrameOk { faces, picture: _, source_width: _, source_height: _, stages }) => {
                End::Ok(Found { faces: Some(faces), picture: None, stages: Some(stages) })
            }
            Outcome::Dropped(reason) => End::Dropped(reason),
            Outcome::Failed { code, message, elsewhere: _ } => End::Failed { code, message },
        }
    }
}
