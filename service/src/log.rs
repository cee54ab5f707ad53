//! Logging, which goes to stderr. What a program or a person asked for goes to stdout.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// The logging flags of every program.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// What to log: off, error, warn, info, debug, trace, or a filter such as `warn,facefleet_worker=debug`.
    #[arg(long, value_name = "FILTER", env = "FACEFLEET_LOG", default_value = "info", value_parser = filter, global = true, display_order = 1000)]
    pub log: Targets,

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

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// JSON for programs, one object a line.
    Json,
}

/// Parses a filter: any number of `LEVEL` and `TARGET=LEVEL`, separated by commas. A target is a module with everything in it. A level
/// alone is for the modules that are not named.
fn filter(text: &str) -> Result<Targets, String> {
    text.split(',').try_fold(Targets::new(), |filter, part| {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (Some(target), level),
            None => (None, part),
        };
        // An empty level would count as `error`, and a target with other characters than those of a module would log nothing.
        let level = level.parse::<LevelFilter>().ok().filter(|_| !level.is_empty());
        match (target, level) {
            (None, Some(level)) => Ok(filter.with_default(level)),
            (Some(target), Some(level)) if is_module(target) => Ok(filter.with_target(target, level)),
            _ => Err(format!(
                "`{part}` is neither a level (off, error, warn, info, debug or trace) nor MODULE=LEVEL, as in facefleet_worker=debug"
            )),
        }
    })
}

fn is_module(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Starts logging for this process. A second call changes nothing, so tests may call it as well.
pub fn init(args: &LogArgs) {
    init_beside(args, None::<Identity>);
}

/// Starts logging for this process together with another layer, which has a filter of its own.
pub(crate) fn init_beside(args: &LogArgs, other: Option<impl Layer<Registry> + Send + Sync>) {
    let all = tracing_subscriber::registry().with(other);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let filter = args.log.clone();
    // This fails when another subscriber is installed already, which then stays.
    let _ = match args.log_format {
        LogFormat::Text => all.with(lines.with_filter(filter)).try_init(),
        LogFormat::Json => all.with(lines.json().with_filter(filter)).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_is_for_all_but_the_modules_that_have_their_own() {
        let filter = filter("warn,facefleet_worker=debug,facefleet_worker::pool=off").unwrap();
        let most = |module| {
            let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
            levels.into_iter().find(|level| filter.would_enable(module, level))
        };
        assert_eq!(most("h2::client"), Some(Level::WARN));
        assert_eq!(most("facefleet_worker::stats"), Some(Level::DEBUG));
        assert_eq!(most("facefleet_worker::pool"), None);
    }

    #[test]
    fn what_would_be_misunderstood_is_refused() {
        for good in ["info", "WARN", "off", "warn,facefleet_worker=debug", "facefleet_worker=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "inof", "info,", "facefleet_worker", "warn=inof", "a=", "=info", "info,inof=", "a[span]=info"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
        assert!(filter("warn,debgu").unwrap_err().starts_with("`debgu` is neither a level"));
    }
}
