//! The command line of `facefleet-master`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use clap_complete::Shell;
use facefleet_service::log::LogArgs;

use crate::policy::PolicyName;
use crate::{Config, HeartbeatLog};

/// The registry and scheduler of a facefleet cluster.
///
/// Start one. Workers join it by its address, and clients ask it which workers to send their frames to; frames do not
/// pass through it. The order in which programs start does not matter, and streams that run go on without it.
#[derive(Parser, Clone, Debug)]
#[command(name = "facefleet-master", version)]
pub struct Args {
    /// Address and port to listen on. Port 0 takes a free one, which is printed.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_MASTER_LISTEN", default_value = "0.0.0.0:50051")]
    pub listen: SocketAddr,

    /// How workers are chosen.
    #[arg(long, value_name = "POLICY", env = "FACEFLEET_POLICY", default_value = "least-loaded")]
    pub policy: PolicyName,

    /// File to append every heartbeat to, one JSON object a line.
    #[arg(long, value_name = "FILE", env = "FACEFLEET_HEARTBEAT_LOG")]
    pub heartbeat_log: Option<PathBuf>,

    /// Size in bytes at which the heartbeat log becomes FILE.1 and a new one is begun; FILE.3 is the last that is kept.
    #[arg(
        long,
        value_name = "BYTES",
        env = "FACEFLEET_HEARTBEAT_LOG_MAX_BYTES",
        default_value = "67108864",
        value_parser = clap::value_parser!(u64).range(4096..)
    )]
    pub heartbeat_log_max_bytes: u64,

    /// Print a completion script for this shell and exit.
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,

    /// Where and how to log.
    #[command(flatten)]
    pub log: LogArgs,
}

impl Args {
    /// What the master is to do.
    pub fn config(&self) -> Config {
        let max_bytes = self.heartbeat_log_max_bytes;
        let heartbeat_log = self.heartbeat_log.clone().map(|path| HeartbeatLog { path, max_bytes });
        Config { policy: self.policy, heartbeat_log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn bad_values_are_refused() {
        for args in [
            ["--listen", "localhost"],
            ["--listen", "0.0.0.0:70000"],
            ["--policy", "fastest"],
            ["--heartbeat-log-max-bytes", "0"],
            ["--heartbeat-log-max-bytes", "-1"],
        ] {
            let error = Args::try_parse_from(["facefleet-master"].into_iter().chain(args)).unwrap_err();
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::UnknownArgument
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn the_log_and_its_size_go_together() {
        let args = ["facefleet-master", "--heartbeat-log", "beats", "--heartbeat-log-max-bytes", "5000"];
        let log = HeartbeatLog { path: "beats".into(), max_bytes: 5000 };
        assert_eq!(Args::parse_from(args).config().heartbeat_log, Some(log));
    }
}
