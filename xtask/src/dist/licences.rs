//! The licences of everything that is in the programs, as one text: ours, the models', the C library's and those of all crates.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::arch::Arch;
use crate::cargo::PROGRAMS;
use crate::error::Error;
use crate::wait::Stop;
use crate::{cargo, process};

/// What comes first, and says what else is there.
const PREFACE: &str = "packaging/licences.txt";
/// Our own texts, and those of what is built in and is no crate. Debian has the last one on every machine.
const TEXTS: [(&str, &str); 5] = [
    ("facefleet", "LICENSE-MIT"),
    ("facefleet", "LICENSE-APACHE"),
    ("the model of the detector seeta", "assets/LICENSE.seeta"),
    ("the model of the detector yunet", "assets/LICENSE.yunet"),
    ("the GNU C Library", "/usr/share/common-licenses/LGPL-2.1"),
];
/// How the names of files begin that are or contain a licence.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// A crate of somebody else's.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
}

/// The text for the programs of one processor.
///
/// # Errors
/// [`Error::NoLicence`] for a crate that comes without a text, and those of cargo and of reading files.
pub(super) fn collect(arch: Arch, stop: &Stop) -> Result<String, Error> {
    let mut metadata = cargo::command();
    metadata.args(["metadata", "--format-version=1", "--locked", "--filter-platform", arch.triple()]);
    let metadata = process::output("cargo metadata", &mut metadata, stop)?.concat();
    let metadata = serde_json::from_str(&metadata).expect("cargo writes JSON");

    let mut texts = Texts::default();
    for found in linked(&metadata) {
        texts.add(&found)?;
    }
    let mut whole = read(Path::new(PREFACE))?;
    for (whose, file) in TEXTS {
        section(&mut whole, &[whose.to_owned()], &read(Path::new(file))?);
    }
    texts.write(&mut whole);
    Ok(whole)
}

/// What the programs are linked with, the crates of this checkout left out. What runs only while they are built (build scripts,
/// the tests' tools) is not in them; macros are not either, and are listed all the same: the metadata does not tell them apart.
fn linked(metadata: &Value) -> BTreeSet<Crate> {
    let list = |value: &'static str| metadata[value].as_array().into_iter().flatten();
    let packages: HashMap<&str, &Value> = list("packages").filter_map(|p| Some((p["id"].as_str()?, p))).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let nodes: HashMap<&str, &Value> = nodes.filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let ours = packages.iter().filter(|(_, p)| p["name"].as_str().is_some_and(|name| PROGRAMS.contains(&name)));

    let mut open: Vec<&str> = ours.map(|(id, _)| *id).collect();
    let mut seen = HashSet::new();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let package = packages[id];
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        if !package["source"].is_null() {
            let manifest = PathBuf::from(text("manifest_path"));
            let folder = manifest.parent().expect("a manifest is in a folder").to_owned();
            found.insert(Crate { name: text("name"), version: text("version"), licence: text("license"), folder });
        }
        for dependency in nodes[id]["deps"].as_array().into_iter().flatten() {
            let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            if kinds.into_iter().any(|kind| kind["kind"].is_null()) {
                open.extend(dependency["pkg"].as_str());
            }
        }
    }
    found
}

/// Texts, each with the crates that it is for: most have the same words.
#[derive(Default)]
struct Texts(BTreeMap<String, (String, Vec<String>)>);

impl Texts {
    /// Adds the files of a crate.
    fn add(&mut self, found: &Crate) -> Result<(), Error> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&found.folder).map_err(Error::file(&found.folder))? {
            let file = entry.map_err(Error::file(&found.folder))?.path();
            let name = file.file_name().expect("an entry of a folder has a name").to_string_lossy().to_uppercase();
            if file.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            self.insert(found, without_text(found)?);
        }
        files.iter().try_for_each(|file| {
            self.insert(found, read(file)?);
            Ok(())
        })
    }

    fn insert(&mut self, found: &Crate, text: String) {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("{} {}, {}", found.name, found.version, found.licence);
        self.0.entry(words).or_insert_with(|| (text, Vec::new())).1.push(line);
    }

    /// In the order of the crates' names.
    fn write(self, whole: &mut String) {
        let mut texts: Vec<_> = self.0.into_values().collect();
        texts.sort_by(|(_, one), (_, other)| one.cmp(other));
        for (text, crates) in texts {
            section(whole, &crates, &text);
        }
    }
}

/// The words of the MIT licence for a crate that is under it and does not bring them.
fn without_text(found: &Crate) -> Result<String, Error> {
    if !found.licence.split(' ').any(|licence| licence == "MIT") {
        return Err(Error::NoLicence { name: found.name.clone(), licence: found.licence.clone() });
    }
    let ours = read(Path::new(TEXTS[0].1))?;
    let words = ours.split_once("Permission is").map(|(_, words)| words).expect("the MIT licence begins like this");
    Ok(format!("MIT License\n\nCopyright (c) the authors of {}\n\nPermission is{words}", found.name))
}

fn section(whole: &mut String, whose: &[String], text: &str) {
    let rule = "-".repeat(80);
    let text = text.replace('\r', "");
    *whole += &format!("\n{rule}\n{}\n{rule}\n\n{}\n", whose.join("\n"), text.trim_matches('\n'));
}

/// Old licences have names in other encodings than UTF-8.
fn read(file: &Path) -> Result<String, Error> {
    fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_linked_is_found_and_what_builds_is_not() {
        let package = |id: &str, name: &str, source: Value| {
            let manifest = format!("/r/{name}/Cargo.toml");
            json!({ "id": id, "name": name, "version": "1.0.0", "license": "MIT", "source": source, "manifest_path": manifest })
        };
        let dep = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [
                package("0", "facefleet-worker", Value::Null),
                package("1", "vision", Value::Null),
                package("2", "linked", json!("registry")),
                package("3", "builds", json!("registry")),
                package("4", "unrelated", json!("registry")),
            ],
            "resolve": { "nodes": [
                { "id": "0", "deps": [dep("1", Value::Null), dep("3", json!("build"))] },
                { "id": "1", "deps": [dep("2", Value::Null), dep("3", json!("dev"))] },
                { "id": "2", "deps": [dep("1", Value::Null)] },
                { "id": "3", "deps": [] },
                { "id": "4", "deps": [] },
            ] },
        });
        let names: Vec<_> = linked(&metadata).into_iter().map(|found| (found.name, found.folder)).collect();
        assert_eq!(names, [("linked".to_owned(), PathBuf::from("/r/linked"))]);
    }

    #[test]
    fn the_same_words_are_written_once() {
        let named = |name: &str| Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: "MIT".to_owned(),
            folder: PathBuf::new(),
        };
        let mut texts = Texts::default();
        texts.insert(&named("b"), "Other words\n".to_owned());
        texts.insert(&named("a"), "The same\nwords\n".to_owned());
        texts.insert(&named("c"), "The same words\r\n".to_owned());
        let mut whole = String::new();
        texts.write(&mut whole);
        assert_eq!(whole.matches("The same").count(), 1, "{whole}");
        assert!(whole.contains("a 1.0.0, MIT\nc 1.0.0, MIT\n"), "{whole}");
        assert!(whole.find("a 1.0.0") < whole.find("b 1.0.0"), "{whole}");
    }

    #[test]
    fn a_crate_without_a_text_is_an_error_unless_it_is_under_mit() {
        let crate_under = |licence: &str| Crate {
            name: "none".to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
            folder: PathBuf::new(),
        };
        assert!(matches!(without_text(&crate_under("BSD-3-Clause")), Err(Error::NoLicence { .. })));
    }
}
