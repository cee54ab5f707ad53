//! The configuration file, in the program itself.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The program with this file and nothing of this machine's environment.
fn master(file: &str) -> (TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.toml");
    fs::write(&path, file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_facefleet-master"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FACEFLEET_")) {
        command.env_remove(name);
    }
    command.arg("--config").arg(path);
    (folder, command)
}

#[test]
fn flags_then_environment_then_file_then_default() {
    let cases: [(&str, Option<&str>, &[&str], &str); 4] = [
        ("max-wait = 3", Some("4"), &["--max-wait", "5"], "max-wait = 5  # flag"),
        ("max-wait = 3", Some("4"), &[], "max-wait = 4  # environment FACEFLEET_MAX_WAIT"),
        ("max-wait = 3", None, &[], "max-wait = 3  # file, line 1"),
        ("", None, &[], "max-wait = 60  # default"),
    ];
    for (file, variable, flags, line) in cases {
        let (_folder, mut command) = master(file);
        command.envs(variable.map(|value| ("FACEFLEET_MAX_WAIT", value))).args(flags).arg("--print-config");
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(printed.lines().any(|printed| printed == line), "no `{line}` in\n{printed}");
    }
}

#[test]
fn it_runs_with_what_the_file_says() {
    let (_folder, mut command) = master("listen = '127.0.0.1:0'");
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(line.starts_with("listening on 127.0.0.1:"), "{line}");
}

#[test]
fn a_bad_file_ends_with_2_and_names_the_line() {
    for (file, said) in [
        ("\nmaxwait = 3", "master.toml:2: there is no key `maxwait`; the nearest is `max-wait`"),
        ("max-wait = '1m'", "master.toml:1: `max-wait` cannot be \"1m\": "),
        ("policy = 'fastest'", "write least-loaded or weighted-round-robin"),
    ] {
        let (_folder, mut command) = master(file);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(said), "{stderr}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    }
}

#[test]
fn the_page_is_announced_and_a_port_that_is_taken_says_what_to_do() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let (_folder, mut command) = master("listen = '127.0.0.1:0'");
    let output = command.args(["--http", &taken.to_string()]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(&format!("cannot listen on {taken}: ")), "{stderr}");
    assert!(stderr.contains("stop the program that has this port, or choose another with --http"), "{stderr}");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));

    let (_folder, mut command) = master("listen = '127.0.0.1:0'\nhttp = '127.0.0.1:0'");
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines: Vec<String> =
        BufReader::new(running.stdout.take().unwrap()).lines().take(2).map(Result::unwrap).collect();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(lines[1].starts_with("page on http://127.0.0.1:") && lines[1].ends_with('/'), "{lines:?}");
}
