//! The command line.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{self, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use facefleet_proto::{AdminChange, MAX_DETECT_SIZE};
use facefleet_service::address::HostPorts;
use facefleet_service::config_file::{self, ConfigArgs};
use facefleet_service::http::token::Token;
use facefleet_service::log::LogArgs;
#[cfg(feature = "otlp")]
use facefleet_service::otlp::OtlpArgs;
use facefleet_vision::DetectorKind;

/// In less than this no detector finds a face.
const LEAST_DETECT_SIZE: i64 = 32;

/// Finds faces in video, on a cluster of small machines or on this one.
#[derive(Debug, Parser)]
#[command(name = "facefleet-client", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
    /// Where more settings are.
    #[command(flatten)]
    pub config_file: ConfigArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the faces in a video, a camera or pictures.
    Run(Box<RunArgs>),
    /// List the workers of a cluster.
    Nodes(NodesArgs),
    /// Show a cluster as it works: workers, streams, and why frames go where they go.
    Top(TopArgs),
    /// Say how many cameras a cluster carries, and how that is known.
    Capacity(CapacityArgs),
    /// Change how a cluster schedules, and send workers out of service and back.
    Admin(AdminArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Find the faces in a video, a camera or pictures.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// A video file, a picture, a folder of pictures, a URL (rtsp://, http://, …) or a camera (/dev/video0).
    ///
    /// Whatever the installed ffmpeg reads will do.
    #[arg(value_name = "INPUT", env = "FACEFLEET_INPUT")]
    pub input: String,

    /// The master of the cluster to use; with several, all of them: a:50051,b:50051 [default: the one that announces itself on
    /// this network; if there is none, everything runs on this machine, as with --local].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Use this machine alone: a master and one worker a core, inside this process. Wins over --master, wherever that is said,
    /// and nobody is looked for.
    #[arg(long, env = "FACEFLEET_LOCAL")]
    pub local: bool,

    /// Most workers to spread the frames over. A stream begins with at most 8, and takes more while they cannot do all of
    /// its frames [default: as many as it needs, at most 256].
    #[arg(long, value_name = "N", env = "FACEFLEET_WORKERS")]
    pub workers: Option<NonZeroUsize>,

    /// Write the frames with a box around each face: a video for a video, a picture for a picture, a folder for a folder.
    #[arg(long, value_name = "OUT", env = "FACEFLEET_ANNOTATE")]
    pub annotate: Option<PathBuf>,

    /// Write one line of JSON a frame, in frame order; - is standard output.
    #[arg(long, value_name = "OUT.jsonl", env = "FACEFLEET_JSON")]
    pub json: Option<PathBuf>,

    /// Do not wait for slow workers, as for a camera, for which this is the default: frames that get too old are dropped,
    /// and counted. A file is then played at its own speed. Say --live=false to keep every frame of a camera.
    #[arg(long, env = "FACEFLEET_LIVE", value_name = "YES", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub live: Option<bool>,

    /// With --live: how old a frame may be, in milliseconds, when a worker begins with it [default: 500].
    #[arg(long, value_name = "MS", env = "FACEFLEET_MAX_AGE")]
    pub max_age: Option<NonZeroU32>,

    /// Where workers have more to do than they can, streams of a higher priority go first; the others still get a part.
    #[arg(long, value_name = "N", env = "FACEFLEET_PRIORITY", default_value = "0", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-100..=100))]
    pub priority: i32,

    /// Write what became of all frames, as JSON: sent, ok, dropped and failed by reason, sent again, by worker.
    #[arg(long, value_name = "OUT.json", env = "FACEFLEET_SUMMARY")]
    pub summary: Option<PathBuf>,

    /// Tell Prometheus how the run goes, at http://IP:PORT/metrics, for as long as it lasts. Port 0 takes a free one, which is
    /// printed.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_CLIENT_HTTP")]
    pub http: Option<SocketAddr>,

    /// Where traces go.
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    pub otlp: OtlpArgs,

    /// Simulate N cameras that all show INPUT. Each has outputs of its own: out-1.mp4, out-2.mp4, …
    #[arg(long, value_name = "N", env = "FACEFLEET_CLIENTS", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub clients: u16,

    /// Stop after this many frames (of each stream).
    #[arg(long, value_name = "FRAMES", env = "FACEFLEET_LIMIT")]
    pub limit: Option<NonZeroU64>,

    /// What finds the faces: seeta, yunet or rustface. Only workers that offer it are used [default: each worker's own].
    #[arg(long, value_name = "NAME", env = "FACEFLEET_DETECTOR")]
    pub detector: Option<DetectorKind>,

    /// Long side of the picture that faces are looked for in, in pixels; larger frames are scaled down to it. More finds
    /// smaller faces and takes longer [default: 512].
    #[arg(long, value_name = "PIXELS", env = "FACEFLEET_DETECT_SIZE", value_parser = clap::value_parser!(u32).range(LEAST_DETECT_SIZE..=i64::from(MAX_DETECT_SIZE)))]
    pub detect_size: Option<u32>,

    /// Also find eyes, nose and mouth, for --json and --annotate. Only the detector yunet does.
    #[arg(long, env = "FACEFLEET_LANDMARKS")]
    pub landmarks: bool,

    /// Lowest score that counts as a face, in the detector's own scale [default: the detector's].
    #[arg(long, value_name = "SCORE", env = "FACEFLEET_MIN_SCORE", value_parser = positive)]
    pub min_score: Option<f32>,

    /// Smallest side of a face to look for, in pixels of the video. Less than the detector's own 40 (at the size it
    /// works at, see --detect-size) finds smaller faces and takes longer; more is faster.
    #[arg(long, value_name = "PIXELS", env = "FACEFLEET_MIN_FACE", value_parser = positive)]
    pub min_face: Option<f32>,
}

/// List the workers of a cluster.
#[derive(Args, Clone, Debug)]
pub struct NodesArgs {
    /// The master of the cluster; of several, the first that answers [default: the one that announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Print JSON instead of a table.
    #[arg(long, env = "FACEFLEET_JSON_OUTPUT")]
    pub json: bool,

    /// Print it again every second, until Ctrl-C; with --json, one line a second.
    #[arg(long, env = "FACEFLEET_WATCH")]
    pub watch: bool,
}

/// Show a cluster as it works: workers, streams, and why frames go where they go.
///
/// Tab goes to the next part, the arrows scroll it, q ends.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// The master of the cluster; of several, the first that answers [default: the one that announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,
}

/// Change how a cluster schedules, and send workers out of service and back.
///
/// The master has to be started with an admin token, and whoever changes something shows it.
#[derive(Args, Clone, Debug)]
pub struct AdminArgs {
    /// What to change.
    #[arg(value_name = "WHAT")]
    pub what: Administered,

    /// Name of the policy, of the admission, or of the worker, whose number will do as well.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The master of the cluster; of several, the first that answers [default: the one that announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// The master's --admin-token. Every user of this machine can read command lines: better use the variable.
    #[arg(long, value_name = "TOKEN", env = "FACEFLEET_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Token,
}

/// What an administrator can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Administered {
    /// How workers are chosen: as in the master's --policy.
    Policy,
    /// Who is let in: as in the master's --admission. Streams that run go on.
    Admission,
    /// A worker goes out of service: it finishes what it holds, its streams go elsewhere, and it stays. Also: drain.
    #[value(alias = "drain")]
    Rest,
    /// It comes back.
    Resume,
}

impl AdminArgs {
    /// What the master is asked for.
    pub(crate) fn change(&self) -> AdminChange {
        let change = match self.what {
            Administered::Policy => AdminChange::Policy,
            Administered::Admission => AdminChange::Admission,
            Administered::Rest => AdminChange::Rest,
            Administered::Resume => AdminChange::Resume,
        };
        change(self.name.clone())
    }
}

/// Say how many cameras a cluster carries, and how that is known.
#[derive(Args, Clone, Debug)]
pub struct CapacityArgs {
    /// The master of the cluster; of several, the first that answers [default: the one that announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Frames a second that a camera sends.
    #[arg(long, value_name = "N", env = "FACEFLEET_FPS", default_value = "10", value_parser = positive)]
    pub fps: f32,

    /// Print JSON instead of text.
    #[arg(long, env = "FACEFLEET_JSON_OUTPUT")]
    pub json: bool,
}

fn positive(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("must be a number above 0".into()),
    }
}

impl Cli {
    /// Reads command line, environment and configuration file, whose keys are the flags of `run`; wrong usage ends the
    /// process with 2.
    pub fn from_env() -> Cli {
        let cli: Cli = config_file::parse(Cli::program(), Some("run"));
        let checked = match &cli.command {
            Command::Run(run) => run.check(),
            Command::Top(_) if !io::stdout().is_terminal() => Err(Cli::program().error(
                clap::error::ErrorKind::Io,
                "`top` draws on a terminal, and this is none: `nodes --watch` prints to a file or a pipe\n",
            )),
            _ => Ok(()),
        };
        checked.unwrap_or_else(|e| e.exit());
        cli
    }

    /// Where traces go, if anything is done that has any.
    #[cfg(feature = "otlp")]
    pub fn otlp(&self) -> Option<&OtlpArgs> {
        match &self.command {
            Command::Run(run) => Some(&run.otlp),
            _ => None,
        }
    }

    /// The command, with less logging than a server's: a person looks at a progress bar here.
    pub fn program() -> clap::Command {
        Cli::command().mut_arg("log", |log| log.default_value("warn"))
    }
}

/// Where a run is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// Here.
    ThisMachine,
    /// On the cluster of these masters.
    Named(&'a HostPorts),
    /// On the cluster that is found, and here if there is none.
    Found,
}

impl RunArgs {
    fn check(&self) -> Result<(), clap::Error> {
        let to_stdout = self.json.as_ref().is_some_and(|json| json.as_os_str() == "-");
        if to_stdout && self.clients > 1 {
            let message = "--json - takes one stream: with --clients, name a file\n";
            return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
        }
        for stream in 0..self.clients.into() {
            let outputs = [self.output(self.json.as_ref(), stream), self.output(self.annotate.as_ref(), stream)];
            let outputs = [self.summary.clone()].into_iter().chain(outputs).flatten();
            // Err: an empty path, which cannot be written to either.
            let mut paths: Vec<PathBuf> = outputs.filter_map(|output| path::absolute(output).ok()).collect();
            paths.sort();
            if let Some([twice, _]) = paths.array_windows().find(|[one, other]| one == other) {
                let message =
                    format!("{} is to be written twice: give each output a name of its own\n", twice.display());
                return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
            }
        }
        if self.summary.as_ref().is_some_and(|summary| summary.as_os_str() == "-") {
            let message = "--summary takes a file; standard output is for people, or for --json -\n";
            return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
        }
        Ok(())
    }

    /// The cluster to use.
    pub(crate) fn cluster(&self) -> Wanted<'_> {
        match &self.master {
            _ if self.local => Wanted::ThisMachine,
            Some(masters) => Wanted::Named(masters),
            None => Wanted::Found,
        }
    }

    /// The outputs of one of the streams, counted from 0.
    pub(crate) fn output(&self, path: Option<&PathBuf>, stream: usize) -> Option<PathBuf> {
        let path = path?;
        if self.clients == 1 {
            return Some(path.clone());
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = match path.extension() {
            Some(ending) => format!("{stem}-{}.{}", stream + 1, ending.to_string_lossy()),
            None => format!("{stem}-{}", stream + 1),
        };
        Some(path.with_file_name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn run_args(args: &[&str]) -> Result<Box<RunArgs>, clap::Error> {
        let all = [&["facefleet-client", "run"], args].concat();
        let cli = Cli::from_arg_matches(&Cli::program().try_get_matches_from(all)?)?;
        match cli.command {
            Command::Run(run) => run.check().map(|()| run),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_is_consistent() {
        Cli::program().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        let program = Cli::program();
        for command in program.get_subcommands().filter(|c| c.get_name() != "completions") {
            let flags = command.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help"));
            for flag in flags {
                let env = flag.get_env().unwrap_or_else(|| panic!("{}: {flag}", command.get_name()));
                assert!(env.to_string_lossy().starts_with("FACEFLEET_"), "{flag}");
            }
        }
    }

    #[test]
    fn an_administrator_says_what_and_which_and_shows_a_token() {
        let parse = |args: &str| -> Result<AdminChange, clap::Error> {
            let cli = Cli::program().try_get_matches_from(args.split(' '))?;
            match Cli::from_arg_matches(&cli)?.command {
                Command::Admin(admin) => Ok(admin.change()),
                other => panic!("{other:?}"),
            }
        };
        let token = "--admin-token 0123456789abcdef";
        for (line, change) in [
            ("policy weighted-round-robin", AdminChange::Policy("weighted-round-robin".into())),
            ("admission open", AdminChange::Admission("open".into())),
            ("rest pi-1", AdminChange::Rest("pi-1".into())),
            ("drain pi-1", AdminChange::Rest("pi-1".into())),
            ("resume 3", AdminChange::Resume("3".into())),
        ] {
            assert_eq!(parse(&format!("facefleet-client admin {line} {token}")).unwrap(), change);
        }
        for bad in ["rest pi-1 --admin-token short", &format!("rest {token}"), &format!("stop pi-1 {token}")] {
            assert_eq!(parse(&format!("facefleet-client admin {bad}")).unwrap_err().exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn values_are_checked() {
        for bad in [
            &["a.mp4", "--workers", "0"][..],
            &["a.mp4", "--clients", "0"],
            &["a.mp4", "--live=perhaps"],
            &["a.mp4", "--live", "--max-age", "0"],
            &["a.mp4", "--live", "--max-age", "-5"],
            &["a.mp4", "--priority", "101"],
            &["a.mp4", "--limit", "0"],
            &["a.mp4", "--limit", "-3"],
            &["a.mp4", "--min-score", "NaN"],
            &["a.mp4", "--detector", "dlib"],
            &["a.mp4", "--detect-size", "0"],
            &["a.mp4", "--detect-size", "31"],
            &["a.mp4", "--detect-size", "3841"],
            &["a.mp4", "--master", "pi"],
            &["a.mp4", "--clients", "2", "--json", "-"],
            &["a.mp4", "--summary", "-"],
            &["a.mp4", "--json", "x", "--summary", "./x"],
            &["a.mp4", "--json", "x.json", "--clients", "2", "--summary", "x-2.json"],
            &[],
        ] {
            assert_eq!(run_args(bad).unwrap_err().exit_code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn nobody_is_looked_for_where_somebody_is_named() {
        let pi = "pi:1".parse().unwrap();
        assert_eq!(run_args(&["a.mp4"]).unwrap().cluster(), Wanted::Found);
        assert_eq!(run_args(&["a.mp4", "--local"]).unwrap().cluster(), Wanted::ThisMachine);
        assert_eq!(run_args(&["a.mp4", "--master", "pi:1", "--local"]).unwrap().cluster(), Wanted::ThisMachine);
        assert_eq!(run_args(&["a.mp4", "--master", "pi:1"]).unwrap().cluster(), Wanted::Named(&pi));
    }

    #[test]
    fn several_streams_have_outputs_of_their_own() {
        let one = run_args(&["a.mp4"]).unwrap();
        let many = run_args(&["a.mp4", "--clients", "3"]).unwrap();
        let (path, folder) = (PathBuf::from("x/out.mp4"), PathBuf::from("x/out"));
        assert_eq!(one.output(Some(&path), 0), Some("x/out.mp4".into()));
        assert_eq!(many.output(Some(&path), 1), Some("x/out-2.mp4".into()));
        assert_eq!(many.output(Some(&folder), 2), Some("x/out-3".into()));
    }
}
