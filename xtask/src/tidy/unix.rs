//! The programs have to build on Windows and macOS, whose standard libraries are not at hand where the tests run. So what only
//! unix has is looked for in their sources: it has to be behind a `cfg` that says so.
//!
//! The test sees paths that are written out, in sources as `rustfmt` leaves them. It does not see what has another meaning
//! elsewhere under the same name, a dependency that does not build there, or a `cfg` for Windows whose code is wrong: only
//! a compiler does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{root, sources_below};

/// What the programs are made of.
const PACKAGES: [&str; 6] = ["proto", "vision", "service", "master", "worker", "client"];
/// What Windows does not have.
const UNIX_ONLY: [&str; 7] =
    ["std::os::unix", "std::os::fd", "std::os::linux", "signal::unix", "libc::", "nix::", "rustix::"];
/// Dependencies that stand for the last three.
const UNIX_CRATES: [&str; 3] = ["libc", "nix", "rustix"];

#[test]
fn what_only_unix_has_is_behind_a_cfg() {
    let mut found = Vec::new();
    for package in PACKAGES {
        let folder = root().join(package);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        found.extend(unix_dependencies(&manifest).into_iter().map(|line| format!("{package}/Cargo.toml: {line}")));
        let mut sources = Vec::new();
        sources_below(&folder.join("src"), &mut sources);
        assert!(!sources.is_empty(), "{package} has sources");
        let looks: Vec<(PathBuf, Look)> =
            sources.into_iter().map(|path| (path.clone(), Look::at(&fs::read_to_string(path).unwrap()))).collect();
        let guarded: BTreeSet<PathBuf> = looks.iter().flat_map(|(path, look)| look.guarded_modules(path)).collect();
        for (path, look) in &looks {
            if !path.ancestors().any(|part| guarded.contains(&part.with_extension(""))) {
                found.extend(look.unguarded.iter().map(|line| format!("{}: {line}", path.display())));
            }
        }
    }
    assert!(found.is_empty(), "Windows has nothing of this; put it behind #[cfg(unix)]:\n{}", found.join("\n"));
}

/// What a source file holds.
#[derive(Debug, Default, PartialEq)]
struct Look {
    /// Lines that only unix can compile, and that it alone does not get.
    unguarded: Vec<String>,
    /// Modules in files of their own that unix alone gets.
    modules: Vec<String>,
}

impl Look {
    /// An item begins after its attributes, and ends with the first line that is as far to the left and ends something.
    fn at(source: &str) -> Look {
        let mut look = Look::default();
        let mut guard: Option<usize> = None;
        for line in source.lines() {
            let text = line.trim_start();
            let indent = line.len() - text.len();
            if text.starts_with("#![cfg(") && is_for_unix(text) {
                return Look::default();
            }
            match guard {
                None if text.starts_with("#[cfg(") && is_for_unix(text) => guard = Some(indent),
                None if !text.starts_with("//") && UNIX_ONLY.iter().any(|path| names(text, path)) => {
                    look.unguarded.push(text.to_owned());
                }
                Some(left) if indent == left && !text.starts_with(['#', '/']) => {
                    let module = text.split_once("mod ").and_then(|(_, name)| name.strip_suffix(';'));
                    look.modules.extend(module.map(str::to_owned));
                    if text.ends_with(['}', ';', ',']) {
                        guard = None;
                    }
                }
                _ => {}
            }
        }
        look
    }

    /// Where the files of these modules are, without `.rs`.
    fn guarded_modules<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        let own = path.with_extension("");
        let is_root = ["lib", "main", "mod"].iter().any(|root| own.ends_with(root));
        let folder = if is_root { path.parent().unwrap_or(path).to_owned() } else { own };
        self.modules.iter().map(move |module| folder.join(module))
    }
}

/// Whether an attribute leaves unix alone. What is said more cleverly than this has to be written more simply.
fn is_for_unix(attribute: &str) -> bool {
    let is_named = attribute.contains("unix") || attribute.contains("\"linux\"");
    is_named && !attribute.contains("not(") && !attribute.contains("any(")
}

/// Whether a path stands in a line, and not as the end of a longer word.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Lines of a manifest that bring what only unix has to every system.
fn unix_dependencies(manifest: &str) -> Vec<String> {
    let mut everywhere = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            everywhere = line.contains("dependencies") && !is_for_unix(line);
        } else if everywhere && UNIX_CRATES.iter().any(|name| line.split(['.', ' ', '=']).next() == Some(name)) {
            found.push(line.to_owned());
        }
    }
    found
}

#[test]
fn a_path_counts_unless_its_item_is_for_unix() {
    let unguarded = |source: &str| Look::at(source).unguarded.len();
    assert_eq!(unguarded("use nix::sys::signal;\nuse unix::nothing;\n// nix::is fine here\n"), 1);
    assert_eq!(unguarded("#[cfg(unix)]\nuse nix::sys;\nuse libc::c_int;\n"), 1);
    assert_eq!(unguarded("#[cfg(windows)]\nfn f() {\n    std::os::unix::f();\n}\n"), 1);
    assert_eq!(unguarded("#[cfg(not(unix))]\nfn f() {\n    std::os::unix::f();\n}\n"), 1);
    let guarded = "#[cfg(all(test, unix))]\n#[test]\nfn f() {\n    if x {\n        std::os::unix::f();\n    }\n}\n";
    assert_eq!(unguarded(guarded), 0);
    assert_eq!(unguarded(&format!("{guarded}fn g() {{\n    std::os::fd::g();\n}}\n")), 1);
    assert_eq!(unguarded("#![cfg(unix)]\nuse libc::c_int;\n"), 0);
}

#[test]
fn a_module_for_unix_is_a_file_and_what_is_below_it() {
    let look = Look::at("#[cfg(unix)]\npub(crate) mod open_files;\nmod other;\n");
    assert_eq!(look.modules, ["open_files"]);
    assert_eq!(look.guarded_modules(Path::new("src/lib.rs")).next(), Some("src/open_files".into()));
    assert_eq!(look.guarded_modules(Path::new("src/a.rs")).next(), Some("src/a/open_files".into()));
}

#[test]
fn a_dependency_for_unix_has_a_section_of_its_own() {
    assert_eq!(unix_dependencies("[dependencies]\nnix.workspace = true\nnixed = \"1\"\n"), ["nix.workspace = true"]);
    assert!(unix_dependencies("[target.'cfg(unix)'.dependencies]\nnix.workspace = true\n").is_empty());
}
