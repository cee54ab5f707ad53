//! Tokens: who shows one may do what others may not.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq as _;

use crate::clock;

/// Shortest token. Sixteen characters by chance are far beyond what can be tried.
pub const MIN_BYTES: usize = 16;
/// Longest one, so that it fits into a request.
pub const MAX_BYTES: usize = 1024;
/// Wrong tokens that one address may try at once.
const AT_ONCE: f64 = 5.0;
/// After how long it may try one more.
const ONE_MORE_AFTER: Duration = Duration::from_secs(10);
/// Addresses that are remembered.
const MAX_ADDRESSES: usize = 1024;

/// A secret that its holder may show. It is never printed.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// A text cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token has {MIN_BYTES} to {MAX_BYTES} characters, which are letters, digits or signs of ASCII; \
     `openssl rand -hex 16` makes one"
)]
pub struct BadToken;

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Token, BadToken> {
        let is_good = (MIN_BYTES..=MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_good { Ok(Token(text.into())) } else { Err(BadToken) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The secret itself, for a request that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in a time that says nothing about what differs; only a difference of length shows.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// The token in a request's `Authorization: Bearer TOKEN`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(in_authorization)
}

/// The token in the value of `authorization`, which gRPC has as metadata.
pub fn in_authorization(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no token that would open.
    NoneSet,
    /// None was shown.
    Missing,
    /// It is another.
    Wrong,
    /// There were too many wrong ones from this address: none is looked at for so long.
    TooMany(Duration),
}

/// Opens for one token, and to nobody who tries many.
#[derive(Debug)]
pub struct Gate {
    token: Option<Token>,
    tries: Mutex<Tries>,
}

impl Gate {
    /// One that opens for `token`; None: for nobody.
    pub fn new(token: Option<Token>) -> Gate {
        Gate { token, tries: Mutex::default() }
    }

    /// Whether there is a token that opens.
    pub fn can_open(&self) -> bool {
        self.token.is_some()
    }

    /// Whether somebody at `from` may pass with this token.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn open(&self, given: Option<&str>, from: IpAddr) -> Result<(), Refused> {
        let token = self.token.as_ref().ok_or(Refused::NoneSet)?;
        let given = given.ok_or(Refused::Missing)?;
        let now = clock::now();
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.may(from, now).map_err(Refused::TooMany)?;
        if token.is(given) {
            return Ok(());
        }
        tries.failed(from, now);
        Err(Refused::Wrong)
    }
}

/// Wrong tokens by address. Pure: time is an argument.
#[derive(Debug, Default)]
struct Tries {
    /// What each address has used up of [`AT_ONCE`], and when that was so.
    used: HashMap<IpAddr, (f64, Instant)>,
}

impl Tries {
    /// Whether a token from here is looked at; if not, after how long the next one is.
    fn may(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let over = self.used.get(&network(from)).map_or(0.0, |used| left(*used, now)) + 1.0 - AT_ONCE;
        if over <= 0.0 { Ok(()) } else { Err(ONE_MORE_AFTER.mul_f64(over)) }
    }

    /// Takes note of a wrong one. Where there are too many addresses, the one that has tried least is forgotten.
    fn failed(&mut self, from: IpAddr, now: Instant) {
        let from = network(from);
        let used = self.used.get(&from).map_or(0.0, |used| left(*used, now)) + 1.0;
        if self.used.len() >= MAX_ADDRESSES && !self.used.contains_key(&from) {
            let least = self.used.iter().min_by(|a, b| left(*a.1, now).total_cmp(&left(*b.1, now)));
            if let Some(address) = least.map(|(address, _)| *address) {
                self.used.remove(&address);
            }
        }
        self.used.insert(from, (used, now));
    }
}

/// What is still used up of what was.
fn left((used, at): (f64, Instant), now: Instant) -> f64 {
    (used - now.saturating_duration_since(at).div_duration_f64(ONE_MORE_AFTER)).max(0.0)
}

/// One machine has one IPv4 address, and as many of one IPv6 network of 64 bits as it wants.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
#[path = "token/tests.rs"]
mod tests;
