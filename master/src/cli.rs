//! The command line of `facefleet-master`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, CommandFactory, Parser};
use clap_complete::Shell;
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use facefleet_proto::parse_reachable;
use facefleet_service::config_file::{self, ConfigArgs};
use facefleet_service::http::token::Token;
use facefleet_service::log::LogArgs;

use crate::config::{Config, RunError};
use crate::journal::HeartbeatLog;
use crate::store::Store;

/// The registry and scheduler of a facefleet cluster.
///
/// Start one. Workers join it at its address, and clients ask it which workers to send their frames to. Frames do not pass
/// through it. The programs may start in any order, and streams that run go on without the master.
#[derive(Parser, Clone, Debug)]
#[command(name = "facefleet-master", version)]
pub struct Args {
    /// Address and port to listen on. Port 0 takes a free one, which is printed.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_MASTER_LISTEN", default_value = "0.0.0.0:50051", value_parser = address)]
    pub listen: SocketAddr,

    /// How workers are chosen.
    #[arg(long, value_name = "POLICY", env = "FACEFLEET_POLICY", default_value = "least-loaded")]
    pub policy: PolicyName,

    /// How many streams are let in at once, and which of those that wait is next.
    #[arg(long, value_name = "ADMISSION", env = "FACEFLEET_ADMISSION", default_value = "open")]
    pub admission: AdmissionName,

    /// Seconds that a stream waits to be let in, up to a day, before it is told to try again later. 0: streams do not wait.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "FACEFLEET_MAX_WAIT",
        default_value = "60",
        value_parser = clap::value_parser!(u32).range(..=86_400)
    )]
    pub max_wait: u32,

    /// Where registrations are kept: `memory`, or `etcd://HOST:2379` (more members after commas), which any number of masters may
    /// share. Give workers and clients the addresses of all of them.
    #[arg(long, value_name = "STORE", env = "FACEFLEET_STORE", default_value = "memory")]
    pub store: Store,

    /// Address at which the other masters of the same store reach this one [default: the address from which this machine reaches
    /// the store, and the port of --listen].
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_MASTER_ADVERTISE", value_parser = parse_reachable)]
    pub advertise: Option<SocketAddr>,

    /// Whether to announce this master on the network by mDNS, so that workers and clients find it without its address. A master
    /// that listens only on loopback is not announced.
    #[arg(
        long,
        value_name = "YES",
        env = "FACEFLEET_ANNOUNCE",
        default_value_t = true,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub announce: bool,

    /// Token that lets its holder change policy and admission, and send workers out of service and back. Without one nobody may.
    /// It has 16 characters or more: `openssl rand -hex 16` makes one. Every user of this machine can read command lines, so use
    /// the environment variable or the configuration file.
    #[arg(long, value_name = "TOKEN", env = "FACEFLEET_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Option<Token>,

    /// File to append every heartbeat to, one JSON object a line.
    #[arg(long, value_name = "FILE", env = "FACEFLEET_HEARTBEAT_LOG")]
    pub heartbeat_log: Option<PathBuf>,

    /// Size in bytes at which the heartbeat log is renamed to FILE.1 and a new one is begun. FILE.1 to FILE.3 are kept.
    #[arg(
        long,
        value_name = "BYTES",
        env = "FACEFLEET_HEARTBEAT_LOG_MAX_BYTES",
        default_value = "67108864",
        value_parser = clap::value_parser!(u64).range(4096..)
    )]
    pub heartbeat_log_max_bytes: u64,

    /// Age in seconds at which the heartbeat log is renamed to FILE.1 and a new one is begun, counted from its first line. The
    /// default is a week.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "FACEFLEET_HEARTBEAT_LOG_MAX_AGE",
        default_value = "604800",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub heartbeat_log_max_age: u64,

    /// Address and port of the page that shows the cluster, as in 0.0.0.0:8080. Port 0 takes a free one, which is printed. Without
    /// this there is no page.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_MASTER_HTTP", value_parser = address)]
    pub http: Option<SocketAddr>,

    /// Print a completion script for this shell and exit.
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,

    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,

    /// The configuration file.
    #[command(flatten)]
    pub config_file: ConfigArgs,
}

impl Args {
    /// Reads flags, environment and configuration file. Wrong usage ends the process with status 2.
    pub fn from_env() -> Args {
        config_file::parse(Args::command(), None)
    }

    /// The settings of the master, with the heartbeat log open. The caller adds the listener of the page.
    ///
    /// # Errors
    /// [`RunError::HeartbeatLog`]: the log cannot be opened.
    pub fn config(&self) -> Result<Config, RunError> {
        let open = |path: &PathBuf| {
            let max_age = Duration::from_secs(self.heartbeat_log_max_age);
            HeartbeatLog::open(path.clone(), self.heartbeat_log_max_bytes, max_age)
                .map_err(|source| RunError::HeartbeatLog { path: path.clone(), source })
        };
        let heartbeat_log = self.heartbeat_log.as_ref().map(open).transpose()?;
        Ok(Config {
            policy: self.policy,
            admission: self.admission,
            max_wait: Duration::from_secs(self.max_wait.into()),
            heartbeat_log,
            store: self.store.clone(),
            advertise: self.advertise,
            announce: self.announce,
            http: None,
            admin_token: self.admin_token.clone(),
        })
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write an IP address and a port, as in 0.0.0.0:50051 or [::]:50051")
}

#[cfg(test)]
mod tests {
    use super::*;
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
            ["--admission", "closed"],
            ["--max-wait", "-1"],
            ["--max-wait", "86401"],
            ["--max-wait", "1m"],
            ["--store", "disk"],
            ["--store", "etcd://"],
            ["--advertise", "pi.local:50051"],
            ["--announce=perhaps", "--log=info"],
            ["--advertise", "0.0.0.0:50051"],
            ["--admin-token", "fifteen-letters"],
            ["--http", "8080"],
            ["--heartbeat-log-max-bytes", "0"],
            ["--heartbeat-log-max-bytes", "-1"],
            ["--heartbeat-log-max-age", "0"],
            ["--heartbeat-log-max-age", "1d"],
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
    fn masters_are_announced_unless_somebody_says_no() {
        let announces = |args: &[&str]| Args::parse_from([&["facefleet-master"], args].concat()).announce;
        let cases = [&[][..], &["--announce"], &["--announce=true"], &["--announce=false"]].map(announces);
        assert_eq!(cases, [true, true, true, false]);
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("beats.jsonl");
        let args = ["facefleet-master".as_ref(), "--heartbeat-log".as_ref(), path.as_os_str()];
        let error = Args::parse_from(args).config().unwrap_err();
        assert!(error.to_string().contains("beats.jsonl"), "{error}");
    }
}
