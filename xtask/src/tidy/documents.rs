//! The documents name files of the checkout, and files move. Every path that a document names in backticks, and every link
//! from one document to another, has to lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::root;

/// Folders that hold what was built or brought, and not the sources.
const NOT_SOURCES: [&str; 2] = ["target", ".git"];
/// Endings that make a word without a slash the name of a file.
const ENDINGS: [&str; 7] = [".rs", ".md", ".proto", ".js", ".sh", ".onnx", ".bin"];
/// First folders of paths that exist only after a build.
const BUILT: [&str; 2] = ["target/", "demo-out/"];
/// Documents that name files of other places: of the packages that a data file comes from, and of an installed archive.
const OF_OTHER_PLACES: [&str; 2] = ["assets/README.md", "packaging/README.md"];

#[test]
fn every_path_and_link_in_a_document_leads_somewhere() {
    let root = root();
    let mut tree = BTreeSet::new();
    list(root, "", &mut tree);
    let documents: Vec<&String> = tree.iter().filter(|path| path.ends_with(".md")).collect();
    assert!(documents.len() > 5, "the documents were found: {documents:?}");
    let mut lost = Vec::new();
    for document in documents {
        let text = fs::read_to_string(root.join(document)).unwrap();
        if !OF_OTHER_PLACES.contains(&document.as_str()) {
            let paths = quoted(&text).filter(|word| is_path(word) && !exists(&tree, word));
            lost.extend(paths.map(|path| format!("{document}: `{path}`")));
        }
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&text).filter(|link| !link.contains(':')) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { document.clone() } else { resolve(folder, file) };
            let leads = tree.contains(&path)
                && (heading.is_empty() || has_heading(&fs::read_to_string(root.join(path)).unwrap(), heading));
            if !leads {
                lost.push(format!("{document}: ({link})"));
            }
        }
    }
    assert!(lost.is_empty(), "these lead nowhere; name the file where it is now:\n{}", lost.join("\n"));
}

/// Every file and folder below `folder`, relative to the checkout.
fn list(root: &Path, folder: &str, tree: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().expect("names in the checkout are UTF-8");
        if NOT_SOURCES.contains(&name.as_str()) {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            list(root, &path, tree);
        }
        tree.insert(path);
    }
}

/// The words in backticks, without those in blocks of code.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn is_path(word: &str) -> bool {
    let has_its_signs = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let has_its_shape = word.contains('/') || ENDINGS.iter().any(|ending| word.ends_with(ending) && word != *ending);
    let is_of_the_checkout = !word.starts_with('/') && !BUILT.iter().any(|folder| word.starts_with(folder));
    has_its_signs && word.contains(|c: char| c.is_ascii_lowercase()) && has_its_shape && is_of_the_checkout
}

/// A path may leave out the folders that its sentence is about, so the end of one is enough.
fn exists(tree: &BTreeSet<String>, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    tree.contains(path) || tree.iter().any(|whole| whole.strip_suffix(path).is_some_and(|front| front.ends_with('/')))
}

/// Where a link leads from a document in `folder`.
fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a heading has this anchor: small letters, digits and hyphens for spaces.
fn has_heading(text: &str, anchor: &str) -> bool {
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).eq(anchor.chars())
    })
}

#[test]
fn words_that_are_no_paths_are_passed_over() {
    for path in ["stream/src/ledger.rs", "docs/", "token.rs", "yunet/layer.rs"] {
        assert!(is_path(path), "{path}");
    }
    for word in ["Analyze", "cargo xtask test", "/etc/facefleet/worker.toml", "target/release/x", ".proto", "FRAMES/S"]
    {
        assert!(!is_path(word), "{word}");
    }
    assert_eq!(quoted("see `a.rs`:\n```sh\n`b.rs`\n```\nand `c.rs`").collect::<Vec<_>>(), ["a.rs", "c.rs"]);
    let tree = BTreeSet::from(["stream/src/lane.rs".to_owned(), "stream".to_owned()]);
    assert!(exists(&tree, "lane.rs") && exists(&tree, "src/lane.rs") && exists(&tree, "stream/"));
    assert!(!exists(&tree, "ane.rs") && !exists(&tree, "stream/lane.rs"));
    assert_eq!(resolve("docs", "../assets/README.md"), "assets/README.md");
    assert!(has_heading("# A\n## The frame path: JPEG in, JPEG out\n", "the-frame-path-jpeg-in-jpeg-out"));
}
