//! The list of streams as a page for people and as JSON for programs. Pure.

use std::fmt::Write as _;

use serde_json::json;

use super::gallery::Listed;
use super::query;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
    <title>Live view</title>\n<h1>What this worker sees</h1>\n\
    <p>Faces are personal data: look only where you may, and tell those who are seen. Nothing is recorded here.</p>\n";

/// The list as `{"streams":[{"id":…,"name":…,"watchers":…}]}`. Ids are text, because JavaScript has no 64-bit numbers.
pub(super) fn json(streams: &[Listed]) -> String {
    let streams: Vec<_> = streams
        .iter()
        .map(|Listed { id, name, watchers }| json!({ "id": format!("{id:016x}"), "name": name, "watchers": watchers }))
        .collect();
    json!({ "streams": streams }).to_string()
}

/// A page with a link to each stream. The links carry the token with which the page was requested.
pub(super) fn html(streams: &[Listed], token: Option<&str>) -> String {
    let with_token = token.map(|token| format!("?token={}", query::value(token))).unwrap_or_default();
    let mut page = HEAD.to_owned();
    if streams.is_empty() {
        page += "<p>No stream is open.</p>\n";
        return page;
    }
    page += "<ul>\n";
    for Listed { id, name, .. } in streams {
        let name = escaped(name);
        writeln!(page, "<li><a href=\"/live/{id:016x}{with_token}\">{name}</a></li>").expect("a string takes any text");
    }
    page + "</ul>\n"
}

/// A client's text with all characters escaped that have a meaning in HTML.
fn escaped(text: &str) -> String {
    let escape = |c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> [Listed; 2] {
        let markup = "<img src=x onerror='alert(\"1\")'>&amp;".to_owned();
        [Listed { id: 0xab, name: "door".to_owned(), watchers: 2 }, Listed { id: u64::MAX, name: markup, watchers: 0 }]
    }

    #[test]
    fn programs_read_json() {
        let read: serde_json::Value = serde_json::from_str(&json(&streams())).unwrap();
        assert_eq!(read["streams"][0], json!({ "id": "00000000000000ab", "name": "door", "watchers": 2 }));
        assert_eq!(read["streams"][1]["id"], "ffffffffffffffff");
        assert_eq!(json(&[]), r#"{"streams":[]}"#);
    }

    #[test]
    fn people_read_a_page_in_which_names_are_text() {
        let page = html(&streams(), Some("a&b+c\"<0123456789"));
        assert!(page.contains("href=\"/live/00000000000000ab?token=a%26b%2Bc%22%3C0123456789\">door</a>"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=&#39;alert(&quot;1&quot;)&#39;&gt;&amp;amp;</a>"), "{page}");
        assert!(html(&[], None).contains("No stream is open"));
    }
}
