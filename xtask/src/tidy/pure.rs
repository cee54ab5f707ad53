//! The pure crates decide, and leave it to others to wait and to talk: they compile in seconds, and whoever reads them meets no
//! runtime. So nothing of the kind is among what they and their tests are built of.

use std::env;
use std::process::Command;

use super::root;

/// The crates, as their packages are called.
const PURE: [&str; 3] = ["facefleet-cluster", "facefleet-stream", "facefleet-sim"];
/// What the shells around them bring: runtimes, gRPC, HTTP and clients of databases, by the beginning of their names.
const IMPURE: [&str; 9] = ["tokio", "async-std", "smol", "futures", "mio", "tonic", "axum", "hyper", "etcd"];

#[test]
fn pure_crates_are_built_without_a_runtime() {
    for package in PURE {
        let dependencies = dependencies(package);
        assert!(dependencies.iter().any(|name| name == "facefleet-proto"), "{package} is built of {dependencies:?}");
        let impure = impure(&dependencies);
        assert!(
            impure.is_empty(),
            "{package} is to be pure; `cargo tree -e normal,dev -p {package}` shows who brings {impure:?}"
        );
    }
}

/// The names of all packages that a package is built of, as it is built by itself.
fn dependencies(package: &str) -> Vec<String> {
    let mut tree = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tree.current_dir(root()).args([
        "tree",
        "--locked",
        "--edges",
        "normal,dev",
        "--prefix",
        "none",
        "--package",
        package,
    ]);
    let output = tree.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn impure(dependencies: &[String]) -> Vec<&String> {
    dependencies.iter().filter(|name| IMPURE.iter().any(|start| name.starts_with(start))).collect()
}

#[test]
fn a_runtime_is_seen() {
    let dependencies = dependencies("facefleet-service");
    let impure = impure(&dependencies);
    assert!(impure.iter().any(|name| *name == "tokio") && impure.iter().any(|name| *name == "tonic"), "{impure:?}");
    assert!(!impure.iter().any(|name| *name == "tracing"));
}
