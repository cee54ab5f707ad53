//! The files of `master/page`, which are part of the program.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A file of the page.
struct File {
    name: &'static str,
    content: &'static [u8],
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(File { name: $name, content: include_bytes!(concat!("../../page/", $name)) }),*]
    };
}

/// All files of the page. Other paths do not exist.
static FILES: [File; 20] = files![
    "admin.js",
    "charts.js",
    "colours.js",
    "connection.js",
    "decisions.js",
    "dom.js",
    "en.js",
    "favicon.svg",
    "flow.js",
    "format.js",
    "i18n.js",
    "index.html",
    "live.js",
    "main.js",
    "storage.js",
    "streams.js",
    "style.css",
    "topology.js",
    "workers.js",
    "zh.js",
];

/// Serves each file under its name, and `index.html` at `/`, too.
pub(super) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = tag(file.content);
        let answer = get(move |headers: HeaderMap| async move { file.answer(&tag, &headers) });
        let router = if file.name == "index.html" { router.route("/", answer.clone()) } else { router };
        router.route(&format!("/{}", file.name), answer)
    })
}

impl File {
    /// The answer to a request: the file, or 304 where the browser has it already.
    fn answer(&self, tag: &str, headers: &HeaderMap) -> Response {
        // The browser asks each time whether the file is still the same, since a new master may have another.
        let common = [(ETAG, tag), (CACHE_CONTROL, "no-cache")];
        let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(CONTENT_TYPE, self.content_type())], self.content).into_response()
    }

    fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

/// A strong entity tag (RFC 9110, section 8.8.3), which is equal for equal content.
fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    use facefleet_proto::{DropReason, FailureCode};

    fn text(name: &str) -> &'static str {
        let file = FILES.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("the page has {name}"));
        std::str::from_utf8(file.content).unwrap()
    }

    /// The languages that the page can be shown in, as `i18n.js` lists them.
    fn languages() -> Vec<&'static str> {
        let (_, list) = text("i18n.js").split_once("const LANGUAGES = { ").expect("i18n.js lists the languages");
        list.split_once(" }").expect("the list ends on its line").0.split(", ").collect()
    }

    #[test]
    fn every_reason_has_a_text_in_every_language() {
        assert!(languages().len() >= 2, "{:?}", languages());
        for language in languages() {
            let texts = text(&format!("{language}.js"));
            for reason in DropReason::LABELS.iter().chain(FailureCode::LABELS) {
                assert!(texts.contains(&format!("\"reason.{reason}\": \"")), "{language}.js has no text for {reason}");
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_here_and_a_browser_knows_what_it_is() {
        let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).unwrap();
        let there: BTreeSet<String> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let here: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(here, there, "the table in this file is the one to change");
        for file in &FILES {
            assert_ne!(file.content_type(), "application/octet-stream", "{}", file.name);
        }
        let bytes: usize = FILES.iter().map(|file| file.content.len()).sum();
        assert!(bytes < 200_000, "the page has {bytes} bytes");
    }
}
