//! The worker from outside: real gRPC over loopback, with a master that the test writes.

mod analyze;
mod heartbeat;
mod limits;
mod program;
mod seed;
mod stopping;
mod support;
