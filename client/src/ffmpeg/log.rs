//! The lines that ffmpeg writes to stderr, with `-v level+…`: `[h264 @ 0x55d8] [error] text`.

use std::collections::VecDeque;

/// How many of the last errors are kept; ffmpeg names the cause at the end.
const KEPT_ERRORS: usize = 12;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The part of ffmpeg that writes the line, such as `h264`; empty for the program itself.
    pub(crate) part: &'a str,
    /// Whether the line is an error; None if it has no level, because it continues the line before.
    pub(crate) is_error: Option<bool>,
    pub(crate) text: &'a str,
}

impl<'a> Line<'a> {
    /// Takes a line apart.
    pub(crate) fn parse(line: &'a str) -> Line<'a> {
        let (mut part, mut rest) = ("", line);
        // Parts may be nested: `[swscaler @ 0x1] [swscaler @ 0x2] [warning] text`. The last one counts.
        while let Some((inside, after)) = bracket(rest).filter(|(inside, _)| inside.contains(" @ ")) {
            part = inside.split(" @ ").next().unwrap_or_default();
            rest = after;
        }
        match bracket(rest) {
            Some((level, text)) if LEVELS.contains(&level) => {
                Line { part, is_error: Some(ERRORS.contains(&level)), text }
            }
            _ => Line { part, is_error: None, text: rest },
        }
    }
}

/// The levels of lines that report an error.
const ERRORS: [&str; 3] = ["error", "fatal", "panic"];
const LEVELS: [&str; 8] = ["error", "fatal", "panic", "warning", "info", "verbose", "debug", "trace"];

/// Splits `[inside] after`.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
    Some((inside, after.strip_prefix(' ').unwrap_or(after)))
}

/// The errors that a program reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors {
    count: u64,
    first: Option<String>,
    last: VecDeque<String>,
}

impl Errors {
    /// Keeps an error.
    pub(super) fn push(&mut self, text: &str) {
        let text = &without_users(text);
        self.count += 1;
        self.first.get_or_insert_with(|| text.to_owned());
        if self.last.len() == KEPT_ERRORS {
            self.last.pop_front();
        }
        self.last.push_back(text.to_owned());
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The first error, which names what is wrong with an input; later ones are often its consequences.
    pub(crate) fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// The last errors in one line; None if there were none.
    pub(crate) fn joined(&self) -> Option<String> {
        (self.count > 0).then(|| Vec::from(self.last.clone()).join("; "))
    }
}

/// Removes users and passwords from the URLs in a text, because others may read it.
fn without_users(text: &str) -> String {
    let (mut clean, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        clean += &rest[..at + 3];
        rest = &rest[at + 3..];
        let authority = rest.find(|c: char| c.is_whitespace() || "/?#'\"".contains(c)).unwrap_or(rest.len());
        rest = &rest[rest[..authority].rfind('@').map_or(0, |at| at + 1)..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let cases = [
            ("[error] a.mp4: No such file", "", Some(true), "a.mp4: No such file"),
            ("[h264 @ 0x55d8] [error] left block unavailable", "h264", Some(true), "left block unavailable"),
            ("[showinfo@source @ 0x5] [info] n:   0 pts: 0", "showinfo@source", Some(false), "n:   0 pts: 0"),
            ("[swscaler @ 0x1] [swscaler @ 0x2] [warning] deprecated", "swscaler", Some(false), "deprecated"),
            ("Unrecognized option 'x'.", "", None, "Unrecognized option 'x'."),
            ("[info]     title: [error] of judgement", "", Some(false), "    title: [error] of judgement"),
            ("[x] not a level", "", None, "[x] not a level"),
        ];
        for (line, part, is_error, text) in cases {
            assert_eq!(Line::parse(line), Line { part, is_error, text }, "{line}");
        }
    }

    #[test]
    fn nobody_reads_passwords() {
        let said = "rtsp://ada:p@ss@cam.lan/x: refused; http://b:c@d, tcp://cam.lan:1/a@b";
        assert_eq!(without_users(said), "rtsp://cam.lan/x: refused; http://d, tcp://cam.lan:1/a@b");
    }

    #[test]
    fn the_first_and_the_last_errors_are_kept() {
        let mut errors = Errors::default();
        (0..100).for_each(|n| errors.push(&n.to_string()));
        assert_eq!((errors.count(), errors.first()), (100, Some("0")));
        assert!(errors.joined().is_some_and(|said| said.starts_with("88; 89") && said.ends_with("; 99")));
        assert_eq!(Errors::default().joined(), None);
    }
}
