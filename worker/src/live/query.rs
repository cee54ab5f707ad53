//! Parameters in the query of a URI. Pure.

use std::borrow::Cow;

use axum::http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The decoded value of the first parameter of this name. None when there is no such parameter or its bytes are not UTF-8.
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    percent_decode_str(value).decode_utf8().ok()
}

/// Encodes a text as the value of a parameter.
pub(super) fn value(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_as_it_went_in() {
        let secret = "0123+&=?%#/\"<ü";
        let uri: Uri = format!("/live?after=7&token={}&token=other&empty=", value(secret)).parse().unwrap();
        let found = |name| parameter(&uri, name);
        assert_eq!(found("token").as_deref(), Some(secret));
        assert_eq!((found("after").as_deref(), found("empty").as_deref(), found("toke")), (Some("7"), Some(""), None));
        let odd: Uri = "/live?a=%ff&token&b=%4".parse().unwrap();
        assert_eq!((parameter(&odd, "a"), parameter(&odd, "token")), (None, None));
        assert_eq!(parameter(&odd, "b").as_deref(), Some("%4"));
        assert_eq!(parameter(&"/live".parse().unwrap(), "a"), None);
    }
}
