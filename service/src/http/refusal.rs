//! The answer to a caller whose token does not open a gate. It is the same rule over gRPC and HTTP, for every token.

use std::time::Duration;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tonic::Code;

/// Why a gate does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No token is set, so none opens the gate.
    NoneSet,
    /// The caller has shown no token.
    Missing,
    /// The caller has shown another token.
    Wrong,
    /// Too many wrong tokens came from the caller's address. For this long no further one is looked at.
    TooMany(Duration),
}

/// The words in which callers are told about a token.
#[derive(Clone, Copy, Debug)]
pub struct TokenTexts {
    /// What the token is, such as `the admin token of this master`.
    pub name: &'static str,
    /// How to show the token, such as ``as `Authorization: Bearer TOKEN` ``.
    pub how: &'static str,
    /// What to do where no token is set.
    pub unset: &'static str,
}

impl Refused {
    /// The message for the caller, on one line.
    pub fn message(self, TokenTexts { name, how, unset }: &TokenTexts) -> String {
        match self {
            Refused::NoneSet => (*unset).to_owned(),
            Refused::Missing => format!("this takes {name}, {how}"),
            Refused::Wrong => format!("that is not {name}"),
            Refused::TooMany(wait) => {
                format!("too many wrong tokens came from there: try again in {} s", whole_seconds(wait))
            }
        }
    }

    /// The status code over gRPC.
    pub fn code(self) -> Code {
        match self {
            Refused::NoneSet | Refused::Missing | Refused::Wrong => Code::PermissionDenied,
            Refused::TooMany(_) => Code::ResourceExhausted,
        }
    }

    /// How long to wait before the next attempt, where that helps.
    pub fn retry_after(self) -> Option<Duration> {
        if let Refused::TooMany(wait) = self { Some(wait) } else { None }
    }

    /// The answer over HTTP, with this body: status and headers say how to do better.
    pub fn response(self, body: impl IntoResponse) -> Response {
        match self {
            Refused::NoneSet => (StatusCode::FORBIDDEN, body).into_response(),
            Refused::Missing | Refused::Wrong => {
                (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], body).into_response()
            }
            Refused::TooMany(wait) => {
                let seconds = [(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)))];
                (StatusCode::TOO_MANY_REQUESTS, seconds, body).into_response()
            }
        }
    }
}

/// The wait in seconds, rounded up so that an attempt after it is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: TokenTexts =
        TokenTexts { name: "the token of this door", how: "as `Authorization: Bearer TOKEN`", unset: "set a token" };

    #[test]
    fn a_refusal_says_what_to_do_over_grpc_and_http() {
        let wait = Duration::from_millis(1_001);
        let cases = [
            (Refused::NoneSet, Code::PermissionDenied, 403, "set a token"),
            (Refused::Missing, Code::PermissionDenied, 401, "this takes the token of this door, as `Auth"),
            (Refused::Wrong, Code::PermissionDenied, 401, "that is not the token of this door"),
            (Refused::TooMany(wait), Code::ResourceExhausted, 429, "try again in 2 s"),
        ];
        for (refused, code, status, text) in cases {
            assert!(refused.message(&TEXTS).contains(text), "{refused:?}: {}", refused.message(&TEXTS));
            let response = refused.response(());
            assert_eq!((refused.code(), response.status().as_u16()), (code, status), "{refused:?}");
            let headers = response.headers();
            assert_eq!(headers.contains_key(WWW_AUTHENTICATE), status == 401, "{refused:?}");
            assert_eq!(headers.get(RETRY_AFTER).map(|s| s.to_str().unwrap()), (status == 429).then_some("2"));
            assert_eq!(refused.retry_after(), (status == 429).then_some(wait));
        }
    }
}
