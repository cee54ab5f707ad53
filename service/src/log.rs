//! Logging to stderr; stdout belongs to what a program or a person asked for.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// The logging flags of every program.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// What to log: off, error, warn, info, debug, trace, or a filter such as `warn,facefleet_worker=debug`.
    #[arg(long, value_name = "FILTER", env = "FACEFLEET_LOG", default_value = "info", value_parser = checked_filter, global = true, display_order = 1000)]
    pub log: String,

    /// How to write log lines.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "FACEFLEET_LOG_FORMAT",
        default_value = "text",
        global = true,
        display_order = 1001
    )]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

fn checked_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|e| e.to_string())
}

/// Starts logging for this process. A second call changes nothing, so tests may call it too.
pub fn init(args: &LogArgs) {
    let filter = EnvFilter::builder().parse_lossy(&args.log);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // Err: another subscriber is installed already, and keeps its place.
    let _ = match args.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
