//! What every facefleet process needs to be a service: the clock, the command line, configuration files, listening, finding
//! the master, logging, shutdown, and one place each where gRPC servers and channels and the servers for browsers get
//! their limits and timeouts.
#![forbid(unsafe_code)]

pub mod address;
pub mod cli;
pub mod clock;
pub mod config_file;
pub mod discovery;
pub mod grpc;
pub mod health;
pub mod http;
mod incoming;
pub mod listen;
pub mod log;
pub mod log_limit;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod shutdown;
pub mod trace;
