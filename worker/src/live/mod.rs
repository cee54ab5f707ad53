//! The live view: people see the newest answered frame of each stream, with what was found in it.
//!
//! A detector thread offers each frame that it has answered, which costs one atomic load while nobody watches. The `gallery` counts
//! the viewers that come over `http`, and keeps one frame of each stream that has any. One thread, the `studio`, draws these frames as
//! often as the `budget` of the machine's time allows. Nothing is written to disk, and nothing is kept once the last viewer has left.

mod budget;
mod gallery;
mod http;
mod list;
mod query;
mod state;
mod studio;
mod thread;

pub(crate) use gallery::{AnsweredFrame, Found};
pub(crate) use http::pages;
pub(crate) use state::{Live, Shown};
pub(crate) use studio::Studio;
