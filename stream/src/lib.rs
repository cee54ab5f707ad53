//! The rules of one stream: which frame goes to which worker, in which order results go on, and what is counted.
//!
//! Everything here is pure: no sockets, no threads, no clock. The time is an argument, and the same events always lead to the
//! same actions, so that a simulation can replay any fate of a stream from a seed. The client is the shell around it.
#![forbid(unsafe_code)]

pub mod event_loop;
pub mod frame;
pub mod ledger;
pub mod session;
