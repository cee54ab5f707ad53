//! The command line.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
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

/// The smallest value of `--detect-size`; in a smaller picture no detector finds a face.
const LEAST_DETECT_SIZE: i64 = 32;
/// The largest value of `--send-size`: no JPEG is larger.
const MOST_SEND_SIZE: i64 = 65_535;
/// The greatest value of `--jobs`.
const MOST_JOBS: u16 = 200;
/// The size at which workers search for faces, on the long side in pixels, if they are not told another.
const DETECT_SIZE: u32 = 512;

/// Finds faces in video, on a cluster of small machines or on this one.
#[derive(Debug, Parser)]
#[command(name = "facefleet-client", version, max_term_width = 100)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
    /// Options for logging.
    #[command(flatten)]
    pub log: LogArgs,
    /// Options for the configuration file.
    #[command(flatten)]
    pub config_file: ConfigArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find faces in a video, a camera stream or pictures.
    Run(Box<RunArgs>),
    /// List the workers of a cluster.
    Nodes(NodesArgs),
    /// Watch a cluster live: workers, streams, and why each frame goes to which worker.
    Top(TopArgs),
    /// Estimate how many cameras a cluster can serve.
    Capacity(CapacityArgs),
    /// Change the scheduling of a running cluster, or take workers out of service and back.
    Admin(AdminArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell to print it for.
        shell: Shell,
    },
}

/// Find faces in a video, a camera stream or pictures.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Video files, pictures, or folders of them; or one camera: a URL (rtsp://, http://, …), a device (/dev/video0), or - for
    /// standard input.
    ///
    /// Every format that the installed ffmpeg can read is accepted.
    #[arg(id = "input", value_name = "INPUT", env = "FACEFLEET_INPUT", required = true)]
    pub inputs: Vec<String>,

    /// Also search the subfolders of a folder.
    #[arg(long, env = "FACEFLEET_RECURSIVE")]
    pub recursive: bool,

    /// Write the outputs of each input to this folder: NAME.jsonl with one line of JSON per frame, and NAME with a box around each face.
    /// A file is there when it is whole.
    #[arg(long, value_name = "FOLDER", env = "FACEFLEET_OUT_DIR", conflicts_with_all = ["json", "annotate", "clients"])]
    pub out_dir: Option<PathBuf>,

    /// With --out-dir: the outputs to write.
    #[arg(
        long,
        value_name = "KIND",
        env = "FACEFLEET_OUTPUTS",
        value_delimiter = ',',
        default_value = "json,annotated"
    )]
    pub outputs: Vec<OutputKind>,

    /// With --out-dir: skip inputs whose outputs all exist, so that the same command resumes a run that was stopped.
    #[arg(long, env = "FACEFLEET_SKIP_DONE", requires = "out_dir")]
    pub skip_done: bool,

    /// With --out-dir: replace existing outputs.
    #[arg(long, env = "FACEFLEET_OVERWRITE", requires = "out_dir", conflicts_with = "skip_done")]
    pub overwrite: bool,

    /// With several inputs: how many videos are processed at a time; all pictures together count as one.
    #[arg(long, value_name = "N", env = "FACEFLEET_JOBS", default_value = "1", value_parser = jobs)]
    pub jobs: NonZeroU16,

    /// Address of the master; if the cluster has several, all of them: a:50051,b:50051 [default: the master that announces
    /// itself on this network; if there is none, everything runs on this machine, as with --local].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Run everything on this machine: a master and one worker per core, inside this process. Overrides --master, also from
    /// the environment or the configuration file.
    #[arg(long, env = "FACEFLEET_LOCAL")]
    pub local: bool,

    /// Maximum number of workers per stream. A stream starts with at most 4 workers and adds more while those cannot process
    /// all of its frames [default: as many as needed, at most 256].
    #[arg(long, value_name = "N", env = "FACEFLEET_WORKERS")]
    pub workers: Option<NonZeroUsize>,

    /// Write the frames with a box around each face. OUT is a video file for a video, a picture for a picture, and a folder for
    /// a folder.
    #[arg(long, value_name = "OUT", env = "FACEFLEET_ANNOTATE")]
    pub annotate: Option<PathBuf>,

    /// Write one line of JSON per frame, in frame order; - writes to standard output.
    #[arg(long, value_name = "OUT.jsonl", env = "FACEFLEET_JSON")]
    pub json: Option<PathBuf>,

    /// Process in real time: frames that become too old are dropped and counted, and a file is played at its own speed. This
    /// is the default for cameras; use --live=false to process every frame of a camera.
    #[arg(long, env = "FACEFLEET_LIVE", value_name = "YES", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub live: Option<bool>,

    /// With --live: maximum age of a frame, in milliseconds, when a worker starts to process it [default: 500].
    #[arg(long, value_name = "MS", env = "FACEFLEET_MAX_AGE")]
    pub max_age: Option<NonZeroU32>,

    /// Priority of the stream, -100 to 100. When workers are overloaded, streams with a higher priority are served first;
    /// the others still get a share.
    #[arg(long, value_name = "N", env = "FACEFLEET_PRIORITY", default_value = "0", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-100..=100))]
    pub priority: i32,

    /// Write a summary of the run as JSON: frames sent, ok, dropped and failed by reason, sent again, and per worker.
    #[arg(long, value_name = "OUT.json", env = "FACEFLEET_SUMMARY")]
    pub summary: Option<PathBuf>,

    /// Serve metrics for Prometheus at http://IP:PORT/metrics while the run lasts. Port 0 selects a free port, which is printed.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_CLIENT_HTTP")]
    pub http: Option<SocketAddr>,

    /// Options for traces.
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    pub otlp: OtlpArgs,

    /// Simulate N cameras: N streams that all read INPUT. Each stream writes its own outputs: out-1.mp4, out-2.mp4, …
    #[arg(long, value_name = "N", env = "FACEFLEET_CLIENTS", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub clients: u16,

    /// Stop each stream after this many frames.
    #[arg(long, value_name = "FRAMES", env = "FACEFLEET_LIMIT")]
    pub limit: Option<NonZeroU64>,

    /// Face detector: seeta, yunet or rustface. Only workers that offer it are used [default: the default of each worker].
    #[arg(long, value_name = "NAME", env = "FACEFLEET_DETECTOR")]
    pub detector: Option<DetectorKind>,

    /// Frames are scaled down to this many pixels on the long side before detection. A larger size finds smaller faces and
    /// takes longer [default: 512].
    #[arg(long, value_name = "PIXELS", env = "FACEFLEET_DETECT_SIZE", value_parser = clap::value_parser!(u32).range(LEAST_DETECT_SIZE..=i64::from(MAX_DETECT_SIZE)))]
    pub detect_size: Option<u32>,

    /// Shrink frames and pictures to this many pixels on the long side before sending them [default: --detect-size; with
    /// --min-face, full size].
    #[arg(long, value_name = "PIXELS", env = "FACEFLEET_SEND_SIZE", value_parser = clap::value_parser!(u32).range(LEAST_DETECT_SIZE..=MOST_SEND_SIZE))]
    pub send_size: Option<u32>,

    /// Also find eyes, nose and mouth, for --json and --annotate. Needs --detector yunet.
    #[arg(long, env = "FACEFLEET_LANDMARKS")]
    pub landmarks: bool,

    /// Minimum score of a face, in the scale of the detector [default: the default of the detector].
    #[arg(long, value_name = "SCORE", env = "FACEFLEET_MIN_SCORE", value_parser = positive)]
    pub min_score: Option<f32>,

    /// Minimum size of a face, in pixels of the video. A smaller value finds smaller faces and takes longer; a larger value is
    /// faster [default: 40 pixels after scaling, see --detect-size].
    #[arg(long, value_name = "PIXELS", env = "FACEFLEET_MIN_FACE", value_parser = positive)]
    pub min_face: Option<f32>,
}

/// The outputs that are written for each of many inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputKind {
    /// One line of JSON per frame.
    Json,
    /// The video or picture with a box around each face.
    Annotated,
}

/// List the workers of a cluster.
#[derive(Args, Clone, Debug)]
pub struct NodesArgs {
    /// Address of the master. Of several addresses, the first master that answers is used [default: the master that
    /// announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Print JSON instead of a table.
    #[arg(long, env = "FACEFLEET_JSON_OUTPUT")]
    pub json: bool,

    /// Print the list again every second, until Ctrl-C; with --json, one line per second.
    #[arg(long, env = "FACEFLEET_WATCH")]
    pub watch: bool,
}

/// Watch a cluster live: workers, streams, and why each frame goes to which worker.
///
/// Tab selects the next part of the screen, the arrow keys scroll it, q quits.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Address of the master. Of several addresses, the first master that answers is used [default: the master that
    /// announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,
}

/// Change the scheduling of a running cluster, or take workers out of service and back.
///
/// This needs the admin token of the master, which is set with its option --admin-token.
#[derive(Args, Clone, Debug)]
pub struct AdminArgs {
    /// What to change.
    #[arg(value_name = "WHAT")]
    pub what: Administered,

    /// Name of the policy or the admission; for rest and resume, name or id of the worker.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Address of the master. Of several addresses, the first master that answers is used [default: the master that
    /// announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// The admin token of the master. Prefer the environment variable: every user of this machine can read command lines.
    #[arg(long, value_name = "TOKEN", env = "FACEFLEET_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Token,
}

/// The changes that an administrator can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Administered {
    /// Change how workers are selected, as with --policy of the master.
    Policy,
    /// Change which streams are admitted, as with --admission of the master. Running streams continue.
    Admission,
    /// Take a worker out of service: it finishes its frames, its streams move to other workers, and it stays connected.
    /// `drain` does the same.
    #[value(alias = "drain")]
    Rest,
    /// Put a worker back into service.
    Resume,
}

impl AdminArgs {
    /// The change as the master is asked for it.
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

/// Estimate how many cameras a cluster can serve.
#[derive(Args, Clone, Debug)]
pub struct CapacityArgs {
    /// Address of the master. Of several addresses, the first master that answers is used [default: the master that
    /// announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Frames per second of each camera.
    #[arg(long, value_name = "N", env = "FACEFLEET_FPS", default_value = "10", value_parser = positive)]
    pub fps: f32,

    /// Print JSON instead of text.
    #[arg(long, env = "FACEFLEET_JSON_OUTPUT")]
    pub json: bool,
}

fn jobs(text: &str) -> Result<NonZeroU16, String> {
    text.parse().ok().filter(|jobs: &NonZeroU16| jobs.get() <= MOST_JOBS).ok_or(format!("must be 1 to {MOST_JOBS}"))
}

fn positive(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("must be a number above 0".into()),
    }
}

impl Cli {
    /// Reads the command line, the environment and the configuration file, whose keys are the flags of `run`. Wrong usage
    /// ends the process with exit code 2.
    pub fn from_env() -> Cli {
        let cli: Cli = config_file::parse(Cli::program(), Some("run"));
        let checked = match &cli.command {
            Command::Run(run) => run.check(),
            Command::Top(_) if !io::stdout().is_terminal() => Err(Cli::program().error(
                clap::error::ErrorKind::Io,
                "`top` needs a terminal; use `nodes --watch` to print to a file or a pipe\n",
            )),
            _ => Ok(()),
        };
        checked.unwrap_or_else(|e| e.exit());
        cli
    }

    /// The options for traces, if the command creates traces.
    #[cfg(feature = "otlp")]
    pub fn otlp(&self) -> Option<&OtlpArgs> {
        match &self.command {
            Command::Run(run) => Some(&run.otlp),
            _ => None,
        }
    }

    /// The definition of the command line. The default log level is lower than that of a server, because a person looks at a
    /// progress bar here.
    pub fn program() -> clap::Command {
        Cli::command().mut_arg("log", |log| log.default_value("warn"))
    }
}

/// Which cluster a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterChoice<'a> {
    /// A cluster inside this process.
    ThisMachine,
    /// The cluster of the masters that were named.
    Named(&'a HostPorts),
    /// The cluster that is discovered, or one inside this process if there is none.
    Discovered,
}

impl RunArgs {
    fn check(&self) -> Result<(), clap::Error> {
        let to_stdout = self.json.as_ref().is_some_and(|json| json.as_os_str() == "-");
        if to_stdout && self.clients > 1 {
            let message = "--json - supports only one stream: with --clients, give a file name\n";
            return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
        }
        if self.inputs.len() > 1 && (self.json.is_some() || self.annotate.is_some() || self.clients > 1) {
            let message =
                "several inputs have several outputs: use --out-dir instead of --json, --annotate and --clients\n";
            return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
        }
        for stream in 0..self.clients.into() {
            let outputs = [self.output(self.json.as_ref(), stream), self.output(self.annotate.as_ref(), stream)];
            let outputs = [self.summary.clone()].into_iter().chain(outputs).flatten();
            // Err: an empty path, which cannot be written to either.
            let mut paths: Vec<PathBuf> = outputs.filter_map(|output| path::absolute(output).ok()).collect();
            paths.sort();
            if let Some([twice, _]) = paths.array_windows().find(|[one, other]| one == other) {
                let message = format!("{} would be written twice: give each output its own name\n", twice.display());
                return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
            }
        }
        if self.summary.as_ref().is_some_and(|summary| summary.as_os_str() == "-") {
            let message = "--summary needs a file name: standard output is for people, or for --json -\n";
            return Err(Cli::program().error(clap::error::ErrorKind::ArgumentConflict, message));
        }
        Ok(())
    }

    /// The first input, which is the only one unless a run is over many.
    pub(crate) fn input(&self) -> &str {
        &self.inputs[0]
    }

    /// The cluster that this run uses.
    pub(crate) fn cluster(&self) -> ClusterChoice<'_> {
        match &self.master {
            _ if self.local => ClusterChoice::ThisMachine,
            Some(masters) => ClusterChoice::Named(masters),
            None => ClusterChoice::Discovered,
        }
    }

    /// The long side of what is sent, in pixels. None: frames are sent as large as they are, because the smallest face is given in
    /// their pixels.
    pub(crate) fn send_size(&self) -> Option<u32> {
        match (self.send_size, self.min_face) {
            (Some(size), _) => Some(size),
            (None, Some(_)) => None,
            (None, None) => Some(self.detect_size.unwrap_or(DETECT_SIZE)),
        }
    }

    /// The path of an output of one stream, counted from 0: with several streams, each has a number in its file name.
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
            &["a.mp4", "--send-size", "31"],
            &["a.mp4", "--send-size", "65536"],
            &["a.mp4", "--master", "pi"],
            &["a.mp4", "--clients", "2", "--json", "-"],
            &["a.mp4", "--summary", "-"],
            &["a.mp4", "b.mp4", "--json", "x.jsonl"],
            &["a.mp4", "b.mp4", "--clients", "2"],
            &["a.mp4", "--out-dir", "out", "--annotate", "x.mp4"],
            &["a.mp4", "--out-dir", "out", "--outputs", "xml"],
            &["a.mp4", "--out-dir", "out", "--skip-done", "--overwrite"],
            &["a.mp4", "--skip-done"],
            &["a.mp4", "--jobs", "0"],
            &["a.mp4", "--jobs", "201"],
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
        assert_eq!(run_args(&["a.mp4"]).unwrap().cluster(), ClusterChoice::Discovered);
        assert_eq!(run_args(&["a.mp4", "--local"]).unwrap().cluster(), ClusterChoice::ThisMachine);
        assert_eq!(run_args(&["a.mp4", "--master", "pi:1", "--local"]).unwrap().cluster(), ClusterChoice::ThisMachine);
        assert_eq!(run_args(&["a.mp4", "--master", "pi:1"]).unwrap().cluster(), ClusterChoice::Named(&pi));
    }

    #[test]
    fn frames_are_sent_as_large_as_they_are_searched() {
        for (args, size) in [
            (&["a.mp4"][..], Some(512)),
            (&["a.mp4", "--detect-size", "1024"], Some(1024)),
            (&["a.mp4", "--detect-size", "1024", "--send-size", "2048"], Some(2048)),
            (&["a.mp4", "--min-face", "20"], None),
        ] {
            assert_eq!(run_args(args).unwrap().send_size(), size, "{args:?}");
        }
        assert_eq!(facefleet_vision::Fit::default(), facefleet_vision::Fit::Within(DETECT_SIZE));
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
