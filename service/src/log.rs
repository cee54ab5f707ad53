//! Logging to stderr; stdout belongs to what a program or a person asked for.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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
    // The filter would take a level that is misspelt for the only target to log, and be silent about all others.
    if !text.contains(['=', ',']) && text.parse::<LevelFilter>().is_err() {
        return Err(format!(
            "it is no level: write off, error, warn, info, debug or trace, or TARGET=LEVEL, as in {text}=debug"
        ));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_refused() {
        for good in ["info", "WARN", "off", "warn,facefleet_worker=debug", "facefleet_worker=trace"] {
            assert_eq!(checked_filter(good).as_deref(), Ok(good));
        }
        for bad in ["inof", "facefleet_worker", "warn=inof"] {
            assert!(checked_filter(bad).is_err(), "{bad}");
        }
    }
}
