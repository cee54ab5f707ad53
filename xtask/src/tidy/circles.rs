//! No two modules of a crate need each other, neither directly nor through others: each can be read, tested and moved with what
//! it needs.
//!
//! What a module needs are the paths that are written out in its file, in `use` and elsewhere, followed through re-exports to the file
//! that has the item. What stands in a module that contains it does not count: the two are one subject. Nor do tests count, which
//! stand beside what they test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{root, sources_below};

/// The crates that the rule holds for, as folders.
const CRATES: [&str; 12] =
    ["proto", "vision", "service", "cluster", "stream", "sim", "master", "worker", "client", "e2e", "bench", "xtask"];

/// A module by the names that lead to it from the root of its crate.
type Module = Vec<String>;

#[test]
fn no_module_needs_itself_through_others() {
    let mut found = Vec::new();
    for folder in CRATES {
        for krate in targets(&root().join(folder).join("src")) {
            found.extend(krate.circles().into_iter().map(|circle| format!("{folder}: {}", circle.join(", "))));
        }
    }
    assert!(found.is_empty(), "these files need each other; move what both need below both:\n{}", found.join("\n"));
}

/// The library or program of a package, and each program of its own in `src/bin`.
fn targets(src: &Path) -> Vec<Crate> {
    let mut paths = Vec::new();
    sources_below(src, &mut paths);
    let mut sources: BTreeMap<Option<String>, Vec<(Module, String)>> = BTreeMap::new();
    for path in paths {
        let below = path.strip_prefix(src).expect("it is below").with_extension("");
        let mut module: Module = below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let program = (module.first().is_some_and(|name| name == "bin")).then(|| module.drain(..2).nth(1)).flatten();
        if module.last().is_some_and(|name| ["lib", "main", "mod"].contains(&name.as_str())) {
            module.pop();
        }
        if !module.iter().any(|name| name.ends_with("tests")) {
            sources.entry(program).or_default().push((module, fs::read_to_string(path).unwrap()));
        }
    }
    sources.into_values().map(|files| Crate::of(&files)).collect()
}

/// What is written in one file.
#[derive(Debug, Default)]
struct Written {
    /// Names that `use` brings into the file, and the paths behind them.
    names: BTreeMap<String, Vec<String>>,
    /// All paths of two and more parts, and those of `use`.
    paths: BTreeSet<Vec<String>>,
}

/// The modules of a crate that are files.
struct Crate(BTreeMap<Module, Written>);

impl Crate {
    fn of(files: &[(Module, String)]) -> Crate {
        Crate(files.iter().map(|(module, source)| (module.clone(), Written::read(source))).collect())
    }

    /// Groups of modules that all need each other.
    fn circles(&self) -> Vec<Vec<String>> {
        let needs: BTreeMap<&Module, BTreeSet<Module>> =
            self.0.keys().map(|module| (module, self.needs(module))).collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            needs.keys().map(|module| (*module, reach(module, &needs))).collect();
        let mut circles = BTreeSet::new();
        for (module, others) in &reached {
            if others.contains(module) {
                let both = others.iter().filter(|other| reached[**other].contains(module));
                circles.insert(both.map(|other| name(other)).collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }

    /// The modules that have what this one names, but for those that contain it.
    fn needs(&self, module: &Module) -> BTreeSet<Module> {
        let paths = &self.0[module].paths;
        paths.iter().filter_map(|path| self.find(module, path, 0)).filter(|found| !module.starts_with(found)).collect()
    }

    /// The module that has what a path in `module` leads to. None: it leads out of the crate.
    fn find(&self, module: &Module, path: &[String], steps: usize) -> Option<Module> {
        // Longer than any chain of re-exports: a name that stands for itself would go on for ever.
        const LONGEST: usize = 16;
        let (first, mut rest) = path.split_first().filter(|_| steps < LONGEST)?;
        let mut at = match first.as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => module.split_last()?.1.to_vec(),
            _ => {
                rest = path;
                module.clone()
            }
        };
        while let Some((next, after)) = rest.split_first() {
            let below = [&at[..], std::slice::from_ref(next)].concat();
            if next == "super" {
                at.pop();
            } else if self.0.contains_key(&below) {
                at = below;
            } else if let Some(used) = self.0.get(&at)?.names.get(next) {
                return self.find(&at, &[used, after].concat(), steps + 1);
            } else if at == *module && rest.len() == path.len() {
                return None; // Not of this crate, or an item of the file itself.
            } else {
                break;
            }
            rest = after;
        }
        self.0.contains_key(&at).then_some(at)
    }
}

fn reach<'a>(from: &Module, needs: &BTreeMap<&'a Module, BTreeSet<Module>>) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = needs[from].iter().collect();
    while let Some(module) = next.pop() {
        let (module, needed) = needs.get_key_value(module).expect("only modules of the crate are needed");
        if reached.insert(*module) {
            next.extend(needed);
        }
    }
    reached
}

fn name(module: &[String]) -> String {
    if module.is_empty() { "crate".to_owned() } else { module.join("::") }
}

impl Written {
    fn read(source: &str) -> Written {
        let mut written = Written::default();
        let mut words = words(source).into_iter().peekable();
        while let Some(word) = words.next() {
            if word == "use" {
                written.use_tree(&mut words, &[]);
            } else if is_name(&word) {
                let mut path = vec![word];
                while words.next_if(|next| next == "::").is_some() {
                    path.extend(words.next_if(|next| is_name(next)));
                }
                if path.len() > 1 {
                    written.paths.insert(path);
                }
            }
        }
        written
    }

    /// Reads `a::{b, c as d, e::*}` after a path that it goes on from.
    fn use_tree(&mut self, words: &mut std::iter::Peekable<impl Iterator<Item = String>>, before: &[String]) {
        let mut path = before.to_vec();
        while let Some(word) = words.next_if(|word| ![",", ";", "}"].contains(&word.as_str())) {
            match word.as_str() {
                "::" => {}
                "*" => _ = self.paths.insert(path.clone()),
                "{" => {
                    loop {
                        self.use_tree(words, &path);
                        if words.next_if(|next| next == ",").is_none() {
                            break;
                        }
                    }
                    words.next();
                    return;
                }
                "as" => {
                    self.names.extend(words.next().map(|alias| (alias, path.clone())));
                    self.paths.insert(path.clone());
                    return;
                }
                "self" if path.len() > before.len() || !before.is_empty() => {}
                _ => path.push(word),
            }
        }
        if let Some(last) = path.last().filter(|last| *last != "self") {
            self.names.insert(last.clone(), path.clone());
            self.paths.insert(path);
        }
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters of a source, without comments, texts and what is for tests.
fn words(source: &str) -> Vec<String> {
    let code = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut words = Vec::new();
    for line in code.lines() {
        let line = line.split("//").next().unwrap_or_default();
        // Every other part is within quotation marks. A text over several lines is seldom a path.
        for part in line.split('"').step_by(2) {
            let mut rest = part.trim_start();
            while let Some(first) = rest.chars().next() {
                let len = if is_name(rest) {
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
                } else if rest.starts_with("::") {
                    2
                } else {
                    first.len_utf8()
                };
                words.push(rest[..len].to_owned());
                rest = rest[len..].trim_start();
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let module = |path: &str| path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let files: Vec<_> = files.iter().map(|(path, source)| (module(path), (*source).to_owned())).collect();
        Crate::of(&files).circles()
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let circle = vec![vec!["a".to_owned(), "b".to_owned()]];
        let ways =
            ["use crate::b::B;", "use super::{c, b::{self, B as D}};", "fn f() -> crate::b::B {}", "use super::B;"];
        for there in ways {
            let files = [("", "mod a;\nmod b;\npub use b::B;"), ("a", there), ("b", "use crate::a::A;"), ("c", "")];
            assert_eq!(circles(&files), circle, "{there}");
        }
    }

    #[test]
    fn tests_comments_and_the_module_around_are_in_no_circle() {
        for there in
            ["use tokio::b::B;", "// crate::b::B", "\"crate::b\"", "\n#[cfg(test)]\nmod tests {\nuse crate::b::B;\n}"]
        {
            assert!(circles(&[("a", there), ("b", "use crate::a::A;")]).is_empty(), "{there}");
        }
        let line = [("", "mod a;\nmod b;\nuse a::A;"), ("a", "use crate::b::B;\nuse self::B as A;"), ("b", "")];
        assert!(circles(&line).is_empty());
        assert!(circles(&[("", "mod a;\nfn f() { a::g() }"), ("a", "use super::f;")]).is_empty());
    }
}
