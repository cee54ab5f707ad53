//! Why a worker was chosen.

use serde::Serialize;

use super::{MAX_LABEL_BYTES, json};
use crate::invalid::{cores, label, measured};
use crate::{Invalid, wire};

/// A choice between workers, as far as people are told of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The frame that it was made for, counted from 0; None in a decision of the master's, which is for a whole stream.
    pub frame: Option<u64>,
    /// Who was taken.
    pub chosen: Choice,
    /// Who would have been next; None where there was no other.
    pub next: Option<Choice>,
}

/// A worker, as it stood when it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Choice {
    /// Its name.
    pub worker: String,
    /// Frames that it had or was promised, the next one included.
    pub in_flight: u32,
    /// Milliseconds that one of its threads spends on a frame; None when not known.
    #[serde(serialize_with = "json::short_or_null")]
    pub frame_ms: Option<f32>,
    /// Detector threads, at least 1.
    pub cores: u32,
    /// Milliseconds until it would answer; None when not known. Mostly frames in flight × time of a frame / threads.
    #[serde(serialize_with = "json::short_or_null")]
    pub answers_in_ms: Option<f32>,
}

/// A decision among those of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionView {
    /// Counts up from 1, for the life of the master.
    pub number: u64,
    /// The master's clock, milliseconds since 1970.
    pub time_ms: u64,
    /// The lease of the stream that it was made for; 0: an old client's.
    #[serde(rename = "stream", serialize_with = "json::hex")]
    pub lease: u64,
    /// That stream's name.
    pub stream_name: String,
    /// Name of the master's policy; empty: the stream's client decided, about one frame.
    pub policy: String,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
}

impl From<Decision> for wire::Decision {
    fn from(decision: Decision) -> wire::Decision {
        let Decision { frame, chosen, next } = decision;
        wire::Decision { chosen: Some(chosen.into()), next: next.map(wire::Choice::from), frame }
    }
}

impl TryFrom<wire::Decision> for Decision {
    type Error = Invalid;

    fn try_from(message: wire::Decision) -> Result<Decision, Invalid> {
        let wire::Decision { chosen, next, frame } = message;
        let chosen = chosen.ok_or_else(|| Invalid::new("Decision.chosen", "is missing"))?.try_into()?;
        Ok(Decision { frame, chosen, next: next.map(Choice::try_from).transpose()? })
    }
}

impl From<Choice> for wire::Choice {
    fn from(choice: Choice) -> wire::Choice {
        let Choice { worker, in_flight, frame_ms, cores, answers_in_ms } = choice;
        let (frame_ms, answers_in_ms) = (frame_ms.unwrap_or(0.0), answers_in_ms.unwrap_or(0.0));
        wire::Choice { worker, in_flight, frame_ms, cores, answers_in_ms }
    }
}

impl TryFrom<wire::Choice> for Choice {
    type Error = Invalid;

    fn try_from(message: wire::Choice) -> Result<Choice, Invalid> {
        let wire::Choice { worker, in_flight, frame_ms, cores: threads, answers_in_ms } = message;
        Ok(Choice {
            worker: label("Choice.worker", worker, MAX_LABEL_BYTES)?,
            in_flight,
            frame_ms: measured("Choice.frame_ms", frame_ms)?,
            cores: cores("Choice.cores", threads)?,
            answers_in_ms: measured("Choice.answers_in_ms", answers_in_ms)?,
        })
    }
}

impl From<DecisionView> for wire::DecisionView {
    fn from(view: DecisionView) -> wire::DecisionView {
        let DecisionView { number, time_ms, lease, stream_name, policy, decision } = view;
        let decision = Some(decision.into());
        wire::DecisionView { number, time_ms, lease_id: lease, stream_id: stream_name, policy, decision }
    }
}

impl TryFrom<wire::DecisionView> for DecisionView {
    type Error = Invalid;

    fn try_from(message: wire::DecisionView) -> Result<DecisionView, Invalid> {
        let wire::DecisionView { number, time_ms, lease_id: lease, stream_id, policy, decision } = message;
        let decision = decision.ok_or_else(|| Invalid::new("DecisionView.decision", "is missing"))?;
        Ok(DecisionView {
            number,
            time_ms,
            lease,
            stream_name: label("DecisionView.stream_id", stream_id, MAX_LABEL_BYTES)?,
            policy: label("DecisionView.policy", policy, MAX_LABEL_BYTES)?,
            decision: decision.try_into()?,
        })
    }
}
