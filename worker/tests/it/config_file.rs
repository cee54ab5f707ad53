//! The configuration file in the program itself: flags win over the environment, that over the file, and that over the defaults.

use std::fs;
use std::process::Output;

use crate::program::program;

const FILE: &str = "max-streams = 3\nmaster = ['a:1', 'b:2']\nname = 'from the file'\n";

/// Runs the program with this file.
fn worker(file: &str, env: &[(&str, &str)], args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.toml");
    fs::write(&path, file).unwrap();
    program().env("FACEFLEET_CONFIG", &path).envs(env.iter().copied()).args(args).output().unwrap()
}

fn printed(file: &str, env: &[(&str, &str)], args: &[&str]) -> String {
    let output = worker(file, env, &[args, &["--print-config"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn flags_then_environment_then_file_then_default() {
    let env = [("FACEFLEET_MAX_STREAMS", "4"), ("FACEFLEET_MASTER", "c:3,d:4")];
    let flags = ["--max-streams", "5", "--master", "e:5,f:6"];
    let cases: [(&str, &[_], &[_], [&str; 2]); 4] = [
        (FILE, &env, &flags, ["max-streams = 5  # flag", r#"master = ["e:5", "f:6"]  # flag"#]),
        (
            FILE,
            &env,
            &[],
            [
                "max-streams = 4  # environment FACEFLEET_MAX_STREAMS",
                r#"master = ["c:3", "d:4"]  # environment FACEFLEET_MASTER"#,
            ],
        ),
        (FILE, &[], &[], ["max-streams = 3  # file, line 1", r#"master = ["a:1", "b:2"]  # file, line 2"#]),
        ("", &[], &[], ["# max-streams = <N>  # not set", "# master = <HOST:PORT[,...]>  # not set"]),
    ];
    for (file, env, flags, lines) in cases {
        let printed = printed(file, env, flags);
        for line in lines {
            assert!(printed.lines().any(|printed| printed == line), "no `{line}` in\n{printed}");
        }
    }
}

#[test]
fn what_is_printed_is_a_file_of_the_same_configuration() {
    let values = |toml: &str| -> Vec<String> {
        let lines = toml.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  # ").next().expect("there is a first part").to_owned()).collect()
    };
    let first = printed(FILE, &[("FACEFLEET_THREADS", "2")], &["--weight", "7"]);
    let second = printed(&first, &[], &[]);
    assert_eq!(values(&second), values(&first));
    assert!(values(&first).contains(&"threads = 2".to_owned()) && second.contains("weight = 7  # file, line "));
}

#[test]
fn a_bad_file_ends_with_2_and_names_the_line() {
    for args in [&[][..], &["--check-config"], &["--print-config"]] {
        for (file, said) in [
            (
                "master = 'a:1'\nmax_streams = 3",
                "worker.toml:2: there is no key `max_streams`; the nearest is `max-streams`",
            ),
            ("weight = 0", "worker.toml:1: `weight` cannot be \"0\": 0 is not in 1..=1000000"),
            ("detector = 'dlib'", "worker.toml:1: `detector` cannot be \"dlib\": "),
        ] {
            let output = worker(file, &[], args);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(stderr.contains(said), "{stderr}");
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        }
    }
}

#[test]
fn a_good_file_is_called_good() {
    let output = worker(FILE, &[], &["--check-config"]);
    assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().ends_with("worker.toml is good\n"));
}
