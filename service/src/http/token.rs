//! Tokens, and the gates that they open: a caller who shows the token may do what others may not.

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
use super::refusal::Refused;
use crate::clock;

/// The length of the shortest token. Sixteen random characters are far more than anybody can try.
pub const MIN_BYTES: usize = 16;
/// The length of the longest token, which must fit into a request.
pub const MAX_BYTES: usize = 1024;
/// How many wrong tokens one address may try at once.
const AT_ONCE: f64 = 5.0;
/// The time after which an address may try one more token.
const ONE_MORE_AFTER: Duration = Duration::from_secs(10);
/// The part of a wrong token that counts against a peer which says that it asks for somebody else, as a master does. All of it
/// counts against the one behind the peer. So somebody who guesses does not lock out the others behind the same peer, and a peer that
/// makes up people behind it gets eight times the tries, which are just as useless against sixteen characters.
const PASSED_ON: f64 = 1.0 / 8.0;
/// The most accounts of peers that are kept, and as many of people behind peers.
const MAX_ACCOUNTS: usize = 1024;

/// A secret that its holder can show. Neither logs nor messages ever contain it.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// The error that a text cannot be a token.
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

    /// Whether `given` is this token. The time that the comparison takes reveals only whether the lengths differ.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// The token in a request's `Authorization: Bearer TOKEN`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(in_authorization)
}

/// The token in the value of `authorization`, which is metadata in gRPC.
pub fn in_authorization(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A gate that opens for one token, and limits how many wrong ones an address can try.
#[derive(Debug)]
pub struct Gate {
    token: Option<Token>,
    tries: Mutex<Tries>,
}

impl Gate {
    /// A gate that opens for `token`, or for nobody when that is None.
    pub fn new(token: Option<Token>) -> Gate {
        Gate { token, tries: Mutex::default() }
    }

    /// Whether a token is set, so that the gate can open at all.
    pub fn can_open(&self) -> bool {
        self.token.is_some()
    }

    /// Checks the token `given` by a caller.
    ///
    /// # Errors
    /// Says why the gate does not open.
    pub fn open(&self, given: Option<&str>, from: impl Into<Caller>) -> Result<(), Refused> {
        self.open_if(given.map(|given| |token: &Token| token.is(given)), from)
    }

    /// Checks something that only somebody who knows the token can show, such as a proof. `is_shown` says whether it fits the token;
    /// None: nothing was shown.
    ///
    /// # Errors
    /// Says why the gate does not open.
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

/// The wrong tokens of each address. Pure: time is an argument.
///
/// A peer that makes up people behind it fills the accounts of those people only. The accounts of peers stay as they are, so the
/// peer's own one is not forgotten.
#[derive(Debug, Default)]
struct Tries {
    peers: Accounts<IpAddr>,
    /// The accounts of people behind peers, by peer and person.
    behind: Accounts<(IpAddr, IpAddr)>,
}

impl Tries {
    /// Whether a token of this caller is looked at.
    ///
    /// # Errors
    /// Returns the time after which the next token is looked at.
    fn may(&self, from: Caller, now: Instant) -> Result<(), Duration> {
        let Charged { peer, cost, behind } = charged(from);
        let of_peer = self.peers.used(&peer, now) + cost;
        let of_behind = behind.map_or(0.0, |behind| self.behind.used(&behind, now) + 1.0);
        let over = of_peer.max(of_behind) - AT_ONCE;
        if over <= 0.0 { Ok(()) } else { Err(ONE_MORE_AFTER.mul_f64(over)) }
    }

    /// Charges a wrong token to this caller.
    fn failed(&mut self, from: Caller, now: Instant) {
        let Charged { peer, cost, behind } = charged(from);
        self.peers.charge(peer, cost, now);
        if let Some(behind) = behind {
            self.behind.charge(behind, 1.0, now);
        }
    }
}

/// The accounts to which a caller's wrong tokens are charged.
struct Charged {
    peer: IpAddr,
    /// The part of a wrong token that the peer is charged.
    cost: f64,
    /// The account of the one behind the peer, which is charged all of it.
    behind: Option<(IpAddr, IpAddr)>,
}

fn charged(Caller { peer, behind }: Caller) -> Charged {
    let peer = network(peer);
    let cost = if behind.is_some() { PASSED_ON } else { 1.0 };
    Charged { peer, cost, behind: behind.map(|behind| (peer, network(behind))) }
}

/// How much of [`AT_ONCE`] an address had used up at some time.
#[derive(Clone, Copy, Debug)]
struct Used {
    tries: f64,
    at: Instant,
}

impl Used {
    /// How much of it is still used up at `now`.
    fn left(self, now: Instant) -> f64 {
        (self.tries - now.saturating_duration_since(self.at).div_duration_f64(ONE_MORE_AFTER)).max(0.0)
    }
}

/// The accounts of addresses, by key.
#[derive(Debug)]
struct Accounts<K>(HashMap<K, Used>);

impl<K> Default for Accounts<K> {
    fn default() -> Accounts<K> {
        Accounts(HashMap::new())
    }
}

impl<K: Copy + Eq + Hash> Accounts<K> {
    fn used(&self, who: &K, now: Instant) -> f64 {
        self.0.get(who).map_or(0.0, |used| used.left(now))
    }

    /// Charges an account. When there are too many accounts, the one that has used least is forgotten.
    fn charge(&mut self, who: K, cost: f64, now: Instant) {
        let tries = self.used(&who, now) + cost;
        if self.0.len() >= MAX_ACCOUNTS && !self.0.contains_key(&who) {
            let least = self.0.iter().min_by(|a, b| a.1.left(now).total_cmp(&b.1.left(now)));
            if let Some(least) = least.map(|(who, _)| *who) {
                self.0.remove(&least);
            }
        }
        self.0.insert(who, Used { tries, at: now });
    }
}

/// The network whose addresses share an account. A machine has one IPv4 address, but may have any number of addresses in its IPv6
/// network of 64 bits.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
#[path = "token/tests.rs"]
mod tests;
