//! Proves the possession of a token to a peer that is not to learn the token.
//!
//! A browser gives its token to the master, and the master asks workers for pictures. Because anybody may join as a worker, no
//! worker is sent the token. It is sent an HMAC ([RFC 2104]) of the request instead, with the token as the key. A worker that has
//! the token computes the same HMAC. A worker that does not have it learns nothing that it could use elsewhere, because the HMAC
//! covers
//!
//! - **whom the request is for**: the address to which the master has connected. A name would not do, because a worker chooses it
//!   when it joins. Somebody who wants to stand between a master and a worker would have to take over the worker's address, and could
//!   then listen to everything anyway;
//! - **what is requested**: the path, with the stream and the number of the picture that is shown already;
//! - **when**: a nonce of the worker's own ([`Challenge`]). The worker sends it with every refusal, changes it every minute, and
//!   accepts it for another minute. The time would not do, because a Raspberry Pi has no clock with a battery and may start at any
//!   time. The master stores no nonce: it first asks without a proof.
//!
//! So somebody who has seen a proof can show it again for one to two minutes, to the same worker and with the same request.
//!
//! Whoever is given a proof can still try tokens against it as fast as he can compute, so a token must be long and random. This is
//! the remaining risk, and the reason why the message that refuses a short token names a command that makes a good one.
//!
//! [RFC 2104]: https://www.rfc-editor.org/rfc/rfc2104

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderName;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::token::Token;
use crate::clock;

/// The header of a refusal that has the nonce.
pub const NONCE: HeaderName = HeaderName::from_static("x-facefleet-nonce");
/// The header of a request that has the proof, in hexadecimal digits.
pub const PROOF: HeaderName = HeaderName::from_static("x-facefleet-proof");

/// How long a nonce is given out, and for how long it is accepted after that.
const TURNS_AFTER: Duration = Duration::from_secs(60);

/// The proof that somebody has the token, for a request to the address `to` for `path` (query included) after a refusal with this
/// nonce.
pub fn proof(token: &str, to: SocketAddr, path: &str, nonce: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("HMAC takes a key of any length");
    // No part contains a line break, so nobody can move text from one part to the next.
    hmac.update(format!("facefleet live view\n{} {}\n{nonce}\n{path}", to.ip().to_canonical(), to.port()).as_bytes());
    hmac.finalize().into_bytes().iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes any text");
        digits
    })
}

/// The nonces of a worker that is asked.
#[derive(Debug)]
pub struct Challenge(Mutex<Nonces>);

impl Default for Challenge {
    fn default() -> Challenge {
        Challenge(Mutex::new(Nonces { newest: new_nonce(), before: new_nonce(), since: clock::now() }))
    }
}

impl Challenge {
    /// The nonce that a request with a proof has to use.
    pub fn nonce(&self) -> String {
        self.now()[0].clone()
    }

    /// Whether `given` is the proof for the token, of a request to `to` for `path`, with a nonce of the last minute or two. The
    /// comparison takes constant time.
    pub fn is_met(&self, token: &Token, to: SocketAddr, path: &str, given: &str) -> bool {
        let is_proof =
            |nonce: &String| proof(token.reveal(), to, path, nonce).as_bytes().ct_eq(given.as_bytes()).into();
        self.now().iter().any(is_proof)
    }

    fn now(&self) -> [String; 2] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).at(clock::now(), new_nonce)
    }
}

/// The two nonces that are accepted, however many callers there are. Pure: time is an argument.
#[derive(Debug)]
struct Nonces {
    newest: String,
    before: String,
    /// When the newest nonce was made.
    since: Instant,
}

impl Nonces {
    /// The nonces that are accepted at `now`, the newest first.
    fn at(&mut self, now: Instant, new: impl Fn() -> String) -> [String; 2] {
        let age = now.saturating_duration_since(self.since);
        if age >= TURNS_AFTER {
            let before = std::mem::replace(&mut self.newest, new());
            self.before = if age < TURNS_AFTER * 2 { before } else { new() };
            self.since = now;
        }
        [self.newest.clone(), self.before.clone()]
    }
}

/// Makes a random nonce from the keys of hash tables, which come from the operating system.
fn new_nonce() -> String {
    let chance = RandomState::new();
    format!("{:016x}{:016x}", chance.hash_one(0), chance.hash_one(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";
    const PATH: &str = "/live/00000000000000ab/picture.jpg?after=7";

    #[test]
    fn a_proof_is_the_hmac_of_the_question() {
        // `printf 'facefleet live view\n…' | openssl dgst -sha256 -hmac 0123456789abcdef`
        let known = "ddccda2204fcf28b6fd99dd009f565242767f71a2c726126a9682380d0ebf672";
        for to in ["192.168.1.5:8081", "[::ffff:192.168.1.5]:8081"] {
            assert_eq!(proof(TOKEN, to.parse().unwrap(), PATH, "nonce"), known, "{to}");
        }
    }

    #[test]
    fn it_is_good_for_one_worker_one_question_and_one_token() {
        let challenge = Challenge::default();
        let (token, to): (Token, SocketAddr) = (TOKEN.parse().unwrap(), "192.168.1.5:8081".parse().unwrap());
        let nonce = challenge.nonce();
        let is_met = |given: &str| challenge.is_met(&token, to, PATH, given);
        assert!(is_met(&proof(TOKEN, to, PATH, &nonce)));
        for [ip, port] in [["192.168.1.6", "8081"], ["192.168.1.5", "8082"]] {
            let other = SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap());
            assert!(!is_met(&proof(TOKEN, other, PATH, &nonce)), "{other}");
        }
        for other in ["0123456789abcdeF", ""] {
            assert!(!is_met(&proof(other, to, PATH, &nonce)), "{other}");
        }
        assert!(!is_met(&proof(TOKEN, to, "/live", &nonce)));
        assert!(!is_met(&proof(TOKEN, to, PATH, &Challenge::default().nonce())), "another's nonce");
        assert!(!is_met("") && !is_met(TOKEN));
    }

    #[test]
    fn a_nonce_is_taken_for_a_minute_or_two_after_it_was_told() {
        let start = clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut nonces = Nonces { newest: "a".into(), before: "z".into(), since: start };
        assert_eq!(nonces.at(at(59), || "b".into()), ["a", "z"]);
        assert_eq!(nonces.at(at(60), || "b".into()), ["b", "a"]);
        assert_eq!(nonces.at(at(119), || "c".into()), ["b", "a"]);
        assert_eq!(nonces.at(at(180), || "c".into()), ["c", "c"], "nobody has asked for long");
        assert_ne!(new_nonce(), new_nonce());
    }
}
