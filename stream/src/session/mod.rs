//! One stream, without its input and output: frames, answers and losses go in as events, and what is to be done comes out as
//! [`Action`]s. Pure: time is an argument, and the same events always lead to the same actions, so that a simulation can replay
//! years of bad luck from a seed.
//!
//! [`Session`] is the state of a stream. `dispatch` says which frame goes where, by what `lane` knows of each worker and `history`
//! of each frame; `workers` and `routing` say who there is, `reorder` restores the order, and
//! [`Ledger`](crate::ledger::Ledger) counts. `masters` and `report` are what a session makes of the masters' answers, and what it
//! tells them.

mod dispatch;
mod events;
mod history;
mod ids;
mod lane;
mod masters;
mod reorder;
mod report;
mod routing;
mod sample;
mod state;
mod workers;

pub use dispatch::WINDOW;
pub use events::{
    Action, Disconnect, DisconnectKind, FrameAnswer, Greeting, LinkEvent, NoRoute, Pace, RouteEvent, StreamSpec,
};
pub use ids::{FrameAttempt, LinkId};
pub use routing::WORKERS_AT_FIRST;
pub use state::{MOST_LINKS, MOST_LIVE, Session};

#[cfg(test)]
mod tests;
