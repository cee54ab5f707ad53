//! The program's command line.

use std::net::TcpListener;
use std::process::{Command, Output};

use clap::Parser;
use facefleet_worker::cli::Args;
use facefleet_worker::cli::Command::Bench;

/// The program, without the settings of this machine's environment and files.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facefleet-worker"));
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_string_lossy().starts_with("FACEFLEET_") {
            command.env_remove(name);
        }
    }
    command.env("FACEFLEET_CONFIG", "");
    command
}

fn worker(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

#[test]
fn wrong_usage_is_named_and_ends_with_2() {
    let cases: [(&[&str], &str); 17] = [
        (&["--master", "pi"], "no port"),
        (&["--master", "pi:50051", "--weight", "0"], "--weight"),
        (&["--master", "pi:50051", "--weight", "-1"], "-1"),
        (&["--master", "pi:50051", "--threads", "0"], "--threads"),
        (&["--master", "pi:50051", "--threads", "1025"], "--threads"),
        (&["--master", "pi:50051", "--max-streams", "0"], "--max-streams"),
        (&["--master", "pi:50051", "--max-streams", "100001"], "--max-streams"),
        (&["--master", "pi:50051", "--advertise", "0.0.0.0:50050"], "nobody can be reached there"),
        (&["--master", "pi:50051", "--advertise", "224.0.0.1:50050"], "nobody can be reached there"),
        (&["--master", "pi:50051", "--advertise", "10.0.0.5:0"], "nobody can be reached there"),
        (&["--master", "pi:50051", "--detector", "dlib"], "choose one of: seeta"),
        (&["--master", "pi:50051", "--name", ""], "--name"),
        (&["--master", "pi:50051", "--listen", "here"], "--listen"),
        (&["--master", "pi:50051", "--http", "8081"], "--http"),
        (&["--master", "pi:50051", "--live-token", "too short"], "16"),
        (&["bench", "--seconds", "0"], "--seconds"),
        (&["--threads", "2", "bench"], "bench"),
    ];
    for (args, said) in cases {
        let output = worker(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?} does not say `{said}`: {stderr}");
    }
}

#[test]
fn the_bench_asks_for_no_master() {
    let args = Args::try_parse_from(["facefleet-worker", "bench"]).unwrap();
    assert!(matches!(args.command, Some(Bench { seconds: 5 })), "{args:?}");
}

#[test]
fn a_port_that_is_taken_is_named_and_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = worker(&["--master", "127.0.0.1:1", "--listen", &address]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&address) && stderr.contains("--listen"), "{stderr}");
    assert!(output.stdout.is_empty());

    let output = worker(&["--master", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--http", &address]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&address) && stderr.contains("choose another with --http"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn completions_need_nothing_else_and_mind_no_environment() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facefleet-worker"));
    let output = command.args(["--completions", "bash"]).env("FACEFLEET_GRACE", "3").output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("--advertise"));
}
