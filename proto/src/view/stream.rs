//! The view of one stream that people are shown.

use std::time::Duration;

use serde::Serialize;

use super::{StreamReport, json};
use crate::invalid::measure;
use crate::{Invalid, wire};

/// A stream whose client reports to the master.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamView {
    /// The last report of the stream's client.
    #[serde(flatten)]
    pub report: StreamReport,
    /// Frames that were analyzed a second, over the last two reports; 0 when the stream has ended.
    #[serde(serialize_with = "json::short")]
    pub frames_per_s: f32,
    /// The time since the last report.
    #[serde(rename = "silent_ms", serialize_with = "json::ms")]
    pub silent: Duration,
}

impl From<StreamView> for wire::StreamView {
    fn from(view: StreamView) -> wire::StreamView {
        let StreamView { report, frames_per_s, silent } = view;
        wire::StreamView { report: Some(report.into()), frames_per_s, silent_ms: json::whole_ms(silent) }
    }
}

impl TryFrom<wire::StreamView> for StreamView {
    type Error = Invalid;

    fn try_from(message: wire::StreamView) -> Result<StreamView, Invalid> {
        let wire::StreamView { report, frames_per_s, silent_ms } = message;
        let report = report.ok_or_else(|| Invalid::new("StreamView.report", "is missing"))?;
        Ok(StreamView {
            report: report.try_into()?,
            frames_per_s: measure("StreamView.frames_per_s", frames_per_s)?,
            silent: Duration::from_millis(silent_ms),
        })
    }
}
