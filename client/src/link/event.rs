//! The events of a link.

use facefleet_proto::AnalyzeFrame;
use facefleet_stream::session::{Disconnect, FrameAnswer, Greeting, LinkId};
use tokio::sync::mpsc;

/// The way from a link to its stream.
pub(super) type Events = mpsc::UnboundedSender<LinkEvent>;

/// What a link reports to its stream.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The worker is ready. The channel accepts any number of frames; the session limits how many are sent.
    Up(LinkId, Greeting, mpsc::UnboundedSender<AnalyzeFrame>),
    /// The worker has answered a frame.
    Answer(LinkId, FrameAnswer),
    /// The link has ended.
    Down(LinkId, Disconnect),
}
