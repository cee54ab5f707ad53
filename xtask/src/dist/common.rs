//! Terms of licences that Debian has on every machine. Its packages say where, and do not bring them again (Debian Policy, 12.5).

use std::fs;
use std::path::Path;

use crate::error::Error;

/// The files, and how the terms in them begin.
const COMMON: [(&str, &str); 2] = [
    ("/usr/share/common-licenses/Apache-2.0", "TERMS AND CONDITIONS FOR USE"),
    ("/usr/share/common-licenses/LGPL-2.1", "TERMS AND CONDITIONS FOR COPYING"),
];
/// How they end, both of them.
const END: &str = "END OF TERMS AND CONDITIONS";

/// The text with a reference to the file in place of each terms that are in one.
///
/// # Errors
/// [`Error::File`]
pub(super) fn refer(text: &str) -> Result<String, Error> {
    COMMON.into_iter().try_fold(text.to_owned(), |text, (file, begin)| {
        let common = fs::read_to_string(file).map_err(Error::file(Path::new(file)))?;
        Ok(without(&text, &common, begin, &format!("The terms are in {file}.\n\n")))
    })
}

/// The text with `reference` in place of all that begins and ends as the terms in `common` do, and has the same words.
fn without(text: &str, common: &str, begin: &str, reference: &str) -> String {
    let Some((_, known, _)) = terms(common, begin) else { return text.to_owned() };
    let (mut shorter, mut rest) = (String::new(), text);
    while let Some((before, found, after)) = terms(rest, begin) {
        shorter += before;
        shorter += if found.split_whitespace().eq(known.split_whitespace()) { reference } else { found };
        rest = after;
    }
    shorter + rest
}

/// What is before the first terms in a text, these, and what is from their end on.
fn terms<'a>(text: &'a str, begin: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_at(text.find(begin)?);
    let (terms, after) = rest.split_at(rest.find(END)?);
    Some((before, terms, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_words_are_left_out() {
        let common = "A licence\nBEGIN one\ntwo END OF TERMS AND CONDITIONS\nhow to apply";
        let text = "(c) a\nBEGIN one two END OF TERMS AND CONDITIONS (c) b BEGIN  one\n  two\nEND OF TERMS AND CONDITIONS\n\
                    BEGIN one three END OF TERMS AND CONDITIONS BEGIN one two";
        assert_eq!(
            without(text, common, "BEGIN", "see there "),
            "(c) a\nsee there END OF TERMS AND CONDITIONS (c) b see there END OF TERMS AND CONDITIONS\n\
             BEGIN one three END OF TERMS AND CONDITIONS BEGIN one two"
        );
    }
}
