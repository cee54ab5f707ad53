//! A frame whose end is known.

use std::sync::Arc;

use facefleet_proto::{FaceBox, FrameOk, Outcome, StageTimes};
use prost::bytes::Bytes;

use crate::ledger::Entry;
use crate::source::SourceFrame;

/// A frame whose end is known.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) frame: SourceFrame,
    /// Who answered; None where no worker did.
    pub(crate) worker: Option<Arc<str>>,
    pub(crate) end: End,
}

/// What became of a frame.
#[derive(Debug)]
pub(crate) enum End {
    /// It was worked on.
    Ok(Found),
    /// It was not, on purpose; the snake_case reason.
    Dropped(String),
    /// It could not be.
    Failed {
        /// For programs, snake_case.
        code: String,
        /// For people.
        message: String,
    },
}

/// What was found in a frame.
#[derive(Debug)]
pub(crate) struct Found {
    /// In pixels of the frame; None from an old worker, which sends only a picture.
    pub(crate) faces: Option<Vec<FaceBox>>,
    /// An annotated JPEG, from an old worker.
    pub(crate) picture: Option<Bytes>,
    pub(crate) stages: Option<StageTimes>,
}

impl End {
    /// What the ledger says of it.
    pub(crate) fn entry(&self) -> Entry<'_> {
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
