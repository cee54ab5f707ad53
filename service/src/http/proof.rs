//! Showing that one has a token to somebody who may not have it.
//!
//! A browser gives its token to the master, and the master asks workers. Anybody may join as a worker, so none is sent the
//! token: it is sent an HMAC ([RFC 2104]) of the question, with the token as the key. A worker that has the token makes the same
//! of what it was asked; one that has not learns nothing that is good elsewhere, because the question says
//!
//! - **whom it is put to**: the address that the master has connected to. A name would not do, as who joins may choose it; who
//!   wants to stand between a master and a worker has to take the worker's address, and listens to everything then anyway;
//! - **what is asked for**: the path, with the stream and the number of the picture that is shown already;
//! - **when**: a nonce of the worker's own ([`Challenge`]), which comes with every refusal, changes every minute and is taken for
//!   another. Time would not do, because a Raspberry Pi has no clock of its own and begins with any. Who asks keeps no nonce: it
//!   asks without a proof first.
//!
//! So a proof may be shown again, by who has seen it, for one to two minutes: to the same worker, with the same question.
//!
//! Who is given a proof can still try tokens against it, as fast as it can compute: a token must be long and made by chance.
//! That is what is left of the risk, and why the message that refuses a short token names a command that makes a good one.
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

/// Where a refusal has the nonce.
pub const NONCE: HeaderName = HeaderName::from_static("x-facefleet-nonce");
/// Where a request has the proof, in hexadecimal digits.
pub const PROOF: HeaderName = HeaderName::from_static("x-facefleet-proof");

/// How long a nonce is given out, and then still taken.
const TURNS_AFTER: Duration = Duration::from_secs(60);

/// The proof that who asks `to` for this path, query included, after it was told this nonce, has the token.
pub fn proof(token: &str, to: SocketAddr, path: &str, nonce: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("HMAC takes a key of any length");
    // No part has a line break in it: so nobody can move one from a part to the next.
    hmac.update(format!("facefleet live view\n{} {}\n{nonce}\n{path}", to.ip().to_canonical(), to.port()).as_bytes());
    hmac.finalize().into_bytes().iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes any text");
        digits
    })
}

/// The nonces of who is asked.
#[derive(Debug)]
pub struct Challenge(Mutex<Nonces>);

impl Default for Challenge {
    fn default() -> Challenge {
        Challenge(Mutex::new(Nonces { newest: new_nonce(), before: new_nonce(), since: clock::now() }))
    }
}

impl Challenge {
    /// The one to answer with a proof.
    pub fn nonce(&self) -> String {
        self.now()[0].clone()
    }

    /// Whether this is the proof of somebody who has the token, and has asked `to` for this path within the last minute or two.
    /// Compares in constant time.
    pub fn is_met(&self, token: &Token, to: SocketAddr, path: &str, given: &str) -> bool {
        let is_proof =
            |nonce: &String| proof(token.reveal(), to, path, nonce).as_bytes().ct_eq(given.as_bytes()).into();
        self.now().iter().any(is_proof)
    }

    fn now(&self) -> [String; 2] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).at(clock::now(), new_nonce)
    }
}

/// Two of them, however many ask. Pure: time is an argument.
#[derive(Debug)]
struct Nonces {
    newest: String,
    before: String,
    /// When the newest became that.
    since: Instant,
}

impl Nonces {
    /// Those that are taken now, the newest first.
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

/// By chance, as the keys of hash tables are, which come from the operating system.
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
