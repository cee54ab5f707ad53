//! Tests of the configuration file with the program as a process.

use std::env;
use std::fs;
use std::process::{Command, Output};

const FILE: &str = "workers = 3\nmaster = ['a:1', 'b:2']\nlandmarks = true\njson = 'out.jsonl'\n";

/// Runs the program with this file, environment and arguments, and returns its output.
fn client(file: &str, variables: &[(&str, &str)], args: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    fs::write(&path, file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_facefleet-client"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FACEFLEET_")) {
        command.env_remove(name);
    }
    command.env("FACEFLEET_CONFIG", path).envs(variables.iter().copied());
    command.args(args.split_whitespace()).output().unwrap()
}

/// Returns the lines that `--print-config` prints.
fn printed(file: &str, variables: &[(&str, &str)], args: &str) -> Vec<String> {
    let output = client(file, variables, &format!("{args} --print-config"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn flags_then_environment_then_file_then_default() {
    let variables = [("FACEFLEET_WORKERS", "4"), ("FACEFLEET_MASTER", "c:3"), ("FACEFLEET_LANDMARKS", "false")];
    let flags = "run a.mp4 --workers 5 --master e:5,f:6 --landmarks";
    let cases: [(&str, &[_], &str, [&str; 3]); 5] = [
        (
            FILE,
            &variables,
            flags,
            ["workers = 5  # flag", "master = [\"e:5\", \"f:6\"]  # flag", "landmarks = true  # flag"],
        ),
        (
            FILE,
            &variables,
            "run a.mp4",
            [
                "workers = 4  # environment FACEFLEET_WORKERS",
                "master = \"c:3\"  # environment FACEFLEET_MASTER",
                "landmarks = false  # environment FACEFLEET_LANDMARKS",
            ],
        ),
        (
            FILE,
            &[],
            "",
            [
                "workers = 3  # file, line 1",
                "master = [\"a:1\", \"b:2\"]  # file, line 2",
                "landmarks = true  # file, line 3",
            ],
        ),
        (
            FILE,
            &[],
            "run --landmarks=false",
            ["workers = 3  # file, line 1", "landmarks = false  # flag", "log = \"warn\"  # default"],
        ),
        (
            "",
            &[],
            "",
            ["# workers = <N>  # not set", "# master = <HOST:PORT[,...]>  # not set", "landmarks = false  # default"],
        ),
    ];
    for (file, variables, args, lines) in cases {
        let printed = printed(file, variables, args);
        for line in lines {
            assert!(printed.iter().any(|printed| printed == line), "{args}: no `{line}` in\n{}", printed.join("\n"));
        }
    }
}

#[test]
fn nodes_takes_the_master_of_the_file_and_not_its_outputs() {
    let printed = printed(FILE, &[], "nodes");
    let values: Vec<&String> = printed.iter().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(values[0], "master = [\"a:1\", \"b:2\"]  # file, line 2");
    assert!(values[1..].iter().all(|line| line.starts_with("log")), "{values:?}");
    // The exit code shows that no flag was missing: the master was asked, and is not there.
    let output = client("master = '127.0.0.1:1'", &[], "nodes");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_bad_file_ends_with_2_and_names_the_line_whatever_is_to_be_done() {
    for args in ["run a.mp4", "nodes", "capacity", "--check-config"] {
        for (file, said) in [
            ("\nworker = 3", "client.toml:2: there is no key `worker`; the nearest is `workers`"),
            ("input = 'a.mp4'", "client.toml:1: `input` is for the command line"),
            ("fps = 10", "client.toml:1: there is no key `fps`"),
            ("clients = 201", "client.toml:1: `clients` cannot be \"201\": 201 is not in 1..=200"),
        ] {
            let output = client(file, &[], args);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(stderr.contains(said), "{args}: {stderr}");
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args}");
        }
    }
    assert!(client("worker = 3", &[], "completions bash").status.success());
}

#[test]
fn a_good_file_is_called_good() {
    let output = client(FILE, &[], "--check-config");
    assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().ends_with("client.toml is good\n"));
}
