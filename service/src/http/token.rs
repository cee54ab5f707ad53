//! Tokens: who shows one may do what others may not.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq as _;

use super::caller::Caller;
use crate::clock;

/// Shortest token. Sixteen characters by chance are far beyond what can be tried.
pub const MIN_BYTES: usize = 16;
/// Longest one, so that it fits into a request.
pub const MAX_BYTES: usize = 1024;
/// Wrong tokens that one address may try at once.
const AT_ONCE: f64 = 5.0;
/// After how long it may try one more.
const ONE_MORE_AFTER: Duration = Duration::from_secs(10);
/// What counts of one against a peer that says that it asks for somebody else, as a master does. All of it counts against the one
/// behind it, so one who guesses does not lock out the others there; and who makes up people behind it gets eight times the
/// tries of one, which are as useless against sixteen characters.
const PASSED_ON: f64 = 1.0 / 8.0;
/// Accounts of peers that are kept, and as many of people behind them.
const MAX_ACCOUNTS: usize = 1024;

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

    /// Whether this caller may pass with this token.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn open(&self, given: Option<&str>, from: impl Into<Caller>) -> Result<(), Refused> {
        self.open_if(given.map(|given| |token: &Token| token.is(given)), from)
    }

    /// The same for what only who knows the token can show: `is_shown` says whether it is that of the token.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn open_if(
        &self,
        is_shown: Option<impl FnOnce(&Token) -> bool>,
        from: impl Into<Caller>,
    ) -> Result<(), Refused> {
        let token = self.token.as_ref().ok_or(Refused::NoneSet)?;
        let is_shown = is_shown.ok_or(Refused::Missing)?;
        let (from, now) = (from.into(), clock::now());
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.may(from, now).map_err(Refused::TooMany)?;
        if is_shown(token) {
            return Ok(());
        }
        tries.failed(from, now);
        Err(Refused::Wrong)
    }
}

/// Wrong tokens by who tried them. Pure: time is an argument.
///
/// Who makes up people behind it fills the accounts of people, and those of peers stay as they are: so its own is not forgotten.
#[derive(Debug, Default)]
struct Tries {
    peers: Accounts<IpAddr>,
    /// By the peer and the one for whom it asked.
    behind: Accounts<(IpAddr, IpAddr)>,
}

impl Tries {
    /// Whether a token from here is looked at; if not, after how long the next one is.
    fn may(&self, from: Caller, now: Instant) -> Result<(), Duration> {
        let (peer, cost, behind) = charged(from);
        let of_peer = self.peers.used(&peer, now) + cost;
        let of_behind = behind.map_or(0.0, |behind| self.behind.used(&behind, now) + 1.0);
        let over = of_peer.max(of_behind) - AT_ONCE;
        if over <= 0.0 { Ok(()) } else { Err(ONE_MORE_AFTER.mul_f64(over)) }
    }

    /// Takes note of a wrong one.
    fn failed(&mut self, from: Caller, now: Instant) {
        let (peer, cost, behind) = charged(from);
        self.peers.charge(peer, cost, now);
        if let Some(behind) = behind {
            self.behind.charge(behind, 1.0, now);
        }
    }
}

/// The peer against which a wrong token counts, how much of it, and the one behind it against whom all of it counts.
fn charged(Caller { peer, behind }: Caller) -> (IpAddr, f64, Option<(IpAddr, IpAddr)>) {
    let peer = network(peer);
    let cost = if behind.is_some() { PASSED_ON } else { 1.0 };
    (peer, cost, behind.map(|behind| (peer, network(behind))))
}

/// What each has used up of [`AT_ONCE`], and when that was so.
#[derive(Debug)]
struct Accounts<K>(HashMap<K, (f64, Instant)>);

impl<K> Default for Accounts<K> {
    fn default() -> Accounts<K> {
        Accounts(HashMap::new())
    }
}

impl<K: Copy + Eq + Hash> Accounts<K> {
    fn used(&self, who: &K, now: Instant) -> f64 {
        self.0.get(who).map_or(0.0, |used| left(*used, now))
    }

    /// Where there are too many accounts, the one that has used least is forgotten.
    fn charge(&mut self, who: K, cost: f64, now: Instant) {
        let used = self.used(&who, now) + cost;
        if self.0.len() >= MAX_ACCOUNTS && !self.0.contains_key(&who) {
            let least = self.0.iter().min_by(|a, b| left(*a.1, now).total_cmp(&left(*b.1, now)));
            if let Some(least) = least.map(|(who, _)| *who) {
                self.0.remove(&least);
            }
        }
        self.0.insert(who, (used, now));
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
