//! A test whose tool is missing, seen from outside: it runs in a process of its own, whose `PATH` leads nowhere.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::env;
use std::path::Path;
use std::process::{Command, Output};

use prerequisites::{ETCD, REQUIRE, SKIPPED, Skips, is_shared_data_there, skip};

/// Says to a test below that it is the one that is looked at.
const CHILD: &str = "FACEFLEET_TEST_PREREQUISITES";

/// What becomes of the test of this name, where [`REQUIRE`] is so and no program is found.
fn run(test: &str, require: &str, skipped: &Path) -> Output {
    let mut child = Command::new(env::current_exe().unwrap());
    // Two threads: with one, the runner does not name it after the test.
    child.args(["--exact", test, "--test-threads", "2"]);
    child.env("PATH", "/nowhere").env(CHILD, "1").env(REQUIRE, require).env(SKIPPED, skipped);
    child.output().unwrap()
}

#[test]
fn needs_etcd() {
    if env::var_os(CHILD).is_some() {
        assert!(!ETCD.is_there(), "there is one at /nowhere");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let skipped = folder.path().join("skipped");
    let failed = run("needs_etcd", "all", &skipped);
    let said = String::from_utf8_lossy(&failed.stdout);
    let why = "etcd is not installed (Debian: sudo apt-get install -y --no-install-recommends etcd-server)";
    assert!(!failed.status.success() && said.contains(&format!("needs_etcd cannot run: {why}")), "{said}");
    let typing_error = run("needs_etcd", "al", &skipped);
    assert!(!typing_error.status.success(), "{typing_error:?}");
    assert_eq!(Skips::read(&skipped).unwrap(), Skips::default());

    let skips = run("needs_etcd", "", &skipped);
    assert!(skips.status.success(), "{skips:?}");
    assert!(String::from_utf8_lossy(&skips.stderr).contains(&format!("SKIPPED needs_etcd: {why}")), "{skips:?}");
    assert_eq!(Skips::read(&skipped).unwrap().to_string(), format!("1 ({why})"));
}

#[test]
fn is_a_check() {
    if env::var_os(CHILD).is_some() {
        let outcome = skip("deploy", "no systemd can be started here").map_err(|cannot_run| cannot_run.to_string());
        return outcome.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let skipped = folder.path().join("skipped");
    let failed = run("is_a_check", "all", &skipped);
    let said = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success() && said.contains("deploy cannot run: no systemd can be started here"), "{said}");
    assert_eq!(Skips::read(&skipped).unwrap(), Skips::default());
    assert!(run("is_a_check", "", &skipped).status.success());
    assert_eq!(Skips::read(&skipped).unwrap().to_string(), "1 (no systemd can be started here)");
}

#[test]
fn needs_shared_data() {
    if env::var_os(CHILD).is_some() {
        assert!(!is_shared_data_there(Path::new("/nowhere/clip.mp4")));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let skipped = folder.path().join("skipped");
    assert!(run("needs_shared_data", "all", &skipped).status.success());
    let why = "/nowhere/clip.mp4 is not there, and it is no part of the checkout";
    assert_eq!(Skips::read(&skipped).unwrap().to_string(), format!("1 ({why})"));
}
