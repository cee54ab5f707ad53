use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::{ArgMatches, Args as _, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tempfile::TempDir;

use super::{ConfigArgs, Invocation, evaluate};
use crate::address::HostPorts;

/// A program with one flag of each kind. (No variable of these names is set where tests run; the programs' own tests try the
/// environment.)
#[derive(Parser, Debug)]
#[command(name = "facefleet-probe", version = "1.2.3")]
struct Probe {
    #[arg(long, env = "PROBE_MASTER", required_unless_present = "completions")]
    master: Option<HostPorts>,
    /// Seconds to wait.
    #[arg(long, env = "PROBE_MAX_WAIT", default_value_t = 60, value_parser = clap::value_parser!(u32).range(..=100))]
    max_wait: u32,
    #[arg(long, env = "PROBE_PRIORITY", default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    #[arg(long, env = "PROBE_SCORE")]
    score: Option<f32>,
    #[arg(long, env = "PROBE_NAME")]
    name: Option<String>,
    #[arg(long, env = "PROBE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[arg(long, env = "PROBE_LOG_FILE")]
    log_file: Option<PathBuf>,
    #[arg(long, env = "PROBE_POLICY", default_value = "fair")]
    policy: Policy,
    #[arg(long, env = "PROBE_LIVE", value_name = "YES", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    live: Option<bool>,
    #[arg(long, env = "PROBE_FAST")]
    fast: bool,
    #[arg(long)]
    completions: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Policy {
    Fair,
    First,
}

/// A file that is deleted after the test.
struct OnDisk {
    folder: TempDir,
}

impl OnDisk {
    fn with(text: impl AsRef<[u8]>) -> OnDisk {
        let file = OnDisk { folder: tempfile::tempdir().unwrap() };
        fs::write(file.path(), text).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("probe.toml")
    }
}

fn words(first: &str, args: &str) -> Vec<OsString> {
    [first].into_iter().chain(args.split_whitespace()).map(OsString::from).collect()
}

/// Evaluates a command line with `text` in the file that is read by default.
fn outcome(text: &str, args: &str) -> Result<Invocation, clap::Error> {
    evaluate(Probe::command(), None, Some(OnDisk::with(text).path()), words("facefleet-probe", args))
}

fn started(result: Result<Invocation, clap::Error>) -> ArgMatches {
    match result.unwrap() {
        Invocation::Start(matches) => matches,
        Invocation::Print(text) => panic!("{text}"),
    }
}

fn said(result: Result<Invocation, clap::Error>) -> String {
    match result.unwrap() {
        Invocation::Print(text) => text,
        Invocation::Start(matches) => panic!("{matches:?}"),
    }
}

fn probe(text: &str, args: &str) -> Probe {
    Probe::from_arg_matches(&started(outcome(text, args))).unwrap()
}

fn refusal(result: Result<Invocation, clap::Error>) -> String {
    let error = result.err().expect("it is refused");
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

/// A file with a value of each kind, none of which is the default.
const FULL: &str = r#"# A comment.
master = ["a:1", "[::1]:2"]
max-wait = 30
priority = -5
score = 0.50
name = "say \"pi\" \\ \u00fc # 1"
log-file = "/var/log/a.jsonl"
policy = "first"
live = false
fast = true
"#;

#[test]
fn each_kind_of_value_arrives() {
    let probe = probe(FULL, "");
    assert_eq!(probe.master.unwrap().to_string(), "a:1,[::1]:2");
    assert_eq!((probe.max_wait, probe.priority, probe.score), (30, -5, Some(0.5)));
    assert_eq!(probe.name.as_deref(), Some("say \"pi\" \\ ü # 1"));
    assert_eq!(probe.log_file, Some(PathBuf::from("/var/log/a.jsonl")));
    assert_eq!((probe.policy, probe.live, probe.fast), (Policy::First, Some(false), true));
}

#[test]
fn a_number_may_be_a_text_and_a_list_of_one_too() {
    let probe = probe("master = 'a:1'\nmax-wait = '30'\nname = 7", "");
    assert_eq!((probe.master.unwrap().count(), probe.max_wait, probe.name.as_deref()), (1, 30, Some("7")));
}

#[test]
fn flags_win_over_the_file() {
    let probe = probe(FULL, "--master c:3 --max-wait 20 --live --fast=false");
    assert_eq!(probe.master.unwrap().to_string(), "c:3");
    assert_eq!((probe.max_wait, probe.live, probe.fast, probe.priority), (20, Some(true), false, -5));
}

#[test]
fn a_switch_is_off_until_it_is_turned_on() {
    for (text, args, fast) in [("", "", false), ("", "--fast", true), ("fast = false", "--fast", true)] {
        assert_eq!(probe(text, &format!("--master a:1 {args}")).fast, fast, "{text} {args}");
    }
}

#[test]
fn what_is_required_may_be_in_the_file() {
    assert_eq!(probe("master = 'a:1'", "").master.unwrap().count(), 1);
    assert!(refusal(outcome("", "")).contains("--master"));
}

#[test]
fn a_bad_line_is_named() {
    let cases = [
        ("\nmax_wait = 3", 2, "no key `max_wait`; the nearest is `max-wait`"),
        ("naem = 'x'", 1, "nearest is `name`"),
        ("LogFile = 'x'", 1, "nearest is `log-file`"),
        ("\"a\\nb\" = 1", 1, "no key `a\\nb`"),
        ("[probe]\nmax-wait = 3", 1, "no key `probe`"),
        ("name = 'x'\n\nmax-wait = 101", 3, "`max-wait` cannot be \"101\": 101 is not in 0..=100"),
        ("max-wait = '1m'", 1, "cannot be \"1m\": invalid digit"),
        ("max-wait = 1.5", 1, "`max-wait` cannot be \"1.5\""),
        ("policy = 'fastest'", 1, "write fair or first"),
        ("log-file = ''", 1, "`log-file` cannot be \"\": it is empty"),
        ("master = ['a:1', 'b']", 1, "`b` has no port"),
        ("master = []", 1, "has no port"),
        ("master = [1]", 1, "`master` takes a text in quotes or a [list] of them, and this is of type array"),
        ("max-wait = true", 1, "`max-wait` takes a text in quotes or a decimal number, and this is of type boolean"),
        ("max-wait = 0x10", 1, "decimal number"),
        ("name = ['a', 'b']", 1, "of type array"),
        ("name.first = 'a'", 1, "of type table"),
        ("fast = 1", 1, "`fast` takes true or false"),
        ("live = 'true'", 1, "`live` takes true or false, and this is of type string"),
        ("name = 'x'\nmax-wait = 3\nname = 'y'", 3, "duplicate key"),
        ("name = x", 1, "this is not TOML"),
        ("name = 'x'\nmax-wait", 2, "this is not TOML"),
        // The first mistake counts, not the first letter.
        ("zebra = 1\naardvark = 2", 1, "`zebra`"),
        ("help = true", 1, "`help` is for the command line"),
        ("version = true", 1, "`version` is for the command line"),
        ("completions = 'bash'", 1, "`completions` is for the command line"),
        ("config = 'x'", 1, "`config` is for the command line"),
        ("check-config = true", 1, "`check-config` is for the command line"),
        ("print-config = true", 1, "`print-config` is for the command line"),
    ];
    for (text, line, problem) in cases {
        for args in ["--master a:1", "--check-config", "--print-config"] {
            let error = refusal(outcome(text, args));
            assert!(error.contains(&format!("probe.toml:{line}: ")), "{text:?}: {error}");
            assert!(error.contains(problem), "{text:?}: {error}");
            assert!(!error.contains("Usage"), "the usage would hide it: {error}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_one_is_refused() {
    let refused = |file: &OnDisk, path: PathBuf| {
        let args = ["facefleet-probe".into(), "--master=a:1".into(), "--config".into(), path.into_os_string()];
        let named = refusal(evaluate(Probe::command(), None, Some(file.path()), args.into()));
        assert!(named.contains("probe"), "the file is not named: {named}");
        named
    };
    let good = OnDisk::with("max-wait = 3");
    assert!(refused(&good, good.folder.path().join("other-probe.toml")).contains("cannot read"));
    let folder = good.folder.path().join("probe.d");
    fs::create_dir(&folder).unwrap();
    assert!(refused(&good, folder).contains("cannot read"));
    let latin1 = OnDisk::with(b"max-wait = 3\nname = \"M\xfcller\"");
    assert!(refused(&latin1, latin1.path()).contains("probe.toml:2: this is not UTF-8"));
    let limit = |bytes: usize| OnDisk::with(format!("#{}", "x".repeat(bytes - 1)));
    let large = limit((1 << 20) + 1);
    assert!(refused(&large, large.path()).contains("more than 1048576 bytes"));
    assert!(outcome(&format!("#{}", "x".repeat((1 << 20) - 1)), "--master a:1").is_ok(), "1 MiB is allowed");
}

#[test]
fn a_named_file_replaces_the_default_one_which_need_not_exist() {
    let (default, named) = (OnDisk::with("max-wait = 3"), OnDisk::with("priority = 4"));
    let run = |default: Option<PathBuf>, config: PathBuf| {
        let args = ["facefleet-probe".into(), "--master=a:1".into(), "--config".into(), config.into_os_string()];
        let probe = Probe::from_arg_matches(&started(evaluate(Probe::command(), None, default, args.into()))).unwrap();
        (probe.max_wait, probe.priority)
    };
    assert_eq!(run(Some(default.path()), named.path()), (60, 4));
    assert_eq!(run(Some(default.path()), PathBuf::new()), (60, 0), "an empty name is no file");
    let missing = default.folder.path().join("missing.toml");
    let args = words("facefleet-probe", "--master a:1");
    assert_eq!(
        started(evaluate(Probe::command(), None, Some(missing.clone()), args)).get_one("max_wait"),
        Some(&60_u32)
    );
    let check = said(evaluate(Probe::command(), None, Some(missing), words("facefleet-probe", "--check-config")));
    assert!(
        check.starts_with("no configuration file is read; the default one would be ")
            && check.ends_with("missing.toml")
    );
}

#[test]
fn check_says_which_file_is_good_and_asks_for_nothing_else() {
    let file = OnDisk::with(FULL);
    let args = words("facefleet-probe", "--check-config");
    let good = said(evaluate(Probe::command(), None, Some(file.path()), args));
    assert_eq!(good, format!("{} is good", file.path().display()));
}

#[test]
fn a_bad_file_stands_neither_in_the_way_of_completions_nor_of_wrong_usage() {
    assert_eq!(probe("nonsense", "--completions bash").completions.as_deref(), Some("bash"));
    assert_eq!(outcome("nonsense", "--help").err().unwrap().kind(), clap::error::ErrorKind::DisplayHelp);
    assert!(refusal(outcome("nonsense", "--max-wait x")).contains("--max-wait"));
}

#[test]
fn what_is_printed_says_where_it_comes_from() {
    let printed = said(outcome("\nmax-wait = 30", "--print-config --priority=-5"));
    for line in [
        "# Seconds to wait\nmax-wait = 30  # file, line 2\n",
        "priority = -5  # flag\n",
        "[possible values: fair, first]\npolicy = \"fair\"  # default\n",
        "fast = false  # default",
        "# live = <YES>  # not set",
    ] {
        assert!(printed.contains(line), "no `{line}` in\n{printed}");
    }
    assert!(!printed.contains("completions") && !printed.contains("config ="), "{printed}");
    assert!(printed.lines().all(|line| line.len() <= 120), "{printed}");
}

#[test]
fn a_secret_is_not_printed() {
    let printed = said(outcome("token = 'open sesame'", "--print-config"));
    assert!(printed.contains("# token = <set, and a secret>  # file, line 1"), "{printed}");
    assert!(!printed.contains("sesame"), "{printed}");
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let values = |text: &str| format!("{:?}", Probe { config: no_config(), ..probe(text, "") });
    for text in [FULL, "master = 'a:1'", "master = 'a:1'\nname = '007'", "master = 'a:1'\nname = \"a\\tb\\u007f\""] {
        let printed = said(outcome(text, "--print-config"));
        assert_eq!(values(&printed), values(text), "{printed}");
        let again = said(outcome(&printed, "--print-config"));
        let uncommented =
            |toml: &str| toml.lines().map(|l| l.split("  # ").next().unwrap().to_owned()).skip(4).collect::<Vec<_>>();
        assert_eq!(uncommented(&again), uncommented(&printed));
    }
}

fn no_config() -> ConfigArgs {
    let command = ConfigArgs::augment_args(clap::Command::new("none"));
    ConfigArgs::from_arg_matches(&command.get_matches_from(["none"])).unwrap()
}

/// A program whose file has the flags of `run`.
#[derive(Parser, Debug)]
#[command(name = "facefleet-probe")]
struct Parts {
    #[command(subcommand)]
    part: Part,
    #[arg(long, env = "PROBE_LOG", global = true, default_value = "warn")]
    log: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Subcommand, Debug)]
enum Part {
    Run {
        #[arg(env = "PROBE_INPUT")]
        input: String,
        #[arg(long, env = "PROBE_MASTER")]
        master: Option<HostPorts>,
        #[arg(long, env = "PROBE_JSON")]
        json: Option<PathBuf>,
    },
    Nodes {
        #[arg(long, env = "PROBE_MASTER")]
        master: HostPorts,
        #[arg(long, env = "PROBE_JSON_OUTPUT")]
        json: bool,
        #[arg(long, env = "PROBE_FPS", default_value_t = 10)]
        fps: u32,
    },
}

fn parts(text: &str, args: &str) -> Result<Invocation, clap::Error> {
    evaluate(Parts::command(), Some("run"), Some(OnDisk::with(text).path()), words("facefleet-probe", args))
}

#[test]
fn another_subcommand_takes_what_means_the_same() {
    let text = "master = 'a:1'\njson = 'out.jsonl'\nlog = 'debug'";
    let parse = |args| Parts::from_arg_matches(&started(parts(text, args))).unwrap();
    let run = parse("run a.mp4");
    assert_eq!(run.log, "debug");
    assert!(matches!(run.part, Part::Run { input, master: Some(_), json: Some(_) } if input == "a.mp4"));
    let nodes = parse("nodes --log info");
    assert_eq!(nodes.log, "info");
    assert!(matches!(nodes.part, Part::Nodes { master, json: false, fps: 10 } if master.to_string() == "a:1"));
    assert!(refusal(parts("fps = 5", "run a.mp4")).contains("no key `fps`"));
    assert!(refusal(parts("input = 'a.mp4'", "run")).contains("`input` is for the command line"));
    assert!(refusal(parts(text, "")).contains("subcommand"));
    assert!(refusal(parts("", "nodes")).contains("--master"));
}

#[test]
fn without_a_subcommand_the_whole_file_is_printed() {
    let text = "master = 'a:1'\nlog = 'debug'";
    for args in ["--print-config", "run --print-config", "--print-config run a.mp4"] {
        let printed = said(parts(text, args));
        assert!(
            printed.contains("master = \"a:1\"  # file, line 1\n") && printed.contains("# json = <JSON>"),
            "{printed}"
        );
        assert!(printed.ends_with("log = \"debug\"  # file, line 2"), "{printed}");
        assert!(!printed.contains("input"), "{printed}");
    }
    let nodes = said(parts(text, "nodes --print-config --master b:2"));
    assert!(nodes.contains("master = \"b:2\"  # flag\n") && !nodes.contains("json"), "{nodes}");
    assert!(said(parts(text, "--check-config")).ends_with("probe.toml is good"));
    assert!(
        matches!(parts("nonsense", "completions"), Err(e) if e.kind() == clap::error::ErrorKind::InvalidSubcommand)
    );
}
