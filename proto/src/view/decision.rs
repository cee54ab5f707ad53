//! Decisions for a worker, as people are shown them.

use serde::Serialize;

use super::{MAX_LABEL_BYTES, json};
use crate::invalid::{cores, label, measured};
use crate::{Invalid, wire};

/// A decision between workers, with the chosen one and the next best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The frame for which the decision was made, counted from 0. None in a decision of a master, which is for a whole stream.
    pub frame: Option<u64>,
    /// The worker that was chosen.
    pub chosen: Choice,
    /// The worker that was next best. None when there was no other.
    pub next: Option<Choice>,
}

/// A worker as it stood when the decision was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Choice {
    /// The worker's name.
    pub worker: String,
    /// The frames that the worker had or was promised, the next one included.
    pub in_flight: u32,
    /// Milliseconds that one of the worker's threads spends on a frame. None when not known.
    #[serde(serialize_with = "json::short_or_null")]
    pub frame_ms: Option<f32>,
    /// The number of detector threads, at least 1.
    pub cores: u32,
    /// Milliseconds until the worker would answer, mostly frames in flight × time of a frame / threads. None when not known.
    #[serde(serialize_with = "json::short_or_null")]
    pub answers_in_ms: Option<f32>,
}

/// A decision in the view of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionView {
    /// The number of the decision, which counts up from 1 in each life of the master.
    pub number: u64,
    /// When the decision was made or reported, by the master's clock in milliseconds since 1970.
    pub time_ms: u64,
    /// The number of the stream for which the decision was made; 0 for the stream of an old client.
    #[serde(rename = "stream", serialize_with = "json::hex")]
    pub lease: u64,
    /// The name of the stream for which the decision was made.
    pub stream_name: String,
    /// The name of the policy by which the master decided. Empty when the stream's client decided, which is about one frame.
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
